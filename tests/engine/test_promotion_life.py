"""The life of a promotion as a resource: opened, updated, merged, followed by the next, declined, lost, destroyed."""

import pytest

from tests.engine.outcome import Outcome
from tests.engine.team import BRANCH, EDGE, REPOSITORY, Team

PULL = f"RepositoryPullRequest {EDGE}"
# A commit is a resource of its own, named after what it writes.
KINDS = {"Branch": "create", "RepositoryFile": "create", "RepositoryPullRequest": "create"}


def kinds(outcome: Outcome, after: int = 0) -> dict[str, str]:
    """The operation for each kind of resource of the promotion that follows pull request `after`."""
    name = f"{EDGE}-after-{after}" if after else EDGE
    found = {resource.split(" ", 1)[0]: operation for resource, operation in outcome.changes.items()}
    assert all(name in resource for resource in outcome.changes), outcome.changes
    return found


def test_a_promotion_is_previewed_in_words_opened_and_brought_up_to_date_on_the_same_pull_request(team: Team) -> None:
    team.promoting().up("production")
    assert team.preview("production", "--expect-no-changes").status == 0
    commit = team.release("v0.3.1")

    shown = team.preview("production")

    assert commit[:12] in shown.text
    assert kinds(shown) == KINDS
    assert team.pulls() == []

    opened = team.up("production")

    assert kinds(opened) == KINDS
    assert team.said(opened).endswith("/pull/1")
    assert team.version(ref=BRANCH) == "v0.3.1"
    assert team.preview("production", "--expect-no-changes").status == 0
    team.release("v0.3.2")

    newer = team.up("production")

    assert newer.changes.pop(PULL) == "update"
    assert sorted(newer.changes.values()) == ["create", "delete"]
    assert kinds(newer).keys() == {"RepositoryFile"}
    assert [pull.title for pull in team.pulls()] == ["Promote podtato-head v0.3.2 to production"]
    assert team.version(ref=BRANCH) == "v0.3.2"
    assert team.version() == "v0.3.0"


@pytest.mark.parametrize(
    ("method", "delete_branch"), [("merge", True), ("squash", False)], ids=["branch deleted", "squashed, branch left"]
)
def test_what_is_merged_leaves_the_state_and_the_next_promotion_is_another_pull_request(
    team: Team, method: str, delete_branch: bool
) -> None:
    team.opened()
    team.forge.merge(REPOSITORY, 1, method, delete_branch)
    merged = team.tip(BRANCH)

    refreshed = team.refresh("production")
    over = team.up("production")

    assert refreshed.status == 0, refreshed.text
    assert over.status == 0, over.text
    assert set(over.changes.values()) == {"delete"}
    assert team.tip(BRANCH) == merged
    assert team.states() == ["merged"]
    team.release("v0.3.2")

    following = team.up("production")

    assert kinds(following, after=1) == KINDS
    assert team.states() == ["merged", "open"]
    assert team.log(BRANCH) == ["Promote podtato-head v0.3.2 to production"]
    # Merged, and the next one is there, before any update could notice.
    team.forge.merge(REPOSITORY, 2, method, delete_branch)
    team.release("v0.3.3")

    at_once = team.up("production")

    assert len(at_once.of("create")) == len(at_once.of("delete")) == len(KINDS)
    assert team.states() == ["merged", "merged", "open"]
    assert team.log(BRANCH) == ["Promote podtato-head v0.3.3 to production"]
    assert team.version() == "v0.3.2"


def test_where_signatures_are_demanded_an_apps_promotions_have_them(team: Team) -> None:
    app = "token-of-the-app"
    team.forge.add_token(app, login="delivery[bot]")
    team.settings["promotionCommits"] = "signed"
    team.promoting().secrets["githubToken"] = app
    team.forge.demand_signatures(REPOSITORY, "*")
    team.release("v0.3.1")

    opened = team.up("production")

    assert (opened.status, team.states()) == (0, ["open"]), opened.text
    assert team.preview("production", "--expect-no-changes").status == 0
    team.release("v0.3.2")
    assert team.up("production").status == 0
    assert team.states() == ["open"]
    assert team.version(ref=BRANCH) == "v0.3.2"
    team.forge.merge(REPOSITORY, 1)
    assert team.version() == "v0.3.2"


def test_what_a_person_closed_stays_closed_until_it_is_asked_for_again(team: Team) -> None:
    team.opened()
    team.forge.close(REPOSITORY, 1)

    after = team.up("production")

    assert after.status == 0, after.text
    assert team.states() == ["closed"]

    team.environment["DELIVERY_PROMOTE"] = '{"again": true}'
    again = team.up("production")

    assert kinds(again, after=1) == KINDS
    assert team.states() == ["closed", "open"]
    # Asked for once: what is open stays open when nobody says so any more.
    del team.environment["DELIVERY_PROMOTE"]
    assert team.preview("production", "--expect-no-changes").status == 0


def test_a_branch_deleted_by_hand_is_a_declined_promotion_and_the_next_one_has_a_branch_again(team: Team) -> None:
    team.opened()
    team.forge.delete_branch(REPOSITORY, BRANCH)

    after = team.up("production")

    assert after.status == 0, after.text
    assert team.tip(BRANCH) is None
    assert team.refresh("production").status == 0
    team.release("v0.3.2")
    assert kinds(team.up("production"), after=1) == KINDS
    assert team.states() == ["closed", "open"]


def test_destroying_the_stack_closes_what_is_open_and_leaves_what_was_merged(team: Team) -> None:
    team.opened()
    team.forge.merge(REPOSITORY, 1)
    team.release("v0.3.2")
    team.up("production")

    gone = team.destroy("production")

    assert gone.status == 0, gone.text
    assert team.states() == ["merged", "closed"]
    assert team.version() == "v0.3.1"
    assert team.manifests("production") == []
    back = team.up("production")
    assert back.status == 0, back.text
    assert team.states() == ["merged", "closed"]
    assert team.version() == "v0.3.1"
