"""The manifests of `examples/operator`: their configuration is this program's, their access what an update needs."""

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from delivery.cluster.needs import Right, granted_rights, rights
from delivery.config.files import read_stack_config
from delivery.config.keys import PIPELINE, PROJECT, SECRETS
from delivery.config.reader import parse
from delivery.config.readiness import missing_for_update
from delivery.model.stack import StackConfiguration
from tests.definitions import ROOT, WITHOUT_OPERATOR, closed, operator_definitions

FOLDER = ROOT / "examples" / "operator"
STAGES = ("dev", "production")

Body = dict[str, Any]


@cache
def manifests(name: str) -> list[Body]:
    return list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))


STACKS = [*manifests("stacks.yaml"), *manifests("preview.yaml")]
BY_NAME = {body["metadata"]["name"]: body["spec"] for body in STACKS}


def configuration(spec: Body) -> StackConfiguration:
    """What the program reads in the pod: the files of the checkout, and what the operator sets beside them."""
    stage = spec["stack"].rpartition("/")[2]
    shared = {"repositoryOwner": "acme"}
    config = {key.removeprefix(f"{PROJECT}:"): value for key, value in spec["config"].items()}
    secrets = {key.removeprefix(f"{PROJECT}:"): "a secret" for key in spec["secretsRef"]}
    given = read_stack_config(ROOT, stage).override(shared | config, secrets)
    values = {key.removeprefix(f"{PROJECT}:"): value for key, value in given.values.items()}
    return parse(values, stage, set(secrets), PIPELINE & config.keys())


def granted(account: str) -> set[Right]:
    """What the bindings of `access.yaml` allow the account, binding by binding."""
    bodies = manifests("access.yaml")
    roles = {(body["kind"], body["metadata"]["name"]): body.get("rules") for body in bodies}
    found: set[Right] = set()
    for body in bodies:
        if account in (subject["name"] for subject in body.get("subjects", ())):
            rules = roles.get((body["roleRef"]["kind"], body["roleRef"]["name"])) or ()
            namespace = body["metadata"].get("namespace", "")
            found |= {
                Right(namespace, group, resource, verb)
                for rule in rules
                for group in rule["apiGroups"]
                for resource in rule["resources"]
                for verb in rule["verbs"]
            }
    return found


@pytest.mark.parametrize("name", BY_NAME)
def test_each_stack_has_all_that_an_update_needs_and_no_key_of_the_pipeline(name: str) -> None:
    spec = BY_NAME[name]
    present = {key.removeprefix(f"{PROJECT}:") for key in spec["secretsRef"]}
    assert present <= SECRETS
    present |= {"githubToken"} if spec["envRefs"]["GITHUB_TOKEN"]["type"] == "Secret" else set()
    assert missing_for_update(configuration(spec), present) == []


@pytest.mark.parametrize("stage", STAGES)
def test_an_account_may_do_exactly_what_the_stack_of_its_stage_does(stage: str) -> None:
    spec = BY_NAME[f"delivery-{stage}"]
    found = configuration(spec)
    assert granted(spec["serviceAccountName"]) == {*rights(found), *granted_rights(found)}


def test_every_account_may_ask_the_api_server_whether_its_caller_is_the_operator() -> None:
    [binding] = [
        body for body in manifests("access.yaml") if body.get("roleRef", {}).get("name", "").startswith("system")
    ]
    assert binding["roleRef"]["name"] == "system:auth-delegator"
    accounts = {(subject["namespace"], subject["name"]) for subject in binding["subjects"]}
    assert accounts == {("delivery", spec["serviceAccountName"]) for spec in BY_NAME.values()}


def test_the_login_of_the_pods_is_the_context_of_their_stacks_and_holds_no_secret() -> None:
    [mounted] = [body for body in manifests("access.yaml") if body["kind"] == "ConfigMap"]
    kubeconfig = yaml.safe_load(mounted["data"]["config"])
    assert {spec["config"]["delivery:kubeContext"] for spec in BY_NAME.values()} == {kubeconfig["contexts"][0]["name"]}
    assert [*kubeconfig["users"][0]["user"]] == ["tokenFile"]


def test_production_waits_for_dev_and_for_who_merges_into_its_branch_and_its_preview_changes_nothing() -> None:
    dev, production, following = (BY_NAME[f"delivery-{name}"] for name in ("dev", "production", "production-next"))
    assert production["prerequisites"] == [{"name": "delivery-dev"}]
    assert (dev["branch"], production["branch"]) == ("main", "production")
    assert (following["branch"], following["stack"], following["preview"]) == ("main", production["stack"], True)
    assert not any(spec.get("preview") for spec in (dev, production))


@pytest.mark.skipif(operator_definitions() is None, reason=WITHOUT_OPERATOR)
@pytest.mark.parametrize("body", STACKS, ids=[*BY_NAME])
def test_each_stack_holds_against_the_operators_definition_and_has_no_field_that_it_does_not_know(body: Body) -> None:
    validator = stack_validator()
    assert [*validator.iter_errors(body)] == []
    unknown: list[Body] = [{"prerequisite": []}, {"workspaceTemplate": {"spec": {"colour": "red"}}}]
    for changed in unknown:
        assert not validator.is_valid({**body, "spec": body["spec"] | changed})


@cache
def stack_validator() -> jsonschema.Draft202012Validator:
    folder = operator_definitions()
    assert folder is not None
    text = Path(folder, "pulumi.com_stacks.yaml").read_text(encoding="utf-8")
    definition = yaml.load(text, Loader=yaml.CSafeLoader)
    [schema] = [
        version["schema"]["openAPIV3Schema"] for version in definition["spec"]["versions"] if version["name"] == "v1"
    ]
    return jsonschema.Draft202012Validator(closed(schema))
