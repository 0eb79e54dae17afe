import json
from dataclasses import replace

import pytest

from delivery.doctor.check import Check
from delivery.doctor.promotions import promotions
from delivery.github.client import GitHub
from delivery.model.secret import SecretText
from delivery.promotion.metadata import Block
from lab.forge import Forge
from tests.delivery.cluster.kubernetes_api import configured
from tests.delivery.doctor.surroundings import FOR_GITHUB, GITHUB_TOKEN, REPOSITORY, on, only
from tests.slow_server import trickling

BRANCH = "promote/podtato-head/dev/production"
BLOCK = Block("promotion", "podtato-head", "dev", "production", commit="a" * 40, version="v0.3.1")
NAME = "last promotion, podtato-head: dev → production"


def check(forge: Forge, stack: str = "dev") -> Check:
    forge.add_token(GITHUB_TOKEN, FOR_GITHUB)
    return only(list(promotions(on(forge, stack), SecretText(GITHUB_TOKEN))))


def propose(forge: Forge, body: str, version: str = "v0.3.1", branch: str = BRANCH) -> int:
    forge.add_token("somebody")
    forge.commit(REPOSITORY, {"production/values.yaml": f"serviceVersion: {version}\n"}, "Promote", branch=branch)
    owner, _, name = REPOSITORY.partition("/")
    client = GitHub(forge.api_url, owner, name, "somebody", write_interval=0)
    return client.create_pull_request(branch, "main", f"Promote {version}", body).number


def close(forge: Forge, number: int) -> str:
    """The command that closes it; on another server than github.com its name is a part of it."""
    return f"gh pr close {number} --repo {forge.url.removeprefix('http://')}/{REPOSITORY} --delete-branch"


def left_over(forge: Forge, stack: str, *stages: str) -> list[Check]:
    """What the doctor says of left-over pull requests when these stages follow each other."""
    forge.add_token(GITHUB_TOKEN, FOR_GITHUB)
    pipeline = [{"name": stage, "after": list(stages[max(0, index - 1) : index])} for index, stage in enumerate(stages)]
    found = promotions(on(forge, stack, stages=json.dumps(pipeline)), SecretText(GITHUB_TOKEN))
    return [each for each in found if each.name == "left-over promotion"]


def test_before_the_first_promotion_there_is_none(forge: Forge) -> None:
    assert check(forge) == Check(NAME, "ok", "none so far")


def test_an_edge_is_checked_from_both_of_its_ends(forge: Forge) -> None:
    assert check(forge, "dev") == check(forge, "production")


def test_an_open_pull_request_is_shown_with_its_address(forge: Forge) -> None:
    number = propose(forge, BLOCK.to_comment())
    found = check(forge)
    assert found.status == "ok"
    assert found.detail == f"v0.3.1 waits in #{number}, open: {forge.url}/{REPOSITORY}/pull/{number}"


def test_a_merged_one_is_the_last_promotion(forge: Forge) -> None:
    number = propose(forge, BLOCK.to_comment())
    forge.merge(REPOSITORY, number)
    assert check(forge) == Check(NAME, "ok", f"v0.3.1 merged in #{number}")


def test_the_newest_one_counts(forge: Forge) -> None:
    first = propose(forge, BLOCK.to_comment())
    forge.merge(REPOSITORY, first, delete_branch=True)
    second = propose(forge, replace(BLOCK, version="v0.3.2").to_comment(), "v0.3.2")
    assert f"v0.3.2 waits in #{second}" in check(forge).detail


def test_a_refused_token_is_mended_where_the_stack_has_it_from(forge: Forge) -> None:
    (found,) = promotions(on(forge, "dev"), SecretText("revoked"))
    assert found.status == "unknown"
    assert found.detail.endswith("the token is wrong or expired: pulumi config set --secret delivery:githubToken")


def test_a_closed_one_says_who_closed_it(forge: Forge) -> None:
    number = propose(forge, BLOCK.to_comment())
    forge.close(REPOSITORY, number)
    assert check(forge).detail == f"v0.3.1 in #{number}, closed by a person without merging"
    forge.delete_branch(REPOSITORY, BRANCH)
    number = propose(forge, replace(BLOCK, until="b" * 40).to_comment())
    forge.close(REPOSITORY, number)
    assert check(forge).detail == f"v0.3.1 in #{number}, closed by the promoter: it had become pointless"


