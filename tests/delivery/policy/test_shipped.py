"""What this project ships keeps its own rules: its pipelines, what their teams have in git, and its workflows."""

from pathlib import Path

import pytest

from delivery.config.errors import Json
from delivery.config.files import read_stack_config
from delivery.policy.resources import Declared
from delivery.policy.rules import RULES, findings
from delivery.stack.workflow import workflow
from lab.engine import PROGRAM, preview
from lab.example import EXAMPLES, Example, example_names
from tests.components.stacks import OWN, TEAM, TWO, run
from tests.delivery.policy.cases import TOKEN, file

SSH = "git@github.com:acme/gitops.git"
PROJECTS = (PROGRAM, *(EXAMPLES / name for name in example_names()))
STACKS = [(project, path.name.split(".")[1]) for project in PROJECTS for path in sorted(project.glob("Pulumi.*.yaml"))]
WORKFLOWS = sorted(path for path in (PROGRAM / ".github").rglob("*.yaml") if path.parent.name != ".github")


def broken(resources: list[Declared]) -> list[str]:
    return [found.message for rule in RULES for found in findings(rule, resources)]


@pytest.mark.parametrize(("project", "stack"), STACKS, ids=lambda part: getattr(part, "name", part))
def test_a_shipped_stack_keeps_every_rule(project: Path, stack: str) -> None:
    shown = preview(stack, read_stack_config(project, stack))
    assert broken([Declared(found.type, found.inputs, found.urn) for found in shown.resources]) == []


@pytest.mark.parametrize("stage", ["dev", "production"])
@pytest.mark.parametrize("engine", ["promoter", "pulumi"])
@pytest.mark.parametrize("verification", ["keptn", "argocd"])
def test_stages_with_branches_of_their_own_keep_every_rule(stage: str, engine: str, verification: str) -> None:
    stages: list[Json] = [
        {"name": "dev", "revision": "develop", "verification": verification},
        {"name": "production", "after": ["dev"], "verification": verification},
    ]
    team: dict[str, Json] = {**TEAM, "tasks": {"load-test": "print(1)"}, "preDeploymentTasks": []}
    team |= {"applications": [*TWO, *OWN], "stages": stages, "promotionEngine": engine, "argocdRepoURL": SSH}
    shown = run(stage, None, **team)
    assert broken([Declared(found.type, found.inputs, found.urn) for found in shown.resources]) == []


def test_what_the_configuration_allows_and_no_delivery_should_have_breaks_the_rules() -> None:
    stages: list[Json] = [
        {"name": "dev"},
        {"name": "staging", "after": ["dev"]},
        {"name": "production", "after": ["dev", "staging"], "requires": "any"},
    ]
    applications: list[Json] = [{"name": "web", "image": "ghcr.io/acme/web", "firstVersion": "latest"}]
    own: Json = {"load-test": f"ask('https://example.org', token='{TOKEN}')"}
    team = {**TEAM, "stages": stages, "applications": applications, "tasks": own, "preDeploymentTasks": []}
    shown = run("dev", None, **{**team, "postDeploymentTasks": []})
    resources = [Declared(found.type, found.inputs, found.urn) for found in shown.resources]
    assert {rule.name: [found.subject for found in findings(rule, resources)] for rule in RULES} == {
        "application-branch": [],
        "skipped-stage": ["dev -> production"],
        "unverified-stage": ["dev"],
        "plain-secret": [],
        "workflow-rights": [],
        "mutable-tag": ["ghcr.io/acme/web:latest"],
    }
    shown = run("dev", None, **team)
    resources = [Declared(found.type, found.inputs, found.urn) for found in shown.resources]
    assert len(broken(resources)) == len({"skipped-stage", "plain-secret", "mutable-tag"})


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
