"""Promotions whose branch people have worked on: merging must bring what the pull request says, and nothing else."""

import subprocess
from dataclasses import replace

from delivery.model.promoted_keys import in_values
from delivery.promotion.branch import rollback_branch
from tests.delivery.promotion.story import DEV, EDGE, NAME, PRODUCTION, Story
from tests.messages import assert_message

BRANCH = EDGE.branch


def annotated(told: Story) -> None:
    """A person's commit on the pull request's branch that has nothing to do with the values."""
    told.forge.commit(NAME, {"production/notes.md": "careful"}, "Notes", branch=BRANCH)


def by_hand(told: Story, was: str, now: str, branch: str = "main") -> None:
    values = told.production(branch)
    assert was in values
    told.forge.commit(NAME, {"production/values.yaml": values.replace(was, now)}, "By hand", branch=branch)


def two_keys(told: Story) -> str:
    """A release of two promoted keys, of which only the version is another one than production's."""
    told.configure(edges=(replace(EDGE, promoted_keys=in_values("serviceVersion", "limit")),))
    production = PRODUCTION.format("v0.3.0") + "a: 1\nb: 1\nc: 1\nlimit: 1\n"
    values = {"dev/values.yaml": DEV.format("v0.3.0") + "limit: 1\n", "production/values.yaml": production}
    told.forge.commit(NAME, values, "Two keys")
    return told.forge.commit(NAME, {"dev/values.yaml": DEV.format("v0.3.1") + "limit: 1\n"}, "Release")


def update_branch(told: Story) -> None:
    """What the button of that name does: the default branch merged into the pull request's."""
    repository = told.forge.settings(NAME)
    tree = repository.merged_tree(BRANCH, "main")
    assert tree is not None
    person = ("-c", "user.name=Alex", "-c", "user.email=alex@delivery.invalid")
    merge = repository.git(*person, "commit-tree", tree, "-p", BRANCH, "-p", "main", "-m", "Update branch").strip()
    repository.update_ref(f"refs/heads/{BRANCH}", merge)


def rebase(told: Story, number: int) -> None:
    """Merge as GitHub's "Rebase and merge" does: every commit anew, committed by GitHub, the last one remembered."""
    repository, pull_request = told.forge.settings(NAME), told.pull_requests[number - 1]
    clone = str(told.folder / "rebased")
    identity = ("-c", "user.name=GitHub", "-c", "user.email=noreply@github.com")
    for command in (
        ("clone", "--quiet", "--branch", BRANCH, str(repository.path), clone),
        ("-C", clone, *identity, "rebase", "--quiet", "--force-rebase", "origin/main"),
        ("-C", clone, "push", "--quiet", "origin", "HEAD:main"),
    ):
        subprocess.run(["git", *command], check=True, capture_output=True)
    pull_request.close()
    pull_request.merged_at, pull_request.merge_commit_sha = pull_request.closed_at, repository.branch("main")


def test_a_change_that_merging_would_not_bring_is_not_proposed(told: Story) -> None:
    told.promote(told.release("v0.3.1"))
    annotated(told)
    by_hand(told, "v0.3.0", "v0.2.9")
    back = told.release("v0.3.0", "Back")

    run = told.promote(back, TRACEPARENT="", AGAIN="true")

    assert_message("promotion.branch_out_of_date", run.errors.splitlines()[-1])
    assert (run.pushes, run.requests) == (0, ["GET /repos/acme/gitops/pulls"])


def test_once_the_branch_is_up_to_date_merging_brings_what_the_text_says(told: Story) -> None:
    commit = two_keys(told)
    told.promote(commit)
    annotated(told)
    by_hand(told, "limit: 1", "limit: 2")
    assert told.promote(commit).status == 1

    update_branch(told)
    assert told.promote(commit).result == "updated"

    assert "| `limit` | `2` | `1` |" in (told.pull_requests[0].body or "")
    told.merge(1)
    assert "limit: 1\n" in told.production()


def test_a_promoted_key_that_the_release_left_alone_is_for_people_to_decide_too(told: Story) -> None:
    commit = two_keys(told)
    told.promote(commit)
    by_hand(told, "limit: 1", "limit: 5", BRANCH)

    run = told.promote(commit)

    newest = told.forge.branch(NAME, BRANCH) or ""
    assert_message("promotion.changed_on_branch", run.errors.splitlines()[-1].replace(newest[:12], "COMMIT"))
    assert "limit: 5" in told.production(BRANCH)


def test_a_newer_commit_with_the_same_values_is_what_the_branch_stands_for_from_then_on(told: Story) -> None:
    told.promote(told.release("v0.3.1"))
    annotated(told)
    told.release("v0.3.2", "Never verified")
    newest = told.release("v0.3.1", "Back")

    assert told.promote(newest).result == "updated"
    assert told.promote(newest).result == "unchanged"

    told.merge(1, delete_branch=True)
    told.rollback()
    told.merge(2)
    assert told.version() == "v0.3.0"
    assert told.promote(newest).result == "taken back"


def test_a_rollback_after_a_rebase_of_several_commits_goes_back_to_what_production_had(told: Story) -> None:
    told.promote(told.release("v0.3.1"))
    annotated(told)
    told.promote(told.release("v0.3.2"))
    told.forge.commit(NAME, {"README.md": "x"}, "Unrelated")
    rebase(told, 1)
    assert told.version() == "v0.3.2"

    assert told.rollback().result == "created"

    assert told.version(rollback_branch(EDGE)) == "v0.3.0"


def test_a_squash_that_ends_with_a_persons_message_still_stands_for_what_it_promoted(told: Story) -> None:
    older, newer = told.release("v0.3.1"), told.release("v0.3.2")
    told.promote(newer)
    told.pull_requests[0].body = ""
    annotated(told)
    told.merge(1, "squash", delete_branch=True)

    assert told.promote(older).result == "superseded"


def test_an_older_version_leaves_a_reopened_pull_request_with_a_newer_one_alone(told: Story) -> None:
    first, second, third = (told.release(f"v0.3.{number}") for number in (1, 2, 3))
    told.promote(first)
    told.forge.close(NAME, 1)
    told.promote(first, AGAIN="true")
    told.forge.close(NAME, 2)
    told.pull_requests[0].reopen()
    assert told.promote(third).result == "updated"

    assert told.promote(second).result == "superseded"

    assert told.version(BRANCH) == "v0.3.3"


def test_a_pointless_pull_request_is_closed_also_after_a_merged_one_without_description(told: Story) -> None:
    told.promote(told.release("v0.3.1"))
    told.pull_requests[0].body = ""
    told.merge(1, delete_branch=True)
    told.promote(told.release("v0.3.2"))
    told.release("v0.3.1", "Back")

    assert told.promote().result == "closed as pointless"
