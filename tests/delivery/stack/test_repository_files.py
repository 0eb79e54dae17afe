"""What is committed to the GitOps repository: a promoter that runs there as it is, and charts that render."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from delivery.config.errors import Json
from delivery.config.reader import parse
from delivery.model.promoted_keys import in_values
from delivery.model.settings import SETTINGS_PATH, PromotionSettings
from delivery.model.stack import StackConfiguration
from delivery.stack.repository_files import (
    PROMOTER,
    RepositoryText,
    repository_files,
    stage_files,
    values_path,
)
from delivery.values.scalar import resolve
from lab import argocd
from tests.delivery.config.configurations import FIVE, applications, raw
from tests.sources import parsed

ROOT = Path(__file__).resolve().parents[3]
LOCKED = {"requests": "requests", "ruamel": "ruamel-yaml", "opentelemetry": "opentelemetry-sdk"}
"""What else the promoter may import, and the distribution that brings it."""


def stack(name: str = "dev", **changes: Json) -> StackConfiguration:
    return parse(raw("production" if name == "production" else "dev", **changes), name)


def modules() -> dict[str, str]:
    """The promoter's modules by their dotted name, out of the one file that they are committed in."""
    [text] = [file.content for file in repository_files(stack()) if file.path == PROMOTER]
    _, *sections = re.split(r"^# ======== (\S+) ========\n", text, flags=re.MULTILINE)
    found = {}
    for path, source in zip(sections[::2], sections[1::2], strict=True):
        parts = Path(path).parent.parts if path.endswith("__init__.py") else Path(path).with_suffix("").parts
        found[".".join(parts)] = source.rstrip() + "\n"
    return found


