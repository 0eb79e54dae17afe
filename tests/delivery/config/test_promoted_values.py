"""What promotions bring along is deployed, and in its own stage alone."""

from typing import Any

import pytest

from delivery.config.errors import Json, Kind
from delivery.config.reader import parse
from delivery.stack.manifests import argocd_application_spec, generate_paths
from tests.delivery.config.configurations import FIVE, kinds, raw, refused
from tests.delivery.config.test_applications import BILLING, INGRESS, SHOP

TAG: Json = {"file": "{stage}.yaml", "key": "image.tag"}
MANIFESTS: dict[str, Json] = {"name": "shop", "source": "directory", "path": "shop/{stage}"}


def refusals(application: dict[str, Json], **changes: Json) -> list[tuple[str, Kind]]:
    return kinds(refused({"applications": [application], **changes}))


@pytest.mark.parametrize("folder", ["load", "acceptance"])
def test_no_two_stages_have_a_value_in_one_file_wherever_in_the_pipeline_they_are(folder: str) -> None:
    application: dict[str, Json] = SHOP | {"path": None, "promotedKeys": [{"file": "kustomization.yaml", "key": "tag"}]}
    given: dict[str, Json] = {key: value for key, value in application.items() if value is not None}
    stages: list[Json] = [*FIVE[:2], {"name": "acceptance", "after": ["dev"], "path": "load"}, *FIVE[3:]]
    if folder == "acceptance":
        # Not a neighbour: what is released in the first stage would be in production at once.
        stages = [*FIVE[:4], {"name": "production", "after": ["staging"], "path": "dev"}]
    assert ("delivery:applications[0].promotedKeys[0]", Kind.NOT_ALLOWED) in refusals(given, stages=stages)


def test_a_value_is_of_one_application_unless_all_are_promoted_together() -> None:
    key: Json = {"file": "/env/{stage}.yaml", "key": "tag"}
    common: dict[str, Json] = {"source": "helm", "valueFiles": ["/env/{stage}.yaml"], "promotedKeys": [key]}
    entries: list[Json] = [common | {"name": name, "path": f"charts/{name}"} for name in ("api", "web")]
    assert ("delivery:applications[1].promotedKeys[0]", Kind.NOT_ALLOWED) in kinds(refused({"applications": entries}))
    stages: list[Json] = [{"name": "dev"}, {"name": "production", "after": ["dev"], "group": "all"}]
    assert parse(raw("dev", applications=entries, stages=stages), "dev").pipeline.applications


@pytest.mark.parametrize(
    ("application", "key"),
    [
        # Helm reads only what it is told of.
        (BILLING | {"valueFiles": ["values.yaml"]}, "promotedKeys[0]"),
        (INGRESS | {"promotedKeys": [{"file": "image-{stage}.yaml", "key": "tag"}]}, "promotedKeys[0]"),
        (INGRESS | {"valueFiles": [], "promotedKeys": [TAG]}, "promotedKeys[0]"),
        # Argo CD would not look at a commit to it.
        (SHOP | {"reads": [], "promotedKeys": [{"file": "../../base/{stage}.yaml", "key": "tag"}]}, "promotedKeys[0]"),
        (MANIFESTS | {"promotedKeys": [{"file": "web/deployment.yaml", "key": "tag"}]}, "promotedKeys[0]"),
        # These go before what the files say.
        (SHOP | {"sourceOptions": {"kustomize": {"images": ["ghcr.io/acme/shop:v1"]}}}, "promotedKeys[0]"),
        (
            BILLING | {"sourceOptions": {"helm": {"parameters": [{"name": "worker.image.tag", "value": "v1"}]}}},
            "promotedKeys[1]",
        ),
        (
            BILLING | {"sourceOptions": {"helm": {"valuesObject": {"web": {"image": {"tag": "v1"}}}}}},
            "promotedKeys[0]",
        ),
    ],
)
def test_a_value_that_nothing_deploys_is_refused(application: dict[str, Json], key: str) -> None:
    assert (f"delivery:applications[0].{key}", Kind.NOT_ALLOWED) in refusals(application)


