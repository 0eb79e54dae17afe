"""Promotions as stories: what happens on the forge, one run of the promoter after another."""

import re
from dataclasses import replace

import pytest

from delivery.git.repository import Repository
from delivery.model.edges import Edge
from delivery.model.hints import Hint
from delivery.model.promoted_keys import in_values
from delivery.promotion.branch import rollback_branch
from delivery.promotion.history import PromotionError
from tests.delivery.promotion.story import EDGE, NAME, PRODUCTION, TOKEN, TRACEPARENT, Story, fetch_only, platform
from tests.messages import assert_message

PULLS = f"/repos/{NAME}/pulls"
BRANCH = EDGE.branch


def test_a_promotion_opens_a_pull_request_with_the_promoted_key_and_the_trace_only(told: Story) -> None:
    commit = told.release("v0.3.1")

    run = told.promote(commit, "v0.3.1")

    assert (run.status, run.result) == (0, "created")
    expected = PRODUCTION.format("v0.3.1").replace('""', f'"{TRACEPARENT}"')
    assert told.production(BRANCH) == expected
    [pull_request] = told.pull_requests
    assert pull_request.title == "Promote podtato-head v0.3.1 to production"
    metadata = told.metadata()
    assert (metadata.commit, metadata.version, metadata.traceparent) == (commit, "v0.3.1", TRACEPARENT)
    assert told.production() == PRODUCTION.format("v0.3.0")


def test_edges_whose_names_run_together_have_branches_of_their_own(told: Story) -> None:
    one = Edge("podtato-head", "a-to-b", "c", "a-to-b", "c", in_values("serviceVersion"))
    other = Edge("podtato-head", "a", "b-to-c", "a", "b-to-c", in_values("serviceVersion"))
    stages: dict[str, tuple[str, ...]] = {"a-to-b": (), "a": (), "c": ("a-to-b",), "b-to-c": ("a",)}
    told.configure(stages=stages, edges=(one, other))
    files = {f"{stage}/values.yaml": PRODUCTION.format("v0.3.0") for stage in ("c", "b-to-c")}
    files |= {f"{stage}/values.yaml": PRODUCTION.format(f"v-{stage}") for stage in ("a", "a-to-b")}
    commit = told.forge.commit(NAME, files, "Four stages")

    assert told.promote(commit, FROM="a-to-b", TO="c").result == "created"
    assert told.promote(commit, FROM="a", TO="b-to-c").result == "created"

    assert rollback_branch(one) != rollback_branch(other)
    for number, edge in enumerate((one, other), 1):
        told.merge(number)
        assert f"v-{edge.source}" in (told.forge.read(NAME, edge.at_target.trace, "main") or b"").decode()


def test_creating_takes_at_most_six_requests_one_fetch_and_one_push(told: Story) -> None:
    told.configure(labels=("promotion",), reviewers=("hubot",))
    told.forge.settings(NAME).collaborators.add("hubot")

    run = told.promote(told.release("v0.3.1"))

    assert run.result == "created"
    assert run.requests == [
        f"GET {PULLS}",
        f"POST {PULLS}",
        f"POST {PULLS}/1/requested_reviewers",
        f"POST /repos/{NAME}/issues/1/labels",
    ]
    assert (run.fetches, run.pushes) == (1, 1)


def test_nothing_to_change_is_a_success_with_one_request_and_one_fetch_and_a_record_once(told: Story) -> None:
    commit = told.forge.branch(NAME, "main") or ""

    run = told.promote(commit, "v0.3.0")

    assert (run.status, run.result) == (0, "nothing to change")
    assert run.requests == [f"GET {PULLS}"]
    assert (run.fetches, run.pushes, told.promote(commit, "v0.3.0").pushes) == (1, 1, 0)
    assert told.forge.branch(NAME, BRANCH) is None


