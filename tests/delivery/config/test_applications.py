"""Applications with files of the team's own: what their keys mean for each other, and where their values are."""

from typing import Any

import pytest

from delivery.config.errors import Json, Kind
from delivery.config.reader import parse
from delivery.model.promoted_keys import PromotedKey
from delivery.model.stack import StackConfiguration
from delivery.stack.manifests import argocd_application_spec
from delivery.stack.plan import plan_stack
from delivery.stack.repository_files import InitialValues
from tests.delivery.config.configurations import APPLICATION, kinds, raw, refused

IMAGE = "images.[name=ghcr.io/acme/shop]"
SHOP: dict[str, Json] = {
    "name": "shop",
    "source": "kustomize",
    "path": "apps/shop/overlays/{stage}",
    "reads": ["../../base"],
    "promotedKeys": [
        {"file": "kustomization.yaml", "key": f"{IMAGE}.newTag"},
        {"file": "kustomization.yaml", "key": f"{IMAGE}.digest"},
    ],
}
BILLING: dict[str, Json] = {
    "name": "billing",
    "source": "helm",
    "path": "charts/billing",
    "valueFiles": ["values.yaml", "values-{stage}.yaml"],
    "promotedKeys": [
        {"file": "values-{stage}.yaml", "key": "web.image.tag"},
        {"file": "values-{stage}.yaml", "key": "worker.image.tag"},
    ],
}
INGRESS: dict[str, Json] = {
    "name": "ingress",
    "source": "helm",
    "path": "platform/ingress",
    "chart": {
        "repository": "oci://registry.example.org/charts",
        "name": "ingress",
        "version": {"file": "{stage}.yaml", "key": "chartVersion"},
    },
    "valueFiles": ["{stage}.yaml"],
    "promotedKeys": [{"file": "{stage}.yaml", "key": "chartVersion"}],
}
ALL: list[Json] = [APPLICATION, SHOP, BILLING, INGRESS]


def parsed(stack: str, **changes: Json) -> StackConfiguration:
    return parse(raw(stack, **changes), stack)


def spec(name: str, **changes: Any) -> dict[str, Any]:
    """The spec of an application's Argo CD Application in production."""
    configuration = parsed("production", applications=ALL, pathPattern="{stage}/{application}", **changes)
    placed = next(one for one in configuration.stage_applications if one.application.name == name)
    return dict(argocd_application_spec(configuration, placed))


def test_each_stage_has_its_own_files() -> None:
    pipeline = parsed("dev", applications=ALL).pipeline
    found = {edge.application: (edge.at_source.files, edge.at_target.files) for edge in pipeline.edges()}
    assert found["shop"] == (
        ("apps/shop/overlays/dev/kustomization.yaml",),
        ("apps/shop/overlays/production/kustomization.yaml",),
    )
    assert found["billing"] == (("charts/billing/values-dev.yaml",), ("charts/billing/values-production.yaml",))
    assert found["ingress"] == (("platform/ingress/dev.yaml",), ("platform/ingress/production.yaml",))


def test_the_teams_manifests_and_the_programs_context_are_two_sources_of_one_revision() -> None:
    team, program = spec("shop")["sources"]
    assert team == {key: program[key] for key in ("repoURL", "targetRevision")} | {
        "path": "apps/shop/overlays/production"
    }
    assert program["path"] == ".delivery/shop/production"
    assert program["helm"]["parameters"][0]["value"] == "$ARGOCD_APP_REVISION"
    assert spec("billing")["sources"][0]["helm"] == {"valueFiles": ["values.yaml", "values-production.yaml"]}
    assert "source" not in spec("shop")
    assert "sources" not in spec("podtato-head")


def test_a_chart_of_a_registry_is_made_with_the_version_that_git_has() -> None:
    annotations: Json = {"link": "https://h/{{app}}"}
    configuration = parsed("production", applications=[INGRESS], argocdAnnotations=annotations)
    [application] = plan_stack(configuration, InitialValues()).applications
    plan: Any = application.argocd
    assert plan.kind == "ApplicationSet"
    assert plan.spec["generators"][0]["git"]["files"] == [{"path": "platform/ingress/production.yaml"}]
    template = plan.spec["template"]
    assert template["metadata"]["name"] == plan.name
    chart, program = template["spec"]["sources"]
    # Argo CD has an OCI registry without its scheme.
    assert (chart["repoURL"], chart["targetRevision"]) == ("registry.example.org/charts", "{{ .chartVersion }}")
    assert chart["helm"]["valueFiles"] == ["$values/platform/ingress/production.yaml"]
    paths = template["metadata"]["annotations"]["argocd.argoproj.io/manifest-generate-paths"]
    assert paths == "/.delivery/ingress/production;/platform/ingress/production.yaml"
    assert template["metadata"]["annotations"]["link"] == 'https://h/{{ "{{" }}app}}'
    assert (program["ref"], program["path"]) == ("values", ".delivery/ingress/production")


