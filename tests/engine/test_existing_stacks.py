"""Stacks that an earlier release of the program has deployed: an update by this one replaces and deletes nothing.

`golden/` holds what that release left behind: each stack's state (`pulumi stack export --show-secrets`, one resource a
line) and the GitOps repository (`git fast-export`), production with an open promotion. In both, long texts and
settings.json are replaced by short ones: that their content changes is what a release is for.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from ci.promotion import TARGETS
from tests.engine.team import BRANCH, REPOSITORY, TOKEN, Team

GOLDEN = Path(__file__).with_name("golden")


def state_of(team: Team, stack: str) -> dict[str, Any]:
    """The stack's state at the team's own forge and folder."""
    text = (GOLDEN / f"{stack}.json").read_text("utf-8")
    state: dict[str, Any] = json.loads(
        text.replace("http://FORGE", team.forge.url).replace("/FOLDER", str(team.folder))
    )
    return state


def restore_repository(team: Team) -> None:
    """Give the forge the repository, and the pull request that production's state knows of."""
    folder = team.forge.settings(REPOSITORY).path
    history = (GOLDEN / "repository.fast-export").read_bytes()
    subprocess.run(["git", f"--git-dir={folder}", "fast-import", "--quiet", "--force"], input=history, check=True)
    resources = state_of(team, "production")["deployment"]["resources"]
    [pull] = [resource["inputs"] for resource in resources if resource["type"].endswith(":RepositoryPullRequest")]
    sent = {"title": pull["title"], "body": pull["body"], "head": BRANCH, "base": "main"}
    url = f"{team.forge.api_url}/repos/{REPOSITORY}/pulls"
    requests.post(url, json=sent, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10).raise_for_status()


RECORDING = {
    *(f"{kind} podtato-head" for kind in ("PromotionAccess", "Secret", "ServiceAccount", "Role", "RoleBinding")),
    "KeptnTaskDefinition podtato-head/promote",
}
"""What a last stage has since it records what it has verified, given the token for that."""


def is_promotion(urn: str) -> bool:
    """Whether a resource is a promotion, or belongs to one."""
    return "delivery:components:Promotion" in urn.replace("::", "$").split("$")


@pytest.mark.parametrize(
    ("stack", "engine", "token"),
    [
        ("dev", "promoter", True),
        ("dev", "pulumi", True),
        ("production", "promoter", False),
        ("production", "pulumi", True),
    ],
)
def test_an_existing_stack_is_updated_in_place(team: Team, stack: str, engine: str, token: bool) -> None:
    restore_repository(team)
    head = team.tip(BRANCH)
    state = state_of(team, stack)
    if engine == "promoter":
        resources = state["deployment"]["resources"]
        state["deployment"]["resources"] = [resource for resource in resources if not is_promotion(resource["urn"])]
    file = team.folder / "state.json"
    file.write_text(json.dumps(state), encoding="utf-8")
    team.settings["promotionEngine"] = engine
    if not token:
        del team.secrets["promotionToken"]
    team.configure(stack)
    team.pulumi("stack", "import", "--stack", stack, "--file", str(file))

    shown, done = team.preview(stack), team.up(stack)

    assert (shown.status, done.status) == (0, 0), shown.text + done.text
    assert set(shown.changes.values()) <= {"update", "create"}, shown.changes
    kinds = ("PromotionEnvironment", "RepositoryEnvironment", "RepositoryEnvironmentDeploymentPolicy")
    new = {f"{kind} promotion" for kind in kinds} if (stack, engine) == ("dev", "pulumi") else set()
    new |= RECORDING if stack == "production" and token else set()
    new.add(f"Stage {stack}")
    assert shown.of("create") == new | {f"RepositoryFile podtato-head/{stack}/values.schema.json"}
    assert done.changes == shown.changes
    assert team.states() == ["open"]
    assert team.tip(BRANCH) == head
    assert team.preview(stack, "--expect-no-changes").status == 0


def test_an_existing_stack_promotes_without_an_update_of_all_else_before(team: Team) -> None:
    restore_repository(team)
    file = team.folder / "state.json"
    file.write_text(json.dumps(state_of(team, "production")), encoding="utf-8")
    team.settings["promotionEngine"] = "pulumi"
    team.environment["DELIVERY_PROMOTE_ONLY"] = "true"
    team.configure("production")
    team.pulumi("stack", "import", "--stack", "production", "--file", str(file))
    team.release("v0.3.2")

    alone = team.up("production", *(f"--target={target}" for target in TARGETS))

    assert alone.status == 0, alone.text
    assert {name.partition(" ")[0] for name in alone.of("create")} == {"Stage", "RepositoryFile"}
    assert team.version(ref=BRANCH) == "v0.3.2"
    rest = team.up("production")
    assert rest.status == 0, rest.text
    assert set(rest.changes.values()) <= {"update", "create"}, rest.changes
    assert team.preview("production", "--expect-no-changes").status == 0
