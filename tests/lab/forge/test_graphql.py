"""GraphQL: the fields that a sweep reads, in one request, and what a wrong query or a missing permission gets."""

import json
from typing import Any

import pytest
import requests

from lab.forge import Forge
from tests.lab.forge.clients import NAME, Rest
from tests.lab.forge.test_deployments import deploy, say

OWNER, REPOSITORY = NAME.split("/")
QUERY = """
query Sweep($owner: String!, $name: String!, $dev: [String!]) {
  repository(owner: $owner, name: $name) {
    # newest first
    dev: deployments(environments: $dev, first: 2, orderBy: {field: CREATED_AT, direction: DESC}) {
      nodes { databaseId commitOid task payload creator { login } statuses(first: 5) { nodes { state description } } }
      pageInfo { hasNextPage endCursor }
    }
    none: deployments(environments: ["production"], first: 1) { nodes { databaseId } }
    refs(refPrefix: "refs/heads/promote/", first: 100) {
      nodes { name target { oid } associatedPullRequests(first: 1) { nodes { number headRefOid state } } }
    }
    defaultBranchRef {
      target { ... on Commit { history(first: 50) { nodes { oid status { contexts { context } } } } } }
    }
  }
}
"""


def ask(forge: Forge, query: str, key: str = "token", **variables: object) -> Any:
    answer = requests.post(
        f"{forge.url}/api/graphql",
        json={"query": query, "variables": {"owner": OWNER, "name": REPOSITORY, **variables}},
        headers={"Authorization": f"Bearer {key}"},
        timeout=10,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_one_query_reads_deployments_branches_pull_requests_and_commit_statuses(forge: Forge, rest: Rest) -> None:
    commit = str(forge.branch(NAME, "main"))
    numbers = [deploy(rest, commit, payload={"version": version}) for version in ("v1", "v2", "v3")]
    for number in numbers[:2]:
        say(rest, number, description="verified")
    head = forge.commit(NAME, {"production/values.yaml": "a: 2\n"}, "Promote", branch="promote/web")
    rest("POST", "/pulls", {"title": "Promote", "head": "promote/web", "base": "main"})
    rest("POST", f"/statuses/{commit}", {"state": "success", "context": "delivery/dev/web"})
    found = ask(forge, QUERY, dev=["dev"])["data"]["repository"]
    newest, before = found["dev"]["nodes"]
    assert (newest["databaseId"], newest["statuses"]["nodes"]) == (numbers[2], [])
    assert (before["commitOid"], before["task"], before["creator"]) == (commit, "deploy:web", {"login": "octocat"})
    assert json.loads(before["payload"]) == {"version": "v2"}
    assert before["statuses"]["nodes"] == [{"state": "SUCCESS", "description": "verified"}]
    assert found["none"] == {"nodes": []}
    pull = {"number": 1, "headRefOid": head, "state": "OPEN"}
    one = {"name": "web", "target": {"oid": head}, "associatedPullRequests": {"nodes": [pull]}}
    assert found["refs"]["nodes"] == [one]
    history = found["defaultBranchRef"]["target"]["history"]["nodes"]
    assert history == [{"oid": commit, "status": {"contexts": [{"context": "delivery/dev/web"}]}}]
    assert found["dev"]["pageInfo"]["hasNextPage"] is True
    rest_of = QUERY.replace("first: 2,", f'first: 2, after: "{found["dev"]["pageInfo"]["endCursor"]}",')
    page = ask(forge, rest_of, dev=["dev"])["data"]["repository"]["dev"]
    assert [node["databaseId"] for node in page["nodes"]] == numbers[:1]
    assert page["nodes"][0]["statuses"]["nodes"][0]["state"] == "INACTIVE"


def test_what_a_token_may_not_read_is_null_with_an_error_for_each(forge: Forge, rest: Rest) -> None:
    deploy(rest, str(forge.branch(NAME, "main")))
    forge.add_token("narrow", {"contents": "read"}, actions=True)
    found = ask(forge, QUERY, "narrow", dev=["dev"])
    assert found["data"]["repository"]["dev"]["nodes"] == [None]
    [error] = found["errors"]
    assert (error["type"], error["path"]) == ("FORBIDDEN", ["repository", "dev", "nodes", 0])
    assert error["message"] == "Resource not accessible by integration"


def test_a_repository_that_the_token_does_not_see_is_null(forge: Forge) -> None:
    found = ask(forge, QUERY, dev=[], name="none")
    assert (found["data"], found["errors"][0]["type"]) == ({"repository": None}, "NOT_FOUND")


def test_a_bot_is_named_without_the_end_of_its_login(forge: Forge) -> None:
    forge.add_token("bot", login="promoter[bot]")
    deploy(Rest(forge, "bot"), str(forge.branch(NAME, "main")))
    [node] = ask(forge, QUERY, dev=["dev"])["data"]["repository"]["dev"]["nodes"]
    assert node["creator"] == {"login": "promoter"}


@pytest.mark.parametrize(
    ("part", "instead", "said"),
    [
        ("commitOid", "commitSha", "Field 'commitSha' doesn't exist on type 'Deployment'"),
        ("first: 2,", "first: 101,", "`first` value"),
        ("first: 2,", "", "`first` value"),
        ("creator { login }", "creator", "must have selections"),
        ("$dev, first", "$other, first", "Variable $other"),
        ("# newest first", "}", "one operation"),
        ("query Sweep", "query Sweep %", "Expected"),
    ],
)
def test_a_query_that_github_would_not_answer_is_an_error(
    forge: Forge, rest: Rest, part: str, instead: str, said: str
) -> None:
    deploy(rest, str(forge.branch(NAME, "main")))
    found = ask(forge, QUERY.replace(part, instead), dev=["dev"])
    assert "data" not in found
    assert said in found["errors"][0]["message"]
