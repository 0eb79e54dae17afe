"""What the generated chart reads, told by its schema."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from delivery.config.chart_values import FILE, is_free, is_read, unread, values_schema, violations

FULL = yaml.safe_load((Path(__file__).parents[2] / "gitops" / "full.values.yaml").read_text("utf-8"))
ODD: st.SearchStrategy[object] = st.sampled_from(
    [None, True, 0, -1, 70000, 1.5, 2.0, "", "7", "text", "v1", [], [{}], ["a"], {}, {"a": 1}, {"a": "b"}]
)


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in the values, and one beside it that has no value yet."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path, *(place for key, each in items for place in places(each, (*path, key)))]
    return [*found, (*path, "another")] if isinstance(value, dict) else found


@given(place=st.sampled_from(places(FULL)[1:]), odd=ODD)
def test_a_value_is_refused_where_the_validator_of_json_schemas_refuses_it(
    place: tuple[str | int, ...], odd: object
) -> None:
    values = json.loads(json.dumps(FULL))
    parent = values
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = odd
    valid = jsonschema.Draft7Validator(values_schema("serviceVersion")).is_valid(values)
    assert (not list(violations(values, "serviceVersion"))) == valid


def test_what_is_refused_is_told_with_its_place() -> None:
    values = {"env": {"PORT": 1}, "ingress": {"hosts": [{"hots": "a"}]}, "containers": {"a": {}}, "replicas": -1}
    found = {each.key: each.found for each in violations(values, "serviceVersion")}
    assert found == {
        "env.PORT": "integer",
        "ingress.hosts[0].hots": "an unknown key",
        "containers.a.image": "nothing",
        "replicas": "-1",
    }


def test_a_date_is_a_text_as_it_is_for_helm() -> None:
    assert not list(violations(yaml.safe_load("env: {DAY: 2026-11-28}"), "serviceVersion"))


def test_keys_at_the_top_that_nothing_reads_are_told() -> None:
    assert unread({"serviceVersion": "v1", "replica": 3, "image": {}}, "serviceVersion") == ("replica", "image")
    assert unread({"image": {"tag": "v1"}, "serviceVersion": "v1"}, "image.tag") == ("serviceVersion",)
    assert unread(None, "serviceVersion") == unread("text", "serviceVersion") == ()


def test_the_schema_of_the_default_version_key_is_the_file_itself() -> None:
    schema = values_schema("serviceVersion")
    assert json.dumps(schema, indent=2, ensure_ascii=False) + "\n" == FILE.read_text("utf-8")


def test_a_schema_has_the_teams_own_key_for_the_version_and_the_digest_beside_it() -> None:
    properties = values_schema("image.tag")["properties"]
    assert properties["image"]["properties"].keys() == {"tag", "digest"}
    assert not {"serviceVersion", "digest"} & properties.keys()


def test_a_version_below_a_key_of_the_chart_leaves_its_other_keys() -> None:
    service = values_schema("service.version")["properties"]["service"]
    assert {"version", "digest", "type", "targetPort"} <= service["properties"].keys()


@pytest.mark.parametrize(
    "key",
    [
        "serviceVersion",
        "digest",
        "replicas",
        "env.LOG_LEVEL",
        "containers.proxy.tag",
        "containers.proxy.env.A",
        "resources.limits.cpu",
        "readinessProbe.httpGet.path",
        "podLabels.team",
        "ingress.enabled",
        "service.type",
    ],
)
def test_a_key_that_a_template_reads_is_told(key: str) -> None:
    assert is_read(key, "serviceVersion")


@pytest.mark.parametrize(
    "key",
    [
        "config.logLevel",
        "image.tag",
        "replica",
        "env",
        "containers.proxy",
        "containers.proxy.imgae",
        "resources.cpu",
        "serviceVersion.tag",
        "ingress.host",
    ],
)
def test_a_key_that_no_template_reads_is_told(key: str) -> None:
    assert not is_read(key, "serviceVersion")


@pytest.mark.parametrize(
    ("version_key", "digest"), [("image.tag", "image.digest"), ("tag", "digest"), ("a.b.c", "a.b.digest")]
)
def test_the_digest_is_read_beside_the_version_alone(version_key: str, digest: str) -> None:
    assert is_read(digest, version_key)
    assert is_read("digest", version_key) == (digest == "digest")


@pytest.mark.parametrize("key", ["serviceVersion", "image.tag", "tag", "service.version", "on.null"])
def test_the_version_may_stand_at_a_key_that_the_chart_has_no_other_use_for(key: str) -> None:
    assert is_free(key)


@pytest.mark.parametrize("key", ["replicas", "digest", "image.digest", "env", "env.VERSION", "containers.proxy.tag"])
def test_the_version_may_not_stand_where_the_chart_reads_something_else(key: str) -> None:
    assert not is_free(key)
