"""Promotions in a repository whose branches take signed commits alone: GitHub makes the commits, and signs them."""

import subprocess
from collections.abc import Callable

import pytest

from delivery.git.commits import PROMOTER_MAIL, SIGNED, Commit
from delivery.git.repository import GitError
from delivery.github.client import GitHubError
from delivery.promotion.branch import rollback_branch
from lab.forge.repositories import person
from tests.delivery.promotion.story import EDGE, NAME, Run, Story, fetch_only
from tests.messages import assert_message

BRANCH = EDGE.branch
REPOSITORY = f"/repos/{NAME}"
PERSONAL = "a-persons-token"
TRAILER = f"podtato-head dev->production {'ab' * 20}"
GITHUB, APP = "noreply@github.com", "7+promoter[bot]@users.noreply.github.com"


@pytest.fixture
def signing(told: Story) -> Story:
    """A story whose promotions are signed, in a repository that demands it of every branch."""
    told.configure(sign_commits=True)
    told.forge.demand_signatures(NAME, "*")
    return told


def on_the_web(told: Story, path: str, text: str, login: str = "ada", message: str = "Edit") -> str:
    """What somebody edits on the pull request's branch in GitHub's web interface, which signs it."""
    return told.forge.settings(NAME).commit_files({path: text}, message, person(login), branch=BRANCH)


def update_branch(told: Story, login: str) -> None:
    """What the button of that name does: GitHub merges the default branch into the pull request's, and signs that."""
    repository = told.forge.settings(NAME)
    tree, heads = repository.merged_tree(BRANCH, "main"), [repository.branch(BRANCH), repository.branch("main")]
    assert tree is not None
    message = f"Merge branch 'main' into {BRANCH}"
    merge = repository.write_commit(tree, [head for head in heads if head], message, person(login))
    repository.update_ref(f"refs/heads/{BRANCH}", merge)


def new_commits(told: Story, branch: str = BRANCH) -> list[str]:
    """The subjects of the commits that the branch has and the default branch has not, newest first."""
    return told.forge.settings(NAME).git("log", "--format=%s", f"main..{branch}").splitlines()


def verified(told: Story, branch: str = BRANCH) -> bool:
    commit = told.forge.settings(NAME).commit(f"refs/heads/{branch}")
    assert commit is not None
    return commit.verified


def test_without_the_option_one_line_says_which_one_it_is(told: Story) -> None:
    told.forge.demand_signatures(NAME, "promote/*")

    run = told.promote(told.release("v0.3.1"))

    assert (run.status, type(run.error)) == (1, GitError)
    assert_message("git.signatures", str(run.error).replace(told.forge.url, "https://forge.example"))
    assert told.forge.branch(NAME, BRANCH) is None
    assert told.pull_requests == []


def test_with_it_a_signed_commit_is_proposed_by_two_requests_and_one_fetch_more(signing: Story) -> None:
    run = signing.promote(signing.release("v0.3.1"))

    assert run.result == "created", run.errors
    paths = ("GET /pulls", "POST /git/trees", "POST /git/commits", "POST /pulls")
    assert run.requests == [f"{method} {REPOSITORY}{path}" for method, path in map(str.split, paths)]
    assert (run.fetches, run.pushes) == (2, 1)
    assert (verified(signing), signing.version(BRANCH)) == (True, "v0.3.1")
    signing.merge(1)
    assert signing.version() == "v0.3.1"


def test_a_run_that_has_nothing_to_do_makes_no_commit(signing: Story) -> None:
    commit = signing.release("v0.3.1")
    signing.promote(commit)

    run = signing.promote(commit)

    assert (run.result, run.fetches, run.pushes) == ("unchanged", 1, 0)
    assert not [request for request in run.requests if not request.startswith("GET ")]


