"""`python -m delivery.adopt`: prints the configuration that describes what Argo CD deploys already."""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from delivery.adopt.adoption import Adoption, adopt
from delivery.adopt.clone import opened
from delivery.adopt.configuration import left_overs
from delivery.adopt.given import MOST_BYTES, Finding, Given, Kind, finding, given_objects, read_given
from delivery.adopt.grouping import Hints
from delivery.cluster.connection import RefusedError, connect
from delivery.cluster.kubeconfig import ClusterError
from delivery.config import rules
from delivery.config.files import StackFilesError, read_project_config, read_stack_config
from delivery.git.process import GitError
from delivery.model.promoted_keys import VALUES, PromotedKey
from delivery.text import one_line, without_secrets

PROJECT_FOLDER = Path(__file__).resolve().parent.parent.parent
_MOST_FILES = 5_000


def main(arguments: list[str], environ: Mapping[str, str] | None = None) -> int:
    """The command. Exit status: 0 all is described, 1 nothing is, 2 the command was not understood, 3 not all is, or
    the first update would change more than it has to."""
    parser = argparse.ArgumentParser(prog="python -m delivery.adopt", description=__doc__.split("\n")[0])
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--applications", nargs="+", type=Path, metavar="PATH", help="YAML files or folders of them")
    given.add_argument("--context", help="the kubeconfig's context of the cluster that Argo CD runs in")
    parser.add_argument("--argocd-namespace", default="argocd", metavar="NAME", help="where Argo CD runs there")
    parser.add_argument("--repository", required=True, help="the GitOps repository: a clone's path, or its address")
    parser.add_argument("--project", type=Path, default=PROJECT_FOLDER, help="the folder of Pulumi.yaml")
    parser.add_argument("--stages", type=_names, default=(), metavar="A,B", help="the stages, in their order")
    parser.add_argument(
        "--application",
        action="append",
        default=[],
        metavar="NAME[=A,B]",
        help="only this application, and which Argo CD Applications it is; may be repeated",
    )
    parser.add_argument(
        "--key", action="append", default=[], metavar="NAME=FILE:KEY", help="a key that an application promotes"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of YAML and lines")
    options = parser.parse_args(arguments)
    hints = Hints(options.stages, {name: _names(many) for name, _, many in map(_parted, options.application)})
    keys = _keys(options.key, parser)
    try:
        found, findings = _given(options)
        with opened(options.repository, (os.environ if environ is None else environ).get("GITHUB_TOKEN", "")) as remote:
            adoption = adopt(found, remote, hints, keys)
        left = _left_overs(options.project, adoption)
    except (ClusterError, RefusedError, GitError, StackFilesError, _InputError) as error:
        print(one_line(without_secrets(str(error)), 600), file=sys.stderr)
        return 1
    adoption = Adoption(adoption.project, adoption.stacks, (*findings, *adoption.findings, *left))
    print(_json(adoption) if options.json else _text(adoption), end="")
    if not options.json:
        sys.stdout.flush()
        print(*adoption.findings, sep="\n", file=sys.stderr)
    if not adoption.project:
        return 1
    return 3 if adoption.kinds(Kind.LEFT_OUT) or adoption.kinds(Kind.DIFFERS) else 0


class _InputError(Exception):
    pass


def _given(options: argparse.Namespace) -> tuple[tuple[Given, ...], tuple[Finding, ...]]:
    if options.context:
        connection = connect(options.context, None)
        path = f"/apis/argoproj.io/v1alpha1/namespaces/{options.argocd_namespace}/applications"
        objects = connection.items(path)
        if objects is None:
            raise _InputError(f"context {options.context} has no Argo CD: it knows no Applications")
        return given_objects(objects, options.context), ()
    unreadable: list[Finding] = []
    found, findings = read_given(_files(options.applications, unreadable))
    if not found and not findings and not unreadable:
        raise _InputError("no Argo CD Application in these files; give those of `kubectl get applications -o yaml`")
    return found, (*unreadable, *findings)


def _left_overs(project: Path, adoption: Adoption) -> list[Finding]:
    if not (project / "Pulumi.yaml").exists():
        return []

    def named(values: Mapping[str, str]) -> dict[str, str]:
        return {key.partition(":")[2]: value for key, value in values.items()}

    own = {stack: named(read_stack_config(project, stack).values) for stack in adoption.stacks}
    return left_overs(adoption.project, adoption.stacks, named(read_project_config(project).values), own)


def _files(paths: list[Path], unreadable: list[Finding]) -> Iterator[tuple[str, str]]:
    files = [file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    files = [file for file in files if file in paths or (file.suffix in (".yaml", ".yml", ".json") and file.is_file())]
    if len(files) > _MOST_FILES:
        raise _InputError(f"{len(files)} files: give the folder with the Applications alone")
    for file in files:
        try:
            if file.stat().st_size > MOST_BYTES:
                raise ValueError(f"longer than {MOST_BYTES // 1024 // 1024} MiB")
            yield file.name, file.read_text(encoding="utf-8-sig")
        except OSError as error:
            if file in paths:
                raise _InputError(f"{file}: {error.strerror}") from error
            unreadable.append(finding(Kind.LEFT_OUT, file.name, f"cannot be read ({error.strerror})"))
        except ValueError as error:
            why = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
            unreadable.append(finding(Kind.LEFT_OUT, file.name, why))


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, text.split(","))))


def _parted(text: str) -> tuple[str, str, str]:
    return text.partition("=")


def _keys(texts: list[str], parser: argparse.ArgumentParser) -> dict[str, tuple[PromotedKey, ...]]:
    keys: dict[str, tuple[PromotedKey, ...]] = {}
    for text in texts:
        name, equals, key = text.partition("=")
        file, colon, path = key.partition(":")
        found = PromotedKey(path, file or VALUES)
        if not (equals and colon and rules.FIELD_PATH.holds(path) and rules.FILE_PATTERN.holds(found.file)):
            parser.error(f"--key {one_line(text)}: write it as NAME=FILE:KEY")
        keys[name] = (*keys.get(name, ()), found)
    return keys


def _text(adoption: Adoption) -> str:
    return "---\n".join(f"# {name}\n{text}" for name, text in adoption.files.items())


def _json(adoption: Adoption) -> str:
    findings = [{"kind": each.kind.value, "about": each.about, "text": each.text} for each in adoption.findings]
    document = {"files": adoption.files, "findings": findings}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _until_the_pipe_closes(arguments: list[str]) -> int:
    try:
        return main(arguments)
    except BrokenPipeError:
        # As with `| head`: Python must not fail once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(_until_the_pipe_closes(sys.argv[1:]))
