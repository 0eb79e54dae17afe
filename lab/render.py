"""`make render`: what a stack declares, as files that a person can read and a pull request can compare.

Manifests go to `OUT/STACK/manifests` (with a central Argo CD to `cluster` and `argocd` there), repository files to
`OUT/STACK/repository`, at the paths that they will have in the GitOps repository. Nothing is written when the
configuration is refused. Of the platform's stack, `OUT/platform/charts` has each Helm chart with its values, and the
objects that Helm makes of them where it is on PATH and a folder has the charts.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from delivery.config.files import PROJECT, StackFilesError, read_stack_config
from delivery.platform.keys import PLATFORM
from delivery.platform.pipeline import platform_stack
from delivery.stack.yaml_text import to_yaml
from lab.engine import PROGRAM, Declared, Preview, ProgramError, preview
from lab.manifests import manifest_files

_PARTS = ("manifests", "repository", "charts")


def files_of(result: Preview) -> dict[str, str]:
    """Every file that `result` stands for: `manifests/…` and `repository/…`, by path."""
    manifests = {f"manifests/{path}": to_yaml(body) for path, body in manifest_files(result).items()}
    committed = result.of_type(":RepositoryFile")
    files = manifests | {f"repository/{file.inputs['file']}": str(file.inputs["content"]) for file in committed}
    for chart in result.of_type("helm.sh/v4:Chart"):
        files[f"charts/{chart.name}.yaml"] = to_yaml(chart.inputs)
        if objects := _objects(chart):
            files[f"charts/{chart.name}.objects.yaml"] = objects
    return files


def _objects(chart: Declared) -> str:
    """What Helm makes of a chart in a folder; empty where it comes from a registry, or where there is no Helm."""
    folder = Path(str(chart.inputs["chart"]))
    if not folder.is_absolute() or shutil.which("helm") is None:
        return ""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as values:
        values.write(to_yaml(chart.inputs["values"]))
        values.flush()
        command = ["helm", "template", chart.name, str(folder), "--include-crds", "--values", values.name]
        command += ["--namespace", str(chart.inputs["namespace"])]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise ProgramError(f"helm template {folder}: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout


def write(files: dict[str, str], folder: Path) -> None:
    """Make `folder` hold these files and, below `manifests`, `repository` and `charts`, no others."""
    for part in _PARTS:
        shutil.rmtree(folder / part, ignore_errors=True)
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="")


def main(arguments: list[str]) -> int:
    """The command. Returns its exit status: 0 rendered, 1 refused."""
    parser = argparse.ArgumentParser(prog="python -m lab.render", description=__doc__.split("\n")[0])
    parser.add_argument("--stack", default="dev", help="the stage to render (default: dev), or platform")
    parser.add_argument("--out", type=Path, default=Path("out"), help="the folder to write to (default: out)")
    parser.add_argument("--project", type=Path, default=PROGRAM, help="the folder of Pulumi.yaml (default: this one)")
    options = parser.parse_args(arguments)
    # Without a token the program does not ask the forge which files exist. What is rendered does not depend on that.
    os.environ.pop("GITHUB_TOKEN", None)
    try:
        files = files_of(_preview(options.project, options.stack))
        folder = options.out / options.stack
        write(files, folder)
    except (ProgramError, StackFilesError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"cannot write to {options.out}: {error.strerror}; choose another folder with OUT=", file=sys.stderr)
        return 1
    count = {part: sum(path.startswith(f"{part}/") for path in files) for part in _PARTS}
    print(f"{folder}/manifests: {count['manifests']} files, secrets masked")
    if count["charts"]:
        print(f"{folder}/charts: {count['charts']} files, each chart with its values; {_how(files)}")
    else:
        print(f"{folder}/repository: {count['repository']} files, at the paths that `pulumi up` commits them to")
    return 0


def _how(files: dict[str, str]) -> str:
    if any(path.endswith(".objects.yaml") for path in files):
        return "its objects beside it, made by helm"
    return "its objects too with helm on PATH and DELIVERY_CHARTS, a folder with the charts"


def _preview(project: Path, stack: str) -> Preview:
    """What a stage's stack declares, or the platform's."""
    if name := platform_stack(project, stack):
        shipped, own = (folder / PLATFORM.name for folder in (PROGRAM, project))
        config = read_stack_config(own if own.is_dir() else shipped, name)
        return preview(name, config, shipped, PLATFORM.name)
    config = read_stack_config(project, stack)
    if f"{PROJECT}:githubToken" in config.secret_keys:
        # One in plain text stays, for the program to refuse.
        config = config.without("githubToken")
    return preview(stack, config)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
