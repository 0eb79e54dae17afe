"""The package under mocks: what its components declare, and what is said of wrong inputs.

Inputs take the way that they take in the engine, from the request to the host. How programs in other languages get
there is in tests/engine.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import pulumi
import pytest
from pulumi.runtime import rpc

from delivery.config.errors import ConfigError, Json
from delivery.config.files import StackConfig
from lab.engine import Preview, ProgramError, preview
from program.inputs import checked
from program.package.arguments import of_pipeline, of_stage
from tests.components.stacks import FIVE, STAGES, TEAM, TOKEN, files, team
from tests.messages import assert_message

PROGRAM = """
import json
import pulumi
from google.protobuf import struct_pb2
from pulumi.provider.server import ProviderServicer
from program.package.host import package

async def program():
    request = struct_pb2.Struct()
    request.update(json.loads({inputs!r}))
    inputs = await ProviderServicer._construct_inputs(request, {{}})
    try:
        component = package().construct({name!r}, "delivery:index:{kind}", inputs, {options})
    except pulumi.InputPropertiesError as error:
        raise pulumi.RunError(error.message) from None
    for output, value in component.state.items():
        pulumi.export(output, value)

pulumi.run(program)
"""
Declare = Callable[..., Preview]


def secret(text: str) -> Json:
    """A secret as a request has it."""
    return {rpc._special_sig_key: rpc._special_secret_sig, "value": text}


PIPELINE: dict[str, Json] = {
    **TEAM,
    "tasks": {"load-test": "print('load')", "elsewhere": ""},
    "promotionToken": secret(TOKEN),
}
"""TEAM as a request has it, in which a map has no null."""


PRODUCTION: dict[str, Json] = {"promotionToken": "", "argocdApplication": "{application}-prod"}
"""What production's stack has of its own."""


@pytest.fixture
def declare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Declare:
    """What a component declares that is constructed in a program which has nothing else."""
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)

    def declare(kind: str, name: str, inputs: Mapping[str, Json], options: str = "None") -> Preview:
        text = PROGRAM.format(kind=kind, name=name, inputs=json.dumps(inputs), options=options)
        (tmp_path / "__main__.py").write_text(text, encoding="utf-8")
        return preview("all", StackConfig({}, frozenset()), tmp_path)

    return declare


def own(result: Preview) -> Counter[str]:
    """What is declared, names and providers aside."""
    return Counter(
        f"{each.type} {json.dumps(each.inputs)} {each.ignore_changes} {each.retain_on_delete} {sorted(each.secrets)}"
        for each in result.resources
        if each.custom and not each.type.startswith("pulumi:providers:")
    )


def refused(declare: Declare, **inputs: Json) -> list[str]:
    """What is said of these inputs, line by line."""
    with pytest.raises(ProgramError) as error:
        declare("Pipeline", "shop", {**PIPELINE, **inputs})
    assert "Traceback" not in str(error.value)
    return str(error.value).splitlines()[1:]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_of_the_package_declares_what_its_stack_declares(declare: Declare, stage: str) -> None:
    inputs = {**PIPELINE, **(PRODUCTION if stage == "production" else {})}
    assert own(declare("Stage", stage, inputs)) == own(team(stage))
    assert own(declare("Stage", "any-name", {**inputs, "stage": stage})) == own(team(stage))


def test_a_pipeline_declares_what_its_stacks_declare_in_the_order_of_its_edges(declare: Declare) -> None:
    stages = [*reversed(FIVE)]
    result = declare("Pipeline", "shop", {**PIPELINE, "stages": stages, "stageSettings": {"production": PRODUCTION}})
    stacks = [team(stage, stages=stages) for stage in STAGES]
    assert own(result) == sum(map(own, stacks), Counter())
    first = {stage: files(result).index(f"web/{stage}/Chart.yaml") for stage in STAGES}
    assert all(first[before] < first[stage["name"]] for stage in FIVE for before in stage.get("after", []))  # type: ignore[union-attr, index, call-overload]
    assert files(result)[0].startswith(".github/")
    commits = result.of_type(":RepositoryFile")
    assert all(before.urn in after.depends_on for before, after in pairwise(commits))
    assert result.outputs["stages"] == {
        stage: {**stack.outputs, "branch": "main"} for stage, stack in zip(STAGES, stacks, strict=True)
    }


def test_all_that_a_component_declares_belongs_to_it_under_names_that_another_one_does_not_have(
    declare: Declare,
) -> None:
    one, other = (
        declare("Pipeline", name, {**PIPELINE, "namespacePattern": "shop-{stage}"}) for name in ("one", "other")
    )
    urns = [each.urn for result in (one, other) for each in result.resources]
    assert len(urns) == len(set(urns))
    assert all(each.aliases == () for each in one.resources if each.type.startswith("delivery:index:"))
    tops = [each.type for each in one.resources if "pulumi:pulumi:Stack::" in each.parent]
    assert tops == ["delivery:index:Pipeline"]


