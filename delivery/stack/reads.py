"""What an application's manifests are made of beyond its own folder, by what git has, and whether Argo CD knows of it.

Argo CD syncs an Application on commits to the paths in its annotation `manifest-generate-paths` alone. A folder that is
read and not named there would change, and nothing would be deployed.
"""

import re
from collections.abc import Callable, Collection, Iterator

from delivery.config.errors import Kind, Problem, set_fix
from delivery.model.pipeline import StageApplication
from delivery.model.promoted_keys import in_repository
from delivery.stack.manifests import generate_paths
from delivery.values.editor import ValuesError, read_list

_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
# Kustomize loads files from its own folder alone; only these may be folders elsewhere.
_FOLDERS = ("resources", "components", "bases")
# A chart of the same repository, as a dependency of Helm's `Chart.yaml`.
_DEPENDENCY = re.compile(r"^\s*-?\s*repository:\s*[\"']?file://([^\s\"'#]+)", re.MULTILINE)
_MOST = 100


def unnamed_reads(
    stage_application: StageApplication,
    index: int,
    stack: str,
    paths: Collection[str],
    text: Callable[[str], str | None],
) -> list[Problem]:
    """A problem for each folder that is read and not named; `index` is the application's number.

    `paths` are all files of the stage's branch, `text` gives the text of one.
    """
    named = [path.removeprefix("/") for path in generate_paths(stage_application).split(";")]
    where = ("applications", index, "reads")
    return [
        Problem(
            f"delivery:applications[{index}].reads",
            f"no {folder}, which {by} reads",
            "every folder that its manifests are made of: Argo CD would not sync a commit to another one",
            set_fix(stack, where, f'["/{folder}"]'),
            Kind.NOT_ALLOWED,
        )
        for folder, by in _read_folders(stage_application.path, paths, text)
        if not any(folder == name or folder.startswith(f"{name}/") for name in named)
    ]


def _read_folders(path: str, paths: Collection[str], text: Callable[[str], str | None]) -> Iterator[tuple[str, str]]:
    """Every folder outside of `path` that is read for it, and the file that says so."""
    waiting, found = [path], {path}
    while waiting and len(found) < _MOST:
        folder = waiting.pop()
        for file in (f"{folder}/{name}" for name in (*_KUSTOMIZATIONS, "Chart.yaml")):
            for reference in _references(file, (text(file) or "") if file in paths else ""):
                other = in_repository(folder, reference)
                if other in found or not any(one.startswith(f"{other}/") for one in paths):
                    continue
                found.add(other)
                waiting.append(other)
                if not other.startswith(f"{path}/"):
                    yield other, file


def _references(file: str, content: str) -> list[str]:
    if file.endswith("Chart.yaml"):
        return _DEPENDENCY.findall(content)
    found: list[str] = []
    for key in _FOLDERS:
        try:
            # An address of another repository is no folder here.
            found += [one for one in read_list(content, key, where=file) or () if "://" not in one]
        except ValuesError:
            continue
    return found
