"""The layouts of repositories that teams have: each is described, read again, planned, and found to change nothing."""

import json

import pytest

from delivery.adopt.adoption import Adoption
from delivery.adopt.given import Kind
from delivery.adopt.grouping import Hints
from delivery.config.errors import Json
from delivery.config.reader import parse
from delivery.model.promoted_keys import PromotedKey
from delivery.model.stack import StackConfiguration
from delivery.stack.manifests import argocd_application_spec, generate_paths
from tests.delivery.adopt.layouts import (
    DEPLOYMENT,
    STAGES,
    URL,
    adopted,
    application,
    branches,
    chart,
    charts_of_charts,
    differing,
    left_out,
    monorepo,
    overlay,
    patches,
    values,
    values_beside_the_chart,
    values_elsewhere,
)
from tests.messages import assert_message


def configuration(adoption: Adoption, stage: str) -> StackConfiguration:
    found = {**adoption.project, **adoption.stacks[stage]}
    raw = {key: value if isinstance(value, str) else json.dumps(value) for key, value in found.items()}
    return parse(raw, stage, other_names={})


def keys(adoption: Adoption) -> dict[str, list[str]]:
    pipeline = configuration(adoption, next(iter(adoption.stacks))).pipeline
    return {found.name: [key.name for key in found.promoted_keys] for found in pipeline.applications}


def team_sources(adoption: Adoption) -> dict[str, Json]:
    """The team's source of each Argo CD Application that the configuration has."""
    found: dict[str, Json] = {}
    for stage in adoption.stacks:
        stack = configuration(adoption, stage)
        for placed in stack.stage_applications:
            sources = argocd_application_spec(stack, placed)["sources"]
            found[placed.argocd_application] = sources[0] if isinstance(sources, list) else None
    return found


@pytest.mark.parametrize(
    ("layout", "promoted"),
    [
        (
            monorepo(),
            {name: [f"kustomization.yaml:images.[name=ghcr.io/acme/{name}].newTag"] for name in ("billing", "shop")},
        ),
        (values_beside_the_chart(), {"shop": ["values-{stage}.yaml:web.image.tag"]}),
        (
            values_elsewhere("../../"),
            {name: [f"../../envs/{{stage}}/{name}.yaml:web.image.tag"] for name in ("billing", "shop")},
        ),
        (values_elsewhere("/"), {name: [f"/envs/{{stage}}/{name}.yaml:web.image.tag"] for name in ("billing", "shop")}),
        (charts_of_charts(), {"shop": ["Chart.yaml:dependencies.[name=shop].version"]}),
        (patches(), {"shop": ["image.yaml:spec.template.spec.containers.[name=web].image"]}),
        (branches(), {"shop": ["deployment.yaml:spec.template.spec.containers.[name=web].image"]}),
    ],
    ids=[
        "monorepo",
        "values-beside-the-chart",
        "values-elsewhere",
        "values-from-the-root",
        "charts-of-charts",
        "patches",
        "branches",
    ],
)
def test_a_layout_is_described_as_it_is_and_its_keys_travel(
    layout: tuple[dict[str, str], list[dict[str, Json]]], promoted: dict[str, list[str]]
) -> None:
    files, applications = layout
    adoption = adopted(files, applications)
    assert not left_out(adoption)
    assert not differing(adoption)
    assert tuple(adoption.stacks) == STAGES
    assert keys(adoption) == promoted
    given = {str(each["metadata"]["name"]): each["spec"]["source"] for each in applications}  # type: ignore[index,call-overload]
    assert team_sources(adoption) == given
    assert len(adoption.kinds(Kind.EXPECTED)) == len(applications)


def test_a_chart_of_charts_with_a_lock_has_no_version_that_could_change_alone() -> None:
    assert left_out(adopted(*charts_of_charts(lock=True))).keys() == {"shop"}


def test_a_file_that_all_stages_share_has_nothing_that_travels() -> None:
    files = {"shop/d.yaml": DEPLOYMENT}
    adoption = adopted(files, [application(f"shop-{stage}", "shop") for stage in STAGES])
    assert_message("adopt.left-out.shared", left_out(adoption)["shop"])


