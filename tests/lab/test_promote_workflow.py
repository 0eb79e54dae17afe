"""The workflow and the promoter together, from a dispatch over REST to the pull request on the lab's forge."""

import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests

from delivery.model.edges import Edge, PromotionSettings
from delivery.stack.repository_files import PROMOTER, promoter
from lab.actions import RunResult, run_workflow
from lab.forge import Forge

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "acme/gitops"
EDGE = Edge("podtato-head", "dev", "production", "dev", "production", ("serviceVersion",))
TRACE = "00-23679963727bf63245f9b55983c73104-b427a6fcfc56cd6a-01"


class Actions:
    """GitHub Actions for one forge: each dispatch is a run whose token may do what the job's permissions say."""

    def __init__(self, forge: Forge) -> None:
        self.forge = forge
        self.results: list[RunResult] = []
        forge.on_dispatch(self.run)

    def run(self, repository: str, workflow: str, _ref: str, inputs: Mapping[str, str]) -> str:
        result = run_workflow(workflow, inputs, self.forge, repository, self.token)
        self.results.append(result)
        return "failure" if result.exit_code else "success"

    def token(self, permissions: Mapping[str, str]) -> str:
        secret = f"ghs_{secrets.token_hex(18)}"
        self.forge.add_token(secret, permissions, repositories=[REPOSITORY], actions=True)
        return secret

    def dispatch(self, **inputs: str) -> RunResult:
        edge = {"application": "podtato-head", "from": "dev", "to": "production"}
        answer = requests.post(
            f"{self.forge.api_url}/repos/{REPOSITORY}/actions/workflows/promote.yaml/dispatches",
            json={"ref": "main", "inputs": edge | inputs},
            headers={"Authorization": "Bearer task"},
            timeout=10,
        )
        assert answer.status_code == 204, answer.text
        self.forge.wait_for_runs()
        return self.results[-1]


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with Forge(tmp_path / "forge") as forge:
        settings = PromotionSettings(
            owner="acme",
            repository="gitops",
            default_branch="main",
            api_url=forge.api_url,
            web_url=f"{forge.url}/{REPOSITORY}",
            stages={"dev": (), "production": ("dev",)},
            edges=(EDGE,),
        )
        gitops = ROOT / "gitops"
        files = {
            ".github/workflows/promote.yaml": (gitops / "workflows/promote.yaml").read_text(),
            ".github/promoter/requirements.txt": (gitops / "promoter/requirements.txt").read_text(),
            ".github/promoter/settings.json": settings.to_json(),
            "dev/values.yaml": (gitops / "chart/values.yaml").read_text().replace("v0.3.0", "v0.3.1"),
            "production/values.yaml": (gitops / "chart/values-promoted.yaml").read_text(),
        }
        files[PROMOTER] = promoter()
        forge.create_repository(REPOSITORY, files=files)
        forge.settings(REPOSITORY).actions_may_open_pull_requests = True
        forge.add_token("task", {"actions": "write"})
        yield forge


def test_a_dispatch_becomes_a_pull_request_with_the_jobs_own_permissions(forge: Forge) -> None:
    commit = forge.branch(REPOSITORY, "main") or ""
    actions = Actions(forge)
    run = actions.dispatch(version="v0.3.1", commitID=commit, traceParent=TRACE)
    assert run.exit_code == 0, run.log
    assert run.name == "Promote podtato-head v0.3.1: dev → production"
    assert run.masked == 0
    [pull_request] = forge.pull_requests(REPOSITORY)
    proposed = (forge.read(REPOSITORY, "production/values.yaml", EDGE.branch) or b"").decode()
    assert "serviceVersion: v0.3.1\n" in proposed
    assert f'traceParent: "{TRACE}"\n' in proposed
    assert run.outputs["pull_request"].endswith(f"/pull/{pull_request.number}")

    again = actions.dispatch(version="v0.3.1", commitID=commit, traceParent=TRACE)
    assert again.exit_code == 0, again.log
    assert len(forge.pull_requests(REPOSITORY)) == 1


@pytest.mark.parametrize(
    "inputs",
    [
        {"version": "v0.3.1\n$(touch pwned)"},
        {"version": "v9"},
        {"commitID": "--upload-pack=touch pwned"},
        {"application": "`id`"},
    ],
    ids=lambda inputs: str(inputs),
)
def test_inputs_that_no_stage_could_have_sent_end_the_run_and_leave_nothing(
    forge: Forge, inputs: dict[str, str]
) -> None:
    run = Actions(forge).dispatch(**inputs)
    assert run.exit_code != 0
    assert "error: " in run.log
    assert forge.pull_requests(REPOSITORY) == []
    assert forge.branch(REPOSITORY, EDGE.branch) is None
