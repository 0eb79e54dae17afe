"""What applications are called in stages: which pattern counts, what may come out of it, and that no two are alike."""

import pytest

from delivery.config.errors import Json, Kind
from delivery.config.reader import parse
from tests.delivery.config.configurations import applications, kinds, raw, refused

WEB_AND_API = ({"name": "web"}, {"name": "api"})
STAGES: list[Json] = [{"name": "dev"}, {"name": "production", "after": ["dev"]}]


def names(stack: str, **changes: Json) -> dict[str, tuple[str, str, str]]:
    """Namespace, folder and Argo CD Application of each application in each stage, as `stack` sees them."""
    found = parse(raw("production" if stack == "production" else "dev", **changes), stack).pipeline.stage_applications
    return {f"{p.application.name} in {p.stage.name}": (p.namespace, p.path, p.argocd_application) for p in found}


def test_the_shipped_configuration_gives_the_guides_names() -> None:
    assert names("dev")["podtato-head in dev"] == ("podtato-head-dev", "dev", "podtato-head-dev")
    production = ("podtato-head-production", "production", "podtato-head-prod")
    assert names("production")["podtato-head in production"] == production


def test_an_applications_pattern_counts_before_the_pipelines_and_the_stages_own_before_both() -> None:
    own = {"name": "api", "path": "{application}/{stage}", "namespace": "{stage}-backend"}
    stages: list[Json] = [{"name": "dev"}, {"name": "production", "after": ["dev"], "path": "live/{application}"}]
    found = names("production", applications=applications({}, own), stages=stages, namespace="{application}-live")
    assert found == {
        "podtato-head in dev": ("podtato-head-dev", "dev", "podtato-head-dev"),
        "podtato-head in production": ("podtato-head-live", "live/podtato-head", "podtato-head-prod"),
        "api in dev": ("dev-backend", "api/dev", "api-dev"),
        "api in production": ("api-live", "live/api", "api-prod"),
    }


@pytest.mark.parametrize(
    ("key", "pattern"),
    [
        ("namespacePattern", "{application}_{stage}"),
        ("namespacePattern", "{application}-{stage}-" + "x" * 60),
        ("namespacePattern", "kube-{stage}"),
        ("namespace", "default"),
        ("namespace", "argocd"),
        ("argocdApplicationPattern", "{stage}-"),
        ("pathPattern", "../{stage}"),
        ("pathPattern", ".github/{stage}"),
        ("pathPattern", "/{stage}"),
        ("pathPattern", "{stage}/{app}"),
        ("pathPattern", "{app}"),
    ],
)
def test_a_name_that_breaks_its_rule_is_refused_where_its_pattern_is_set(key: str, pattern: str) -> None:
    assert kinds(refused({key: pattern})) == [(f"delivery:{key}", Kind.NOT_ALLOWED)]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"pathPattern": "{application}"}, "pathPattern"),
        ({"namespacePattern": "{application}"}, "namespacePattern"),
        ({"argocdApplicationPattern": "{application}"}, "argocdApplicationPattern"),
        # The application that is listed later gets a folder of its own: the first one may run already.
        ({"applications": applications(*WEB_AND_API)}, "applications[1].path"),
        (
            {"applications": applications({"name": "web"}, {"name": "api", "path": "{stage}/api"})},
            "applications[1].path",
        ),
        (
            {"applications": applications({"name": "web"}, {"name": "api", "path": "{stage}/a/b"})},
            "applications[1].path",
        ),
        (
            {"applications": applications({}, {"name": "api", "path": "apps"}), "pathPattern": "apps/{stage}"},
            "applications[1].path",
        ),
        ({"stages": [{"name": "dev"}, {"name": "eu", "path": "dev"}]}, "stages[1].path"),
        ({"namespace": "podtato-head-production"}, "namespace"),
        # In a namespace of their own, both could be called so.
        (
            {
                "namespacePattern": "{stage}",
                "pathPattern": "{stage}/{application}",
                "applications": applications({"name": "web", "workload": "app"}, {"name": "api", "workload": "app"}),
            },
            "applications[1].workload",
        ),
        (
            {
                "namespacePattern": "{stage}",
                "pathPattern": "{stage}/{application}",
                "applications": applications(*WEB_AND_API),
                "tasks": {"post-deployment": None, "promote-api": "print()"},
            },
            "tasks.promote-api",
        ),
        # web-a in dev and web in a-dev are both web-a-dev.
        (
            {
                "applications": applications({"name": "web-a"}, {"name": "web"}),
                "stages": [{"name": "dev"}, {"name": "a-dev"}],
                "pathPattern": "{stage}/{application}",
                "argocdApplicationPattern": "{application}.{stage}",
            },
            "applications[1].namespace",
        ),
    ],
)
def test_two_with_one_name_are_refused_where_one_of_them_can_change(changes: dict[str, Json], where: str) -> None:
    assert kinds(refused(changes)) == [(f"delivery:{where}", Kind.COLLISION)]