def test_a_base_that_overlays_read_is_watched_too() -> None:
    adoption = adopted(*monorepo())
    stack = configuration(adoption, "staging")
    assert generate_paths(stack.stage_applications[1]).split(";") == [
        "/apps/shop/overlays/staging",
        "/.delivery/shop/staging",
        "/apps/shop/base",
    ]


def test_the_same_layout_has_one_pattern_however_many_applications_there_are() -> None:
    adoption = adopted(*monorepo())
    assert adoption.project["pathPattern"] == "apps/{application}/overlays/{stage}"
    assert adoption.project["stages"] == [
        {"name": "dev"},
        {"name": "staging", "after": ["dev"]},
        {"name": "production", "after": ["staging"]},
    ]


def test_a_name_that_one_stage_has_otherwise_is_in_that_stages_stack() -> None:
    files = chart() | {f"charts/shop/values-{stage}.yaml": values("v1") for stage in ("dev", "production")}
    adoption = adopted(
        files,
        [
            application(
                f"shop-{short}",
                "charts/shop",
                f"shop-{stage}",
                source={"helm": {"valueFiles": [f"values-{stage}.yaml"]}},
            )
            for stage, short in {"dev": "dev", "production": "prod"}.items()
        ],
    )
    assert not left_out(adoption)
    assert adoption.stacks["production"]["argocdApplication"] == "{application}-prod"
    assert "argocdApplication" not in adoption.stacks["dev"]


def test_regions_are_stages_that_follow_the_same_one() -> None:
    files = {f"shop/{stage}/d.yaml": DEPLOYMENT for stage in ("dev", "prod-eu", "prod-us")}
    adoption = adopted(
        files, [application(f"shop-{stage}", f"shop/{stage}") for stage in ("dev", "prod-eu", "prod-us")]
    )
    assert adoption.project["stages"] == [
        {"name": "dev"},
        {"name": "prod-eu", "after": ["dev"]},
        {"name": "prod-us", "after": ["dev"]},
    ]


def test_stages_with_names_of_nobody_elses_are_told_by_a_person() -> None:
    files = {f"shop/{stage}/d.yaml": DEPLOYMENT for stage in ("blue", "green")}
    applications = [application(f"shop-{stage}", f"shop/{stage}") for stage in ("blue", "green")]
    assert left_out(adopted(files, applications)).keys() == {"shop-blue", "shop-green"}
    adoption = adopted(files, applications, Hints(("green", "blue")))
    assert not left_out(adoption)
    assert tuple(adoption.stacks) == ("green", "blue")


def test_an_application_whose_name_says_nothing_is_named_by_a_person() -> None:
    files = {f"{stage}/d.yaml": DEPLOYMENT for stage in ("dev", "prod")}
    applications = [application("alpha", "dev", "shop-dev"), application("omega", "prod", "shop-prod")]
    assert not adopted(files, applications).project
    adoption = adopted(files, applications, Hints(applications={"shop": ("alpha", "omega")}))
    assert not left_out(adoption)
    assert [stack["argocdApplication"] for stack in adoption.stacks.values()] == ["alpha", "omega"]


def test_a_folder_with_recurse_and_every_sync_option_stays_as_it_is() -> None:
    files = {f"shop/{stage}/web/d.yaml": DEPLOYMENT for stage in ("dev", "prod")}
    retry: Json = {"limit": 2, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "1m"}}
    ignored: Json = [{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}]
    policy: dict[str, Json] = {"automated": {"prune": True}, "syncOptions": ["ServerSideApply=true"], "retry": retry}
    adoption = adopted(
        files,
        [
            application("shop-dev", "shop/dev", source={"directory": {"recurse": True}}),
            application(
                "shop-prod",
                "shop/prod",
                source={"directory": {"recurse": True}},
                spec={
                    "project": "prod",
                    "syncPolicy": policy,
                    "ignoreDifferences": ignored,
                    "destination": {"name": "prod-cluster", "namespace": "shop-prod"},
                },
                metadata={
                    "namespace": "argocd-prod",
                    "finalizers": ["resources-finalizer.argocd.argoproj.io"],
                    "labels": {"team": "shop"},
                    "annotations": {
                        "notifications.argoproj.io/subscribe.on-sync-failed.slack": "shop",
                        "kubectl.kubernetes.io/last-applied-configuration": "{}",
                        "argocd.argoproj.io/refresh": "hard",
                    },
                },
            ),
        ],
    )
    assert not left_out(adoption)
    assert not differing(adoption)
    decided = [each for each in adoption.kinds(Kind.DECIDE) if each.about == "prod"]
    for name, each in zip(("cluster", "project"), decided, strict=True):
        assert_message(f"adopt.decide-{name}", str(each))
    assert adoption.stacks["prod"] == {
        "adoptExisting": True,
        "argocdNamespace": "argocd-prod",
        "argocdProject": "prod",
        "destinationName": "prod-cluster",
        "argocdFinalizer": True,
        "argocdLabels": {"team": "shop"},
        "argocdAnnotations": {"notifications.argoproj.io/subscribe.on-sync-failed.slack": "shop"},
    }


