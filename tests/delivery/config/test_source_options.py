"""What else Argo CD is told of a source of the team's own: where it ends up, and what is refused."""

import pytest

from delivery.config.errors import Json, Kind
from delivery.config.reader import parse
from delivery.stack.manifests import argocd_application_spec
from tests.delivery.config.configurations import raw, refused
from tests.messages import assert_message


def own(source: str, options: Json, **more: Json) -> list[Json]:
    keys: Json = [{"file": "values.yaml", "key": "version"}]
    return [
        {
            "name": "shop",
            "source": source,
            "path": "apps/shop/{stage}",
            "promotedKeys": keys,
            "sourceOptions": options,
            **more,
        }
    ]


def sources(stack: str, applications: list[Json]) -> list[dict[str, Json]]:
    configuration = parse(raw(stack, applications=applications), stack)
    found = argocd_application_spec(configuration, configuration.stage_applications[0])["sources"]
    assert isinstance(found, list)
    return [dict(each) for each in found if isinstance(each, dict)]


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("helm", {"releaseName": "shop", "parameters": [{"name": "a", "value": "{1,2}", "forceString": True}]}),
        ("kustomize", {"namePrefix": "a-", "patches": [{"patch": "- op: remove", "target": {"kind": "Service"}}]}),
        ("directory", {"recurse": True, "jsonnet": {"tlas": [{"name": "a", "value": "b"}]}}),
    ],
)
def test_they_are_in_the_teams_source_as_they_are_and_in_no_other(source: str, options: Json) -> None:
    team, program = sources("dev", own(source, {source: options}))
    assert team[source] == options
    assert program["path"] == ".delivery/shop/dev"
    assert program.keys() == {"repoURL", "targetRevision", "path", "helm"}


def test_they_stand_beside_the_value_files() -> None:
    options: Json = {"helm": {"ignoreMissingValueFiles": True}}
    team, _ = sources("dev", own("helm", options, valueFiles=["values-{stage}.yaml"]))
    assert team["helm"] == {"valueFiles": ["values-dev.yaml"], "ignoreMissingValueFiles": True}


def test_their_texts_have_the_name_of_the_stage_and_of_the_application() -> None:
    options: Json = {"helm": {"releaseName": "{application}-{stage}", "parameters": [{"name": "on", "value": "{a}"}]}}
    for stage in ("dev", "production"):
        team, _ = sources(stack=stage, applications=own("helm", options))
        assert team["helm"] == {"releaseName": f"shop-{stage}", "parameters": [{"name": "on", "value": "{a}"}]}


@pytest.mark.parametrize(
    ("case", "source", "options", "more"),
    [
        ("unknown", "helm", {"helm": {"releasename": "shop"}}, {}),
        ("value-files", "helm", {"helm": {"valueFiles": ["a.yaml"]}}, {}),
        ("other-tool", "kustomize", {"helm": {"releaseName": "shop"}}, {}),
        ("plugin", "directory", {"plugin": {"name": "x"}}, {}),
        (
            "template",
            "helm",
            {"helm": {"values": "a: {{ .b }}"}},
            {"chart": {"repository": "https://h/c", "name": "c", "version": {"file": "f.yaml", "key": "version"}}},
        ),
    ],
)
def test_what_argo_cd_would_not_read_is_refused(case: str, source: str, options: Json, more: dict[str, Json]) -> None:
    (problem,) = refused({"applications": own(source, options, **more)})
    assert problem.kind is Kind.NOT_ALLOWED
    assert problem.where.startswith("delivery:applications[0].sourceOptions")
    assert_message(f"config.source-options-{case}", str(problem))


def test_a_generated_chart_takes_none() -> None:
    application: Json = {"name": "shop", "image": "i", "sourceOptions": {"helm": {"releaseName": "shop"}}}
    (problem,) = refused({"applications": [application]})
    assert problem.where == "delivery:applications[0].sourceOptions"