@pytest.mark.parametrize(
    "application",
    [
        BILLING | {"promotedKeys": [{"file": "values-{stage}.yaml", "key": "tag"}], "reads": ["values-{stage}.yaml"]},
        BILLING | {"path": "billing/{stage}", "promotedKeys": ["tag", {"file": "Chart.yaml", "key": "appVersion"}]},
        BILLING | {"sourceOptions": {"helm": {"parameters": [{"name": "web.image.name", "value": "x"}]}}},
        SHOP | {"sourceOptions": {"kustomize": {"images": ["ghcr.io/acme/proxy=registry.example.org:5000/proxy:v1"]}}},
        SHOP | {"promotedKeys": [{"file": "../../base/{stage}.yaml", "key": "tag"}]},
        MANIFESTS
        | {
            "promotedKeys": [{"file": "web/deployment.yaml", "key": "tag"}],
            "sourceOptions": {"directory": {"recurse": True}},
        },
    ],
)
def test_a_value_that_may_be_deployed_is_taken(application: dict[str, Json]) -> None:
    assert parse(raw("dev", applications=[application]), "dev").pipeline.applications


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"file": "k.yaml", "key": "a"}, {"file": "x/../k.yaml", "key": "a"}),
        ({"file": "k.yaml", "key": "a.b"}, {"file": "k.yaml", "key": "a.[b]"}),
        # Both would be called `k.yaml:a:b`, and only one of them promoted.
        ({"file": "k.yaml", "key": "a:b"}, {"file": "k.yaml", "kind": "a", "key": "b"}),
        ({"file": "k.yaml", "key": "a.b"}, {"file": "k.yaml", "key": "a"}),
    ],
)
def test_a_value_is_promoted_once(first: Json, second: Json) -> None:
    found = refusals(SHOP | {"promotedKeys": [first, second]})
    assert found == [("delivery:applications[0].promotedKeys[1]", Kind.NOT_ALLOWED)]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"promotedKeys": [{"file": "{stages}.yaml", "key": "tag"}]}, "promotedKeys[0].file"),
        ({"promotedKeys": [{"file": "x-{stage.yaml", "key": "tag"}]}, "promotedKeys[0].file"),
        ({"reads": ["/base/{team}"]}, "reads[0]"),
        ({"reads": ["../../../../../base"]}, "reads[0]"),
    ],
)
def test_a_path_that_cannot_be_one_of_the_repository_is_refused(change: dict[str, Json], key: str) -> None:
    assert (f"delivery:applications[0].{key}", Kind.NOT_ALLOWED) in refusals(SHOP | change)


def test_what_is_wrong_with_a_path_to_a_value_is_said() -> None:
    [problem] = refused({"applications": [SHOP | {"promotedKeys": [{"file": "a.yaml", "key": "images.[name=x]"}]}]})
    assert "at the end" in problem.allowed


def test_a_folder_that_is_read_may_end_with_a_slash() -> None:
    configuration = parse(raw("dev", applications=[SHOP | {"reads": ["/apps/shop/base/"]}]), "dev")
    assert generate_paths(configuration.stage_applications[0]).endswith(";/apps/shop/base")


@pytest.mark.parametrize("revision", ["HEAD", "a" * 40])
def test_what_argocd_takes_for_something_else_is_no_branch_of_a_stage(revision: str) -> None:
    stages: list[Json] = [{"name": "dev"}, {"name": "production", "after": ["dev"], "revision": revision}]
    assert kinds(refused({"stages": stages})) == [("delivery:stages[1].revision", Kind.NOT_ALLOWED)]


def test_the_version_needs_a_key() -> None:
    found = refusals(SHOP | {"version": {"file": "kustomization.yaml"}})
    assert found == [("delivery:applications[0].version.key", Kind.MISSING)]


def test_what_is_not_allowed_at_all_is_to_be_removed() -> None:
    [problem] = refused({"applications": [SHOP | {"image": "ghcr.io/acme/shop"}]})
    assert "remove" in problem.fix


def test_the_version_of_a_chart_may_have_a_name_that_is_none_in_a_template() -> None:
    version: Json = {"file": "{stage}.yaml", "key": "ingress.chart-version"}
    chart: Any = INGRESS["chart"]
    application = INGRESS | {"chart": chart | {"version": version}, "promotedKeys": [version]}
    configuration = parse(raw("dev", applications=[application]), "dev")
    spec: Any = argocd_application_spec(configuration, configuration.stage_applications[0])
    # Go reads `.ingress.chart-version` as a subtraction, and refuses it.
    assert spec["sources"][0]["targetRevision"] == '{{ index . "ingress" "chart-version" }}'


def test_of_a_file_with_the_version_of_a_chart_argocd_reads_one_document() -> None:
    chart: Any = INGRESS["chart"]
    named: Json = chart | {"version": chart["version"] | {"kind": "Release"}}
    assert ("delivery:applications[0].chart.version.kind", Kind.NOT_ALLOWED) in refusals(INGRESS | {"chart": named})