def test_the_same_promotion_again_changes_nothing(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.promote(commit)
    head = told.forge.branch(NAME, BRANCH)
    told.forge.commit(NAME, {"README.md": "hello"}, "Something else lands")

    run = told.promote(commit)

    assert run.result == "unchanged"
    assert (run.requests, run.pushes) == ([f"GET {PULLS}", f"GET {PULLS}/1"], 0)
    assert told.forge.branch(NAME, BRANCH) == head


@pytest.mark.parametrize("traceparent", ["", f"00-{'a' * 32}-{'b' * 16}-01", "00-nonsense"])
@pytest.mark.parametrize("given", [True, False])
def test_the_first_trace_of_a_commit_stays_and_so_do_head_and_reviews(
    told: Story, traceparent: str, given: bool
) -> None:
    commit = told.release("v0.3.1")
    told.promote(commit)
    head = told.forge.branch(NAME, BRANCH)

    run = told.promote(commit if given else "", TRACEPARENT=traceparent)

    assert (run.status, run.pushes, told.forge.branch(NAME, BRANCH)) == (0, 0, head)
    assert run.result == ("updated" if "nonsense" in traceparent else "unchanged")
    assert f'traceParent: "{TRACEPARENT}"' in told.production(BRANCH)
    assert told.metadata().traceparent == TRACEPARENT
    assert told.promote(commit).pushes == 0


def test_a_promotion_without_a_trace_gets_the_first_that_comes_and_a_newer_commit_its_own(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.promote(commit, TRACEPARENT="")

    assert told.promote(commit).result == "updated"
    assert f'traceParent: "{TRACEPARENT}"' in told.production(BRANCH)

    told.promote(told.release("v0.3.2"), TRACEPARENT="")
    assert 'traceParent: ""' in told.production(BRANCH)


def test_a_newer_version_updates_the_open_pull_request_and_keeps_what_people_wrote_above(told: Story) -> None:
    told.promote(told.release("v0.3.1"))
    pull_request = told.pull_requests[0]
    pull_request.body = "Ask Ada before merging.\n\n" + (pull_request.body or "")

    run = told.promote(told.release("v0.3.2"))

    assert run.result == "updated"
    [pull_request] = told.pull_requests
    assert pull_request.title == "Promote podtato-head v0.3.2 to production"
    assert (pull_request.body or "").startswith("Ask Ada before merging.\n\n<!-- delivery:")
    assert "v0.3.1" not in (pull_request.body or "").replace("Release v0.3.1", "")
    assert told.version(BRANCH) == "v0.3.2"
    assert told.forge.settings(NAME).git("rev-list", "--count", f"main..{BRANCH}").strip() == "1"


def test_the_branch_is_rebuilt_when_the_targets_values_changed_below_it(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.promote(commit)
    told.forge.commit(NAME, {"production/values.yaml": PRODUCTION.format("v0.3.0") + "more: 1\n"}, "Add a value")

    run = told.promote(commit)

    assert run.result == "updated"
    assert told.production(BRANCH).endswith("more: 1\n")
    told.merge(1)
    assert told.version() == "v0.3.1"


def test_the_branch_is_rebuilt_when_only_the_trace_changed_below_it(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.promote(commit)
    other = PRODUCTION.format("v0.3.0").replace('traceParent: ""', f'traceParent: "{TRACEPARENT[:-2]}00"')
    told.forge.commit(NAME, {"production/values.yaml": other}, "Link another trace")

    assert told.promote(commit).result == "updated"

    told.merge(1)
    assert told.version() == "v0.3.1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "folder"),
        (platform(replace(EDGE, application="shop")), "application"),
        (platform(replace(EDGE, target="staging")), "stage"),
        (platform(replace(EDGE, promoted_keys=in_values("image.tag"))), "keys"),
        (platform(replace(EDGE, promoted_keys=in_values("serviceVersion", "a"))), "promoted_keys"),
    ],
)
def test_a_target_that_another_stack_configuration_deploys_is_refused_before_anything_is_planned(
    told: Story, text: str | None, message: str
) -> None:
    commit = told.release("v0.3.1")
    told.forge.commit(NAME, {"production/platform.yaml": text}, "Another configuration")

    run = told.promote(commit)

    assert (run.status, told.pull_requests, told.forge.branch(NAME, BRANCH)) == (1, [], None)
    assert_message(f"promotion.stacks_disagree.{message}", run.errors.splitlines()[-1])


def test_a_target_whose_platform_file_an_earlier_release_wrote_is_promoted_to(told: Story) -> None:
    old = "versionKey: serviceVersion\napplication:\n  name: podtato-head\n"
    told.forge.commit(NAME, {"production/platform.yaml": old}, "As an earlier release wrote it")
    assert told.promote(told.release("v0.3.1")).result == "created"


def test_keys_that_the_target_does_not_name_are_not_promoted(told: Story) -> None:
    told.settings = replace(
        told.settings, edges=(replace(EDGE, promoted_keys=in_values("serviceVersion", "replicas")),)
    )
    run = told.promote(told.release("v0.3.1"))
    assert isinstance(run.error, PromotionError)
    assert told.pull_requests == []


def test_an_older_version_than_a_pull_requests_is_superseded(told: Story) -> None:
    older, newer = told.release("v0.3.1"), told.release("v0.3.2")
    told.promote(newer)

    run = told.promote(older)

    assert (run.status, run.result) == (0, "superseded")
    assert (run.requests, run.pushes) == ([f"GET {PULLS}"], 0)

    told.merge(1)
    assert told.promote(older).result == "superseded"


@pytest.mark.parametrize("method", ["merge", "squash"])
@pytest.mark.parametrize("delete_branch", [True, False])
def test_after_a_merge_the_next_promotion_is_a_new_pull_request(told: Story, method: str, delete_branch: bool) -> None:
    told.promote(told.release("v0.3.1"))
    told.merge(1, method, delete_branch=delete_branch)

    run = told.promote(told.release("v0.3.2"))

    assert run.result == "created"
    assert [pull_request.number for pull_request in told.pull_requests] == [1, 2]
    assert told.forge.settings(NAME).git("rev-list", "--count", f"main..{BRANCH}").strip() == "1"
    told.merge(2, method)
    assert told.version() == "v0.3.2"


def test_the_body_compares_with_what_the_target_ran_before(told: Story) -> None:
    first = told.release("v0.3.1")
    told.promote(first)
    told.merge(1)
    told.release("v0.3.2")
    second = told.release("v0.3.3", "Fix the hat, closes #1 (thanks @octocat)")

    told.promote(second)

    body = told.pull_requests[1].body or ""
    assert f"/compare/{first}...{second}" in body
    assert "Release v0.3.2" in body
    assert "Release v0.3.1" not in body
    assert "#1" not in body
    assert "@octocat" not in body


def test_an_open_pull_request_that_became_pointless_is_closed_with_a_word_why(told: Story) -> None:
    promoted = told.release("v0.3.1")
    told.promote(promoted)
    reverting = told.release("v0.3.0", "Revert v0.3.1")

    run = told.promote(reverting, "v0.3.0")

    assert run.result == "closed as pointless"
    assert len(run.requests) == 3
    [pull_request] = told.pull_requests
    assert pull_request.state == "closed"
    assert told.metadata().superseded_by == reverting
    assert len(pull_request.comments) == 1

    replayed = told.promote(promoted)
    assert (replayed.result, len(told.pull_requests)) == ("superseded", 1)

    assert told.promote(told.release("v0.3.2")).result == "created"


def test_a_pointless_pull_request_that_a_person_reopens_counts_again(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.promote(commit)
    told.promote(told.release("v0.3.0", "Revert v0.3.1"))
    told.pull_requests[0].reopen()

    assert told.promote(commit).result == "updated"
    assert not told.metadata().superseded_by


def test_several_keys_travel_together_and_everything_else_stays(told: Story) -> None:
    edge = replace(EDGE, promoted_keys=in_values("serviceVersion", "image.digest", "replicaLimit"))
    told.configure(edges=(edge,))
    source = "serviceVersion: v0.3.1\nimage: {digest: 'sha256:ab'}\nreplicaLimit: 4\nreplicas: 1\n"
    commit = told.forge.commit(NAME, {"dev/values.yaml": source}, "Release")
    target = "replicas: 9\nserviceVersion: 'v0.3.0'\nreplicaLimit: 2\nimage:\n  digest: sha256:00 # pinned\n"
    told.forge.commit(NAME, {"production/values.yaml": target}, "Production")

    told.promote(commit, "v0.3.1")

    for line in ("replicas: 9", "serviceVersion: 'v0.3.1'", "replicaLimit: 4", "  digest: sha256:ab # pinned"):
        assert line in told.production(BRANCH).splitlines()
    assert "| `replicaLimit` | `2` | `4` |" in (told.pull_requests[0].body or "")


def test_a_symbolic_link_in_place_of_values_is_refused(told: Story) -> None:
    repository = told.forge.settings(NAME)
    link = repository.git("hash-object", "-w", "--stdin", data=b"../dev/values.yaml").strip()
    rows = repository.git("ls-tree", "main:production").replace("100644", "120000")
    rows = re.sub(r"blob [0-9a-f]+", f"blob {link}", rows)
    folder = repository.git("mktree", data=rows.encode()).strip()
    dev = repository.git("rev-parse", "main:dev").strip()
    root = repository.git("mktree", data=f"040000 tree {dev}\tdev\n040000 tree {folder}\tproduction\n".encode()).strip()
    author = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    commit = repository.git(*author, "commit-tree", root, "-p", "main", "-m", "Link").strip()
    repository.git("update-ref", "refs/heads/main", commit)

    run = told.promote(told.release("v0.3.1"))

    assert (run.status, type(run.error), run.pushes) == (1, PromotionError, 0)


def test_what_a_person_closed_stays_closed_until_asked_again_or_something_newer_comes(told: Story) -> None:
    older, commit = told.release("v0.3.1"), told.release("v0.3.2")
    told.promote(commit)
    told.forge.close(NAME, 1)

    run = told.promote(commit)

    assert (run.status, run.result) == (0, "declined")
    assert told.promote(older).result == "declined"
    assert len(told.pull_requests) == 1
    assert told.promote(commit, AGAIN="true").result == "created"
    told.forge.close(NAME, 2)
    assert told.promote(told.release("v0.3.3")).result == "created"


def test_what_a_person_closed_stays_closed_when_the_same_is_verified_again_at_a_later_commit(told: Story) -> None:
    told.promote(told.release("v0.3.1"))
    told.forge.close(NAME, 1)
    elsewhere = told.forge.commit(NAME, {"README.md": "Argo CD syncs whatever is newest"}, "Write")

    assert told.promote(elsewhere, "v0.3.1").result == "declined"
    assert len(told.pull_requests) == 1
    told.release("v0.3.0", "Revert")
    assert told.promote(told.release("v0.3.1"), "v0.3.1").result == "created"


def test_a_branch_deleted_by_hand_is_a_no_and_again_brings_it_back(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.promote(commit)
    told.forge.delete_branch(NAME, BRANCH)

    assert told.promote(commit).result == "declined"
    assert told.promote(commit, AGAIN="true").result == "created"
    assert told.version(BRANCH) == "v0.3.1"


def test_commits_of_others_stay_and_get_one_on_top(told: Story) -> None:
    told.promote(told.release("v0.3.1"))
    told.forge.commit(NAME, {"production/notes.md": "careful"}, "Add notes", branch=BRANCH)
    values = told.production(BRANCH).replace("replicas: 3", "replicas: 5")
    theirs = told.forge.commit(NAME, {"production/values.yaml": values}, "More replicas", branch=BRANCH)

    run = told.promote(told.release("v0.3.2"))

    assert run.result == "updated"
    assert told.forge.settings(NAME).git("rev-parse", f"{BRANCH}^").strip() == theirs
    assert told.version(BRANCH) == "v0.3.2"
    assert "replicas: 5" in told.production(BRANCH)

    assert told.promote(told.release("v0.3.3")).result == "updated"
    assert told.version(BRANCH) == "v0.3.3"
    assert told.forge.settings(NAME).git("merge-base", theirs, BRANCH).strip() == theirs


def test_commits_of_others_stay_when_the_branch_is_older_than_the_fetched_history(
    told: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.promote(told.release("v0.3.1"))
    theirs = told.forge.commit(NAME, {"production/notes.md": "careful"}, "Add notes", branch=BRANCH)
    assert told.promote(told.release("v0.3.2")).result == "updated"
    told.commits(5)
    newest = told.release("v0.3.3")
    fetch_only(3, monkeypatch)

    run = told.promote(newest)
    assert run.result == "updated", run.errors
    assert told.forge.settings(NAME).git("merge-base", theirs, BRANCH).strip() == theirs


def test_a_promoted_key_that_others_changed_on_the_branch_is_for_people_to_decide(told: Story) -> None:
    told.promote(told.release("v0.3.1"))
    values = told.production(BRANCH).replace("v0.3.1", "v0.3.1-hotfix")
    theirs = told.forge.commit(NAME, {"production/values.yaml": values}, "Hotfix", branch=BRANCH)

    run = told.promote(told.release("v0.3.2"))

    assert (run.status, type(run.error)) == (1, PromotionError)
    assert told.forge.branch(NAME, BRANCH) == theirs


def test_a_commit_by_somebody_with_our_address_but_no_trailer_is_not_ours(told: Story) -> None:
    told.promote(told.release("v0.3.1"))
    repository = told.forge.settings(NAME)
    environ = "user.name=x", "user.email=promoter@delivery.invalid"
    tree = repository.git("rev-parse", f"{BRANCH}^{{tree}}").strip()
    options = [part for setting in environ for part in ("-c", setting)]
    theirs = repository.git(*options, "commit-tree", tree, "-p", BRANCH, "-m", "empty").strip()
    repository.git("update-ref", f"refs/heads/{BRANCH}", theirs)

    told.promote(told.release("v0.3.2"))

    assert repository.git("rev-parse", f"{BRANCH}^").strip() == theirs


def test_a_commit_that_is_not_on_the_default_branch_is_refused(told: Story) -> None:
    evil = told.forge.commit(NAME, {"dev/values.yaml": "serviceVersion: evil\n"}, "Evil", branch="elsewhere")

    run = told.promote(evil)

    assert (run.status, type(run.error)) == (1, PromotionError)
    assert (run.pushes, told.pull_requests) == (0, [])


def test_a_version_that_the_commit_does_not_have_is_an_error_before_anything_is_written(told: Story) -> None:
    run = told.promote(told.release("v0.3.1"), "v0.9.9")

    assert (run.status, type(run.error)) == (1, PromotionError)
    assert (run.pushes, told.pull_requests) == (0, [])


@pytest.mark.parametrize("version", ["1a1fad80cd", "2024010112"], ids=["as a rule", "one in a hundred has no letter"])
def test_keptns_hash_for_several_workloads_is_noted_and_promoted(told: Story, version: str) -> None:
    run = told.promote(told.release("v0.3.1"), version)

    assert run.result == "created"
    assert f"`{version}`" in (told.pull_requests[0].body or "")


@pytest.mark.parametrize("version", ["20240101", "2024010112", "abcdef12", "1a1fad80cd0"])
def test_what_is_not_keptns_hash_is_held_against_the_commit(told: Story, version: str) -> None:
    run = told.promote(told.release("20240102"), version)

    assert (run.status, type(run.error)) == (1, PromotionError)


CHART = "kind: Deployment\nmetadata: {}\n---\nkind: Service\n"


@pytest.mark.parametrize(("chart", "status"), [(CHART, 1), (f"{CHART}---\nkind: StatefulSet\n", 0)])
def test_a_hash_is_no_version_of_an_application_with_one_workload(told: Story, chart: str, status: int) -> None:
    told.forge.commit(NAME, {"dev/templates/application.yaml": chart}, "The chart")

    run = told.promote(told.release("v0.3.1"), "1a1fad80cd")

    assert (run.status, len(told.pull_requests)) == (status, 1 - status)
    if not status:
        assert "was not compared" in (told.pull_requests[0].body or "")


def test_keptn_writes_versions_in_lower_case(told: Story) -> None:
    assert told.promote(told.release("1.0-RC1"), "1.0-rc1").result == "created"


@pytest.mark.parametrize(
    ("version", "trace", "opening", "vouched"),
    [
        ("v0.3.1", TRACEPARENT, "as the promotion task of **dev** has verified it.", "the promotion task of dev"),
        ("v0.3.1", "", "named without", "a run that `octocat` started. It named application version `v0.3.1`"),
        ("", TRACEPARENT, "named without", "a run that `octocat` started. It gave a trace, and no version"),
        ("", "", "named without", "a run that `octocat` started. It gave neither"),
    ],
)
def test_the_pull_request_says_who_vouches_for_the_commit(
    told: Story, version: str, trace: str, opening: str, vouched: str
) -> None:
    commit = told.release("v0.3.1")
    told.promote(commit, version, TRACEPARENT=trace, GITHUB_ACTOR="octocat")

    body = told.pull_requests[0].body or ""
    assert opening in body
    assert f"**Vouched for by:** {vouched}" in body
    assert told.promote(commit, version, TRACEPARENT=trace, GITHUB_ACTOR="hubot").result == "unchanged"


def test_a_task_that_comes_after_a_person_vouches_and_a_person_after_it_changes_nothing(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.promote(commit, TRACEPARENT="", GITHUB_ACTOR="octocat")

    assert told.promote(commit, "v0.3.1", GITHUB_ACTOR="acme-bot").result == "updated"
    assert "in a run that `acme-bot` started" in (told.pull_requests[0].body or "")
    assert told.promote(commit, TRACEPARENT="", GITHUB_ACTOR="octocat").result == "unchanged"
    assert [found.by_task for found in told.metadata().verifications] == [True]


def test_an_invalid_traceparent_is_left_out_with_a_note(told: Story) -> None:
    run = told.promote(told.release("v0.3.1"), TRACEPARENT=TRACEPARENT.upper() + "\n")

    assert run.result == "created"
    assert 'traceParent: ""' in told.production(BRANCH)
    assert told.metadata().traceparent == ""


def test_without_a_commit_the_newest_one_that_touches_the_source_stage_counts(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.forge.commit(NAME, {"README.md": "hello"}, "Something else lands")

    run = told.promote()

    assert (run.result, run.outcome["commitID"]) == ("created", commit)
    assert told.promote().result == "unchanged"


def test_without_a_commit_nobody_is_said_to_have_verified_it_until_somebody_names_it(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.promote()
    assert not told.metadata().verified
    assert_message("promotion.unverified", (told.pull_requests[0].body or "").partition("\n\n| key |")[0])
    told.pull_requests[0].body = f"Wait for Ada.\n{told.pull_requests[0].body}"

    assert told.promote(commit).result == "updated"

    assert told.metadata().verified
    assert (told.pull_requests[0].body or "").startswith("Wait for Ada.\n<!-- ")
    assert told.promote().result == "unchanged"


def test_a_commit_that_was_given_without_a_trace_stays_verified_when_it_is_run_again_without(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.promote(commit, TRACEPARENT="")

    assert told.promote(TRACEPARENT="").result == "unchanged"


def test_a_rewritten_history_is_an_error_that_says_how_to_go_on(told: Story) -> None:
    told.promote(told.release("v0.3.1"))
    told.merge(1, "squash", delete_branch=True)
    repository = told.forge.settings(NAME)
    tree = repository.git("rev-parse", "main^{tree}").strip()
    author = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    root = repository.git(*author, "commit-tree", tree, "-m", "New root").strip()
    repository.git("update-ref", "refs/heads/main", root)
    commit = told.release("v0.3.2")

    run = told.promote(commit)

    assert isinstance(run.error, PromotionError)
    assert run.error.hint is Hint.AGAIN
    assert told.promote(commit, AGAIN="true").result == "created"


def test_beyond_the_fetched_history_github_is_asked(told: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_only(2, monkeypatch)
    first, second = told.release("v0.3.1"), told.release("v0.3.2")
    told.commits(5)

    run = told.promote(second)
    assert run.result == "created"
    tip = told.forge.branch(NAME, "main")
    assert run.requests == [f"GET {PULLS}", f"GET /repos/{NAME}/compare/{second}...{tip}", f"POST {PULLS}"]

    assert told.promote(first).result == "superseded"


def test_what_the_target_ran_before_may_lie_beyond_the_fetched_history(
    told: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = told.release("v0.3.1")
    told.promote(before)
    told.merge(1, delete_branch=True)
    told.commits(5)
    commit = told.release("v0.3.2")
    fetch_only(2, monkeypatch)

    run = told.promote(commit)

    assert run.result == "created", run.errors
    body = told.pull_requests[-1].body or ""
    assert f"/compare/{before}...{commit}" in body
    assert "Commits that touch" not in body, "which they are cannot be told from here"


def test_a_dry_run_writes_nothing(told: Story) -> None:
    run = told.promote(told.release("v0.3.1"), "", "--dry-run")

    assert run.result == "planned"
    assert run.outcome["changes"] == [{"key": "serviceVersion", "was": "v0.3.0", "becomes": "v0.3.1"}]
    assert (run.pushes, run.requests) == (0, [f"GET {PULLS}"])


@pytest.mark.parametrize("labels", [("live",), ()])
def test_labels_and_reviewers_of_the_edge_replace_those_of_all(told: Story, labels: tuple[str, ...]) -> None:
    own = replace(EDGE, labels=labels, reviewers=("rita",), team_reviewers=())
    told.configure(labels=("promotion",), reviewers=("nobody",), team_reviewers=("nobody",), edges=(own,))
    told.forge.settings(NAME).collaborators.add("rita")

    run = told.promote(told.release("v0.3.1"))

    assert (run.result, run.outcome["notes"]) == ("created", [])
    [pull_request] = told.pull_requests
    assert (pull_request.labels, pull_request.requested_reviewers) == (list(labels), ["rita"])


def test_labels_and_reviewers_that_do_not_work_are_notes(told: Story) -> None:
    told.configure(labels=("promotion",), reviewers=("nobody",))
    told.forge.fail_next("POST", r"/labels", status=403, body={"message": "Resource not accessible by integration"})
    commit = told.release("v0.3.1")

    run = told.promote(commit)

    assert (run.status, run.result) == (0, "created")
    assert len(list(run.outcome["notes"])) == 2  # type: ignore[call-overload]
    told.promote(commit)
    assert told.pull_requests[0].labels == ["promotion"]


def test_the_commit_has_the_author_of_the_configuration_and_is_still_known_as_the_promoters(told: Story) -> None:
    told.settings = replace(told.settings, author="Acme releases <releases@acme.example>")
    told.promote(told.release("v0.3.1"))
    head = told.forge.branch(NAME, EDGE.branch)
    with Repository(f"{told.forge.url}/{NAME}.git", TOKEN) as repository:
        repository.fetch([f"+refs/heads/{EDGE.branch}:refs/heads/x"], 1)
        [commit] = repository.log("refs/heads/x" if head is None else head, limit=1)
    assert (commit.author, commit.author_mail, commit.ours) == ("Acme releases", "releases@acme.example", True)
    assert told.promote(told.release("v0.3.2")).result == "updated"