def test_an_open_one_that_is_not_the_promoter_s_is_wrong_because_it_blocks_the_edge(forge: Forge) -> None:
    number = propose(forge, "my own idea")
    found = check(forge)
    assert found.status == "wrong"
    assert found.mend == close(forge, number)


def test_a_finished_one_without_the_promoter_s_text_blocks_nothing(forge: Forge) -> None:
    number = propose(forge, "edited")
    forge.merge(REPOSITORY, number)
    assert check(forge) == Check(NAME, "ok", f"merged in #{number}")


@pytest.mark.parametrize(("engine", "level"), [("promoter", "read"), ("pulumi", "write")])
def test_a_token_that_may_not_read_pull_requests_leaves_it_unknown(forge: Forge, engine: str, level: str) -> None:
    forge.add_token(GITHUB_TOKEN, {"contents": "write"})
    found = only(list(promotions(on(forge, "production", promotionEngine=engine), SecretText(GITHUB_TOKEN))))
    assert found.status == "unknown"
    assert "pull_requests" in found.detail
    assert found.mend == (
        f"give githubToken pull_requests: {level} on {REPOSITORY} at {forge.url}/settings/personal-access-tokens"
    )


def test_a_forge_that_lets_one_edge_wait_is_not_asked_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delivery.doctor.promotions.ANSWER_SECONDS", 0.5)
    stages = [{"name": "dev"}, *({"name": f"stage-{number}", "after": ["dev"]} for number in range(8))]
    asked: list[str] = []
    with trickling(accepted=asked) as server:
        configuration = configured(stages=json.dumps(stages), githubApiUrl=f"{server}/api/v3")
        first, *others = promotions(configuration, SecretText(GITHUB_TOKEN))
    assert (first.status, first.detail) == ("unknown", f"no answer from {server}/api/v3 within 0.5 s")
    assert [each.detail for each in others] == ["not asked: the forge gave no answer"] * 7
    assert len(asked) == 1


@pytest.mark.parametrize("kind", ["promote", "rollback"])
def test_a_pull_request_around_a_new_stage_is_wrong_in_its_target_s_stack_alone(forge: Forge, kind: str) -> None:
    number = propose(forge, BLOCK.to_comment(), branch=f"{kind}/podtato-head/dev/production")
    (found,) = left_over(forge, "production", "dev", "staging", "production")
    assert found.status == "wrong"
    assert found.detail == (
        f"#{number} is open for podtato-head: dev → production, an edge that the pipeline does not have: "
        f"{forge.url}/{REPOSITORY}/pull/{number}"
    )
    assert found.mend == close(forge, number)
    for stack in ("dev", "staging"):
        assert left_over(forge, stack, "dev", "staging", "production") == []


def test_into_a_stage_that_is_gone_it_is_wrong_in_the_first_stage_s_stack(forge: Forge) -> None:
    number = propose(forge, BLOCK.to_comment())
    (found,) = left_over(forge, "dev", "dev", "staging")
    assert found.detail.startswith(f"#{number} is open for podtato-head: dev → production")
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
    asked = [each.path for each in forge.requests]
    assert len([each for each in asked if "head=" in each]) == 2
    assert len(asked) == 3


def test_a_list_that_github_refuses_leaves_it_unknown_whether_there_are_any(forge: Forge) -> None:
    forge.fail_next("GET", r"/pulls\?state=open", status=500)
    (found,) = left_over(forge, "production", "dev", "staging", "production")
    assert found.status == "unknown"


def test_on_github_com_a_repository_is_named_without_the_server() -> None:
    assert configured().pipeline.repository.gh_name == "acme/podtato-head-gitops"
    enterprise = configured(githubApiUrl="https://github.example.com/api/v3").pipeline.repository
    assert enterprise.gh_name == "github.example.com/acme/podtato-head-gitops"
