import json
from dataclasses import replace

import pytest

from delivery.doctor.check import Check
from delivery.doctor.registry import run
from delivery.github.client import GitHub
from delivery.promotion.metadata import PromotionMetadata
from lab.forge import Forge
from tests.delivery.cluster.kubernetes_api import configured
from tests.delivery.doctor.surroundings import PERMISSIONS, REPOSITORY, TOKENS, assert_told, inspection, named

BRANCH = "promote/podtato-head/dev/production"
BLOCK = PromotionMetadata("promotion", "podtato-head", "dev", "production", commit="a" * 40, version="v0.3.1")
LEFT_OVER = "left-over promotion"


RECORD = "newest record podtato-head"
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


def check(forge: Forge, stack: str = "dev", **keys: str) -> Check:
    (found,) = (
        found for name, found in named(inspection(forge, stack, **keys), "promotions").items() if "record" not in name
    )
    return found


def record(forge: Forge, version: str, state: str = "success", reason: str = "", stage: str = "dev") -> str:
    """Record the tip of the default branch as the promotion task does; the commit."""
    forge.add_token("of the task", {"deployments": "write", "contents": "read"})
    owner, _, name = REPOSITORY.partition("/")
    client = GitHub(forge.api_url, owner, name, "of the task", write_interval=0)
    commit = forge.commit(REPOSITORY, {"dev/values.yaml": f"serviceVersion: {version}\n"}, version)
    payload = {"application": "podtato-head", "version": version, "traceparent": TRACE, "verifiedBy": "keptn"}
    body = {"ref": commit, "environment": stage, "task": "deploy:podtato-head", "payload": payload}
    settings = {"auto_merge": False, "required_contexts": list[str]()}
    number = client.request("POST", "/deployments", {**body, **settings}, read=lambda made: int(made["id"]))
    client.request(
        "POST", f"/deployments/{number}/statuses", {"state": state, "description": reason}, read=lambda _: None
    )
    return commit


def newest(forge: Forge, stack: str = "dev", /, **keys: str) -> Check:
    return named(inspection(forge, stack, **keys), "promotions")[RECORD]


def test_the_newest_record_of_each_application_is_shown(forge: Forge) -> None:
    assert_told("record.none", newest(forge))
    record(forge, "v0.3.0", "failure", "smoke: exit status 1")
    commit = record(forge, "v0.3.1")
    found = newest(forge)
    assert found.status == "ok"
    assert all(part in found.detail for part in ("v0.3.1", commit[:12], "by keptn", f"{REPOSITORY}/deployments/dev"))


def test_a_newest_record_that_is_a_failure_is_wrong_with_its_reason(forge: Forge) -> None:
    record(forge, "v0.3.0")
    commit = record(forge, "v0.3.1", "failure", "smoke: the shop answers 500")
    found = newest(forge)
    assert found.status == "wrong"
    when = found.detail.partition(" failed on ")[2].partition(" UTC")[0]
    assert_told("record.failed", found, forge.url, commit[:12], when)


def test_a_stage_without_a_token_records_nothing_and_one_with_it_does(forge: Forge) -> None:
    found = named(inspection(forge, "production"), "promotions")
    assert_told("record.no_token", found["newest record"])
    record(forge, "v0.3.1", stage="production")
    assert newest(forge, "production", promotionToken="x").status == "ok"


def test_records_that_the_token_may_not_read_are_unknown_and_the_fix_names_the_permission(forge: Forge) -> None:
    record(forge, "v0.3.1")
    forge.add_token(
        TOKENS["githubToken"], {key: text for key, text in PERMISSIONS["githubToken"].items() if key != "deployments"}
    )
    found = named(inspection(forge), "promotions")
    assert found["newest record"].status == "unknown"
    assert "deployments: read" in found["newest record"].fix
    assert "last promotion, podtato-head: dev → production" in found


def propose(forge: Forge, body: str, version: str = "v0.3.1", branch: str = BRANCH) -> int:
    forge.add_token("somebody")
    forge.commit(REPOSITORY, {"production/values.yaml": f"serviceVersion: {version}\n"}, "Promote", branch=branch)
    owner, _, name = REPOSITORY.partition("/")
    client = GitHub(forge.api_url, owner, name, "somebody", write_interval=0)
    return client.create_pull_request(branch, "main", f"Promote {version}", body).number


