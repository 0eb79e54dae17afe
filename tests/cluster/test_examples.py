"""Every pipeline under `examples/` against a real API server: what its first stage declares, and its team's own."""

from pathlib import Path
from typing import Any

import pytest

from lab.example import EXAMPLES, Example, example_names
from lab.forge import Forge
from lab.workloads import manifests
from tests.cluster.api_server import CONTEXT, ApiServer
from tests.cluster.team import Team, differences

pytestmark = pytest.mark.usefixtures("keptn")


@pytest.mark.parametrize("name", example_names())
def test_the_server_takes_what_an_example_declares_and_what_its_team_has_written(
    server: ApiServer, forge: Forge, tmp_path: Path, name: str
) -> None:
    example = Example(EXAMPLES / name)
    team = Team(name, server, forge, tmp_path, example)
    if name == "monorepo":
        team.settings["namespacePattern"] = "monorepo-{team}-{stage}"
    if name == "central-argocd":
        # Both clusters in one; `test_central_argocd` shows which of two gets what.
        team.settings["argocdContext"] = CONTEXT
    own = {path: text.decode() for path, text in example.files.items()}
    stage = example.stages[0]

    done = team.up(stage)

    assert done.status == 0, done.text
    declared: list[Any] = team.declared(stage)
    for body in declared:
        found = server.get(body["kind"], body["metadata"]["name"], body["metadata"].get("namespace", ""))
        stored = body | {"stringData": None} if body["kind"] == "Secret" else body
        assert differences(stored, found, body["kind"]) == []
        sources = body["spec"].get("sources", ()) if body["kind"] == "Application" else ()
        for written in manifests(own, sources[0]) if sources else ():
            written["metadata"]["namespace"] = body["spec"]["destination"]["namespace"]
            server.validate(written)
