"""Promotions whose pull request people have edited: its description, or the commits on its branch."""

import pytest

from tests.delivery.promotion.story import DEV, EDGE, NAME, Story

BRANCH = EDGE.branch


def versions(told: Story) -> tuple[str, str]:
    """Two releases in dev, the older one first."""
    return told.release("v0.3.1"), told.release("v0.3.2")


@pytest.mark.parametrize("left", ["", "My own text."])
def test_an_older_version_leaves_a_newer_pull_request_alone_whatever_its_text(told: Story, left: str) -> None:
    older, newer = versions(told)
    told.promote(newer)
    told.pull_requests[0].body = left

    run = told.promote(older)

    assert (run.result, run.pushes) == ("superseded", 0)
    assert told.version(BRANCH) == "v0.3.2"
    assert told.pull_requests[0].body == left


@pytest.mark.parametrize("left", [None, "My own text."])
def test_an_older_version_does_not_close_a_newer_pull_request(told: Story, left: str | None) -> None:
    older = told.forge.commit(NAME, {"dev/values.yaml": DEV.format("v0.3.0") + "x: 1\n"}, "As production")
    told.promote(told.release("v0.3.1"))
    told.pull_requests[0].body = left or told.pull_requests[0].body

    assert told.promote(older).result == "superseded"
    assert told.pull_requests[0].state == "open"


@pytest.mark.parametrize("method", ["merge", "squash"])
def test_an_older_version_than_the_merged_one_is_superseded_without_its_description(told: Story, method: str) -> None:
    older, newer = versions(told)
    told.promote(newer)
    told.pull_requests[0].body = ""
    told.merge(1, method, delete_branch=True)

    assert told.promote(older).result == "superseded"
    assert len(told.pull_requests) == 1


def test_a_description_that_claims_another_commit_than_was_merged_is_not_believed(told: Story) -> None:
    older, newer = versions(told)
    told.promote(older)
    pull_request = told.pull_requests[0]
    pull_request.body = (pull_request.body or "").replace(older, newer)
    told.merge(1)

    assert told.promote(newer).result == "created"


def test_what_was_closed_stays_closed_without_its_description(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.promote(commit)
    told.pull_requests[0].body = "Not now."
    told.pull_requests[0].close()

    assert told.promote(commit).result == "declined"
    assert len(told.pull_requests) == 1


def test_the_promoters_own_closing_is_told_from_a_persons_without_its_description(told: Story) -> None:
    told.promote(told.release("v0.3.1"))
    told.pull_requests[0].body = "My own text."
    assert told.promote(told.release("v0.3.0", "Back")).result == "closed as pointless"
    assert "My own text." in (told.pull_requests[0].body or "")

    assert told.promote(told.release("v0.3.2")).result == "created"


def test_a_closed_pull_request_without_its_metadata_says_nothing_of_what_the_branch_has_now(told: Story) -> None:
    told.promote(told.release("v0.3.1"))
    told.pull_requests[0].body = "edited"
    told.forge.close(NAME, 1)
    newer = told.release("v0.3.2")
    told.forge.fail_next("POST", f"/repos/{NAME}/pulls$", status=503, times=6)
    assert told.promote(newer).status == 1
    assert (told.forge.pending_faults, told.version(BRANCH)) == (0, "v0.3.2"), "cut off behind the push"

    assert told.promote(newer).result == "created"


@pytest.mark.parametrize("committer", ["GitHub <noreply@github.com>", "Ada <ada@example.org>"])
def test_a_branch_that_was_rebased_gets_the_newer_version_on_top(told: Story, committer: str) -> None:
    older, newer = versions(told)
    told.promote(older)
    repository = told.forge.settings(NAME)
    git, head = repository.git, told.forge.branch(NAME, BRANCH) or ""
    told.forge.commit(NAME, {"notes.md": "main moved"}, "Unrelated")
    _, message = git("cat-file", "commit", head).split("\n\n", 1)
    name, _, mail = committer.rstrip(">").partition(" <")
    stream = (
        f"commit refs/rebased\nauthor {git('log', '-1', '--format=%an <%ae>', head).strip()} 1700000000 +0000\n"
        f"committer {name} <{mail}> 1700000001 +0000\ndata {len(message.encode())}\n{message}\n"
        f"from {git('rev-parse', 'main').strip()}\n"
        f"M 100644 {git('rev-parse', f'{head}:production/values.yaml').strip()} production/values.yaml\n"
    )
    git("fast-import", "--quiet", data=stream.encode())
    rebased = git("rev-parse", "refs/rebased").strip()
    repository.update_ref(f"refs/heads/{BRANCH}", rebased, head)

    run = told.promote(newer)

    assert (run.status, run.result) == (0, "updated"), run.errors
    assert told.version(BRANCH) == "v0.3.2"
    assert git("rev-parse", f"{BRANCH}^").strip() == rebased