def test_manual_sync_stays_manual() -> None:
    files = {f"shop/{stage}/d.yaml": DEPLOYMENT for stage in ("dev", "prod")}
    adoption = adopted(
        files, [application(f"shop-{stage}", f"shop/{stage}", spec={"syncPolicy": {}}) for stage in ("dev", "prod")]
    )
    assert not differing(adoption)
    assert not left_out(adoption)
    sync: Json = {"mode": "manual", "syncOptions": []}
    assert adoption.project["stages"] == [
        {"name": "dev", "sync": sync},
        {"name": "prod", "after": ["dev"], "sync": sync},
    ]


def test_head_becomes_the_default_branch_and_that_is_said() -> None:
    files = {f"shop/{stage}/d.yaml": DEPLOYMENT for stage in ("dev", "prod")}
    applications = [
        application(f"shop-{stage}", f"shop/{stage}", source={"targetRevision": "HEAD"}) for stage in ("dev", "prod")
    ]
    adoption = adopted(files, applications)
    assert not left_out(adoption)
    assert not differing(adoption)
    assert_message("adopt.expected-head", str(adoption.kinds(Kind.EXPECTED)[0]))


def test_an_address_by_ssh_stays_the_one_that_argo_cd_knows() -> None:
    files = {f"shop/{stage}/d.yaml": DEPLOYMENT for stage in ("dev", "prod")}
    url = "git@github.com:acme/gitops.git"
    adoption = adopted(
        files, [application(f"shop-{stage}", f"shop/{stage}", source={"repoURL": url}) for stage in ("dev", "prod")]
    )
    assert not left_out(adoption)
    assert adoption.project["argocdRepoURL"] == url
    assert (adoption.project["repositoryOwner"], adoption.project["repositoryName"]) == ("acme", "gitops")


def test_what_the_program_does_not_write_is_a_difference() -> None:
    files = {f"shop/{stage}/d.yaml": DEPLOYMENT for stage in ("dev", "prod")}
    applications = [
        application(f"shop-{stage}", f"shop/{stage}", spec={"revisionHistoryLimit": 3}) for stage in ("dev", "prod")
    ]
    adoption = adopted(files, applications)
    assert adoption.project
    assert_message("adopt.differs", differing(adoption)[0])


def test_the_keys_that_a_person_names_are_those_that_travel() -> None:
    files = chart() | {f"charts/shop/values-{stage}.yaml": "build: 7\n" for stage in STAGES}
    _, applications = values_beside_the_chart()
    assert "no version" in left_out(adopted(files, applications))["shop"]
    found = adopted(files, applications, keys={"shop": (PromotedKey("build", "values-{stage}.yaml"),)})
    assert keys(found) == {"shop": ["values-{stage}.yaml:build"]}
    missing = adopted(files, applications, keys={"shop": (PromotedKey("other", "values-{stage}.yaml"),)})
    assert "--key" in left_out(missing)["shop"]


