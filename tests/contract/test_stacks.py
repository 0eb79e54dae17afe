"""What each stack declares, resource by resource: names and types that a state already holds, and their options.

A URN that changes without an alias deletes what users have. Inputs of Kubernetes objects are rendered files and kept
with those. The order is that of the names: what has to come first is in `dependsOn`, the rest comes as it comes.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.golden import Words, apart, keep, without_hidden, without_trailers
from tests.contract.story import Story, story
from tests.contract.surface import ALONE, ROOT, TEAM, Declared, Preview, Value, preview

PROSE = frozenset({"commitMessage", "body", "title", "promotions"})
STAGES = ("dev", "load", "acceptance", "staging", "production")
SHIPPED = ("dev", "production")
SECRETS = {"promotionToken": "token-of-the-task"}
BY_PULUMI = {"githubToken": "token-of-the-workflow", **SECRETS}


def short(urn: str) -> str:
    """Type and name of a resource that another one refers to."""
    kind, _, name = urn.partition("::")[2].partition("::")[2].partition("::")
    return f"{kind.rpartition('$')[2]}::{name}"


def described(each: Declared, promotion: bool) -> dict[str, Value]:
    """A resource with every option that is set."""
    provider = each.provider.rpartition("::")[0]
    options: dict[str, Value] = {
        "parent": short(each.parent),
        "provider": short(provider) if provider else "",
        "dependsOn": [*map(short, sorted(each.depends_on))],
        "ignoreChanges": [*each.ignore_changes],
        "retainOnDelete": each.retain_on_delete,
        "import": each.import_id,
        "aliases": [*each.aliases],
        "secretInputs": [*sorted(each.secrets)],
    }
    known: dict[str, Value] = {"urn": each.urn, "type": each.type}
    if not each.type.startswith("kubernetes:"):
        # The text of a file is a rendered file, except for the one that a promotion proposes.
        inputs = {key: "<content>" if key == "content" and not promotion else each.inputs[key] for key in each.inputs}
        if "body" in inputs:
            inputs["body"], options["hidden"] = without_hidden(str(inputs["body"]))  # type: ignore[assignment]
        if promotion and "commitMessage" in inputs:
            inputs["commitMessage"], options["trailers"] = without_trailers(str(inputs["commitMessage"]))
        options["inputs"] = inputs
    return known | {key: value for key, value in options.items() if value}


def hold(where: str, result: Preview, words: Words | None = None) -> None:
    """Keep a stack, and its prose beside it."""
    listed = sorted(result.resources, key=lambda each: each.urn)
    resources = [described(each, "delivery:components:Promotion$" in each.urn) for each in listed]
    structure, prose = apart({"outputs": dict(result.outputs), "resources": resources}, PROSE)
    keep(f"stacks/{where}.yaml", structure, words)
    told: list[Value] = []
    for text in prose.values():
        told += [text] if text not in told else []
    keep(f"stacks/{where}.prose.yaml", told, words)


@pytest.mark.parametrize("stage", SHIPPED)
def test_a_stack_that_ships_declares_the_same_resources(stage: str) -> None:
    hold(f"shipped/{stage}", preview(ROOT, stage, SECRETS))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stack_of_five_stages_and_two_applications_declares_the_same_resources(stage: str) -> None:
    hold(f"team/{stage}", preview(TEAM, stage, SECRETS))


def test_a_stack_that_argo_cd_alone_verifies_declares_the_same_resources() -> None:
    hold("argocd-alone/dev", preview(ALONE, "dev", SECRETS))


def released(told: Story) -> None:
    told.commit("dev at v0.3.1", dev="v0.3.1")


def proposed(told: Story) -> None:
    told.promote(told.commit("dev at v0.3.1", dev="v0.3.1"))


def merged_before(told: Story) -> None:
    proposed(told)
    told.merge(1)
    told.commit("dev at v0.3.2", dev="v0.3.2")


@pytest.mark.parametrize("begin", [released, proposed, merged_before], ids=lambda begin: begin.__name__)
def test_a_promotion_that_pulumi_makes_is_the_same_resources(begin: Callable[[Story], None], tmp_path: Path) -> None:
    with story(tmp_path) as told:
        begin(told)
        result = preview(ROOT, "production", BY_PULUMI, **told.settings, promotionEngine="pulumi")
        told.know_branches()
        hold(f"shipped-by-pulumi/production_{begin.__name__}", result, told.words)


def test_the_first_stack_is_the_same_resources_when_pulumi_promotes_and_adopts_what_git_owns(tmp_path: Path) -> None:
    with story(tmp_path) as told:
        result = preview(ROOT, "dev", BY_PULUMI, **told.settings, promotionEngine="pulumi")
        hold("shipped-by-pulumi/dev", result, told.words)


def test_several_edges_into_a_stage_are_promotions_of_the_same_names(tmp_path: Path) -> None:
    with story(tmp_path, TEAM, STAGES) as told:
        for stage, version in (("load", "v2"), ("acceptance", "v3")):
            told.commit(f"{stage} at {version}", **{f"web/{stage}": version, f"api/{stage}": version})
        result = preview(TEAM, "staging", BY_PULUMI, **told.settings, promotionEngine="pulumi")
        hold("team-by-pulumi/staging", result, told.words)
