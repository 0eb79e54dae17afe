"""From a configuration to the model: what the shipped one gives, and every mistake with its kind and place."""

import json
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

from delivery.config.errors import REPORTED, ConfigError, Json, Kind
from delivery.config.keys import TABLE
from delivery.config.reader import parse
from delivery.model.stack import StackConfiguration
from delivery.model.sync import SyncPolicy
from tests.delivery.config.configurations import APPLICATION, FIVE, SHIPPED, applications, kinds, raw, refused
from tests.messages import assert_message


def parsed(stack: str = "dev", **changes: Json) -> StackConfiguration:
    return parse(raw("production" if stack == "production" else "dev", **changes), stack)


def test_the_shipped_stages_are_dev_and_then_production() -> None:
    dev, production = parsed("dev"), parsed("production")
    assert (dev.promotes_to, production.promotes_to) == (("production",), ())
    assert (dev.owns_repository, production.owns_repository) == (True, False)
    assert [str(edge) for edge in dev.pipeline.edges()] == ["podtato-head: dev → production"]
    assert dev.pipeline == parsed("dev").pipeline
    assert dev.pipeline.repository.is_example
    assert not parsed("dev", repositoryOwner="acme").pipeline.repository.is_example


def test_the_pipeline_is_a_graph_with_fan_out_and_joins() -> None:
    pipeline = parsed("dev", stages=FIVE).pipeline
    assert {stage.name: pipeline.targets(stage) for stage in pipeline.stages} == {
        "dev": ("load", "acceptance"),
        "load": ("staging",),
        "acceptance": ("staging",),
        "staging": ("production",),
        "production": (),
    }
    assert pipeline.downstream(pipeline.first_stage) == ("load", "acceptance", "staging", "production")


def test_stages_may_stand_in_any_order_and_have_several_beginnings() -> None:
    pipeline = parsed("dev", stages=[*reversed(FIVE), {"name": "lab"}]).pipeline
    assert pipeline.first_stage.name == "dev"
    assert pipeline.targets(pipeline.first_stage) == ("acceptance", "load")


@pytest.mark.parametrize(
    ("api_url", "server"),
    [
        ("https://api.github.com", "https://github.com"),
        ("https://github.acme.example/api/v3", "https://github.acme.example"),
        ("http://127.0.0.1:8080/api/v3", "http://127.0.0.1:8080"),
    ],
)
def test_the_repositorys_addresses_follow_from_the_api(api_url: str, server: str) -> None:
    found = parsed("dev", githubApiUrl=api_url).pipeline.repository
    assert (found.server_url, found.url) == (server, f"{server}/example-org/podtato-head-gitops")


def test_defaults_are_enough_for_a_pipeline() -> None:
    required = {"repositoryOwner": "acme", "repositoryName": "gitops"}
    stages, application = '[{"name": "dev"}, {"name": "production", "after": ["dev"]}]', json.dumps([APPLICATION])
    stack = parse(required | {"stages": stages, "applications": application}, "production")
    assert stack.pipeline.repository.default_branch == "main"
    assert (stack.argocd.namespace, stack.argocd.project, stack.argocd.finalizer) == ("argocd", "default", False)
    assert (stack.cluster.mode, stack.cluster.context) == ("deploy", "")
    assert stack.pipeline.applications[0].workload == "podtato-head"


def test_numbers_and_flags_may_be_texts_and_versions_look_like_numbers() -> None:
    found = parsed(
        "dev", adoptExisting="true", promotionRetries="0", applications=applications({"firstVersion": "1.10"})
    )
    assert (found.cluster.adopt_existing, found.pipeline.promotions.retries) == (True, 0)
    assert found.pipeline.applications[0].first_version == "1.10"


def test_what_a_stage_has_for_its_pull_requests_goes_along_with_its_edges() -> None:
    stages: list[Json] = [
        {"name": "dev"},
        {"name": "staging", "after": ["dev"]},
        {"name": "production", "after": ["staging"], "labels": ["live"], "reviewers": ["rita"], "teamReviewers": []},
    ]
    settings = parsed("dev", stages=stages, promotionLabels=["all"], promotionTeamReviewers=["ops"])
    found = settings.pipeline.promotion_settings()
    assert [
        (found.labels_for(edge), found.reviewers_for(edge), found.team_reviewers_for(edge)) for edge in found.edges
    ] == [(("all",), (), ("ops",)), (("live",), ("rita",), ())]


