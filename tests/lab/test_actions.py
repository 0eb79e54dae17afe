"""The stand-in for GitHub Actions: what reaches the promoter, with which token, and what it does not know."""

import json
from pathlib import Path

import pytest
import requests

from lab.actions import resolve, run_promoter
from lab.forge import Forge
from lab.updates import EmbeddedEngine

NAME, SCRIPT = "acme/gitops", ".github/promoter/promoter.py"
WORKFLOW = f"""
on: workflow_dispatch
jobs:
  promote:
    permissions: {{contents: write, pull-requests: read}}
    steps:
      - uses: actions/checkout@main
      - run: python {SCRIPT}
        env:
          APPLICATION: ${{{{ inputs.application }}}}
          GITHUB_TOKEN: ${{{{ secrets.OWN || github.token }}}}
          OTEL: ${{{{ vars.OTEL }}}}
"""
PROMOTER = "import json, os, sys; print(json.dumps({**os.environ, 'here': os.getcwd()})); sys.exit(3)"


def test_the_promoter_gets_the_steps_environment_the_jobs_permissions_and_nothing_of_the_callers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLERS_OWN", "leaked")
    hostile = "$(id) ${{ github.token }}\nsecond line"
    with Forge(tmp_path) as forge:
        forge.create_repository(NAME, files={".github/workflows/promote.yaml": WORKFLOW, SCRIPT: PROMOTER})
        run = run_promoter(forge, NAME, "promote.yaml", {"application": hostile}, {"MORE": "1"})
        seen = json.loads(run.log)
        api, bearer = f"{forge.api_url}/repos/{NAME}", {"Authorization": f"Bearer {run.token}"}
        may_push = requests.get(api, headers=bearer, timeout=5).json()["permissions"]["push"]
        may_open = requests.post(f"{api}/pulls", headers=bearer, json={}, timeout=5).status_code != 403
    assert run.exit_code == 3
    assert (seen["APPLICATION"], seen["GITHUB_TOKEN"], seen["OTEL"], seen["MORE"]) == (hostile, run.token, "", "1")
    assert seen["GITHUB_REPOSITORY"] == NAME
    assert "CALLERS_OWN" not in seen
    assert (may_push, may_open) == (True, False)


@pytest.mark.parametrize("stored", [{"PROMOTION_TOKEN": "token-of-dana"}, {}])
def test_with_another_identity_the_pull_request_is_its_own_and_without_its_secret_there_is_none(
    tmp_path: Path, stored: dict[str, str]
) -> None:
    with Forge(tmp_path / "forge") as forge:
        forge.create_repository(NAME, files={"README.md": "#"}, organization=True)
        forge.add_token("token-of-dana", {"contents": "write", "pull_requests": "write"}, login="dana")
        settings = {"repositoryOwner": "acme", "repositoryName": "gitops", "githubApiUrl": forge.api_url}
        settings["promotionIdentity"] = "token"
        for stage in ("dev", "production"):
            EmbeddedEngine(forge, NAME, tmp_path / "seeded").up(
                stage, settings, {"promotionToken": "token-of-the-task"}
            )
        values = forge.read(NAME, "dev/values.yaml") or b""
        forge.commit(NAME, {"dev/values.yaml": values.replace(b"v0.3.0", b"v0.3.1")}, "Deploy v0.3.1")
        inputs = {"application": "podtato-head", "from": "dev", "to": "production"}
        fast = {"DELIVERY_WRITE_INTERVAL": "0"}

        run = run_promoter(forge, NAME, "promote.yaml", inputs, fast, stored)

        assert (run.exit_code == 0) == bool(stored), run.log
        assert [pull.login for pull in forge.pull_requests(NAME)] == (["dana"] if stored else [])
        assert forge.settings(NAME).actions_may_open_pull_requests is False
        bearer = {"Authorization": f"Bearer {run.token}"}
        shown = requests.get(f"{forge.api_url}/repos/{NAME}", headers=bearer, timeout=5).json()
        assert shown["permissions"]["push"] is False


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("a ${{ inputs.name }} b ${{inputs.name}}", "a x b x"),
        ("${{ vars.UNSET }}", ""),
        ("${{ secrets.SET || github.token }}", "set"),
        ("${{ secrets.UNSET || github.token }}", "t"),
    ],
)
def test_an_expression_is_the_first_of_its_alternatives_that_is_set(text: str, value: str) -> None:
    assert resolve(text, {"inputs": {"name": "x"}, "secrets": {"SET": "set"}, "github": {"token": "t"}}) == value


@pytest.mark.parametrize("text", ["${{ hashFiles('x') }}", "${{ inputs.a && 'b' }}", "${{ steps.a.outputs.b }}"])
def test_an_expression_that_it_does_not_know_is_an_error(text: str) -> None:
    with pytest.raises(LookupError, match="does not know the expression"):
        resolve(text, {})
