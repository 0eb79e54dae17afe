"""Objects that somebody else has made: refused, or adopted where the stack says so, and never taken over silently."""

import base64
import json
import re
from pathlib import Path

import pytest

from lab.forge import Forge
from tests.cluster.api_server import ApiServer, Body
from tests.cluster.team import TASK_TOKEN, Team, differences

pytestmark = pytest.mark.usefixtures("keptn")


def somebody_elses(kind: str, name: str, namespace: str = "") -> Body:
    """An object as another team would have left it there."""
    metadata = {"name": name, "labels": {"owner": "somebody-else"}} | ({"namespace": namespace} if namespace else {})
    versions = {"Application": "argoproj.io/v1alpha1"}
    body: Body = {"apiVersion": versions.get(kind, "v1"), "kind": kind, "metadata": metadata}
    if kind == "Application":
        destination = {"server": "https://kubernetes.default.svc", "namespace": "theirs"}
        body["spec"] = {"project": "theirs", "destination": destination}
    if kind == "Secret":
        body["stringData"] = {"SECURE_DATA": "theirs"}
    return body


def test_a_namespace_of_somebody_else_is_refused_until_the_stack_adopts_it(
    server: ApiServer, forge: Forge, tmp_path: Path
) -> None:
    team = Team("existing", server, forge, tmp_path)
    namespace = ("Namespace", team.namespace("production"), "")
    before = server.create(somebody_elses(*namespace))

    refused = team.up("production")

    assert refused.status != 0
    assert f'namespaces "{namespace[1]}" already exists' in refused.text
    assert server.get(*namespace) == before

    team.settings["adoptExisting"] = "true"
    adopted = team.up("production")

    assert adopted.status == 0, adopted.text
    found = server.get(*namespace)
    assert found is not None
    assert found["metadata"]["uid"] == before["metadata"]["uid"]
    assert found["metadata"]["labels"]["owner"] == "somebody-else"
    assert found["metadata"]["annotations"] == {"keptn.sh/lifecycle-toolkit": "enabled"}
    again = team.preview("production", "--expect-no-changes")
    assert again.status == 0, again.text

    # It is the stack's from then on, whatever the configuration says later.
    del team.settings["adoptExisting"]
    doomed = team.preview_destroy("production")
    assert doomed.status == 0, doomed.text
    assert re.search(rf"- kubernetes:core/v1:Namespace: \(delete\)(?s:.{{1,300}}){namespace[1]}", doomed.text)


def test_an_application_and_then_a_secret_of_somebody_else_are_refused_until_the_stack_adopts_them(
    server: ApiServer, forge: Forge, tmp_path: Path
) -> None:
    team = Team("taken", server, forge, tmp_path)
    del team.secrets["promotionToken"]
    application = ("Application", "podtato-head-prod", team.argocd)
    theirs = server.create(somebody_elses(*application))

    refused = team.up("production")

    assert refused.status != 0
    assert 'applications.argoproj.io "podtato-head-prod" already exists' in refused.text
    assert server.get(*application) == theirs

    team.settings["adoptExisting"] = "true"
    adopted = team.up("production")

    assert adopted.status == 0, adopted.text
    found = server.get(*application)
    assert found is not None
    declared = next(body for body in team.declared("production") if body["kind"] == "Application")
    assert differences(declared, found) == []
    assert found["metadata"]["uid"] == theirs["metadata"]["uid"]

    assert [body["kind"] for body in team.declared("production")] == ["Namespace", "Application"]

    # With a token it records what it has verified, and so gets a secret.
    del team.settings["adoptExisting"]
    team.secrets["promotionToken"] = TASK_TOKEN
    secret = ("Secret", "github-token", team.namespace("production"))
    theirs = server.create(somebody_elses(*secret))

    refused = team.up("production")

    assert refused.status != 0
    assert 'secrets "github-token" already exists' in refused.text
    assert server.get(*secret) == theirs

    team.settings["adoptExisting"] = "true"
    adopted = team.up("production")

    assert adopted.status == 0, adopted.text
    found = server.get(*secret)
    assert found is not None
    assert found["metadata"]["uid"] == theirs["metadata"]["uid"]
    assert json.loads(base64.b64decode(found["data"]["SECURE_DATA"]))["apiToken"] == TASK_TOKEN
