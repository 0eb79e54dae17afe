"""What this project ships keeps its own rules: its pipelines, what their teams have in git, and its workflows."""

from pathlib import Path

import pytest

from delivery.config.files import read_stack_config
from delivery.policy.resources import Declared
from delivery.policy.rules import RULES, findings
from delivery.stack.workflow import workflow
from lab.engine import PROGRAM, preview
from lab.example import EXAMPLES, Example, example_names
from tests.delivery.policy.cases import file

PROJECTS = (PROGRAM, *(EXAMPLES / name for name in example_names()))
STACKS = [(project, path.name.split(".")[1]) for project in PROJECTS for path in sorted(project.glob("Pulumi.*.yaml"))]
WORKFLOWS = sorted(path for path in (PROGRAM / ".github").rglob("*.yaml") if path.parent.name != ".github")


def broken(resources: list[Declared]) -> list[str]:
    return [found.message for rule in RULES for found in findings(rule, resources)]


@pytest.mark.parametrize(("project", "stack"), STACKS, ids=lambda part: getattr(part, "name", part))
def test_a_shipped_stack_keeps_every_rule(project: Path, stack: str) -> None:
    shown = preview(stack, read_stack_config(project, stack))
    assert broken([Declared(found.type, found.inputs, found.urn) for found in shown.resources]) == []


@pytest.mark.parametrize("name", example_names())
def test_what_a_team_has_in_git_keeps_every_rule(name: str) -> None:
    files = Example(EXAMPLES / name).files
    assert broken([file(path, content.decode()) for path, content in files.items()]) == []


@pytest.mark.parametrize("engine", ["promoter", "pulumi"])
@pytest.mark.parametrize("identity", ["workflow", "token", "app"])
def test_the_workflow_that_is_committed_keeps_every_rule(engine: str, identity: str) -> None:
    assert broken([file(".github/workflows/promote.yaml", workflow(engine, identity))]) == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: str(path.relative_to(PROGRAM)))
def test_the_project_s_own_workflows_keep_every_rule(path: Path) -> None:
    assert broken([file(str(path.relative_to(PROGRAM)), path.read_text(encoding="utf-8"))]) == []