def test_a_digest_travels_behind_its_tag_and_a_value_of_one_stage_is_named() -> None:
    _, applications = monorepo()
    files, _ = monorepo()
    for stage in STAGES:
        digest = f"    digest: sha256:{'a' * 64}\n"
        extra = "  - name: redis\n    newTag: v7\n" if stage == "dev" else ""
        files[f"apps/shop/overlays/{stage}/kustomization.yaml"] = overlay("ghcr.io/acme/shop", "v1") + digest + extra
    adoption = adopted(files, applications)
    image = "kustomization.yaml:images.[name=ghcr.io/acme/shop]"
    assert keys(adoption)["shop"] == [f"{image}.newTag", f"{image}.digest"]
    said = [each.text for each in adoption.kinds(Kind.DECIDE) if each.about == "shop"]
    assert any("[name=redis].newTag" in text for text in said)
    assert URL.endswith("acme/gitops")


def test_a_version_label_travels_with_its_image_and_a_missing_one_is_a_decision() -> None:
    labelled = DEPLOYMENT.replace(
        "  template:\n", "  template:\n    metadata:\n      labels:\n        app.kubernetes.io/version: v1.2.3\n"
    )
    files = {f"shop/{stage}/d.yaml": labelled for stage in STAGES}
    applications = [application(f"shop-{stage}", f"shop/{stage}") for stage in STAGES]
    adoption = adopted(files, applications)
    template = "d.yaml:spec.template"
    assert keys(adoption) == {
        "shop": [
            rf"{template}.metadata.labels.app\.kubernetes\.io/version",
            f"{template}.spec.containers.[name=web].image",
        ]
    }
    assert not [each for each in adoption.kinds(Kind.DECIDE) if "Keptn" in each.text]
    without = adopted(dict.fromkeys(files, DEPLOYMENT), applications)
    assert [each.about for each in without.kinds(Kind.DECIDE) if "Keptn" in each.text] == ["shop"]


def test_a_finalizer_that_only_some_have_is_not_printed_but_said() -> None:
    files, applications = monorepo()
    applications[0] = application(
        "billing-dev",
        "apps/billing/overlays/dev",
        metadata={"finalizers": ["resources-finalizer.argocd.argoproj.io"]},
    )
    adoption = adopted(files, applications)
    assert "argocdFinalizer" not in adoption.stacks["dev"]
    assert_message("adopt.differs-finalizer", str(adoption.kinds(Kind.DIFFERS)[0]))


def test_the_labels_that_all_applications_of_a_stage_have_are_the_stacks() -> None:
    files, applications = monorepo()
    for number, each in enumerate(applications):
        metadata = each["metadata"]
        assert isinstance(metadata, dict)
        metadata["labels"] = {"team": "shop", "number": str(number)}
    adoption = adopted(files, applications)
    assert adoption.stacks["dev"]["argocdLabels"] == {"team": "shop"}


def test_what_the_base_of_a_base_reads_is_watched_too() -> None:
    files, applications = monorepo()
    files["apps/shop/base/kustomization.yaml"] = "resources: [deployment.yaml]\ncomponents: [../../../common/labels]\n"
    files["common/labels/kustomization.yaml"] = "kind: Component\n"
    stack = configuration(adopted(files, applications), "dev")
    assert generate_paths(stack.stage_applications[1]).split(";")[2:] == ["/apps/shop/base", "/common/labels"]


def test_what_an_application_watched_before_it_watches_still() -> None:
    files = {f"shop/{stage}/d.yaml": DEPLOYMENT for stage in ("dev", "prod")} | {"shared/a.yaml": "a: b\n"}
    watched: dict[str, Json] = {"annotations": {"argocd.argoproj.io/manifest-generate-paths": ".;/shared"}}
    applications = [application(f"shop-{stage}", f"shop/{stage}", metadata=watched) for stage in ("dev", "prod")]
    stack = configuration(adopted(files, applications), "dev")
    assert generate_paths(stack.stage_applications[0]) == "/shop/dev;/.delivery/shop/dev;/shared"


def test_a_value_that_no_template_reads_does_not_travel() -> None:
    files, applications = values_beside_the_chart()
    files |= {path: f"{text}ciVersion: 7\n" for path, text in files.items() if "values-" in path}
    assert keys(adopted(files, applications)) == {"shop": ["values-{stage}.yaml:web.image.tag"]}