def test_the_program_writes_no_file_of_the_team() -> None:
    configuration = parsed("dev", applications=[SHOP, BILLING])
    for application in plan_stack(configuration, InitialValues()).applications:
        assert all(file.path.startswith(f".delivery/{application.name}/dev/") for file in application.files)


def test_a_stage_may_have_a_branch_of_its_own() -> None:
    stages: list[Json] = [
        {"name": "dev", "revision": "env/dev"},
        {"name": "production", "after": ["dev"], "revision": "env/production"},
    ]
    one_path = SHOP | {"path": "apps/shop"}
    configuration = parsed("production", applications=[one_path], stages=stages)
    [application] = plan_stack(configuration, InitialValues()).applications
    assert application.branch == "env/production"
    sources: Any = application.argocd.spec["sources"]
    assert {source["targetRevision"] for source in sources} == {"env/production"}
    [edge] = configuration.pipeline.edges()
    assert (edge.source_branch, edge.target_branch) == ("env/dev", "env/production")
    assert configuration.pipeline.promotion_settings().base(edge) == "env/production"


def test_patterns_use_the_variables_of_their_application() -> None:
    shop = SHOP | {"variables": {"team": "sales"}, "path": "teams/{team}/{application}/{stage}"}
    configuration = parsed("dev", applications=[shop], namespacePattern="{team}-{application}-{stage}")
    [placed] = configuration.stage_applications
    assert (placed.path, placed.namespace) == ("teams/sales/shop/dev", "sales-shop-dev")


@pytest.mark.parametrize(
    ("application", "key"),
    [
        ({"image": "ghcr.io/acme/shop"}, "image"),
        ({"containerPort": 9000}, "containerPort"),
        ({"firstVersion": "v1.0.0"}, "firstVersion"),
        ({"promotedKeys": None}, "promotedKeys"),
        ({"promotedKeys": [{"file": "/values.yaml", "key": "tag"}]}, "promotedKeys[0]"),
        ({"promotedKeys": [{"file": "../../../../../values-{stage}.yaml", "key": "tag"}]}, "promotedKeys[0]"),
        ({"promotedKeys": [{"file": "/.github/{stage}.yaml", "key": "tag"}]}, "promotedKeys[0]"),
        ({"promotedKeys": [{"file": "a.yaml", "key": "a..b"}]}, "promotedKeys[0].key"),
        ({"version": {"file": "kustomization.yaml", "key": "other"}}, "version"),
        ({"valueFiles": ["{stage}.yaml"]}, "valueFiles"),
        ({"chart": {"repository": "oci://h/c", "name": "c", "version": {"key": "v"}}}, "chart"),
        ({"source": "helm", "chart": {"repository": "oci://h/c", "version": {"key": "v"}}}, "chart.name"),
        (
            {"source": "helm", "chart": {"repository": "oci://h/c", "name": "c", "version": {"key": "[a=b].v"}}},
            "chart.version.key",
        ),
    ],
)
def test_what_does_not_fit_the_source_is_refused_where_it_stands(application: dict[str, Json], key: str) -> None:
    entry: Json = {name: value for name, value in (SHOP | application).items() if value is not None}
    found = [where for where, _ in kinds(refused({"applications": [entry]}))]
    assert f"delivery:applications[0].{key}" in found


@pytest.mark.parametrize(
    ("application", "key"),
    [
        ({"image": None}, "image"),
        ({"version": {"key": "serviceVersion"}}, "version"),
        ({"reads": ["../base"]}, "reads"),
        ({"promotedKeys": [{"file": "other.yaml", "key": "tag"}]}, "promotedKeys[0]"),
    ],
)
def test_what_a_generated_chart_cannot_have_is_refused(application: dict[str, Json], key: str) -> None:
    entry: Json = {name: value for name, value in (APPLICATION | application).items() if value is not None}
    kind = Kind.MISSING if key == "image" else Kind.NOT_ALLOWED
    assert (f"delivery:applications[0].{key}", kind) in kinds(refused({"applications": [entry]}))


def test_a_chart_may_be_of_several_applications_each_with_its_own_values() -> None:
    file = "/apps/{application}/{stage}.yaml"
    common: dict[str, Json] = {"source": "helm", "path": "charts/service", "valueFiles": [file]}
    keys: list[Json] = [{"file": file, "key": "image.tag"}]
    entries: list[Json] = [common | {"name": name, "promotedKeys": keys} for name in ("cart", "search")]
    edges = parsed("dev", applications=entries, pathPattern="{stage}/{application}").pipeline.edges()
    assert [edge.at_target.files for edge in edges] == [
        ("apps/cart/production.yaml",),
        ("apps/search/production.yaml",),
    ]


def test_a_key_that_pull_requests_and_settings_call_by_its_file() -> None:
    key = PromotedKey("images.[name=a].newTag", "kustomization.yaml", "Kustomization", "shop")
    assert key.name == "kustomization.yaml:Kustomization/shop:images.[name=a].newTag"
    assert PromotedKey.from_json(key.to_json()) == key
    assert PromotedKey("a.b").to_json() == "a.b"
