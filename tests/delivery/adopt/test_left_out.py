"""What is left out, because an update would change what is deployed or somebody else would undo it, and bad input."""

from collections.abc import Mapping

import pytest

from delivery.adopt.given import MOST_BYTES, Kind, read_given
from delivery.config.errors import Json
from tests.delivery.adopt.layouts import (
    DEPLOYMENT,
    adopted,
    application,
    chart,
    left_out,
    monorepo,
    values,
)
from tests.messages import assert_message

TWO = ("dev", "prod")
PLAIN = {f"shop/{stage}/d.yaml": DEPLOYMENT for stage in TWO}
CHARTS = chart() | {f"charts/shop/values-{stage}.yaml": values("v1") for stage in TWO}


def applications(
    source: Mapping[str, Json] | None = None,
    spec: Mapping[str, Json] | None = None,
    metadata: Mapping[str, Json] | None = None,
) -> list[dict[str, Json]]:
    """The application in both stages, as plain manifests; `{stage}` is not filled in."""
    return [application(f"shop-{stage}", f"shop/{stage}", source=source, spec=spec, metadata=metadata) for stage in TWO]


def charts(helm: Mapping[str, Json], of_prod: Mapping[str, Json] | None = None) -> list[dict[str, Json]]:
    found = []
    for stage in TWO:
        own: dict[str, Json] = {
            "valueFiles": [f"values-{stage}.yaml"],
            **(of_prod if of_prod and stage == "prod" else helm),
        }
        found.append(application(f"shop-{stage}", "charts/shop", source={"helm": own}))
    return found