def imported(name: str, text: str, known: set[str]) -> Iterator[str]:
    """Every module that this one imports, wherever in the text, relative ones resolved."""
    for node in ast.walk(parsed(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            module = node.module or ""
            yield module
            below = {f"{module}.{alias.name}" for alias in node.names}
            if module.startswith("delivery"):
                # `from delivery import x` names a module where the package defines no such name itself.
                yield from (each for each in below if (ROOT / Path(*each.split("."))).with_suffix(".py").exists())
                yield from below & known


def test_the_promoter_imports_nothing_that_is_not_there() -> None:
    committed = modules()
    [locked] = [file.content for file in repository_files(stack()) if file.path.endswith("requirements.txt")]
    assert "delivery.promotion.cli" in committed or "delivery.promotion" in committed
    for name, text in committed.items():
        for other in imported(name, text, set(committed)):
            top = other.partition(".")[0]
            if top == "delivery":
                parents = {".".join(other.split(".")[:depth]) for depth in range(1, other.count(".") + 2)}
                assert parents <= committed.keys(), f"{name} imports {other}"
            else:
                assert top in sys.stdlib_module_names or f"\n{LOCKED[top]}==" in locked, f"{name} imports {other}"


def test_what_is_committed_verbatim_is_the_source_byte_for_byte() -> None:
    for name, text in modules().items():
        source = ROOT / Path(*name.split("."))
        path = source / "__init__.py" if source.is_dir() else source.with_suffix(".py")
        assert text == path.read_text(encoding="utf-8")
    [locked] = [file.content for file in repository_files(stack()) if file.path.endswith("requirements.txt")]
    assert locked.encode() == (ROOT / "gitops/promoter/requirements.txt").read_bytes()


def test_the_promoter_is_one_file_so_that_no_run_meets_half_a_release() -> None:
    assert [file.path for file in repository_files(stack()) if file.path.endswith(".py")] == [PROMOTER]


def run_promoter(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The committed file as a runner has it: nothing of this project beside it."""
    [text] = [file.content for file in repository_files(stack()) if file.path == PROMOTER]
    (folder / "promoter.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "promoter.py", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env={"PATH": os.defpath})


def test_the_one_file_runs_alone(tmp_path: Path) -> None:
    done = run_promoter(tmp_path, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "--rollback" in done.stdout


def test_without_what_it_needs_the_one_file_says_how_to_install_that(tmp_path: Path) -> None:
    run_promoter(tmp_path, "--help")
    command = [sys.executable, "-S", "-I", "promoter.py", "--help"]  # without site-packages
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "is not installed: python -m pip install --require-hashes -r" in done.stderr


def test_a_mistake_is_one_line_from_the_one_file_too(tmp_path: Path) -> None:
    done = run_promoter(tmp_path, "--application", "a", "--from", "dev", "--to", "production")
    assert done.returncode == 2
    assert done.stderr.startswith("error: .github/promoter/settings.json is not there")


def test_a_traceback_names_the_line_of_the_one_file(tmp_path: Path) -> None:
    [text] = [file.content for file in repository_files(stack()) if file.path == PROMOTER]
    head: dict[str, Any] = {"__name__": "head", "__file__": str(tmp_path / "promoter.py")}
    exec(text.split("\n# ======== ")[0], head)  # noqa: S102 - the head alone, as nothing but the file itself runs it
    names = ModuleType("delivery.model.identifiers")
    head["Sections"](text).exec_module(names)
    line = names.is_commit.__code__.co_firstlineno
    assert text.splitlines()[line - 1].startswith("def is_commit(")


def test_the_workflow_comes_last_so_that_what_it_runs_is_there_before_it() -> None:
    paths = [file.path for file in repository_files(stack())]
    assert paths[-1] == ".github/workflows/promote.yaml"
    assert len(set(paths)) == len(paths)


def test_the_settings_are_the_pipeline_and_read_back_as_written() -> None:
    configured = stack(
        stages=FIVE,
        applications=applications({"path": "a/{stage}", "promotedKeys": ["image.tag", "replicas"]}),
        promotionLabels=["promotion", "größer"],
        promotionReviewers=["octocat"],
    )
    [text] = [file.content for file in repository_files(configured) if file.path == SETTINGS_PATH]
    settings = PromotionSettings.from_json(text)
    assert settings == configured.pipeline.promotion_settings()
    assert settings.edge("podtato-head", "load", "staging").promoted_keys == in_values("image.tag", "replicas")
    assert settings.labels == ("promotion", "größer")


def chart(name: str = "dev", **changes: Json) -> dict[str, RepositoryText]:
    configured = stack(name, **changes)
    [stage_application] = configured.stage_applications
    return {
        file.path.removeprefix(f"{stage_application.path}/"): file
        for file in stage_files(configured, stage_application)
    }


@pytest.mark.parametrize("name", ["dev", "production"])
def test_only_the_values_belong_to_git(name: str) -> None:
    assert [file.path for file in chart(name).values() if file.initial] == [f"{name}/values.yaml"]
    assert [values_path(each) for each in stack(name).stage_applications] == [f"{name}/values.yaml"]


def test_the_first_values_are_the_guides() -> None:
    assert yaml.safe_load(chart("dev")["values.yaml"].content) == {"serviceVersion": "v0.3.0", "commitID": ""}
    assert yaml.safe_load(chart("production")["values.yaml"].content) == {
        "serviceVersion": "v0.3.0",
        "commitID": "",
        "traceParent": "",
    }


def test_the_first_stage_that_promotes_is_told_which_other_keys_it_has_to_set() -> None:
    keyed = applications({"promotedKeys": ["image.tag", "env.FLAG", "replicas"]})
    told = "# Promoted with it, and yours to set before the first promotion: env.FLAG, replicas\n"
    initial_values = {name: chart(name, applications=keyed)["values.yaml"].content for name in ("dev", "production")}
    assert {name: told in text for name, text in initial_values.items()} == {"dev": True, "production": False}
    # A value that nobody chose is not made up: no `replicas` is one, and an empty one would be none.
    assert yaml.safe_load(initial_values["dev"]) == {"image": {"tag": "v0.1.0"}, "commitID": ""}
    alone = chart("dev", applications=keyed, stages=[{"name": "dev"}])["values.yaml"].content
    assert told not in alone


VERSIONS = (
    "v0.3.0",
    "1.10",
    "1",
    "1e3",
    "7e12345",
    "2024-01-01",
    "0x1F",
    "0o17",
    "017",
    "1_000",
    "true",
    "on",
    "null",
    "y",
)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("key", ["serviceVersion", "image.tag", "on.null", "a.b.c.d"])
def test_a_first_version_is_text_for_every_reader_of_yaml(version: str, key: str) -> None:
    text = chart("dev", applications=applications({"firstVersion": version, "promotedKeys": [key]}))[
        "values.yaml"
    ].content
    found: object = yaml.safe_load(text)
    for level in key.split("."):
        assert isinstance(found, dict)
        found = found[level]
    assert found == version
    [line] = [line for line in text.splitlines() if line.strip().partition(":")[0].strip("'\"") == key.split(".")[-1]]
    written = line.partition(": ")[2]
    assert resolve(written, plain=not written.startswith(("'", '"'))).kind == "string"


@pytest.mark.parametrize("name", ["dev", "production"])
@pytest.mark.parametrize("version", ["v0.3.0", "1.10", "1e3"])
@pytest.mark.parametrize("key", ["serviceVersion", "image.tag"])
def test_the_charts_render_with_their_first_values(name: str, version: str, key: str) -> None:
    application = applications({"name": "7e5", "workload": "1e3", "firstVersion": version, "promotedKeys": [key]})
    files = chart(name, applications=application, metadata={"team": "1e3", "on": "call: now"})
    values = {
        key: value
        for path in ("values.yaml", "platform.yaml")
        for key, value in yaml.safe_load(files[path].content).items()
    }
    assert argocd.version(values) == version
    rendered = argocd.app_context({**values, "commitID": "abc"}, "here")
    assert rendered["metadata"]["name"] == "7e5"
    context = rendered["spec"]
    assert context["metadata"] == {"commitID": "abc", "team": "1e3", "on": "call: now"}
    assert ("promotionTasks" in context) == (name == "dev")
    assert "spanLinks" not in context


def test_a_name_that_yaml_reads_as_a_number_stays_a_name() -> None:
    for name in ("123", "1e3", "null"):
        named = chart("dev", applications=applications({"name": name}))
        assert yaml.safe_load(named["Chart.yaml"].content)["name"] == name
        line = next(line for line in named["Chart.yaml"].content.splitlines() if line.startswith("name: "))
        assert line == f'name: "{name}"'


def test_what_platform_yaml_says_reads_back_as_it_was_configured() -> None:
    metadata: dict[str, Json] = {
        "b": "7e12345",
        "a": "two\nlines",
        "c": "0o17",
        "d": "",
        "e": " x ",
        "f": "#",
        "g": "ü\u2028",
    }
    text = chart("dev", metadata=metadata)["platform.yaml"].content
    assert yaml.safe_load(text)["context"]["metadata"] == metadata
    assert "'7e12345'" in text
    assert "'0o17'" in text


def test_all_promoted_keys_are_in_platform_yaml_where_there_are_several() -> None:
    keyed = applications({"promotedKeys": ["image.tag", "replicas"]})
    assert "promotedKeys" not in yaml.safe_load(chart("dev")["platform.yaml"].content)
    found = yaml.safe_load(chart("dev", applications=keyed)["platform.yaml"].content)
    assert (found["promotedKeys"], found["versionKey"]) == (["image.tag", "replicas"], "image.tag")
