"""A stack deploys to the context that its configuration names, whatever context happens to be current."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lab.forge import Forge
from tests.cluster.api_server import ApiServer
from tests.cluster.team import Team


class Elsewhere(ThreadingHTTPServer):
    """Stands where the current context points, and notes every connection that comes."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), BaseHTTPRequestHandler)
        self.visitors: list[object] = []

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"

    def verify_request(self, request: object, client_address: object) -> bool:  # noqa: ARG002 - as it is called
        """Note the visitor and say nothing."""
        self.visitors.append(client_address)
        return False


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere() as stub:
        serving = threading.Thread(target=stub.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        yield stub
        stub.shutdown()
        serving.join()


@pytest.fixture
def team(server: ApiServer, forge: Forge, tmp_path: Path, elsewhere: Elsewhere, request: pytest.FixtureRequest) -> Team:
    """A team whose kubeconfig is a person's own file, in which another cluster is current."""
    words = {"update_go": "own-context", "by_its_path": "own-path", "without": "no-context"}
    name = next(name for word, name in words.items() if word in request.node.name)
    team = Team(name, server, forge, tmp_path)
    own = tmp_path / "kubeconfig"
    own.write_text(server.kubeconfig(elsewhere=elsewhere.url), encoding="utf-8")
    team.environment["KUBECONFIG"] = str(own)
    del team.secrets["kubeconfig"]
    return team


def test_preview_and_update_go_to_the_stacks_own_context(team: Team, elsewhere: Elsewhere) -> None:
    done = team.up("production")

    assert done.status == 0, done.text
    assert team.server.get("Namespace", team.namespace("production")) is not None
    assert team.preview("production", "--refresh", "--run-program", "--expect-no-changes").status == 0
    assert elsewhere.visitors == []


def test_the_kubeconfig_may_be_named_by_its_path_in_plain_text(team: Team, elsewhere: Elsewhere) -> None:
    team.settings["kubeconfig"] = team.environment.pop("KUBECONFIG")

    done = team.up("production")

    assert done.status == 0, done.text
    assert team.server.get("Namespace", team.namespace("production")) is not None
    assert elsewhere.visitors == []


def test_without_a_context_of_its_own_a_stack_is_previewed_and_not_updated(team: Team, elsewhere: Elsewhere) -> None:
    del team.settings["kubeContext"]
    before = team.tip()

    assert team.preview("production").status == 0
    refused = team.up("production")

    assert refused.status != 0
    assert refused.errors[0].startswith("delivery:kubeContext: found nothing")
    assert refused.errors[0].endswith("fix: pulumi config set -s production delivery:kubeContext CONTEXT")
    assert team.tip() == before
    assert elsewhere.visitors == []
