"""What `make render` writes, file by file, as a reviewer reads it; settings and platform files of every stage.

What is committed or declared verbatim from a source in this repository is held against that source instead of a copy.
"""

import os
import re
import shutil
from pathlib import Path

import pytest
import yaml

from delivery.stack.repository_files import chart_template
from tests.contract.golden import FOLDER, keep
from tests.contract.surface import ALONE, PROMOTER, ROOT, TEAM, VERBATIM, render, task_source


def rendered(project: Path, stack: str, folder: Path) -> dict[str, str]:
    assert render(["--project", str(project), "--stack", stack, "--out", str(folder)]) == 0
    paths = sorted(path for path in (folder / stack).rglob("*") if path.is_file())
    return {path.relative_to(folder / stack).as_posix(): path.read_bytes().decode("utf-8") for path in paths}


def source(path: str) -> str | None:
    """The text in this repository that the file at `path` is a copy of, where it is one."""
    if path.endswith("/templates/application.yaml"):
        return chart_template()
    if path.endswith("/values.schema.json"):
        # Of an application whose version is at `serviceVersion`; others have their own key in its place.
        return (ROOT / "gitops/chart/values.schema.json").read_text("utf-8")
    file = VERBATIM.get(path.removeprefix("repository/"))
    return file.read_text("utf-8") if file else None


def without_minutes(text: str) -> str:
    """The text without the minutes of a workflow's schedule, which each repository has of its own."""
    return re.sub(r'- cron: "[\d,]+ ', '- cron: "MINUTES ', text)


def without_code(path: str, text: str) -> str:
    """The task definition without what is made of this repository's files, and compared with those."""
    if "kind: KeptnTaskDefinition" not in text:
        return text
    code = yaml.safe_load(text)["spec"]["python"]["inline"]["code"]
    module = "promote" if path.endswith("_promote.yaml") else "stage_task"
    ours = task_source(module)
    if not code.startswith(ours):
        return text
    head, _, rest = text.partition("      code: |\n")
    lines = rest.splitlines(keepends=True)[len(ours.splitlines()) :]
    return f"{head}      code: the text of gitops/tasks/{module}.py and its modules\n{''.join(lines)}"


def hold(where: str, files: dict[str, str]) -> None:
    """Keep these files, and no others, in that folder."""
    golden = FOLDER / where
    if os.environ.get("UPDATE_GOLDEN"):
        shutil.rmtree(golden, ignore_errors=True)
    for path, text in files.items():
        keep(f"{where}/{path}", text)
    assert {path.relative_to(golden).as_posix() for path in golden.rglob("*") if path.is_file()} == files.keys()


@pytest.mark.parametrize("stack", ["dev", "production"])
def test_the_shipped_configuration_renders_as_reviewed_and_the_same_when_rendered_again(
    stack: str, tmp_path: Path
) -> None:
    files = rendered(ROOT, stack, tmp_path)
    for path, text in files.items():
        origin = source(path)
        assert origin is None or without_minutes(text) == without_minutes(origin), path
    kept = {path: without_code(path, text) for path, text in files.items() if not path.endswith(PROMOTER)}
    hold(f"rendered/shipped/{stack}", {path: text for path, text in kept.items() if source(path) is None})
    assert rendered(ROOT, stack, tmp_path / "again") == files


@pytest.mark.parametrize("stack", ["dev", "load", "acceptance", "staging", "production"])
def test_two_applications_of_five_stages_have_the_same_values_platform_and_settings_files(
    stack: str, tmp_path: Path
) -> None:
    files = rendered(TEAM, stack, tmp_path)
    names = ("/platform.yaml", "/settings.json", "/values.yaml")
    shown = ("manifests/",) if stack == "dev" else ()
    kept = [path for path in files if path.endswith(names) or path.startswith(shown)]
    hold(f"rendered/team/{stack}", {path: without_code(path, files[path]) for path in kept})


@pytest.mark.parametrize("stack", ["dev", "production"])
def test_stages_that_argo_cd_alone_verifies_have_the_same_platform_file_and_the_task_as_it_is(
    stack: str, tmp_path: Path
) -> None:
    files = rendered(ALONE, stack, tmp_path)
    chart = f"repository/shop/{stack}"
    assert files[f"{chart}/templates/application.yaml"] == chart_template(keptn=False)
    assert files[f"{chart}/tasks/promote.py"] == task_source()
    assert files[f"{chart}/tasks/check.py"] == (ROOT / "gitops/tasks/check.py").read_text("utf-8")
    shown = ("manifests/",) if stack == "dev" else ()
    kept = [path for path in files if path == f"{chart}/platform.yaml" or path.startswith(shown)]
    hold(f"rendered/argocd-alone/{stack}", {path: files[path] for path in kept})