@pytest.mark.parametrize("depth", [2, 30])
def test_the_next_version_replaces_the_commit(signing: Story, depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    signing.promote(signing.release("v0.3.1"))
    signing.commits()
    fetch_only(depth, monkeypatch)

    run = signing.promote(signing.release("v0.3.2"))

    assert run.result == "updated", run.errors
    assert new_commits(signing) == ["Promote podtato-head v0.3.2 to production"]
    assert verified(signing)


def test_an_unsigned_commit_from_before_is_replaced(told: Story) -> None:
    commit = told.release("v0.3.1")
    told.promote(commit)
    told.configure(sign_commits=True)
    assert not verified(told)

    run = told.promote(commit)

    assert (run.status, verified(told), len(new_commits(told))) == (0, True, 1)


@pytest.mark.parametrize("method", ["merge", "squash"])
def test_a_rollback_is_signed_too(signing: Story, method: str) -> None:
    signing.promote(signing.release("v0.3.1"))
    signing.merge(1, method)

    assert signing.rollback().result == "created"

    assert verified(signing, rollback_branch(EDGE))
    signing.merge(2, method)
    assert signing.version() == "v0.3.0"
    run = signing.promote(signing.release("v0.3.2"))
    assert (run.result, new_commits(signing)) == ("created", ["Promote podtato-head v0.3.2 to production"])


def test_what_a_person_commits_is_not_signed_and_nothing_is_pushed(signing: Story) -> None:
    commit = signing.release("v0.3.1")
    signing.forge.add_token(PERSONAL, login="ada")

    run = signing.promote(commit, token=PERSONAL)

    assert (run.status, type(run.error), run.pushes) == (1, GitHubError, 0)
    assert_message("github.unsigned", str(run.error))
    assert signing.promote(commit).result == "created"


def answered(told: Story, **changes: object) -> Run:
    """The run whose commit GitHub answers with these changes, and which is as it should be otherwise."""
    commit = told.release("v0.3.1")
    told.promote(commit, "", "--again")
    made = told.forge.settings(NAME).commit(f"refs/heads/{BRANCH}")
    assert made is not None
    told.forge.delete_branch(NAME, BRANCH)
    body: dict[str, object] = {"sha": made.sha, "tree": {"sha": made.tree}, "message": made.message}
    body |= {"parents": [{"sha": made.parents[0]}], "verification": {"verified": True, "reason": "valid"}}
    told.forge.fail_next("POST", "/git/commits", status=201, body=body | changes)
    return told.promote(commit, "", "--again")


@pytest.mark.parametrize(
    ("reason", "again"), [("gpgverify_unavailable", True), ("gpgverify_error", True), ("bad_email", False)]
)
def test_a_service_that_is_busy_is_told_from_a_token_that_does_not_do(signing: Story, reason: str, again: bool) -> None:
    run = answered(signing, verification={"verified": False, "reason": reason})

    assert (run.status, "run again later" in str(run.error), run.pushes) == (1, again, 0)


@pytest.mark.parametrize(
    "change",
    [{"tree": {"sha": "ab" * 20}}, {"parents": [{"sha": "ab" * 20}]}, {"parents": []}, {"message": "Another one"}],
    ids=lambda change: next(iter(change)),
)
def test_a_commit_other_than_the_one_that_was_asked_for_is_not_pushed(
    signing: Story, change: dict[str, object]
) -> None:
    run = answered(signing, **change)

    assert (run.status, type(run.error), run.pushes) == (1, GitHubError, 0)
    assert_message("github.another_commit", str(run.error))
    assert answered(signing).result == "created", "the same without a change is taken"


@pytest.mark.parametrize("sha", ["HEAD", f"{'ab' * 20}:refs/heads/main", None, 7, ""])
def test_a_commit_by_another_name_than_a_commits_is_not_fetched(signing: Story, sha: object) -> None:
    run = answered(signing, sha=sha)

    assert (run.status, type(run.error), run.fetches, run.pushes) == (1, GitHubError, 1, 0)


def test_of_another_tree_no_commit_is_made(signing: Story) -> None:
    signing.forge.fail_next("POST", "/git/trees", status=201, body={"sha": "ab" * 20})

    run = signing.promote(signing.release("v0.3.1"))

    assert (run.status, run.requests[-1]) == (1, f"POST {REPOSITORY}/git/trees")


@pytest.mark.parametrize("path", ["trees", "commits"])
@pytest.mark.parametrize(
    "body", [{}, "[]", "null", "7", "<html>", {"sha": "ab" * 20}, {"sha": "--all", "tree": {"sha": 1}, "parents": []}]
)
def test_an_answer_of_another_shape_pushes_nothing(signing: Story, path: str, body: dict[str, object] | str) -> None:
    commit = signing.release("v0.3.1")
    signing.forge.fail_next("POST", f"/git/{path}", status=201, body=body)

    run = signing.promote(commit)

    assert (run.status, type(run.error), run.pushes) == (1, GitHubError, 0)
    assert signing.promote(commit).result == "created"


def test_a_tree_that_is_not_everywhere_yet_is_asked_for_again(signing: Story) -> None:
    signing.forge.fail_next("POST", "/git/commits", status=422, body={"message": "Tree SHA does not exist"}, times=2)

    assert signing.promote(signing.release("v0.3.1")).result == "created"

    signing.forge.fail_next("POST", "/git/commits", status=422, body={"message": "Tree SHA does not exist"}, times=9)
    assert signing.promote(signing.release("v0.3.2")).status == 1


def test_a_lost_answer_and_a_race_leave_one_commit(signing: Story) -> None:
    commit = signing.release("v0.3.1")
    for path in ("/git/trees", "/git/commits"):
        signing.forge.fail_next("POST", path, after_commit=True)

    assert signing.promote(commit).result == "created"
    assert len(new_commits(signing)) == 1


@pytest.mark.parametrize("work", [on_the_web, update_branch], ids=lambda work: work.__name__)
@pytest.mark.parametrize("login", ["ada", "helper[bot]"])
def test_what_others_have_github_commit_to_the_branch_is_kept(
    signing: Story, work: Callable[..., object], login: str
) -> None:
    signing.promote(signing.release("v0.3.1"))
    signing.commits(1)
    more = ("production/notes.md", "careful", login) if work is on_the_web else (login,)
    work(signing, *more)
    kept = signing.forge.branch(NAME, BRANCH)

    run = signing.promote(signing.release("v0.3.2"))

    assert run.result == "updated", run.errors
    head = signing.forge.settings(NAME).commit(f"refs/heads/{BRANCH}")
    assert head is not None
    assert (head.parents, head.verified, signing.version(BRANCH)) == ((kept,), True, "v0.3.2")


def test_an_executable_file_and_what_is_in_it_stay_as_they_are(signing: Story) -> None:
    repository = signing.forge.settings(NAME)
    text = 'serviceVersion: v0.3.0\r\nsaid: "grüße €"\r\n'
    signing.forge.commit(NAME, {"production/values.yaml": text}, "With other line ends")
    clone = str(signing.folder / "mode")
    for command in (
        ("clone", "--quiet", str(repository.path), clone),
        ("-C", clone, "update-index", "--chmod=+x", "production/values.yaml"),
        ("-C", clone, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "Executable"),
        ("-C", clone, "push", "--quiet", "origin", "HEAD:main"),
    ):
        subprocess.run(["git", *command], check=True, capture_output=True)

    assert signing.promote(signing.release("v0.3.1")).result == "created"

    assert repository.git("ls-tree", BRANCH, "production/values.yaml").startswith("100755")
    assert signing.production(BRANCH).startswith('serviceVersion: v0.3.1\r\nsaid: "grüße €"\r\n')


OURS = Commit("1", ("2",), GITHUB, "promoter[bot]", "Promote it", TRAILER + SIGNED, APP)


@pytest.mark.parametrize("mark", ["", " on-top", " declared"])
@pytest.mark.parametrize(
    ("committer", "author"),
    [
        (GITHUB, APP),
        (GITHUB, "41898282+github-actions[bot]@users.noreply.github.com"),
        ("noreply@git.example.org", "7+promoter[bot]@users.noreply.git.example.org"),
    ],
)
def test_a_commit_that_github_made_for_the_promoter_is_its_own(mark: str, committer: str, author: str) -> None:
    commit = Commit("1", ("2",), committer, "promoter[bot]", "Promote it", TRAILER + SIGNED + mark, author)

    assert (commit.ours, commit.appended, commit.declared) == (True, mark != "", mark == " declared")


@pytest.mark.parametrize(
    "commit",
    [
        Commit("1", ("2",), GITHUB, "Ada", "Promote it", TRAILER + SIGNED, "ada@example.org"),
        Commit("1", ("2",), GITHUB, "Ada", "Promote it", TRAILER + SIGNED, "1+ada@users.noreply.github.com"),
        Commit(
            "1", ("2",), GITHUB, "b[bot]", "Promote it", TRAILER + SIGNED, "1+b[bot]@users.noreply.github.com.example"
        ),
        Commit("1", ("2",), "ada@example.org", "promoter[bot]", "Promote it", TRAILER + SIGNED, APP),
        Commit("1", ("2",), GITHUB, "promoter[bot]", "Fix the style", "", APP),
        Commit("1", ("2",), GITHUB, "promoter[bot]", "Promote it (#12)", TRAILER + SIGNED, APP),
        Commit("1", ("2",), GITHUB, "promoter[bot]", "Promote it", TRAILER, APP),
        Commit("1", ("2",), GITHUB, "promoter[bot]", "Promote it", f"{TRAILER}signed", APP),
        Commit("1", ("2", "3"), GITHUB, "promoter[bot]", "Merge it", TRAILER + SIGNED, APP),
        Commit("1", (), GITHUB, "promoter[bot]", "Promote it", TRAILER + SIGNED, APP),
        Commit("1", ("2",), PROMOTER_MAIL, "Delivery promoter", "Promote it", "", PROMOTER_MAIL),
    ],
    ids=[
        "a person on the web",
        "a person with a hidden address",
        "an address that only looks like an App's",
        "a person who amended it",
        "another App, or a revert",
        "a squash of a signed promotion",
        "a squash of an unsigned promotion",
        "another mark",
        "a merge",
        "the first commit of a repository",
        "the promoter's address alone",
    ],
)
def test_nobody_elses_commit_is_taken_for_the_promoters(commit: Commit) -> None:
    assert OURS.ours
    assert not commit.ours