OWNER: list[Json] = [{"kind": "ApplicationSet", "name": "shops", "apiVersion": "argoproj.io/v1alpha1"}]
CONTEXT = "apiVersion: lifecycle.keptn.sh/v1\nkind: KeptnAppContext\nmetadata:\n  name: shop\n"
PROMOTE = "apiVersion: lifecycle.keptn.sh/v1\nkind: KeptnTaskDefinition\nmetadata:\n  name: promote\n"
SECOND: Json = {"repoURL": "https://charts.example.org", "chart": "redis", "targetRevision": "1.0.0"}
CASES: dict[str, tuple[dict[str, str], list[dict[str, Json]]]] = {
    "application-set": (PLAIN, applications(metadata={"ownerReferences": OWNER})),
    "tracked-by-another": (
        PLAIN,
        applications(
            metadata={"annotations": {"argocd.argoproj.io/tracking-id": "root:argoproj.io/Application:argocd/x"}}
        ),
    ),
    "labelled-by-another": (
        PLAIN,
        [*applications(metadata={"labels": {"app.kubernetes.io/instance": "root"}}), application("root", "argocd")],
    ),
    "plugin": (PLAIN, applications({"plugin": {"name": "envsubst"}})),
    "registry-chart": (PLAIN, applications({"chart": "shop", "path": None})),
    "hydrator": (PLAIN, applications(spec={"sourceHydrator": {"drySource": {}}})),
    "several-sources": (
        PLAIN,
        applications(spec={"sources": [{"repoURL": "https://github.com/acme/gitops", "path": "shop/dev"}, SECOND]}),
    ),
    "tag": (PLAIN, applications({"targetRevision": "v1.0.0"})),
    "no-folder": ({"other/d.yaml": DEPLOYMENT}, applications()),
    "jsonnet": ({f"shop/{stage}/d.jsonnet": "{}" for stage in TWO}, applications()),
    "password": (PLAIN, applications({"repoURL": "https://bot:hunter22@github.com/acme/gitops"})),
    "no-address": (PLAIN, applications({"repoURL": "gitops"})),
    "context": ({**PLAIN, "shop/prod/keptn.yaml": CONTEXT}, applications()),
    "promotion-task": (
        {**PLAIN, "shop/prod/keptn.yaml": f"{CONTEXT.replace('AppContext', 'App')}---\n{PROMOTE}"},
        applications(),
    ),
    "options-differ": (CHARTS, charts({"releaseName": "a"}, {"releaseName": "b"})),
    "unknown-option": (CHARTS, charts({"fromTheFuture": True})),
    "secret": (CHARTS, charts({"parameters": [{"name": "db.password", "value": "hunter22"}]})),
    "images": (
        {f"shop/{stage}/kustomization.yaml": "images: [{name: a, newTag: b}]\n" for stage in TWO},
        applications({"kustomize": {"images": ["a:c"]}}),
    ),
    "version-in-the-application": (CHARTS, charts({"parameters": [{"name": "web.image.tag", "value": "v9"}]})),
    "value-files-of-another-source": (CHARTS, charts({"valueFiles": ["$values/a.yaml"]})),
    "namespace": (PLAIN, [application(f"shop-{stage}", f"shop/{stage}", "default") for stage in TWO]),
    "braces": (PLAIN, [application(f"shop-{stage}", f"shop/{stage}", "{stage}") for stage in TWO]),
    "one-stage": (PLAIN, applications()[:1]),
    "no-version": ({f"shop/{stage}/d.yaml": DEPLOYMENT.replace(":v1.2.3", "") for stage in TWO}, applications()),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_left_out_with_the_reason_and_no_configuration_is_printed(case: str) -> None:
    adoption = adopted(*CASES[case])
    assert adoption.project == {}
    assert not adoption.files
    assert {each.kind for each in adoption.findings} == {Kind.LEFT_OUT}
    first = adoption.kinds(Kind.LEFT_OUT)[0]
    assert_message(f"adopt.left-out.{case}", str(first))
    assert "hunter22" not in " ".join(map(str, adoption.findings))


def test_an_application_that_syncs_otherwise_than_the_rest_of_its_stage_is_left_out() -> None:
    files, found = monorepo()
    files |= {path.replace("shop", "third"): text for path, text in files.items() if "shop" in path}
    found += [
        application(f"third-{stage}", f"apps/third/overlays/{stage}") for stage in ("dev", "staging", "production")
    ]
    found[0]["spec"]["syncPolicy"] = {"syncOptions": ["CreateNamespace=true"]}  # type: ignore[index,call-overload]
    adoption = adopted(files, found)
    assert left_out(adoption).keys() == {"billing"}
    assert_message("adopt.left-out.sync", left_out(adoption)["billing"])
    entries = adoption.project["applications"]
    assert isinstance(entries, list)
    assert [dict(each)["name"] for each in entries if isinstance(each, dict)] == ["shop", "third"]


@pytest.mark.parametrize(
    ("case", "spec", "metadata"),
    [
        ("cluster", {"destination": {"server": "https://other.example.org", "namespace": "third-dev"}}, {}),
        ("argocd", {}, {"namespace": "argocd-other"}),
    ],
)
def test_one_in_another_cluster_or_argo_cd_than_the_rest_of_its_stage_is_left_out(
    case: str, spec: dict[str, Json], metadata: dict[str, Json]
) -> None:
    files, found = monorepo()
    files |= {path.replace("shop", "third"): text for path, text in files.items() if "shop" in path}
    found += [
        application(
            f"third-{stage}",
            f"apps/third/overlays/{stage}",
            spec=spec if stage == "dev" else {},
            metadata=metadata if stage == "dev" else {},
        )
        for stage in ("dev", "staging", "production")
    ]
    adoption = adopted(files, found)
    assert left_out(adoption).keys() == {"third"}
    assert_message(f"adopt.left-out.other-{case}", left_out(adoption)["third"])


def test_an_application_that_is_not_in_every_stage_is_left_out() -> None:
    files, found = monorepo()
    adoption = adopted(files, found[:-1])
    assert left_out(adoption).keys() == {"shop"}
    assert_message("adopt.left-out.stage", left_out(adoption)["shop"])


def test_applications_of_another_repository_are_left_out() -> None:
    files, found = monorepo()
    other = application("tool-dev", "x", source={"repoURL": "https://gitlab.com/acme/other"})
    adoption = adopted(files, [*found, other])
    assert left_out(adoption).keys() == {"tool-dev"}
    assert adoption.project


def test_two_that_are_the_same_application_in_a_stage_are_left_out() -> None:
    files, found = monorepo()
    found.append(application("dev-shop", "apps/shop/overlays/dev"))
    adoption = adopted(files, found)
    assert "dev-shop" in next(iter(left_out(adoption)))


def test_an_app_of_apps_keeps_its_children_as_they_are() -> None:
    files, found = monorepo()
    files["argocd/shop-dev.yaml"] = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: shop-dev\n"
    adoption = adopted(files, [*found, application("root", "argocd")])
    reasons = left_out(adoption)
    assert "app of apps" in reasons["root"]
    assert "Application root" in reasons["shop-dev"]
    assert adoption.project


GUIDE = {
    f"{stage}/{name}": text
    for stage in ("dev", "production")
    for name, text in {
        "Chart.yaml": "apiVersion: v2\nname: podtato-head\nversion: 0.1.0\n",
        "values.yaml": 'serviceVersion: v0.3.0\ncommitID: ""\n',
        "templates/application.yaml": f"{DEPLOYMENT.replace('v1.2.3', '{{.Values.serviceVersion}}')}---\n{CONTEXT}",
    }.items()
}
PARAMETERS: Json = [{"name": "commitID", "value": "$ARGOCD_APP_REVISION"}]
GUIDES = [
    application("podtato-head-dev", "dev", source={"helm": {"parameters": PARAMETERS}}),
    application(
        "podtato-head-prod", "production", "podtato-head-production", source={"helm": {"parameters": PARAMETERS}}
    ),
]


def test_the_guides_own_charts_are_adopted_once_their_context_is_the_programs() -> None:
    before = adopted(GUIDE, GUIDES)
    assert not before.project
    assert "KeptnAppContext" in left_out(before)["podtato-head"]
    after = adopted({path: text.replace(CONTEXT, "") for path, text in GUIDE.items()}, GUIDES)
    assert not left_out(after)
    assert after.project["applications"] == [
        {
            "name": "podtato-head",
            "source": "helm",
            "sourceOptions": {"helm": {"parameters": PARAMETERS}},
            "promotedKeys": ["serviceVersion"],
        }
    ]
    assert after.stacks["production"] == {"adoptExisting": True, "argocdApplication": "{application}-prod"}


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "{{- range .Values.apps }}\nkind: Application\n{{ end }}",
        "a: &a [x]\nb: [*a, *a]",
        "[" * 100 + "]" * 100,
        "\x00",
        "a: \ud800",
        "!!python/object/apply:os.system [echo]",
    ],
)
def test_a_file_that_is_no_yaml_is_left_out_by_its_name(text: str) -> None:
    given, findings = read_given([("bad.yaml", text)])
    assert given == ()
    assert [(each.kind, each.about) for each in findings] == [(Kind.LEFT_OUT, "bad.yaml")]
    assert str(findings[0]).isprintable()


