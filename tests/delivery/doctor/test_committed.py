"""What is committed, held against what each stack would have there: a stack that was not updated shows."""

import json

import pytest

from delivery.doctor.check import Check
from delivery.doctor.registry import run
from delivery.model.settings import SETTINGS_PATH
from delivery.stack.repository_files import stage_files
from lab.forge import Forge
from tests.delivery.doctor.surroundings import (
    REPOSITORY,
    answer,
    assert_told,
    commit_declared,
    inspection,
    named,
    on,
)

FILES, SETTINGS, TARGETS = "workflow and charts", "pipeline settings", "target folders"
VALUES = "values"
UP_DEV, UP_PRODUCTION = (f"pulumi up --refresh --run-program -s {stack}" for stack in ("dev", "production"))
APPLICATION = {
    "name": "podtato-head", "image": "example/image", "workload": "podtato-head", "containerPort": 9000,
    "servicePort": 8080, "firstVersion": "v0.3.0",
}  # fmt: skip


def checks(forge: Forge, stack: str = "dev", **keys: str) -> dict[str, Check]:
    return named(inspection(forge, stack, **keys), "repository")


def wrong(forge: Forge, stack: str, **keys: str) -> dict[str, str]:
    """The fixes of the checks that are wrong, by name."""
    return {name: check.fix for name, check in checks(forge, stack, **keys).items() if check.status == "wrong"}


def promoting(*keys: str) -> str:
    return json.dumps([APPLICATION | {"promotedKeys": keys}])


def test_a_changed_workflow_is_wrong_and_the_first_stage_fixes_it(forge: Forge) -> None:
    forge.commit(REPOSITORY, {".github/workflows/promote.yaml": "name: another\n"}, "Tinker")
    assert wrong(forge, "production") == {FILES: UP_DEV}
    assert wrong(forge, "dev") == {FILES: UP_DEV}


def test_missing_files_are_wrong_and_each_stack_fixes_its_own(forge: Forge) -> None:
    gone = dict.fromkeys((".github/promoter/promoter.py", "production/Chart.yaml", "production/platform.yaml"))
    forge.commit(REPOSITORY, {**gone, "production/templates/application.yaml": "x"}, "Tidy up")
    assert_told("committed.files", checks(forge, "production")[FILES])


def test_promoted_values_are_not_drift(forge: Forge) -> None:
    forge.commit(REPOSITORY, {"dev/values.yaml": "serviceVersion: v0.3.1\n"}, "Release v0.3.1")
    assert checks(forge)[FILES].status == "ok"


def test_a_branch_with_slashes_in_its_name_is_read_as_well(forge: Forge) -> None:
    forge.create_repository("acme/slashes", default_branch="release/1.x", files={"README.md": "x"})
    found = checks(forge, repositoryName="slashes", defaultBranch="release/1.x")
    assert {found[name].status for name in (FILES, SETTINGS, TARGETS)} == {"wrong"}


def test_a_list_of_files_that_github_cut_off_says_nothing_of_what_is_not_in_it(forge: Forge) -> None:
    tip = forge.branch(REPOSITORY, "main")
    answer(forge, f"/git/trees/{tip}?recursive=1", {"tree": [], "truncated": True})
    assert checks(forge)[FILES].status == "unknown"


@pytest.mark.parametrize("stack", ["dev", "production"])
def test_settings_that_are_missing_or_unreadable_are_wrong_in_every_stack(forge: Forge, stack: str) -> None:
    for content in ("{}", None):
        forge.commit(REPOSITORY, {SETTINGS_PATH: content}, "Tinker")
        assert wrong(forge, stack) == {SETTINGS: UP_DEV}


def test_a_pipeline_that_changed_for_every_stack_and_was_updated_in_one(forge: Forge) -> None:
    changed = {"pathPattern": "clusters/{stage}"}
    commit_declared(forge, "production", **changed)

    assert wrong(forge, "production", **changed) == {SETTINGS: UP_DEV}
    assert wrong(forge, "dev", **changed) == {FILES: UP_DEV, SETTINGS: UP_DEV}
    assert_told("committed.settings", checks(forge, "production", **changed)[SETTINGS])

    commit_declared(forge, "dev", **changed)
    assert wrong(forge, "production", **changed) == wrong(forge, "dev", **changed) == {}


def test_a_target_that_was_not_updated_shows_in_the_stage_that_promotes_into_it(forge: Forge) -> None:
    changed = {"pathPattern": "clusters/{stage}"}
    commit_declared(forge, "dev", **changed)
    assert wrong(forge, "dev", **changed) == {TARGETS: UP_PRODUCTION}
    assert wrong(forge, "production", **changed) == {FILES: UP_PRODUCTION}
    assert_told("committed.no_target", checks(forge, **changed)[TARGETS])


@pytest.mark.parametrize("keys", [("image.tag",), ("serviceVersion", "digest")])
def test_promoted_keys_that_the_target_does_not_deploy_by_are_wrong(forge: Forge, keys: tuple[str, ...]) -> None:
    commit_declared(forge, "dev", "production", applications=promoting("serviceVersion", "replicas"))
    commit_declared(forge, "dev", applications=promoting(*keys))
    assert wrong(forge, "dev", applications=promoting(*keys)) == {TARGETS: UP_PRODUCTION}


