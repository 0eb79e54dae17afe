"""`make render`: what a stack declares, as files that a person can read and a pull request can compare.

Manifests go to `OUT/STACK/manifests` (with a central Argo CD to `cluster` and `argocd` there), repository files to
`OUT/STACK/repository`, at the paths that they will have in the GitOps repository. Nothing is written when the
configuration is refused.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

from delivery.config.files import PROJECT, StackFilesError, read_stack_config
from delivery.stack.yaml_text import to_yaml
from lab.engine import PROGRAM, Preview, ProgramError, preview
from lab.manifests import manifest_files


def files_of(result: Preview) -> dict[str, str]:
    """Every file that `result` stands for: `manifests/…` and `repository/…`, by path."""
    manifests = {f"manifests/{path}": to_yaml(body) for path, body in manifest_files(result).items()}
    committed = result.of_type(":RepositoryFile")
    return manifests | {f"repository/{file.inputs['file']}": str(file.inputs["content"]) for file in committed}


def write(files: dict[str, str], folder: Path) -> None:
    """Make `folder` hold these files and, below `manifests` and `repository`, no others."""
    for part in ("manifests", "repository"):
        shutil.rmtree(folder / part, ignore_errors=True)
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="")


def main(arguments: list[str]) -> int:
    """The command. Returns its exit status: 0 rendered, 1 refused."""
    parser = argparse.ArgumentParser(prog="python -m lab.render", description=__doc__.split("\n")[0])
    parser.add_argument("--stack", default="dev", help="the stage to render (default: dev)")
    parser.add_argument("--out", type=Path, default=Path("out"), help="the folder to write to (default: out)")
    parser.add_argument("--project", type=Path, default=PROGRAM, help="the folder of Pulumi.yaml (default: this one)")
    options = parser.parse_args(arguments)
    # Without a token the program does not ask the forge which files exist. What is rendered does not depend on that.
    os.environ.pop("GITHUB_TOKEN", None)
    try:
        config = read_stack_config(options.project, options.stack)
        if f"{PROJECT}:githubToken" in config.secret_keys:
            # One in plain text stays, for the program to refuse.
            config = config.without("githubToken")
        files = files_of(preview(options.stack, config))
        folder = options.out / options.stack
        write(files, folder)
    except (ProgramError, StackFilesError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"cannot write to {options.out}: {error.strerror}; choose another folder with OUT=", file=sys.stderr)
        return 1
    manifests = sum(path.startswith("manifests/") for path in files)
    print(f"{folder}/manifests: {manifests} files, secrets masked")
    print(f"{folder}/repository: {len(files) - manifests} files, at the paths that `pulumi up` commits them to")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