def test_a_file_that_is_too_long_is_left_out_unread() -> None:
    _, findings = read_given([("long.yaml", "a: b\n" * (MOST_BYTES // 5 + 1))])
    assert_message("adopt.left-out.long", str(findings[0]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "[1, 2]",
        "kind: List\nitems: 7",
        "kind: Service\nmetadata: {name: x}",
        "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: x}\n",
    ],
)
def test_what_is_no_application_is_passed_over(text: str) -> None:
    assert read_given([("other.yaml", text)]) == ((), ())


def test_an_application_set_and_an_application_without_a_spec_are_named() -> None:
    head = "apiVersion: argoproj.io/v1alpha1\nmetadata: {name: shops}\n"
    _, findings = read_given([("a.yaml", f"{head}kind: ApplicationSet\n---\n{head}kind: Application\n")])
    assert [each.about for each in findings] == ["ApplicationSet shops", "a.yaml"]


def test_a_list_as_kubectl_prints_it_is_read() -> None:
    item = "- apiVersion: argoproj.io/v1alpha1\n  kind: Application\n  metadata: {name: %s}\n  spec: {project: a}\n"
    given, _ = read_given([("list.yaml", f"apiVersion: v1\nkind: List\nitems:\n{item % 'x'}{item % 'y'}")])
    assert [each.name for each in given] == ["x", "y"]


@pytest.mark.parametrize("field", ["source", "destination", "syncPolicy", "project", "ignoreDifferences"])
@pytest.mark.parametrize("junk", [7, "a", [None], {"a": {"b": []}}])
def test_junk_in_a_field_is_no_traceback(field: str, junk: Json) -> None:
    adoption = adopted(PLAIN, applications(spec={field: junk}))
    assert left_out(adoption) or adoption.project