def test_a_secret_is_one_in_everything_that_is_declared_and_nowhere_plain(declare: Declare) -> None:
    secrets = {key: secret(f"{key}-value") for key in ("githubToken", "kubeconfig", "promotionToken")}
    result = declare("Stage", "dev", {**PIPELINE, **secrets, "repositoryOwner": "example-org"})
    assert "-value" not in repr(result)
    [cluster] = result.of_type("providers:kubernetes")
    assert "kubeconfig" in cluster.secrets


def test_providers_of_the_caller_are_used_and_the_others_made(declare: Declare) -> None:
    ref = "urn:pulumi:all::delivery::pulumi:providers:kubernetes::theirs::id"
    given = f"pulumi.ResourceOptions(providers=[pulumi.resource.DependencyProviderResource({ref!r})])"
    result = declare("Stage", "dev", PIPELINE, given)
    assert [each.name for each in result.resources if each.type.startswith("pulumi:providers:")] == ["dev-github"]
    assert {each.provider for each in result.resources if each.type.startswith("kubernetes:")} == {ref}
    made = declare("Pipeline", "shop", PIPELINE)
    assert [each.name for each in made.of_type("providers:kubernetes")] == [f"shop-{stage}-cluster" for stage in STAGES]


def test_who_gives_the_cluster_needs_no_context_for_an_update(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    inputs = {**PIPELINE, "kubeContext": None, "githubToken": "token", "promotionToken": TOKEN}
    _, secrets = checked(of_stage("production", inputs, has_cluster=True))
    assert secrets.github is not None
    with pytest.raises(ConfigError) as error:
        checked(of_stage("production", inputs, has_cluster=False))
    assert [problem.where for problem in error.value.problems] == ["delivery:kubeContext"]


def test_stages_that_render_do_so_in_folders_of_their_own(declare: Declare) -> None:
    result = declare("Pipeline", "shop", {**PIPELINE, "cluster": "render"})
    folders = [each.inputs["renderYamlToDirectory"] for each in result.of_type("providers:kubernetes")]
    assert folders == [f"manifests/{stage}" for stage in STAGES]


def test_every_mistake_comes_in_one_message_each_once(declare: Declare) -> None:
    lines = refused(declare, promotionRetires=3, stages=[{"name": "dev"}, {"name": "production", "after": ["dve"]}])
    assert [line.partition(":")[0] for line in lines] == ["promotionRetires", "stages[1].after[0]"]
    for line in lines:
        assert_message(f"package.{line.partition(':')[0]}", line)


@pytest.mark.parametrize(
    ("case", "inputs", "where"),
    [
        ("setting", {"stageSettings": {"dev": {"stages": []}}}, ["stageSettings.dev.stages"]),
        ("stage", {"stageSettings": {"prod": {}}}, ["stageSettings.prod"]),
        ("no_settings", {"stageSettings": {"dev": ["x"]}}, ["stageSettings.dev"]),
        ("unknown", {"stages": rpc.UNKNOWN}, ["stages"]),
        ("secret", {"repositoryName": secret("hidden")}, ["repositoryName"]),
        ("nested", {"metadata": {"team": secret("hidden")}}, ["metadata"]),
        ("token", {"promotionToken": secret("two words")}, ["promotionToken"]),
        ("none", {"stages": []}, ["stages"]),
    ],
)
def test_an_input_that_is_not_one_is_named_and_no_secret_shown(
    declare: Declare, case: str, inputs: dict[str, Json], where: list[str]
) -> None:
    lines = refused(declare, **inputs)
    assert [line.partition(":")[0] for line in lines] == where
    assert "hidden" not in repr(lines)
    assert "two words" not in repr(lines)
    assert_message(f"package.{case}", lines[0])


def test_a_token_that_is_not_known_yet_is_no_mistake_in_a_preview(
    declare: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.engine._hidden", lambda value: value)
    result = declare("Stage", "dev", {**PIPELINE, "githubToken": rpc.UNKNOWN, "promotionToken": rpc.UNKNOWN})
    # It is unknown in what is declared, and no other token stands in its place.
    assert [each.inputs["stringData"] for each in result.of_type(":Secret")] == [rpc.UNKNOWN] * 2


def test_a_promotion_that_is_asked_for_reaches_its_stage_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DELIVERY_PROMOTE", json.dumps({"to": "staging", "again": True}))
    given = of_pipeline(PIPELINE, has_cluster=False)
    assert [each.stage for each, _ in given if "promote" in each.values] == ["staging"]


def test_a_secret_among_the_settings_of_one_stage_is_that_stages_alone(declare: Declare) -> None:
    settings = {"dev": {"kubeconfig": secret("of-dev"), "kubeContext": "theirs"}}
    result = declare("Pipeline", "shop", {**PIPELINE, "stageSettings": settings})
    first, *others = result.of_type("providers:kubernetes")
    assert (first.inputs["context"], [*first.secrets]) == ("theirs", ["kubeconfig"])
    assert {(each.inputs["context"], each.secrets) for each in others} == {("a-cluster", frozenset())}


def test_names_that_all_stages_are_given_are_held_against_each_other(declare: Declare) -> None:
    lines = refused(declare, namespace="{application}")
    assert [line.partition(":")[0] for line in lines] == ["namespace"] * len(lines)
    assert lines
