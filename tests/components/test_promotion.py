"""Promotions as resources, as far as a preview can see them: declared exactly when the target differs.

The same life in the real engine, with updates, merges and a lost state, is in the engine tier.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pulumi
import pytest
import requests

from delivery.config.files import read_stack_config
from delivery.model.edges import Edge
from delivery.stack.repository_files import PLATFORM_HEAD
from lab.engine import PROGRAM, Declared, Preview, ProgramError, preview
from lab.forge import Forge
from program.promotions import promotion_name
from tests.delivery.promotion.story import EDGE, platform
from tests.messages import assert_message

NAME = "acme/gitops"
TOKEN = "token-of-the-platform"
BRANCH = "promote/podtato-head/dev/production"
NAMED = "podtato-head-dev-to-production"
TRACEPARENT = "00-23679963727bf63245f9b55983c73104-b427a6fcfc56cd6a-01"


DEV = 'serviceVersion: v0.3.0\ncommitID: ""\n'
PRODUCTION = 'serviceVersion: v0.3.0\ncommitID: ""\ntraceParent: ""\nreplicas: 3\n'
PLATFORM = PLATFORM_HEAD + platform(EDGE)


class Stages:
    """dev and production in a repository on the lab's forge, both at v0.3.0, and production's stack."""

    def __init__(self, forge: Forge) -> None:
        self.forge = forge
        files = {"dev/values.yaml": DEV, "production/values.yaml": PRODUCTION, "production/platform.yaml": PLATFORM}
        forge.create_repository(NAME, files=files, organization=True)
        forge.add_token(TOKEN)
        self.settings = {
            "repositoryOwner": "acme",
            "repositoryName": "gitops",
            "githubApiUrl": forge.api_url,
            "promotionEngine": "pulumi",
        }
        self.secrets = {"githubToken": TOKEN}
        self.token = TOKEN

    def release(self, version: str) -> str:
        """A developer's commit to dev."""
        values = {"dev/values.yaml": DEV.replace("v0.3.0", version)}
        return self.forge.commit(NAME, values, f"Deploy {version}")

    def preview(self, **settings: str) -> Preview:
        """What production's stack declares now."""
        config = read_stack_config(PROGRAM, "production")
        return preview("production", config.override(self.settings | settings, self.secrets))

    def declared(self, **settings: str) -> dict[str, Declared]:
        """The promotion's resources, by the last part of their type."""
        found = [
            resource for resource in self.preview(**settings).resources if resource.custom and NAMED in resource.name
        ]
        return {resource.type.rpartition(":")[2]: resource for resource in found}

    def open(self, **settings: str) -> int:
        """Do what the providers do with what is declared: the branch, the file, the pull request; its number."""
        declared = self.declared(**settings)
        file, pull = declared["RepositoryFile"].inputs, declared["RepositoryPullRequest"].inputs
        named = {"name": file["commitAuthor"], "email": file["commitEmail"]} if "commitAuthor" in file else None
        who = {"author": named, "committer": named} if named else {}
        tip = self.forge.branch(NAME, "main")
        self.send("POST", "/git/refs", {"ref": f"refs/heads/{BRANCH}", "sha": tip})
        content = base64.b64encode(str(file["content"]).encode()).decode()
        sha = self.send("GET", f"/contents/{file['file']}")["sha"]
        written = {"message": file["commitMessage"], "content": content, "sha": sha, "branch": BRANCH}
        self.send("PUT", f"/contents/{file['file']}", written | who)
        text = {key: pull[key] for key in ("title", "body")}
        return int(self.send("POST", "/pulls", {**text, "head": BRANCH, "base": "main"})["number"])

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One REST call."""
        address = f"{self.forge.api_url}/repos/{NAME}{path}"
        answer = requests.request(
            method, address, json=body, headers={"Authorization": f"Bearer {self.token}"}, timeout=10
        )
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def stages(tmp_path: Path) -> Iterator[Stages]:
    with Forge(tmp_path / "forge") as forge:
        yield Stages(forge)


def test_no_two_edges_into_a_stage_share_a_name() -> None:
    words = ("a", "b", "a-b", "b-a", "a-b-a")
    edges = [Edge(application, source, "c", "", "", ()) for application in words for source in words]
    assert len({promotion_name(edge) for edge in edges}) == len(edges)


def test_nothing_to_promote_declares_nothing_and_says_so(stages: Stages) -> None:
    result = stages.preview()
    assert not [resource for resource in result.resources if resource.custom and NAMED in resource.name]
    assert result.outputs["promotions"] == {"podtato-head-dev-to-production": "production has what dev has"}


def test_a_newer_version_declares_branch_file_and_pull_request(stages: Stages) -> None:
    commit = stages.release("v0.3.1")
    declared = stages.declared()
    assert set(declared) == {"Branch", "RepositoryFile", "RepositoryPullRequest"}
    file, pull = declared["RepositoryFile"], declared["RepositoryPullRequest"]
    assert declared["Branch"].inputs["branch"] == BRANCH
    assert file.inputs["file"] == "production/values.yaml"
    assert "serviceVersion: v0.3.1\n" in str(file.inputs["content"])
    assert f"podtato-head dev->production {commit}" in str(file.inputs["commitMessage"])
    assert pull.inputs["title"] == "Promote podtato-head v0.3.1 to production"
    assert pull.inputs["headRef"] == BRANCH
    assert commit in str(pull.inputs["body"])
    assert pull.import_id == ""
    assert declared["Branch"].retain_on_delete
    assert file.retain_on_delete
    assert not pull.retain_on_delete, "destroying the stack closes an open one"


@pytest.mark.parametrize("by_workflow", [False, True], ids=["configured", "handed over by a workflow"])
def test_one_verified_revision_is_promoted_even_when_dev_has_moved_on(
    stages: Stages, monkeypatch: pytest.MonkeyPatch, by_workflow: bool
) -> None:
    verified = stages.release("v0.3.1")
    stages.release("v0.3.2")
    asked = {"version": "v0.3.1", "commitID": verified, "traceParent": TRACEPARENT}
    if by_workflow:
        edge = {"application": "podtato-head", "from": "dev", "to": "production"}
        monkeypatch.setenv("DELIVERY_PROMOTE", json.dumps({**edge, **asked, "rollback": "", "again": False}))
    declared = stages.declared() if by_workflow else stages.declared(promote=json.dumps(asked))
    content = str(declared["RepositoryFile"].inputs["content"])
    assert "serviceVersion: v0.3.1\n" in content
    assert f'traceParent: "{TRACEPARENT}"' in content


def test_a_version_that_the_source_does_not_have_is_refused_before_anything_is_declared(stages: Stages) -> None:
    commit = stages.release("v0.3.1")
    with pytest.raises(ProgramError, match=r"version v9\.9\.9 was asked for, but dev/values\.yaml has .* v0\.3\.1"):
        stages.preview(promote=f'{{"version": "v9.9.9", "commitID": "{commit}"}}')


def test_an_open_pull_request_is_taken_up_as_it_stands(stages: Stages) -> None:
    stages.release("v0.3.1")
    before = stages.declared()["RepositoryPullRequest"].inputs
    number = stages.open()
    pull = stages.declared()["RepositoryPullRequest"]
    assert pull.import_id == f"acme:gitops:{number}"
    assert pull.inputs == before


def test_after_a_finished_promotion_the_next_one_has_resources_of_its_own(stages: Stages) -> None:
    stages.release("v0.3.1")
    number = stages.open()
    stages.forge.merge(NAME, number)
    assert stages.declared() == {}
    stages.release("v0.3.2")
    assert {resource.name for resource in stages.declared().values()} >= {f"{NAMED}-after-{number}"}
    assert all(resource.name.startswith(f"{NAMED}-after-{number}") for resource in stages.declared().values())


def test_a_commit_that_github_signs_names_no_author_and_is_known_again(stages: Stages) -> None:
    signed = {"promotionCommits": "signed"}
    stages.forge.demand_signatures(NAME, "*")
    stages.token = "of-the-app"
    stages.forge.add_token(stages.token, login="delivery[bot]")
    stages.release("v0.3.1")
    number = stages.open(**signed)
    before = stages.declared(**signed)
    assert before["RepositoryPullRequest"].import_id == f"acme:gitops:{number}"
    newer = stages.release("v0.3.2")
    file = stages.declared(**signed)["RepositoryFile"].inputs
    assert f"podtato-head dev->production {newer} signed declared" in str(file["commitMessage"])
    assert file["content"] != before["RepositoryFile"].inputs["content"]
    assert "commitAuthor" not in file
    assert "commitEmail" not in file


def test_a_persons_token_signs_nothing_and_nothing_is_declared(stages: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    signed = {"promotionCommits": "signed", "kubeContext": "a"}
    stages.secrets["githubToken"] = "github_pat_of_ada"
    stages.forge.add_token("github_pat_of_ada", login="ada")
    stages.release("v0.3.1")
    assert stages.declared(**signed), "a preview shows what somebody else's update would do"
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    monkeypatch.setenv("DELIVERY_PROMOTE_ONLY", "true")
    with pytest.raises(ProgramError) as caught:
        stages.preview(**signed)
    assert_message("stack.unsigned", str(caught.value))


def test_what_a_person_closed_is_not_opened_again_but_can_be_asked_for(stages: Stages) -> None:
    stages.release("v0.3.1")
    stages.forge.close(NAME, stages.open())
    result = stages.preview()
    assert not result.of_type(":RepositoryPullRequest")
    said = " ".join(dict(cast(dict[str, str], result.outputs["promotions"])).values())
    assert "closed without merging" in said
    assert "DELIVERY_PROMOTE='{\"again\": true}' pulumi up -s production" in said
    assert stages.declared(promote='{"again": true}')


def test_a_stage_before_its_first_update_has_nothing_to_promote(stages: Stages) -> None:
    stages.forge.commit(NAME, {"production/values.yaml": None}, "not there yet")
    result = stages.preview()
    assert "nothing to promote so far" in str(result.outputs["promotions"])
    files = {str(resource.inputs["file"]): resource for resource in result.of_type(":RepositoryFile")}
    assert files["production/values.yaml"].import_id == "", "what is not there is written, not adopted"


def test_an_update_of_promotions_alone_asks_no_cluster(stages: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = {"cluster": {"server": "http://127.0.0.1:1"}, "name": "a"}
    context = {"context": {"cluster": "a", "user": "a"}, "name": "a"}
    login = {"user": {"token": "t"}, "name": "a"}
    stages.secrets["kubeconfig"] = json.dumps({"clusters": [nowhere], "contexts": [context], "users": [login]})
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    with pytest.raises(ProgramError, match=r"no cluster at http://127\.0\.0\.1:1"):
        stages.preview(kubeContext="a")
    monkeypatch.setenv("DELIVERY_PROMOTE_ONLY", "true")
    assert "promotions" in stages.preview(kubeContext="a").outputs


def test_one_promotion_costs_one_list_one_query_of_the_records_and_one_fetch(stages: Stages) -> None:
    stages.release("v0.3.1")
    stages.forge.forget_requests()
    stages.preview(promotionEngine="promoter")
    without = reads(stages.forge)
    stages.forge.forget_requests()
    stages.preview(promotionLabels='["promotion"]', promotionReviewers='["octocat"]')
    with_it = reads(stages.forge)
    assert with_it["rest"] - without["rest"] == 2
    assert with_it["fetch"] - without["fetch"] == 1


def test_values_that_git_owns_are_adopted_as_they_are(stages: Stages) -> None:
    files = {str(resource.inputs["file"]): resource for resource in stages.preview().of_type(":RepositoryFile")}
    assert files["production/values.yaml"].import_id == "gitops:production/values.yaml:main"
    assert files["production/platform.yaml"].import_id == ""


def test_a_stage_that_moves_is_declared_with_the_values_that_it_has(stages: Stages) -> None:
    platform = "application:\n  name: podtato-head\n  stage: production\n"
    stages.forge.commit(NAME, {"production/platform.yaml": platform}, "As an update left it")
    result = stages.preview(pathPattern="{stage}/{application}", promotionEngine="promoter")
    files = {str(resource.inputs["file"]): resource for resource in result.of_type(":RepositoryFile")}
    moved = files["production/podtato-head/values.yaml"]
    assert (moved.inputs["content"], moved.import_id) == (PRODUCTION, "")


def test_former_folders_that_contradict_each_other_are_one_line(stages: Stages) -> None:
    platform = "application:\n  name: podtato-head\n  stage: production\n"
    files = {"production/platform.yaml": platform, "old/platform.yaml": platform, "old/values.yaml": "replicas: 1\n"}
    stages.forge.commit(NAME, files, "A copy of the folder")
    with pytest.raises(ProgramError) as caught:
        stages.preview(pathPattern="{stage}/{application}")
    assert_message("stack.several_former_folders_of_a_stack", str(caught.value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("engine", ["promoter", "pulumi"])
def test_a_refused_token_is_one_line_with_the_command_that_sets_the_stacks_own(stages: Stages, engine: str) -> None:
    # GITHUB_TOKEN would change nothing: the stack's own token comes first.
    stages.forge.remove_token(TOKEN)
    with pytest.raises(ProgramError) as caught:
        stages.preview(promotionEngine=engine)
    assert str(caught.value).endswith(": pulumi config set -s production --secret delivery:githubToken")
    assert "\n" not in str(caught.value)
    assert TOKEN not in str(caught.value)


def reads(forge: Forge) -> dict[str, int]:
    """How often the forge was asked: over REST, and by fetching."""
    records = forge.requests
    return {
        "rest": sum(record.kind == "rest" for record in records),
        "fetch": sum("info/refs?service=git-upload-pack" in record.path for record in records),
    }


def test_values_of_several_files_are_committed_one_after_another_the_trace_first(stages: Stages) -> None:
    keys: list[Any] = [{"file": "{stage}.yaml", "key": "tag"}, {"file": "limits/{stage}.yaml", "key": "memory"}]
    read = {"valueFiles": ["{stage}.yaml", "limits/{stage}.yaml"], "promotedKeys": keys}
    shop = {"name": "shop", "source": "helm", "path": "charts/shop", **read}
    trace, names = ".delivery/shop/production/values.yaml", '"{stage}.yaml:tag"'
    files: dict[str, str | bytes | None] = {trace: f'traceParent: "{TRACEPARENT}"\n'}
    listed = f"versionKey: {names}\npromotedKeys: [{names}, 'limits/{{stage}}.yaml:memory']\n"
    files[".delivery/shop/production/platform.yaml"] = f"{PLATFORM_HEAD}{listed}application: {{name: shop}}\n"
    for stage, tag in (("dev", "v2"), ("production", "v1")):
        files |= {f"charts/shop/{stage}.yaml": f"tag: {tag}\n", f"charts/shop/limits/{stage}.yaml": f"memory: {tag}\n"}
    stages.forge.commit(NAME, files, "Begin")

    found = stages.preview(applications=json.dumps([shop])).resources

    branch = "promote/shop/dev/production"
    promoted = [one for one in found if one.type.endswith(":RepositoryFile") and one.inputs.get("branch") == branch]
    assert [one.inputs["file"] for one in promoted] == [
        trace,
        "charts/shop/production.yaml",
        "charts/shop/limits/production.yaml",
    ]
    assert [one.inputs["content"] for one in promoted[1:]] == ["tag: v2\n", "memory: v2\n"]
    assert len({one.name for one in promoted}) == 3
