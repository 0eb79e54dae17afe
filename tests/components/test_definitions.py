"""Every manifest holds against its definition as a strict API server would read it: no field it does not know."""

import copy
from functools import cache
from typing import Any

import jsonschema
import pytest
import yaml

from delivery.config.errors import Json
from lab.engine import Preview
from lab.manifests import manifest
from tests.components.stacks import STAGES, SYNC, run, team
from tests.definitions import MISSING, WITHOUT_KEPTN, closed, definitions, has_keptn

FOLDER = definitions()
pytestmark = pytest.mark.skipif(FOLDER is None, reason=MISSING)


@cache
def schemas() -> dict[tuple[str, str], dict[str, Any]]:
    """The schema of each served version, by apiVersion and kind, closed against unknown fields."""
    assert FOLDER is not None
    found = {}
    for path in (*FOLDER.glob("*applications.yaml"), *FOLDER.glob("*keptntaskdefinitions.yaml")):
        for definition in yaml.load_all(path.read_text("utf-8"), Loader=yaml.CSafeLoader):
            if definition and definition.get("kind") == "CustomResourceDefinition":
                spec = definition["spec"]
                for version in spec["versions"]:
                    key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
                    found[key] = closed(version["schema"]["openAPIV3Schema"])
    return found


def custom(result: Preview) -> list[dict[str, Any]]:
    bodies = (manifest(resource) for resource in result.resources)
    return [body for body in bodies if body and body["kind"] in ("Application", "KeptnTaskDefinition")]


def check(body: dict[str, Any]) -> None:
    if FOLDER and body["kind"].startswith("Keptn") and not has_keptn(FOLDER):
        pytest.skip(WITHOUT_KEPTN)
    jsonschema.validate(body, schemas()[body["apiVersion"], body["kind"]], cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("stack", ["dev", "production"])
def test_the_shipped_stacks_hold_against_the_definitions(stack: str) -> None:
    bodies = custom(run(stack, None, argocdFinalizer="true"))
    assert len(bodies) == {"dev": 3, "production": 1}[stack]
    for body in bodies:
        check(body)


@pytest.mark.parametrize("stack", STAGES)
def test_every_stage_of_a_larger_pipeline_holds_against_the_definitions(stack: str) -> None:
    for body in custom(team(stack)):
        check(body)


def test_an_application_with_everything_that_can_be_said_of_its_sync_holds_against_the_definition() -> None:
    stages: list[Json] = [{"name": "dev", "sync": SYNC}, {"name": "production", "after": ["dev"]}]
    notified: Json = {"notifications.argoproj.io/subscribe.on-sync-failed.slack": "deliveries"}
    result = run(
        "dev", None, stages=stages, destinationName="spoke", argocdLabels={"a": "b"}, argocdAnnotations=notified
    )
    [body] = [body for body in custom(result) if body["kind"] == "Application"]
    assert body["spec"]["ignoreDifferences"] == SYNC["ignoreDifferences"]
    check(body)


def test_a_field_that_no_definition_knows_would_be_found() -> None:
    for body in custom(run("dev")):
        wrong = copy.deepcopy(body)
        wrong["spec"]["colour"] = "red"
        with pytest.raises(jsonschema.ValidationError, match="colour"):
            check(wrong)