def close_command(forge: Forge, number: int) -> str:
    """The command that closes it; on another server than github.com its name is a part of it."""
    return f"gh pr close {number} --repo {forge.url.removeprefix('http://')}/{REPOSITORY} --delete-branch"


def stages(*names: str) -> str:
    """Stages that follow each other."""
    return json.dumps([{"name": name, "after": [*names[max(0, at - 1) : at]]} for at, name in enumerate(names)])


def left_over(forge: Forge, stack: str, *names: str) -> list[Check]:
    """What the doctor says of left-over pull requests when these stages follow each other."""
    found = named(inspection(forge, stack, stages=stages(*names)), "promotions")
    return [check for name, check in found.items() if name == LEFT_OVER]


def test_an_edge_is_checked_from_both_of_its_ends(forge: Forge) -> None:
    assert check(forge) == check(forge, "production")
    assert_told("promotion.none", check(forge))


def test_the_newest_pull_request_counts_open_or_merged(forge: Forge) -> None:
    first = propose(forge, BLOCK.to_comment())
    assert_told("promotion.open", check(forge), forge.url)
    forge.merge(REPOSITORY, first, delete_branch=True)
    assert_told("promotion.merged", check(forge))
    second = propose(forge, replace(BLOCK, version="v0.3.2").to_comment(), "v0.3.2")
    assert f"v0.3.2 is open in #{second}" in check(forge).detail


ROLLBACK = replace(BLOCK, kind="rollback", version="v0.3.0", undoes=1)


def test_after_a_merged_rollback_it_is_named_and_not_the_promotion_before_it(forge: Forge) -> None:
    forge.merge(REPOSITORY, propose(forge, BLOCK.to_comment()), delete_branch=True)
    number = propose(forge, ROLLBACK.to_comment(), "v0.3.0", BRANCH.replace("promote", "rollback", 1))
    assert_told("promotion.rollback_open", check(forge), forge.url)
    forge.merge(REPOSITORY, number, delete_branch=True)
    assert_told("promotion.rollback_merged", check(forge))
    third = propose(forge, replace(BLOCK, version="v0.3.2").to_comment(), "v0.3.2")
    assert check(forge).detail.startswith(f"v0.3.2 is open in #{third}")


def test_a_rollback_that_is_merged_after_a_newer_promotion_is_the_last_one(forge: Forge) -> None:
    forge.merge(REPOSITORY, propose(forge, BLOCK.to_comment()), delete_branch=True)
    rollback = propose(forge, ROLLBACK.to_comment(), "v0.3.0", BRANCH.replace("promote", "rollback", 1))
    newer = propose(forge, replace(BLOCK, version="v0.3.2").to_comment(), "v0.3.2")
    looked = inspection(forge)
    told = [each for each in run(looked, "promotions") if each.name.startswith("last")]
    assert [each.detail.split("#")[-1][0] for each in told] == [str(newer), str(rollback)]
    for number, time in ((newer, "2026-01-01T10:00:00Z"), (rollback, "2026-01-01T11:00:00Z")):
        forge.close(REPOSITORY, number)
        forge.pull_requests(REPOSITORY)[number - 1].closed_at = time
    assert check(forge).detail.startswith("rollback of #1 to v0.3.0")


def test_a_closed_one_says_who_closed_it(forge: Forge) -> None:
    forge.close(REPOSITORY, propose(forge, BLOCK.to_comment()))
    assert_told("promotion.closed", check(forge))
    forge.delete_branch(REPOSITORY, BRANCH)
    forge.close(REPOSITORY, propose(forge, replace(BLOCK, superseded_by="b" * 40).to_comment()))
    assert_told("promotion.superseded", check(forge))