@pytest.mark.parametrize(("commits", "sign"), [(None, False), ("unsigned", False), ("signed", True)])
def test_the_promoter_is_told_whether_commits_are_signed(commits: str | None, sign: bool) -> None:
    assert parsed("dev", promotionCommits=commits).pipeline.promotion_settings().sign_commits is sign


SYNC: dict[str, Json] = {
    "mode": "manual",
    "prune": False,
    "selfHeal": "false",
    "retry": {"limit": 2, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m"}},
    "syncOptions": [],
    "window": "Tuesdays, 10:00 to 12:00 UTC",
    "ignoreDifferences": [{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}],
}


def test_how_a_stage_is_synced_is_its_own() -> None:
    stages: list[Json] = [{"name": "dev"}, {"name": "production", "after": ["dev"], "sync": SYNC}]
    dev, production = (stage.sync for stage in parsed("dev", stages=stages).pipeline.stages)
    assert dev == SyncPolicy()
    assert production == SyncPolicy(
        automated=False,
        prune=False,
        self_heal=False,
        retry={"limit": 2, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m"}},
        options=(),
        window="Tuesdays, 10:00 to 12:00 UTC",
        ignore_differences=({"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]},),
    )


@pytest.mark.parametrize(
    "value",
    [
        {"limits": 3},
        {"limit": "3"},
        {"limit": True},
        {"backoff": {"duration": "5 s"}},
        {"backoff": {"factor": 1.5}},
        {"backoff": []},
        [],
    ],
    ids=str,
)
def test_a_retry_that_argo_cd_does_not_know_is_refused(value: Json) -> None:
    assert kinds(refused({"stages": [{"name": "dev", "sync": {"retry": value}}]})) == [
        ("delivery:stages[0].sync.retry", Kind.NOT_ALLOWED)
    ]


@pytest.mark.parametrize(
    "entry",
    [
        "Deployment",
        {"jsonPointers": ["/spec/replicas"]},
        {"kind": "Deployment", "jsonPointers": []},
        {"kind": "Deployment", "jsonPointers": "/spec/replicas"},
        {"kind": "Deployment", "jsonPointers": [1]},
        {"kind": "Deployment", "jsonPointer": ["/spec/replicas"], "jqPathExpressions": ["."]},
        {"kind": ["Deployment"], "jqPathExpressions": [".spec"]},
    ],
    ids=str,
)
def test_an_ignored_difference_that_argo_cd_does_not_know_is_refused(entry: Json) -> None:
    assert kinds(refused({"stages": [{"name": "dev", "sync": {"ignoreDifferences": [entry]}}]})) == [
        ("delivery:stages[0].sync.ignoreDifferences", Kind.NOT_ALLOWED)
    ]


@pytest.mark.parametrize(
    "url",
    [
        "git@github.com:Example-Org/podtato-head-gitops.git",
        "ssh://git@ssh.github.com:443/example-org/podtato-head-gitops",
        "https://git.internal/example-org/podtato-head-gitops.git",
    ],
)
def test_the_repository_may_have_another_address_in_argo_cd(url: str) -> None:
    found = parsed("dev", argocdRepoURL=url).pipeline.repository
    assert (found.repo_url, found.url) == (url, "https://github.com/example-org/podtato-head-gitops")


def test_a_request_is_what_was_asked_for_and_empty_inputs_are_none() -> None:
    request = parsed("production", promote={"from": "dev", "to": "production", "version": "", "again": "true"}).request
    assert (request.source, request.version, request.again) == ("dev", "", True)


KEY, IMAGE = "delivery:applications[0].promotedKeys", ".image"
MISTAKES: list[tuple[dict[str, Json], str, Kind]] = [
    ({"stages": [{"name": "dev"}, {"name": "dev"}]}, "stages[1].name", Kind.REPEATED),
    ({"stages": [{"name": "dev"}, {"name": "eu", "after": ["dev", "dev"]}]}, "stages[1].after[1]", Kind.REPEATED),
    ({"stages": [{"name": "dev"}, {"name": "eu", "after": ["develop"]}]}, "stages[1].after[0]", Kind.UNKNOWN_NAME),
    ({"stages": [{"name": "dev", "after": ["dev"]}]}, "stages[0].after", Kind.CYCLE),
    (
        {"stages": [*FIVE[:2], {"name": "acceptance", "after": ["production"]}, *FIVE[3:]]},
        "stages[2].after",
        Kind.CYCLE,
    ),
    ({"stages": [{"name": "eu"}]}, "stages", Kind.UNKNOWN_NAME),
    ({"stages": [{"name": "dev", "labels": ["live"]}]}, "stages[0].labels", Kind.NOT_ALLOWED),
    ({"stages": [{"name": "dev", "afer": []}]}, "stages[0].afer", Kind.UNKNOWN_KEY),
    ({"stages": ["dev"]}, "stages[0]", Kind.NOT_ALLOWED),
    ({"stages": []}, "stages", Kind.NOT_ALLOWED),
    ({"stages": "[{"}, "stages", Kind.NOT_ALLOWED),
    ({"applications": applications({}, {})}, "applications[1].name", Kind.REPEATED),
    ({"applications": [{"name": "web"}]}, "applications[0].image", Kind.MISSING),
    ({"applications": applications({"promotedKeys": []})}, "applications[0].promotedKeys", Kind.NOT_ALLOWED),
    (
        {"applications": applications({"promotedKeys": ["image.tag", "image"]})},
        "applications[0].promotedKeys[1]",
        Kind.NOT_ALLOWED,
    ),
    (
        {"applications": applications({"promotedKeys": ["flag", "serviceVersion"]})},
        "applications[0].promotedKeys[1]",
        Kind.NOT_ALLOWED,
    ),
    (
        {"applications": applications({"promotedKeys": ["serviceVersion", "config.logLevel"]})},
        "applications[0].promotedKeys[1]",
        Kind.NOT_ALLOWED,
    ),
    (
        {"applications": applications({"promotedKeys": ["replicas"]})},
        "applications[0].promotedKeys[0]",
        Kind.NOT_ALLOWED,
    ),
    ({"applications": applications({"firstVersion": 1.1})}, "applications[0].firstVersion", Kind.NOT_ALLOWED),
    ({"promotionRetries": "3"}, "promotionTimeoutSeconds", Kind.NOT_ALLOWED),
    ({"promotionCommits": "signed", "promotionIdentity": "token"}, "promotionIdentity", Kind.NOT_ALLOWED),
    ({"promotionCommits": "signed", "promotionAuthor": "CI <ci@acme.io>"}, "promotionAuthor", Kind.NOT_ALLOWED),
    ({"promotionEngine": "pulumi", "promotionAuthor": "CI <ci@acme.io>"}, "promotionAuthor", Kind.NOT_ALLOWED),
    ({"promotionCommits": "gpg"}, "promotionCommits", Kind.NOT_ALLOWED),
    ({"promotionRetries": "99"}, "promotionRetries", Kind.NOT_ALLOWED),
    ({"promotionTtlSeconds": "9" * 5000}, "promotionTtlSeconds", Kind.NOT_ALLOWED),
    ({"argocdContext": "hub"}, "destinationServer", Kind.NOT_ALLOWED),
    ({"argocdRepoURL": "git@github.com:acme/other.git"}, "argocdRepoURL", Kind.NOT_ALLOWED),
    ({"argocdRepoURL": "git@github.com:podtato-head-gitops.git"}, "argocdRepoURL", Kind.NOT_ALLOWED),
    ({"argocdRepoURL": "http://github.com/example-org/podtato-head-gitops"}, "argocdRepoURL", Kind.NOT_ALLOWED),
    ({"argocdLabels": {"a b": "c"}}, "argocdLabels", Kind.NOT_ALLOWED),
    ({"argocdLabels": {"team": "a b"}}, "argocdLabels.team", Kind.NOT_ALLOWED),
    (
        {"argocdAnnotations": {"argocd.argoproj.io/manifest-generate-paths": "/"}},
        "argocdAnnotations",
        Kind.NOT_ALLOWED,
    ),
    ({"stages": [{"name": "dev", "sync": {"syncOption": []}}]}, "stages[0].sync.syncOption", Kind.UNKNOWN_KEY),
    (
        {"stages": [{"name": "dev", "sync": {"syncOptions": ["Prune"]}}]},
        "stages[0].sync.syncOptions[0]",
        Kind.NOT_ALLOWED,
    ),
    ({"destinationName": "https://spoke"}, "destinationName", Kind.NOT_ALLOWED),
    ({"tasks": {}}, "postDeploymentTasks[0]", Kind.UNKNOWN_NAME),
    ({"tasks": {"post-deployment": None, "promote": "print()"}}, "tasks", Kind.NOT_ALLOWED),
    ({"tasks": {"post-deployment": " "}}, "tasks.post-deployment", Kind.NOT_ALLOWED),
    ({"metadata": {"a.b": 7}}, 'metadata["a.b"]', Kind.NOT_ALLOWED),
    ({"metadata": {"commitID": "x"}}, "metadata", Kind.NOT_ALLOWED),
    ({"metadata": '{"a":' * 400 + "1" + "}" * 400}, "metadata", Kind.NOT_ALLOWED),
    ({"metadata": "[" * 100_000}, "metadata", Kind.NOT_ALLOWED),
    ({"metadata": '{"a": "\\ud800"}'}, "metadata", Kind.NOT_ALLOWED),
    ({"promote": {"commitId": "x"}}, "promote.commitId", Kind.UNKNOWN_KEY),
    ({"promote": {"application": "web"}}, "promote.application", Kind.UNKNOWN_NAME),
    ({"promote": {"from": "production"}}, "promote.from", Kind.UNKNOWN_NAME),
    ({"promote": {"to": "production"}}, "promote.to", Kind.UNKNOWN_NAME),
    ({"promote": {"rollback": "why"}}, "promote.rollback", Kind.NOT_ALLOWED),
    ({"repositoryOwners": "acme"}, "repositoryOwners", Kind.UNKNOWN_KEY),
]


@pytest.mark.parametrize(
    ("changes", "where", "kind"), MISTAKES, ids=[f"{where}-{index}" for index, (_, where, _) in enumerate(MISTAKES)]
)
def test_a_mistake_is_told_once_with_its_place_and_kind(changes: dict[str, Json], where: str, kind: Kind) -> None:
    assert kinds(refused(changes)) == [(f"delivery:{where}", kind)]


def test_an_encrypted_value_of_a_public_key_is_refused_and_not_read() -> None:
    [problem] = refused({"kubeContext": "ciphertext"}, encrypted=["kubeContext", "githubToken"])
    assert (problem.where, problem.kind) == ("delivery:kubeContext", Kind.ENCRYPTED)
    assert "ciphertext" not in str(problem)


def test_all_mistakes_are_told_together() -> None:
    changes: dict[str, Json] = {
        "repositoryOwner": "a/b",
        "repositoryNme": "x",
        "stages": [{"name": "Dev"}],
        "applications": applications({"image": "a:b", "containerPort": 0, "promotedKeys": ["a", "a"]}),
    }
    problems = refused(changes)
    assert kinds(problems) == [
        ("delivery:repositoryNme", Kind.UNKNOWN_KEY),
        ("delivery:repositoryOwner", Kind.NOT_ALLOWED),
        ("delivery:applications[0].image", Kind.NOT_ALLOWED),
        ("delivery:applications[0].containerPort", Kind.NOT_ALLOWED),
        ("delivery:applications[0].promotedKeys[1]", Kind.REPEATED),
        ("delivery:stages[0].name", Kind.NOT_ALLOWED),
    ]


def test_of_very_many_mistakes_the_first_are_told_and_the_others_counted() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(raw("dev", promotionLabels=[f"{number},{number}" for number in range(1000)]), "dev")
    assert (len(caught.value.problems), caught.value.more) == (REPORTED, 1000 - REPORTED)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("number", {"promotionRetries": "99"}),
        ("stack-key", {"cluster": "kind"}),
        ("list", {"postDeploymentTasks": "post-deployment"}),
        ("map", {"metadata": {"a.b": 7}}),
        ("entry", {"stages": [{"name": "dev"}, {"name": "Eu"}]}),
        ("missing", {"repositoryOwner": None}),
        ("misspelt", {"repositoryOwners": "acme"}),
        ("cycle", {"stages": [{"name": "dev", "after": ["eu"]}, {"name": "eu", "after": ["dev"]}]}),
        ("no-stage", {"stages": [{"name": "production"}]}),
        ("collision", {"pathPattern": "apps"}),
        ("unread-key", {"applications": applications({"promotedKeys": ["serviceVersion", "replica"]})}),
        ("version-taken", {"applications": applications({"promotedKeys": ["containers.proxy.tag"]})}),
        ("central-destination", {"argocdContext": "hub"}),
        ("argocd-repo-url", {"argocdRepoURL": "git@github.com:acme/other.git"}),
        ("retry", {"stages": [{"name": "dev", "sync": {"retry": 3}}]}),
        ("ignored", {"stages": [{"name": "dev", "sync": {"ignoreDifferences": [{"kind": "Deployment"}]}}]}),
    ],
)
def test_the_message_of_each_kind_of_mistake(name: str, changes: dict[str, Json]) -> None:
    [problem] = refused(changes)
    assert_message(f"config.{name}", str(problem))


def test_the_message_of_a_key_that_stands_in_the_wrong_file() -> None:
    [problem] = refused({}, misplaced=["pathPattern"])
    assert problem.kind is Kind.MISPLACED
    assert_message("config.misplaced", str(problem))


def test_what_is_in_the_wrong_file_is_told_before_what_is_wrong_with_it() -> None:
    assert kinds(refused({"stages": "[{"}, misplaced=["stages"])) == [("delivery:stages", Kind.MISPLACED)]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
SCALARS |= st.sampled_from(["dev", "{stage}", "a.b", "1" * 5000])
NAMES = st.sampled_from(["name", "after", "image", "path", "promotedKeys", "version"]) | st.text(max_size=8)
JSON_VALUES: st.SearchStrategy[Json] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
TEXTS = JSON_VALUES.map(json.dumps) | st.text(max_size=30)


@settings(max_examples=300, derandomize=True)
@given_any(
    st.dictionaries(st.sampled_from(sorted(TABLE)) | st.text(max_size=8), TEXTS, max_size=6),
    st.sampled_from(["dev", "production", "test", ""]) | st.text(max_size=10),
)
def test_whatever_the_keys_hold_it_is_a_configuration_or_mistakes_in_lines(changes: dict[str, str], stack: str) -> None:
    lines: list[str] = []
    try:
        parse(SHIPPED["dev"] | changes, stack)
    except ConfigError as error:
        lines = str(error).splitlines()
    assert all(line.isprintable() for line in lines)


def lines_run(call: Callable[[], object]) -> int:
    """How many lines of Python `call` runs: the work, whatever else the machine does."""
    lines = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        call()
    finally:
        sys.settrace(before)
    return lines


@pytest.mark.parametrize("namespace", ["{application}-{stage}", "default"], ids=["valid", "refused"])
def test_reading_takes_time_in_proportion_to_the_number_of_applications(namespace: str) -> None:
    def counted(number: int) -> int:
        many = [{"name": f"app-{n}", "path": "{application}/{stage}", "namespace": namespace} for n in range(number)]
        given = raw("dev", stages=FIVE, applications=applications(*many))

        def read() -> None:
            try:
                parse(given, "dev").pipeline.promotion_settings()
            except ConfigError:
                assert namespace == "default"

        return lines_run(read)

    assert counted(100) < 12 * counted(10)


@pytest.mark.parametrize("key", ["githubApiUrl", "traceUrl", "argocdRepoURL", "cluster", "repositoryName", "stages"])
@pytest.mark.parametrize(
    "address",
    [
        "https://me:hunter22@host/api/v3",
        "https://:hunter22@host/{trace_id}",
        "https://me:hunt/er@hunter22@host/",
        "https://host/api/v3?token=hunter22",
        "https://host/{trace_id}?access_token=hunter22",
        "https://host/{trace_id}#ghp_hunter22hunter22",
    ],
)
def test_a_refused_address_is_shown_without_its_credential(key: str, address: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed("dev", **{key: address})
    assert "hunter22" not in str(caught.value)
