"""No mend throws away what the project ships: not its stages, not its applications, and no stage's verification."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from delivery.config.errors import ConfigurationError, Problem
from delivery.config.files import shared_texts
from delivery.config.reader import parse
from delivery.model.stack import StackConfiguration
from tests.delivery.config.test_reader import followed

ROOT = Path(__file__).resolve().parents[3]
SHARED = shared_texts(ROOT)
OWN = {"postDeploymentTasks": '["post-deployment"]'}
"""What dev ships with, of that which verifies it."""
SMOKE = "print('smoke')"


def read(own: Mapping[str, str], shared: Mapping[str, str] = SHARED) -> StackConfiguration:
    """Dev with these keys of its own over those that every stack has."""
    return parse({**shared, **own}, "dev", shared=lambda: shared)


def problems(own: Mapping[str, str], shared: Mapping[str, str] = SHARED) -> tuple[Problem, ...]:
    with pytest.raises(ConfigurationError) as caught:
        read(own, shared)
    return caught.value.problems


def mended(own: dict[str, str]) -> StackConfiguration:
    """Dev after one round of mends, carried out as they stand there."""
    after: dict[str, str] = functools.reduce(followed, [problem.mend for problem in problems(own)], own)
    return read(after)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("stages", "[{"),
        ("stages", "dev"),
        ("stages", "[dev, production]"),
        ("stages", '"dev"'),
        ("stages", "[]"),
        ("stages", "null"),
        ("stages", '["dev", "production"]'),
        ("applications", "web"),
        ("applications", '[{"name": "web"'),
        ("applications", '["web"]'),
        ("tasks", "post-deployment"),
        ("tasks", "{post-deployment: print()}"),
        ("tasks", '["post-deployment"]'),
    ],
)
def test_a_value_of_which_nothing_can_be_kept_goes_and_what_the_project_has_is_back(key: str, text: str) -> None:
    own = OWN | {key: text}
    assert {problem.mend for problem in problems(own)} == {f"pulumi config rm delivery:{key}"}
    assert mended(own) == read(OWN)


@pytest.mark.parametrize("shipped", ["[{", "[]", "{}", "null"])
def test_a_value_that_the_project_has_wrong_too_is_nothing_to_go_back_to(shipped: str) -> None:
    [problem] = problems(OWN | {"stages": "[["}, SHARED | {"stages": shipped})
    assert problem.mend.startswith('pulumi config set delivery:stages \'[{"name": "dev"}]\'')


def test_a_value_that_can_be_kept_is_kept() -> None:
    stages = mended(OWN | {"stages": '{"dev": null, "eu": {"after": ["dev"]}}'}).pipeline.stages
    assert [(stage.name, stage.after) for stage in stages] == [("dev", ()), ("eu", ("dev",))]
    several = [*json.loads(SHARED["applications"]), "web"]
    found = mended(OWN | {"applications": json.dumps(several), "pathPattern": "{application}/{stage}"})
    assert [each.name for each in found.pipeline.applications] == ["podtato-head", "web"]


def test_a_shipped_task_that_a_stack_s_own_tasks_have_replaced_is_put_beside_them() -> None:
    own = OWN | {"tasks": json.dumps({"smoke": SMOKE})}
    [problem] = problems(own)
    assert problem.where == "delivery:postDeploymentTasks"
    found = mended(own)
    assert found.checks.post_deployment_tasks == ("post-deployment",)
    assert found.tasks == {"smoke": SMOKE, **json.loads(SHARED["tasks"])}


@pytest.mark.parametrize("listed", [["verify"], ["smoke", "verify"]])
def test_a_listed_task_that_nobody_knows_gets_a_definition_that_fails_and_stays_listed(listed: list[str]) -> None:
    own = {"postDeploymentTasks": json.dumps(listed), "tasks": json.dumps({"smoke": SMOKE})}
    found = mended(own)
    assert found.checks.post_deployment_tasks == tuple(listed)
    assert found.tasks == {"smoke": SMOKE, "verify": 'raise SystemExit("verify has no source yet")'}


def test_a_slip_in_the_name_of_a_task_becomes_that_tasks_name() -> None:
    assert mended({"postDeploymentTasks": '["post-deploymnt"]'}) == read(OWN)


def test_a_task_too_long_for_a_command_is_to_be_put_right_in_the_file_that_sets_the_tasks() -> None:
    shared = SHARED | {"tasks": json.dumps({"post-deployment": "#" * 5000})}
    [problem] = problems(OWN | {"tasks": "{}"}, shared)
    assert problem.mend == "correct it in the file that sets delivery:tasks, Pulumi.yaml or Pulumi.STACK.yaml"


def test_a_project_s_file_that_cannot_be_read_has_nothing_to_go_back_to(tmp_path: Path) -> None:
    assert shared_texts(tmp_path) == {}
    (tmp_path / "Pulumi.yaml").write_text("config: [", encoding="utf-8")
    assert shared_texts(tmp_path) == {}