def test_an_open_one_that_is_not_the_promoter_s_is_wrong_because_it_blocks_the_edge(forge: Forge) -> None:
    number = propose(forge, "my own idea")
    found = check(forge)
    assert (found.status, found.fix) == ("wrong", close_command(forge, number))
    assert_told("promotion.blocked", found, forge.url.removeprefix("http://"))
    forge.merge(REPOSITORY, number)
    assert check(forge).status == "ok"


@pytest.mark.parametrize(("engine", "level"), [("promoter", "read"), ("pulumi", "write")])
def test_a_token_that_may_not_read_pull_requests_leaves_it_unknown(forge: Forge, engine: str, level: str) -> None:
    forge.add_token(TOKENS["githubToken"], {"contents": "write"})
    checks = named(inspection(forge, "production", promotionEngine=engine), "promotions")
    for found in (found for name, found in checks.items() if "record" not in name):
        assert found.status == "unknown"
        assert f"pull_requests: {level} on {REPOSITORY}" in found.fix


def test_a_github_that_falls_silent_is_not_asked_for_the_other_edges(forge: Forge) -> None:
    names = json.dumps([{"name": "dev"}, *({"name": f"stage-{number}", "after": ["dev"]} for number in range(8))])
    looked = inspection(forge, stages=names)
    looked.github()
    forge.fail_next("GET", r"/pulls\?", times=99)
    (found,) = named(looked, "promotions").values()
    assert found.status == "unknown"


@pytest.mark.parametrize("kind", ["promote", "rollback"])
def test_a_pull_request_around_a_new_stage_is_wrong_in_its_target_s_stack_alone(forge: Forge, kind: str) -> None:
    number = propose(forge, BLOCK.to_comment(), branch=f"{kind}/podtato-head/dev/production")
    (found,) = left_over(forge, "production", "dev", "staging", "production")
    assert (found.status, found.fix) == ("wrong", close_command(forge, number))
    assert_told("promotion.left_over", found, forge.url, forge.url.removeprefix("http://"))
    for stack in ("dev", "staging"):
        assert left_over(forge, stack, "dev", "staging", "production") == []


def test_into_a_stage_that_is_gone_it_is_wrong_in_the_first_stage_s_stack(forge: Forge) -> None:
    propose(forge, BLOCK.to_comment())
    assert [found.status for found in left_over(forge, "dev", "dev", "staging")] == ["wrong"]
    assert left_over(forge, "staging", "dev", "staging") == []


@pytest.mark.parametrize(
    ("branch", "body"),
    [
        (BRANCH, "my own idea"),
        ("fix/podtato-head/dev/production", BLOCK.to_comment()),
        ("promote/podtato-head/qa/production", BLOCK.to_comment()),
    ],
)
def test_what_is_not_the_promoter_s_is_left_alone(forge: Forge, branch: str, body: str) -> None:
    propose(forge, body, branch=branch)
    assert left_over(forge, "production", "dev", "staging", "production") == []


def test_what_is_finished_or_of_the_pipeline_is_not_left_over(forge: Forge) -> None:
    number = propose(forge, BLOCK.to_comment())
    assert left_over(forge, "production", "dev", "production") == []
    forge.close(REPOSITORY, number)
    assert left_over(forge, "production", "dev", "staging", "production") == []


def test_they_are_looked_for_with_one_request_whatever_the_edges(forge: Forge) -> None:
    forge.forget_requests()
    left_over(forge, "staging", "dev", "staging", "production")
    asked = [request.path for request in forge.requests if "/pulls" in request.path]
    assert len([path for path in asked if "head=" in path]) == 2
    assert len(asked) == 3


def test_a_list_that_github_refuses_leaves_it_unknown_whether_there_are_any(forge: Forge) -> None:
    forge.fail_next("GET", r"/pulls\?state=open", status=500)
    (found,) = left_over(forge, "production", "dev", "staging", "production")
    assert found.status == "unknown"


def test_on_github_com_a_repository_is_named_without_the_server() -> None:
    assert configured().pipeline.repository.gh_name == "acme/podtato-head-gitops"
    enterprise = configured(githubApiUrl="https://github.example.com/api/v3").pipeline.repository
    assert enterprise.gh_name == "github.example.com/acme/podtato-head-gitops"
