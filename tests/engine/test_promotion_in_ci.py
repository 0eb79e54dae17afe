"""A promotion by the stack without a cluster, and next to the promoter: each goes on with what the other has opened."""

import json
import os
import subprocess
import sys

from ci.promotion import TARGETS
from lab.engine import PROGRAM
from tests.engine.team import BRANCH, EDGE, TOKEN, Team

PROMOTION_ALONE = tuple(f"--target={target}" for target in TARGETS)
PULL = f"RepositoryPullRequest {EDGE}"


def run_promoter(team: Team, commit: str = "") -> str:
    """The promoter's own run along the edge, as the workflow starts it; the result comes back."""
    settings = team.folder / "settings.json"
    settings.write_text(team.read(".github/promoter/settings.json"), encoding="utf-8")
    inputs = {"APPLICATION": "podtato-head", "FROM": "dev", "TO": "production", "COMMIT_ID": commit}
    variables = {"GITHUB_TOKEN": TOKEN, "DELIVERY_WRITE_INTERVAL": "0", "DELIVERY_SETTINGS": str(settings)}
    command = [sys.executable, "-m", "delivery.promotion.cli", "--json"]
    done = subprocess.run(
        command, cwd=PROGRAM, env=os.environ | inputs | variables, capture_output=True, text=True, check=True
    )
    return str(json.loads(done.stdout)["result"])


def test_promoting_alone_needs_no_cluster_and_uses_the_newest_token(team: Team) -> None:
    team.promoting().up("production")
    before = team.manifests("production")
    # From here on the stack deploys to a cluster that nobody can reach from here, and its files would change.
    team.settings |= {"cluster": "deploy", "kubeContext": "out-of-reach", "namespacePattern": "{stage}-{application}"}
    team.release("v0.3.1")
    team.secrets["githubToken"] = "token-of-the-platform-rotated"
    team.forge.add_token(team.secrets["githubToken"])
    team.forge.remove_token(TOKEN)

    refused = team.up("production", *PROMOTION_ALONE)
    team.environment["DELIVERY_PROMOTE_ONLY"] = "true"
    alone = team.up("production", *PROMOTION_ALONE)

    assert refused.status != 0
    assert "out-of-reach" in refused.errors[0]
    assert alone.status == 0, alone.text
    assert team.states() == ["open"]
    touched = {resource.split(" ", 1)[0] for resource in alone.changes}
    assert touched <= {"Branch", "RepositoryFile", "RepositoryPullRequest", "github", "kubernetes"}
    assert team.manifests("production") == before
    again = team.up("production", *PROMOTION_ALONE, "--expect-no-changes")
    assert again.status == 0, again.text


def test_the_stack_takes_up_what_the_promoter_opened_and_adds_nothing_to_it(team: Team) -> None:
    team.seed("dev", "production")
    team.release("v0.3.1")
    assert run_promoter(team) == "created"
    head = team.tip(BRANCH)
    team.settings["promotionEngine"] = "pulumi"

    adopted = team.up("production")

    assert adopted.status == 0, adopted.text
    assert adopted.changes[PULL] == "import"
    assert team.tip(BRANCH) == head
    team.release("v0.3.2")
    newer = team.up("production")
    assert newer.status == 0, newer.text
    assert newer.changes[PULL] == "update"
    assert team.states() == ["open"]
    assert team.version(ref=BRANCH) == "v0.3.2"


def test_the_promoter_goes_on_with_what_the_stack_opened_and_the_stack_after_it(team: Team) -> None:
    team.opened().release("v0.3.2")

    assert run_promoter(team) == "updated"
    followed = team.up("production")

    assert followed.status == 0, followed.text
    assert team.states() == ["open"]
    assert team.log(BRANCH) == ["Promote podtato-head v0.3.2 to production"]
    team.release("v0.3.3")
    newest = team.up("production")
    assert newest.status == 0, newest.text
    assert team.states() == ["open"]
    assert team.version(ref=BRANCH) == "v0.3.3"
    assert team.preview("production", "--expect-no-changes").status == 0


def test_a_preview_asks_the_forge_three_times_for_an_edge_and_not_more(team: Team) -> None:
    team.promoting()
    team.release("v0.3.1")

    def reads() -> tuple[int, int]:
        team.forge.forget_requests()
        assert team.preview("production").status == 0
        asked = [request for request in team.forge.requests if request.kind == "rest"]
        # A fetch is one connection, in which git asks three times: for the service, the branches, the commits.
        fetched = [
            request for request in team.forge.requests if request.service == "upload-pack" and request.method == "GET"
        ]
        return len(asked), len(fetched)

    with_promotions = reads()
    team.settings["promotionEngine"] = "promoter"
    without = reads()

    asked, fetches = (one - other for one, other in zip(with_promotions, without, strict=True))
    # The list of pull requests, and the records.
    assert (asked, fetches) == (2, 1)
