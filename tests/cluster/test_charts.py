"""The charts as they were committed, rendered by the real Helm and validated by the real API server."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from delivery.model.promoted_keys import StageValues, in_values
from delivery.promotion.plan import plan
from tests.cluster.api_server import Body, Refused
from tests.cluster.team import Team

pytestmark = pytest.mark.skipif(shutil.which("helm") is None, reason="helm is not on PATH: run `make cluster-tools`")
TRACE = "00-23679963727bf63245f9b55983c73104-b427a6fcfc56cd6a-01"
FILES = ("Chart.yaml", "platform.yaml", "values.yaml", "values.schema.json", "templates/application.yaml")
FULL = Path(__file__).parents[1] / "gitops" / "full.values.yaml"


def render(team: Team, stage: str, values: bytes, folder: Path) -> dict[str, Body]:
    """What Argo CD would apply for `stage` with these values, by kind."""
    (folder / "templates").mkdir()
    for name in FILES:
        (folder / name).write_bytes(committed(team, f"{stage}/{name}"))
    (folder / "values.yaml").write_bytes(values)
    command = ["helm", "template", "podtato-head", str(folder), f"--namespace={team.namespace(stage)}"]
    command += [f"--values={folder}/platform.yaml", f"--set-string=commitID={team.tip()}"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {body["kind"]: body for body in yaml.safe_load_all(text)}


def committed(team: Team, path: str) -> bytes:
    content = team.forge.read(team.repository, path)
    assert content is not None, path
    return content


@pytest.mark.parametrize("stage", ["dev", "production"])
def test_the_first_values_render_to_objects_that_the_server_takes(delivered: Team, stage: str, tmp_path: Path) -> None:
    rendered = render(delivered, stage, committed(delivered, f"{stage}/values.yaml"), tmp_path)

    taken = {kind: delivered.server.validate(body) for kind, body in rendered.items()}

    assert taken["KeptnAppContext"]["spec"]["metadata"]["commitID"] == delivered.tip()
    assert "spanLinks" not in taken["KeptnAppContext"]["spec"]
    assert taken["Deployment"]["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/version"] == "v0.3.0"
    assert taken["Service"]["spec"]["ports"][0]["targetPort"] == 9000


def promotion(source: bytes, target: bytes, trace: str | None) -> bytes:
    """The target's values after the promotion of the source stage's version."""
    dev, production = (
        StageValues(stage, stage, in_values("serviceVersion"), f"{stage}/values.yaml")
        for stage in ("dev", "production")
    )
    texts = {"dev/values.yaml": source}, {"production/values.yaml": target}
    return plan(*texts, dev, production, {"production/values.yaml": trace or ""}).texts["production/values.yaml"]


def test_every_value_that_the_chart_reads_renders_to_objects_that_the_server_takes(
    delivered: Team, tmp_path: Path
) -> None:
    rendered = render(delivered, "dev", FULL.read_bytes(), tmp_path)
    # Of the Gateway API, whose definitions are not Kubernetes' own.
    assert rendered.pop("HTTPRoute")["spec"]["hostnames"] == ["route.example.org"]

    taken = {kind: delivered.server.validate(body) for kind, body in rendered.items()}

    pod = taken["Deployment"]["spec"]["template"]["spec"]
    assert [container["name"] for container in pod["containers"]] == ["podtato-head-service", "proxy", "shipper"]
    assert taken["Service"]["spec"]["ports"][0]["targetPort"] == 4180
    assert taken["Ingress"]["spec"]["tls"][0]["secretName"] == "tls-secret"
    assert taken["ServiceAccount"]["metadata"]["name"] == pod["serviceAccountName"]


def test_promoted_values_render_to_a_context_that_links_to_the_source_stage(delivered: Team, tmp_path: Path) -> None:
    source = committed(delivered, "dev/values.yaml").replace(b"v0.3.0", b"v0.3.1")
    target = committed(delivered, "production/values.yaml")
    promoted = promotion(source, target, TRACE)

    rendered = render(delivered, "production", promoted, tmp_path)
    taken = {kind: delivered.server.validate(body) for kind, body in rendered.items()}

    assert taken["KeptnAppContext"]["spec"]["spanLinks"] == [TRACE]
    assert taken["Deployment"]["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/version"] == "v0.3.1"


def test_a_promotion_without_a_trace_renders_to_a_context_without_a_link(delivered: Team, tmp_path: Path) -> None:
    source = committed(delivered, "dev/values.yaml").replace(b"v0.3.0", b"v0.3.1")
    target = committed(delivered, "production/values.yaml")
    promoted = promotion(source, target, None)
    assert b'traceParent: ""' in promoted

    context = render(delivered, "production", promoted, tmp_path)["KeptnAppContext"]

    assert "spanLinks" not in delivered.server.validate(context)["spec"]


def test_the_null_link_of_an_unquoted_empty_trace_would_be_refused(delivered: Team, tmp_path: Path) -> None:
    values = committed(delivered, "production/values.yaml")
    context = render(delivered, "production", values, tmp_path)["KeptnAppContext"]

    with pytest.raises(Refused, match="spanLinks"):
        delivered.server.validate(context | {"spec": context["spec"] | {"spanLinks": [None]}})
