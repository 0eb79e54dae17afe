"""What the generated chart reads, told by its schema."""

import json

import pytest

from delivery.config.chart_values import FILE, is_free, is_read, values_schema


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