@pytest.mark.parametrize(
    "text", ["[", "- a", "application: podtato-head", "application: {name: another, stage: production}"]
)
def test_a_target_s_platform_file_that_is_something_else_is_wrong(forge: Forge, text: str) -> None:
    forge.commit(REPOSITORY, {"production/platform.yaml": text}, "Tinker")
    assert wrong(forge, "dev") == {TARGETS: UP_PRODUCTION}


def test_reviewers_that_differ_are_told_in_every_stack(forge: Forge) -> None:
    for stack in ("dev", "production"):
        check = checks(forge, stack, promotionReviewers='["rita"]')[SETTINGS]
        assert (check.status, check.fix) == ("wrong", UP_DEV)
        assert "reviewers" in check.detail


def test_what_github_does_not_answer_is_unknown(forge: Forge) -> None:
    forge.fail_next("GET", r"/contents/", status=500, times=2)
    found = checks(forge)
    assert (found[SETTINGS].status, found[TARGETS].status) == ("unknown", "unknown")


def test_the_files_of_a_stage_with_a_branch_of_its_own_are_looked_for_there(forge: Forge) -> None:
    stages = json.dumps([{"name": "dev"}, {"name": "production", "after": ["dev"], "revision": "env/production"}])
    commit_declared(forge, "dev", stages=stages)
    assert checks(forge, "production", stages=stages)[FILES].status == "unknown", "the branch is not there"
    configuration = on(forge, "production", stages=stages)
    files = [file for one in configuration.stage_applications for file in stage_files(configuration, one)]
    forge.commit(REPOSITORY, {file.path: file.content for file in files}, "Declare", branch="env/production")
    found = checks(forge, "production", stages=stages)
    assert (found[FILES].status, checks(forge, "dev", stages=stages)[TARGETS].status) == ("ok", "ok")
    gone: dict[str, str | bytes | None] = dict.fromkeys(file.path for file in files)
    forge.commit(REPOSITORY, gone, "Take away", branch="env/production")
    assert checks(forge, "production", stages=stages)[FILES].status == "wrong"


DIGEST = f"sha256:{'0' * 64}"


def of_values(forge: Forge, values: str, **keys: str) -> list[Check]:
    """What is said of these values of the first stage."""
    forge.commit(REPOSITORY, {"dev/values.yaml": values}, "Change the values")
    return [check for check in run(inspection(forge, "dev", **keys), "repository") if check.name == VALUES]


@pytest.mark.parametrize(
    ("values", "keys", "moves"),
    [
        ("serviceVersion: latest\n", ["serviceVersion"], ["serviceVersion is latest"]),
        ("serviceVersion: v1\n", ["serviceVersion"], []),
        (f"serviceVersion: latest@{DIGEST}\n", ["serviceVersion"], []),
        (f"serviceVersion: latest\ndigest: {DIGEST}\n", ["serviceVersion"], []),
        (
            "serviceVersion: v1\ncontainers: {proxy: {image: a, tag: main}}\nenv: {BRANCH: main}\n",
            ["serviceVersion", "containers.proxy.tag", "env.BRANCH"],
            ["containers.proxy.tag is main"],
        ),
    ],
)
def test_a_tag_that_moves_is_told(forge: Forge, values: str, keys: list[str], moves: list[str]) -> None:
    found = of_values(forge, values, applications=promoting(*keys))
    assert [check.status for check in found] == ["unknown" for _ in moves] or ["ok"]
    assert [moved for moved, check in zip(moves, found, strict=False) if moved not in check.detail] == []


def test_values_that_helm_refuses_are_wrong_and_those_that_nothing_reads_are_told(forge: Forge) -> None:
    found = of_values(forge, "serviceVersion: v1\nenv: {PORT: 8080}\nreplica: 3\nours: 1\n")
    assert [check.status for check in found] == ["wrong", "unknown"]
    for key, check in zip(("values.refused", "values.unread"), found, strict=True):
        assert_told(key, check)


@pytest.mark.parametrize("values", ["- a\n", "a: [\n", "serviceVersion: {a: 1}\n"])
def test_values_that_cannot_be_read_are_wrong(forge: Forge, values: str) -> None:
    assert {check.status for check in of_values(forge, values)} == {"wrong"}


def test_the_tags_of_a_team_s_own_files_are_read_where_they_are(forge: Forge) -> None:
    own = {"name": "podtato-head", "source": "kustomize", "path": "overlays/{stage}"}
    keys = [{"file": "kustomization.yaml", "key": f"images.[name=web].{name}"} for name in ("newTag", "digest")]
    forge.commit(
        REPOSITORY,
        {"overlays/dev/kustomization.yaml": "images: [{name: web, newTag: main}]\nours: 1\n"},
        "An overlay",
    )
    tags = json.dumps([own | {"promotedKeys": keys[:1]}])

    [found] = [
        check for check in run(inspection(forge, "dev", applications=tags), "repository") if check.name == VALUES
    ]

    assert (found.status, "newTag is main" in found.detail) == ("unknown", True)
    assert_told("values.moving_tag", found)