CLUSTERS: list[Json] = [{"name": "dev"}, {"name": "production", "after": ["dev"], "cluster": "production"}]
SAME: dict[str, Json] = {"namespacePattern": "{application}", "argocdApplicationPattern": "{application}"}


def test_in_clusters_of_their_own_stages_may_have_the_same_names() -> None:
    here = raw("dev", stages=CLUSTERS, argocdApplication=None, **SAME)
    found = parse(here, "dev").pipeline.stage_applications
    assert {(each.namespace, each.argocd_application) for each in found} == {("podtato-head", "podtato-head")}
    third: Json = {"name": "eu", "after": ["dev"], "cluster": "production"}
    assert {where for where, _ in kinds(refused({"stages": [*CLUSTERS, third], **SAME}))} == {
        "delivery:namespacePattern",
        "delivery:argocdApplicationPattern",
    }


def test_a_central_argo_cd_needs_applications_of_different_names_whatever_the_clusters() -> None:
    central: dict[str, Json] = {"argocdContext": "hub", "destinationName": "spoke"}
    assert kinds(refused({"stages": CLUSTERS, **SAME, **central})) == [
        ("delivery:argocdApplicationPattern", Kind.COLLISION)
    ]


@pytest.mark.parametrize(
    "change", [{"namespacePattern": "shop-{stage}"}, {"namespace": "shop-dev"}], ids=["all", "own"]
)
def test_applications_of_one_stage_may_share_a_namespace(change: dict[str, Json]) -> None:
    found = names("dev", applications=applications(*WEB_AND_API), pathPattern="{stage}/{application}", **change)
    assert {found["web in dev"][0], found["api in dev"][0]} == {"shop-dev"}


@pytest.mark.parametrize("key", ["argocdApplication", "namespace"])
def test_a_stacks_own_name_must_not_be_what_another_stack_has_set(key: str) -> None:
    others = {"production": {key: "{application}-live"}}
    assert kinds(refused({key: "podtato-head-live"}, other_names=others)) == [(f"delivery:{key}", Kind.COLLISION)]


def test_a_name_that_another_stack_gave_up_is_free() -> None:
    own = raw("dev", argocdApplication="podtato-head-production")
    found = parse(own, "dev", other_names={"production": {"argocdApplication": "{application}-prod"}})
    assert found.stage_applications[0].argocd_application == "podtato-head-production"


def test_what_is_wrong_with_other_stacks_names_alone_they_say_themselves() -> None:
    others = {"production": {"namespace": "kube-system"}, "eu": {"namespace": "kube-system"}}
    stages: list[Json] = [*STAGES, {"name": "eu", "after": ["dev"]}]
    assert parse(raw("dev", namespace="own", stages=stages), "dev", other_names=others)


def test_more_applications_and_stages_than_can_be_handled_are_refused() -> None:
    many: list[Json] = [{"name": f"stage-{number}"} for number in range(20_000)]
    assert kinds(refused({"stages": [{"name": "dev"}, *many]}, "stage-1")) == [
        ("delivery:applications", Kind.NOT_ALLOWED)
    ]
