"""What the chart renders to: as the lab renders it, and as the real Helm does where that is on PATH."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from delivery.model.identifiers import is_traceparent, is_version
from lab.helm import FUNCTIONS, render_chart
from lab.template import TemplateError, render

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "gitops" / "chart"
SHARED = ROOT.parent / "shared"
CRDS = Path(os.environ.get("DELIVERY_CRDS", SHARED / "crds"))
HELM = shutil.which("helm")
TRACE = "00-23679963727bf63245f9b55983c73104-b427a6fcfc56cd6a-01"
COMMIT = "6b86b273ff34fce19d6b804eff5a3f5747ada4ea"

Manifests = dict[str, Any]


@dataclass(frozen=True)
class Failed:
    """How rendering ended when it did not render."""

    message: str


class Lab:
    """The lab's own renderer."""

    def render(self, chart: Path, parameters: Mapping[str, str]) -> Manifests | Failed:
        try:
            return by_kind(render_chart(chart, namespace="podtato-head-dev", parameters=parameters))
        except TemplateError as error:
            return Failed(str(error))


class Helm:
    """`helm template`, called as Argo CD calls it."""

    def render(self, chart: Path, parameters: Mapping[str, str]) -> Manifests | Failed:
        options = [f"--values={chart}/{name}" for name in ("values.yaml", "platform.yaml")]
        options += [f"--set={name}={value}" for name, value in parameters.items()]
        command = [str(HELM), "template", "podtato-head", str(chart), "--namespace=podtato-head-dev", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return Failed(done.stderr) if done.returncode else by_kind(done.stdout)


@pytest.fixture(params=[Lab, pytest.param(Helm, marks=pytest.mark.skipif(HELM is None, reason="helm is not on PATH"))])
def renderer(request: pytest.FixtureRequest) -> Lab | Helm:
    chosen: Lab | Helm = request.param()
    return chosen


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    return stage(tmp_path)


def stage(folder: Path, values: str = "", platform: Mapping[str, object] | None = None) -> Path:
    """A stage's folder as it lies in the GitOps repository; `values` are added to the first ones."""
    shutil.copytree(CHART, folder, dirs_exist_ok=True)
    (folder / "values-promoted.yaml").unlink()
    with (folder / "values.yaml").open("a") as file:
        file.write(values)
    (folder / "platform.yaml").write_text(yaml.safe_dump({**PLATFORM, **(platform or {})}))
    return folder


PLATFORM: dict[str, object] = {
    "versionKey": "serviceVersion",
    "application": {
        "name": "podtato-head",
        "image": "ghcr.io/podtato-head/podtato-server",
        "workload": "podtato-head-frontend",
        "containerPort": 9000,
        "servicePort": 8080,
    },
    "context": {
        "metadata": {},
        "preDeploymentTasks": [],
        "preDeploymentEvaluations": [],
        "postDeploymentTasks": ["post-deployment"],
        "postDeploymentEvaluations": [],
        "promotionTasks": ["promote"],
    },
}
BARE: dict[str, object] = {"context": {"metadata": {}, "promotionTasks": []}}


def by_kind(text: str) -> Manifests:
    documents = [document for document in yaml.safe_load_all(text) if document is not None]
    found = {document["kind"]: document for document in documents}
    assert len(found) == len(documents)
    return found


def rendered(result: Manifests | Failed) -> Manifests:
    assert not isinstance(result, Failed), result.message
    return result


def failed(result: Manifests | Failed) -> str:
    assert isinstance(result, Failed)
    return result.message


def test_first_values_render_to_the_guides_manifests(renderer: Lab | Helm, chart: Path) -> None:
    guide = SHARED / "guide" / "assets" / "application-dev.yaml"
    if not guide.exists():
        pytest.skip(f"the guide's manifests are not at {guide}")
    text = guide.read_text().replace("{{.Values.serviceVersion}}", "v0.3.0").replace("{{.Values.commitID}}", COMMIT)
    expected = {document["kind"]: document for document in yaml.safe_load_all(text)}
    manifests = rendered(renderer.render(chart, {"commitID": COMMIT}))
    assert manifests["Deployment"] == expected["Deployment"]
    assert manifests["Service"] == expected["Service"]
    assert manifests["KeptnAppContext"]["spec"] == expected["KeptnAppContext"]["spec"]


def test_the_context_is_named_after_the_application_and_comes_before_the_workloads(
    renderer: Lab | Helm, chart: Path
) -> None:
    metadata = rendered(renderer.render(chart, {}))["KeptnAppContext"]["metadata"]
    assert metadata == {
        "name": "podtato-head",
        "namespace": "podtato-head-dev",
        "annotations": {"argocd.argoproj.io/sync-wave": "-1"},
    }


def test_promoted_values_link_to_the_source_stages_trace(renderer: Lab | Helm, tmp_path: Path) -> None:
    chart = stage(tmp_path, platform=BARE)
    text = (CHART / "values-promoted.yaml").read_text()
    text = text.replace("v0.3.0", "v0.3.1").replace('traceParent: ""', f'traceParent: "{TRACE}"')
    (chart / "values.yaml").write_text(text)
    manifests = rendered(renderer.render(chart, {"commitID": COMMIT}))
    assert manifests["KeptnAppContext"]["spec"] == {"metadata": {"commitID": COMMIT}, "spanLinks": [TRACE]}
    pod = manifests["Deployment"]["spec"]["template"]
    assert pod["metadata"]["labels"]["app.kubernetes.io/version"] == "v0.3.1"
    assert pod["spec"]["containers"][0]["image"] == "ghcr.io/podtato-head/podtato-server:v0.3.1"


def test_first_promoted_values_without_argo_cd_render_no_null(renderer: Lab | Helm, tmp_path: Path) -> None:
    chart = stage(tmp_path, platform=BARE)
    shutil.copy(CHART / "values-promoted.yaml", chart / "values.yaml")
    assert rendered(renderer.render(chart, {}))["KeptnAppContext"]["spec"] == {"metadata": {}}


@pytest.mark.parametrize(
    "unusable",
    [
        '""',
        "null",
        "12",
        "true",
        f'"{TRACE.upper()}"',
        f'"{TRACE}\\n"',
        f'"\\n{TRACE}"',
        f'" {TRACE}"',
        f'"ff{TRACE[2:]}"',
        f'"00-{"0" * 32}-b427a6fcfc56cd6a-01"',
        f'"00-23679963727bf63245f9b55983c73104-{"0" * 16}-01"',
        f'"{TRACE}-extra"',
        '"${{ github.token }}"',
        '"{{ .Values }}"',
    ],
)
def test_a_traceparent_that_cannot_be_linked_to_is_left_out(
    renderer: Lab | Helm, tmp_path: Path, unusable: str
) -> None:
    chart = stage(tmp_path, f"traceParent: {unusable}\n")
    assert "spanLinks" not in rendered(renderer.render(chart, {}))["KeptnAppContext"]["spec"]


TRACEPARENTS = st.from_regex(r"[0f]{2}-[0f]{32}-[0f]{16}-[0f]{2}", fullmatch=True) | st.from_regex(
    r"[0-9a-fA-Fg]{2}-[0-9a-f]{31,33}-[0-9a-f]{16}-[0-9a-f]{2}\n?"
)


@given(text=TRACEPARENTS | st.text(max_size=60))
@example(text=TRACE)
def test_the_chart_and_the_promoter_agree_on_what_a_traceparent_is(text: str) -> None:
    template = (CHART / "templates" / "application.yaml").read_text()
    root = {"Values": {**PLATFORM, "serviceVersion": "v1", "traceParent": text}, "Release": {"Namespace": "a"}}
    context = by_kind(render(template, root, FUNCTIONS))["KeptnAppContext"]
    assert context["spec"].get("spanLinks") == ([text] if is_traceparent(text) else None)


@given(text=st.from_regex(r"[-A-Za-z0-9_.]{1,65}\n?") | st.text(min_size=1, max_size=10))
def test_the_chart_and_the_promoter_agree_on_what_a_version_is(text: str) -> None:
    template = (CHART / "templates" / "application.yaml").read_text()
    root = {"Values": {**PLATFORM, "serviceVersion": text}, "Release": {"Namespace": "a"}}
    try:
        manifests = by_kind(render(template, root, FUNCTIONS))
    except TemplateError:
        assert not is_version(text)
    else:
        labels = manifests["Deployment"]["spec"]["template"]["metadata"]["labels"]
        assert is_version(text)
        assert labels["app.kubernetes.io/version"] == text


@pytest.mark.parametrize("version", ["1.10", "1234567", "2026-01-02", "true", "1e3", "12e03"])
def test_a_version_that_yaml_reads_as_something_else_is_refused_or_kept_as_it_is(
    renderer: Lab | Helm, tmp_path: Path, version: str
) -> None:
    quoted = stage(tmp_path / "quoted", f'own: "{version}"\n', {"versionKey": "own"})
    labels = rendered(renderer.render(quoted, {}))["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/version"] == version
    bare = stage(tmp_path / "bare", f"own: {version}\n", {"versionKey": "own"})
    result = renderer.render(bare, {})
    if isinstance(result, Failed):
        assert "own in values.yaml is no" in result.message
    else:
        labels = result["Deployment"]["spec"]["template"]["metadata"]["labels"]
        assert labels["app.kubernetes.io/version"] == version


@pytest.mark.parametrize(
    "version", ['"a\\"b"', '"v1\\n"', '"v1 #"', '"${{ github.token }}"', '"v1\\nspec: {}"', '"-1"']
)
def test_a_hostile_version_is_refused(renderer: Lab | Helm, tmp_path: Path, version: str) -> None:
    chart = stage(tmp_path, f"own: {version}\n", {"versionKey": "own"})
    assert "own in values.yaml is no version" in failed(renderer.render(chart, {}))


def test_the_version_may_lie_below_other_keys(renderer: Lab | Helm, tmp_path: Path) -> None:
    chart = stage(tmp_path, "image:\n  tag: v9\n", {"versionKey": "image.tag"})
    container = rendered(renderer.render(chart, {}))["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "ghcr.io/podtato-head/podtato-server:v9"


@pytest.mark.parametrize("values", ["", "image:\n", "image: text\n", "image:\n  tag:\n", 'image:\n  tag: ""\n'])
def test_a_missing_version_is_named(renderer: Lab | Helm, tmp_path: Path, values: str) -> None:
    chart = stage(tmp_path, values, {"versionKey": "image.tag"})
    assert "values.yaml has no image.tag" in failed(renderer.render(chart, {}))


def test_without_the_platforms_values_the_mend_is_said(renderer: Lab | Helm, chart: Path) -> None:
    (chart / "platform.yaml").write_text("{}\n")
    assert "-f platform.yaml" in failed(renderer.render(chart, {}))


def test_metadata_and_tasks_arrive_as_text_whatever_they_hold(renderer: Lab | Helm, tmp_path: Path) -> None:
    metadata = {
        "quote": 'a "b" \\ c',
        "lines": "first\nsecond: {{ .Values }}\n",
        "number": "012",
        "truth": "yes",
        "key: with {{ braces }}": "-",
        "arrow": "→ 🚀 \x07\x85",
        "commitID": "not the metadata's to say",
    }
    phases = ["preDeploymentTasks", "preDeploymentEvaluations", "postDeploymentTasks", "postDeploymentEvaluations"]
    tasks = {phase: [f"{phase}-1", "yes"] for phase in phases}
    chart = stage(tmp_path, platform={"context": {"metadata": metadata, **tasks}})
    spec = rendered(renderer.render(chart, {"commitID": COMMIT}))["KeptnAppContext"]["spec"]
    assert spec == {"metadata": {**metadata, "commitID": COMMIT}, **tasks}


@pytest.mark.parametrize(
    ("values", "replicas"), [("", None), ("replicas:\n", None), ("replicas: 0\n", 0), ("replicas: 3\n", 3)]
)
def test_replicas_are_the_stages_own(renderer: Lab | Helm, tmp_path: Path, values: str, replicas: int | None) -> None:
    deployment = rendered(renderer.render(stage(tmp_path, values), {}))["Deployment"]
    assert deployment["spec"].get("replicas") == replicas


def test_a_long_application_name_still_gives_a_valid_container_name(renderer: Lab | Helm, tmp_path: Path) -> None:
    application = {**PLATFORM["application"], "name": "a" * 62}  # type: ignore[dict-item]
    chart = stage(tmp_path, platform={"application": application})
    container = rendered(renderer.render(chart, {}))["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    assert container["name"] == "a" * 62


def test_first_values_differ_only_in_the_traceparent() -> None:
    first = yaml.safe_load((CHART / "values.yaml").read_text())
    promoted = yaml.safe_load((CHART / "values-promoted.yaml").read_text())
    assert first == {"serviceVersion": "v0.3.0", "commitID": ""}
    assert promoted == {**first, "traceParent": ""}


def test_the_chart_says_what_it_is() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["apiVersion"] == "v2"
    assert chart["type"] == "application"
    assert chart["kubeVersion"] == ">= 1.27.0-0"


@pytest.mark.skipif(HELM is None, reason="helm is not on PATH")
def test_helm_lints_the_chart_without_a_complaint(chart: Path) -> None:
    done = subprocess.run(
        [str(HELM), "lint", "--strict", "--quiet", f"--values={chart}/platform.yaml", chart],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not CRDS.is_dir(), reason=f"no resource definitions at {CRDS}")
@pytest.mark.parametrize("values", ["", f'traceParent: "{TRACE}"\n'])
def test_the_context_holds_against_keptns_definition(renderer: Lab | Helm, tmp_path: Path, values: str) -> None:
    definition = yaml.safe_load((CRDS / "lifecycle.keptn.sh_keptnappcontexts.yaml").read_text())
    [schema] = [
        version["schema"]["openAPIV3Schema"] for version in definition["spec"]["versions"] if version["name"] == "v1"
    ]
    schema["properties"]["metadata"] = {"type": "object", "required": ["name", "namespace"]}
    for node in nodes(schema):
        if "properties" in node:
            node["additionalProperties"] = False
    context = rendered(renderer.render(stage(tmp_path, values), {"commitID": COMMIT}))["KeptnAppContext"]
    jsonschema.validate(context, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**context, "spec": {**context["spec"], "spanLinks": [None]}}, schema)


def nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every object schema within a schema, itself included."""
    for node in schema.get("properties", {}).values():
        yield from nodes(node)
    yield schema
