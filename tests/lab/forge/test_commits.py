"""Branches, history, comparison, and the account and repository over REST."""

from collections.abc import Callable

from lab.forge import Forge
from lab.forge.repositories import Person
from tests.lab.forge.clients import NAME, Rest


def test_the_provider_learns_what_the_owner_is(forge: Forge, rest: Rest) -> None:
    base = forge.api_url
    assert rest.session.get(f"{base}/orgs/acme", timeout=10).status_code == 404
    forge.create_repository("team/gitops", organization=True)
    assert rest.session.get(f"{base}/orgs/team", timeout=10).json()["type"] == "Organization"


def test_a_repository_tells_its_branch_and_what_the_token_may(forge: Forge, as_token: Callable[..., Rest]) -> None:
    found = as_token(contents="read")("GET", "").json()
    assert (found["full_name"], found["default_branch"], found["permissions"]["push"]) == (NAME, "main", False)
    assert Rest(forge)("GET", "").json()["permissions"]["push"] is True


def test_the_case_of_a_repository_name_does_not_matter(forge: Forge, rest: Rest) -> None:
    assert rest.session.get(f"{forge.api_url}/repos/ACME/GitOps", timeout=10).json()["full_name"] == NAME


def test_history_is_newest_first_and_narrowed_by_path(forge: Forge, rest: Rest) -> None:
    forge.commit(NAME, {"dev/values.yaml": "serviceVersion: v2\n"}, "Dev")
    forge.commit(NAME, {"production/values.yaml": "serviceVersion: v1\n"}, "Production\n\nBecause.")

    def messages(query: str) -> list[str]:
        return [commit["commit"]["message"] for commit in rest("GET", f"/commits?{query}").json()]

    assert messages("") == ["Production\n\nBecause.", "Dev", "Begin"]
    assert messages("sha=main&path=dev") == ["Dev", "Begin"]
    assert messages("per_page=1&page=2") == ["Dev"]
    assert rest("GET", "/commits?sha=none").status_code == 404


def test_a_commit_shows_the_files_it_changed(forge: Forge, rest: Rest) -> None:
    sha = forge.commit(NAME, {"new name.txt": "1\n2\n", "dev/values.yaml": None}, "Both")
    found = rest("GET", f"/commits/{sha}").json()
    assert [row["filename"] for row in found["files"]] == ["dev/values.yaml", "new name.txt"]
    assert rest("GET", "/commits/main", Accept="application/vnd.github.sha").text == sha
    missing = rest("GET", f"/commits/{'0' * 40}")
    assert (missing.status_code, missing.json()["message"]) == (422, f"No commit found for SHA: {'0' * 40}")


def test_a_comparison_tells_who_is_ahead(forge: Forge, rest: Rest) -> None:
    forge.commit(NAME, {"a": "1"}, "One", branch="topic")
    forge.commit(NAME, {"a": "2"}, "Two", branch="topic")

    def compared(basehead: str) -> tuple[str, int, int]:
        found = rest("GET", f"/compare/{basehead}").json()
        return found["status"], found["ahead_by"], found["behind_by"]

    assert compared("main...topic") == ("ahead", 2, 0)
    assert compared("topic...main") == ("behind", 0, 2)
    assert compared("main...main") == ("identical", 0, 0)
    forge.commit(NAME, {"b": "1"}, "Meanwhile")
    assert compared("main...acme:topic") == ("diverged", 2, 1)
    assert rest("GET", "/compare/main...none").status_code == 404


def test_clocks_that_are_behind_change_no_comparison(forge: Forge, rest: Rest) -> None:
    for number in range(20):
        forge.commit(NAME, {"a": str(number)}, "On time", branch="topic")
    repository, tip = forge.settings(NAME), forge.branch(NAME, "topic")
    for _ in range(20):
        found = repository.commit(str(tip))
        assert found is not None
        yesterday = Person("Dev", "dev@example.com", found.author.when - 86_400)
        tip = repository.write_commit(found.tree, [found.sha], "By a clock that is behind", yesterday, yesterday)
    repository.update_ref("refs/heads/late", str(tip))
    for basehead, expected in (("late...topic", ("behind", 0, 20)), ("topic...late", ("ahead", 20, 0))):
        answer = rest("GET", f"/compare/{basehead}").json()
        assert (answer["status"], answer["ahead_by"], answer["behind_by"]) == expected


def test_a_branch_with_a_slash_is_found_either_way(forge: Forge, rest: Rest) -> None:
    tip = forge.commit(NAME, {"a": "1"}, "One", branch="promote/x")
    for path in ("/branches/promote/x", "/branches/promote%2Fx"):
        assert rest("GET", path).json()["commit"]["sha"] == tip
    missing = rest("GET", "/branches/none")
    assert (missing.status_code, missing.json()["message"]) == (404, "Branch not found")


def test_protection_shows_on_the_branch_as_protection_and_as_rules(forge: Forge, rest: Rest) -> None:
    unprotected = rest("GET", "/branches/main/protection")
    assert (unprotected.status_code, unprotected.json()["message"]) == (404, "Branch not protected")
    assert rest("GET", "/rules/branches/main").json() == []
    forge.protect(NAME, reviews=2)
    assert rest("GET", "/branches/main").json()["protected"] is True
    required = rest("GET", "/branches/main/protection").json()["required_pull_request_reviews"]
    assert required["required_approving_review_count"] == 2
    assert {rule["type"] for rule in rest("GET", "/rules/branches/main").json()} >= {"pull_request"}
