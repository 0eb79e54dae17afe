"""The chart: what `helm template` makes of it, where helm is on PATH, and what its text promises anywhere.

What Keptn reads of it is tested twice, of helm and of the demo's stand-in for it (`lab.argocd`).
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from delivery.config.chart_values import values_schema
from delivery.config.files import read_stack_config
from delivery.model.identifiers import is_image_version, is_traceparent
from delivery.stack.repository_files import chart_template
from lab.argocd import SyncError, app_context, version
from lab.engine import preview
from lab.render import files_of
from tests.contract.golden import keep
from tests.definitions import WITHOUT_KEPTN, definitions, has_keptn

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "gitops" / "chart"
TEMPLATE = chart_template()
SHARED = ROOT.parent / "shared"
CRDS = definitions()
GUIDE = SHARED / "guide" / "assets" / "application-dev.yaml"
HELM = shutil.which("helm")
NAMESPACE = "podtato-head-dev"
TRACE = "00-23679963727bf63245f9b55983c73104-b427a6fcfc56cd6a-01"
COMMIT = "6b86b273ff34fce19d6b804eff5a3f5747ada4ea"
DIGEST = f"sha256:{'d' * 64}"
FULL = Path(__file__).parent / "full.values.yaml"

needs_helm = pytest.mark.skipif(HELM is None, reason="helm is not on PATH")
needs_guide = pytest.mark.skipif(not GUIDE.exists(), reason=f"the guide's manifests are not at {GUIDE}")


@dataclass(frozen=True)
class Rendered:
    """What Keptn reads of the chart, and helm's manifests by kind."""

    context: dict[str, Any]
    version: str
    manifests: dict[str, Any] = field(default_factory=dict)

    @property
    def spec(self) -> dict[str, Any]:
        found: dict[str, Any] = self.context["spec"]
        return found


class RenderError(Exception):
    """The chart was not rendered."""


class StandIn:
    """The demo's stand-in for helm."""

    def render(self, chart: Path, **parameters: str) -> Rendered:
        values: dict[str, Any] = {}
        for name in ("values.yaml", "platform.yaml"):
            values |= yaml.safe_load((chart / name).read_text())
        try:
            return Rendered(app_context(values | parameters, NAMESPACE), version(values))
        except SyncError as error:
            raise RenderError(str(error)) from error


class Helm:
    """`helm template`, called as Argo CD calls it."""

    def text(self, chart: Path, **parameters: str) -> str:
        options = [f"--values={chart}/{name}" for name in ("values.yaml", "platform.yaml")]
        options += [f"--set={name}={value}" for name, value in parameters.items()]
        command = [str(HELM), "template", "podtato-head", str(chart), f"--namespace={NAMESPACE}", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RenderError(done.stderr)
        return done.stdout

    def render(self, chart: Path, **parameters: str) -> Rendered:
        text = self.text(chart, **parameters)
        documents = [document for document in yaml.safe_load_all(text) if document is not None]
        found = {document["kind"]: document for document in documents}
        assert len(found) == len(documents)
        labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
        return Rendered(found["KeptnAppContext"], labels["app.kubernetes.io/version"], found)


@pytest.fixture(params=[StandIn, pytest.param(Helm, marks=needs_helm)])
def renderer(request: pytest.FixtureRequest) -> StandIn | Helm:
    chosen: StandIn | Helm = request.param()
    return chosen


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    return stage(tmp_path)


def stage(folder: Path, values: str = "", platform: Mapping[str, object] | None = None) -> Path:
    """A stage's folder as it is in the GitOps repository; `values` are added to the initial ones."""
    shutil.copytree(CHART, folder, dirs_exist_ok=True)
    (folder / "values-promoted.yaml").unlink()
    (folder / "templates" / "application.yaml").write_text(TEMPLATE)
    with (folder / "values.yaml").open("a") as file:
        file.write(values)
    written = {**PLATFORM, **(platform or {})}
    (folder / "platform.yaml").write_text(yaml.safe_dump(written))
    (folder / "values.schema.json").write_text(json.dumps(values_schema(str(written["versionKey"]))))
    return folder


def promoted(folder: Path, trace: str) -> Path:
    """A stage that is promoted to, without tasks, with this traceparent among its values."""
    stage(folder, platform={"context": {"metadata": {}, "promotionTasks": []}})
    text = (CHART / "values-promoted.yaml").read_text().replace("v0.3.0", "v0.3.1")
    (folder / "values.yaml").write_text(text.replace('traceParent: ""', f'traceParent: "{trace}"'))
    return folder


def container_of(rendered: Rendered) -> dict[str, Any]:
    """The application's own container."""
    found: dict[str, Any] = rendered.manifests["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    return found


def schema_paths() -> list[tuple[str, ...]]:
    """Every key that the schema knows of values.yaml; of a container, below the name `proxy`."""
    properties = values_schema("serviceVersion")["properties"]
    own = [name for name in properties if name not in (*PLATFORM, "promotedKeys", "commitID", "traceParent")]
    nested = [(name, below) for name in own for below in properties[name].get("properties", {})]
    container = properties["containers"]["additionalProperties"]["properties"]
    return [*((name,) for name in own), *nested, *(("containers", "proxy", name) for name in container)]


def present(values: Any, path: tuple[str, ...]) -> bool:
    for key in path:
        values = values.get(key) if isinstance(values, dict) else None
    return values is not None


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every single value, below which key, as a manifest has it."""
    if isinstance(value, dict | list):
        for name, each in value.items() if isinstance(value, dict) else ((key, each) for each in value):
            yield from leaves(each, name)
    else:
        yield key, str(value).lower() if isinstance(value, bool) else str(value)


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


class TestWhatKeptnReads:
    def test_is_named_after_the_application_and_comes_before_the_workloads(
        self, renderer: StandIn | Helm, chart: Path
    ) -> None:
        found = renderer.render(chart, commitID=COMMIT)
        assert found.context == {
            "apiVersion": "lifecycle.keptn.sh/v1",
            "kind": "KeptnAppContext",
            "metadata": {
                "name": "podtato-head",
                "namespace": NAMESPACE,
                "annotations": {"argocd.argoproj.io/sync-wave": "-1"},
            },
            "spec": {
                "metadata": {"commitID": COMMIT},
                "postDeploymentTasks": ["post-deployment"],
                "promotionTasks": ["promote"],
            },
        }
        assert found.version == "v0.3.0"

    def test_links_promoted_values_to_the_source_stages_trace(self, renderer: StandIn | Helm, tmp_path: Path) -> None:
        found = renderer.render(promoted(tmp_path, TRACE), commitID=COMMIT)
        assert found.spec == {"metadata": {"commitID": COMMIT}, "spanLinks": [TRACE]}
        assert found.version == "v0.3.1"

    def test_holds_no_null_where_neither_argo_cd_nor_a_promotion_has_set_anything(
        self, renderer: StandIn | Helm, tmp_path: Path
    ) -> None:
        assert renderer.render(promoted(tmp_path, "")).spec == {"metadata": {}}

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
    def test_leaves_out_a_traceparent_that_cannot_be_linked_to(
        self, renderer: StandIn | Helm, tmp_path: Path, unusable: str
    ) -> None:
        assert "spanLinks" not in renderer.render(stage(tmp_path, f"traceParent: {unusable}\n")).spec

    def test_links_to_the_trace_of_every_stage_that_has_verified(
        self, renderer: StandIn | Helm, tmp_path: Path
    ) -> None:
        other = TRACE.replace("b427a6fcfc56cd6a", "a427a6fcfc56cd6b")

        links = renderer.render(stage(tmp_path, f'traceParent: "{TRACE},junk,{other}"\n')).spec["spanLinks"]

        assert links == [TRACE, other]

    @pytest.mark.parametrize("text", ["1.10", "1234567", "2026-01-02", "true", "1e3", "12e03"])
    def test_is_the_versions_own_text_or_a_refusal_where_yaml_reads_something_else(
        self, renderer: StandIn | Helm, tmp_path: Path, text: str
    ) -> None:
        quoted = stage(tmp_path / "quoted", f'own: "{text}"\n', {"versionKey": "own"})
        assert renderer.render(quoted).version == text
        bare = stage(tmp_path / "bare", f"own: {text}\n", {"versionKey": "own"})
        with suppress(RenderError):
            assert renderer.render(bare).version == text

    @pytest.mark.parametrize(
        "text", ['"a\\"b"', '"v1\\n"', '"v1 #"', '"${{ github.token }}"', '"v1\\nspec: {}"', '"-1"']
    )
    def test_is_refused_with_a_hostile_version(self, renderer: StandIn | Helm, tmp_path: Path, text: str) -> None:
        with pytest.raises(RenderError, match="own"):
            renderer.render(stage(tmp_path, f"own: {text}\n", {"versionKey": "own"}))

    def test_takes_a_version_from_below_other_keys(self, renderer: StandIn | Helm, tmp_path: Path) -> None:
        chart = stage(tmp_path, "image:\n  tag: v9\n", {"versionKey": "image.tag"})
        assert renderer.render(chart).version == "v9"

    @pytest.mark.parametrize("values", ["", "image:\n", "image: text\n", "image:\n  tag:\n", 'image:\n  tag: ""\n'])
    def test_names_the_key_of_a_missing_version(self, renderer: StandIn | Helm, tmp_path: Path, values: str) -> None:
        # The schema refuses a text where the key's upper level should be, and names that.
        with pytest.raises(RenderError, match=r"image\.tag|/image'"):
            renderer.render(stage(tmp_path, values, {"versionKey": "image.tag"}))

    def test_has_metadata_and_tasks_as_text_whatever_they_hold(self, renderer: StandIn | Helm, tmp_path: Path) -> None:
        metadata = {
            "quote": 'a "b" \\ c',
            "lines": "first\nsecond: {{ .Values }}\n",
            "number": "012",
            "truth": "yes",
            "key: with {{ braces }}": "-",
            "arrow": "→ 🚀 \x07\x85",
            "commitID": "not for the metadata to set",
        }
        phases = ["preDeploymentTasks", "preDeploymentEvaluations", "postDeploymentTasks", "postDeploymentEvaluations"]
        tasks = {phase: [f"{phase}-1", "yes"] for phase in phases}
        chart = stage(tmp_path, platform={"context": {"metadata": metadata, **tasks}})
        assert renderer.render(chart, commitID=COMMIT).spec == {"metadata": {**metadata, "commitID": COMMIT}, **tasks}

    @pytest.mark.skipif(not (CRDS and has_keptn(CRDS)), reason=WITHOUT_KEPTN)
    @pytest.mark.parametrize("values", ["", f'traceParent: "{TRACE}"\n'])
    def test_is_valid_by_keptns_definition(self, renderer: StandIn | Helm, tmp_path: Path, values: str) -> None:
        assert CRDS is not None
        definition = yaml.safe_load((CRDS / "lifecycle.keptn.sh_keptnappcontexts.yaml").read_text())
        [schema] = [
            found["schema"]["openAPIV3Schema"] for found in definition["spec"]["versions"] if found["name"] == "v1"
        ]
        schema["properties"]["metadata"] = {"type": "object", "required": ["name", "namespace"]}
        for node in nodes(schema):
            if "properties" in node:
                node["additionalProperties"] = False
        context = renderer.render(stage(tmp_path, values), commitID=COMMIT).context
        jsonschema.validate(context, schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**context, "spec": {**context["spec"], "spanLinks": [None]}}, schema)


def nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every object schema within a schema, itself included."""
    for node in schema.get("properties", {}).values():
        yield from nodes(node)
    yield schema


@needs_helm
class TestHelm:
    @needs_guide
    def test_renders_initial_values_to_the_guides_manifests(self, chart: Path) -> None:
        text = GUIDE.read_text().replace("{{.Values.serviceVersion}}", "v0.3.0").replace("{{.Values.commitID}}", COMMIT)
        expected = {document["kind"]: document for document in yaml.safe_load_all(text)}
        found = Helm().render(chart, commitID=COMMIT)
        pod = expected["Deployment"]["spec"]["template"]["spec"]
        [container] = pod["containers"]
        # What the guide leaves open, and the one field that it sets and need not.
        assert container.pop("imagePullPolicy") == "Always"
        container["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        pod["securityContext"] = {"seccompProfile": {"type": "RuntimeDefault"}}
        assert found.manifests["Deployment"] == expected["Deployment"]
        assert found.manifests["Service"] == expected["Service"]
        assert found.spec == expected["KeptnAppContext"]["spec"]

    @pytest.mark.parametrize("name", ["dev", "production"])
    def test_gives_keptn_what_the_stand_in_gives_it_of_the_files_that_a_stack_commits(
        self, tmp_path: Path, name: str
    ) -> None:
        for path, text in files_of(preview(name, read_stack_config(ROOT, name))).items():
            if path.startswith(f"repository/{name}/"):
                file = tmp_path / path.removeprefix(f"repository/{name}/")
                file.parent.mkdir(exist_ok=True)
                file.write_text(text)
        rendered, stood_in = (renderer.render(tmp_path, commitID=COMMIT) for renderer in (Helm(), StandIn()))
        assert (rendered.context, rendered.version) == (stood_in.context, stood_in.version)

    def test_makes_the_same_context_of_the_part_that_other_charts_have_alone(self, chart: Path) -> None:
        whole = Helm().render(chart, commitID=COMMIT)
        (chart / "templates" / "application.yaml").write_text((CHART.parent / "context" / "context.yaml").read_text())
        command = [str(HELM), "template", "x", str(chart), f"--namespace={NAMESPACE}", f"--set=commitID={COMMIT}"]
        command += [f"--values={chart}/platform.yaml"]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert list(yaml.safe_load_all(text)) == [whole.context]

    def test_deploys_the_image_of_the_version(self, tmp_path: Path) -> None:
        chart = stage(tmp_path, "image:\n  tag: v9\n", {"versionKey": "image.tag"})
        assert container_of(Helm().render(chart))["image"] == "ghcr.io/podtato-head/podtato-server:v9"

    @pytest.mark.parametrize(
        ("values", "key", "image"),
        [
            (f"own: v1@{DIGEST}\n", "own", f":v1@{DIGEST}"),
            (f"own: v1\ndigest: {DIGEST}\n", "own", f":v1@{DIGEST}"),
            (f"image: {{tag: v1, digest: '{DIGEST}'}}\n", "image.tag", f":v1@{DIGEST}"),
            ("image: {tag: v1, digest: ''}\n", "image.tag", ":v1"),
            (f"image: {{tag: v1}}\ndigest: {DIGEST}\n", "image.tag", ":v1"),
        ],
    )
    def test_deploys_the_digest_that_stands_in_the_version_or_beside_it_under_the_label_of_the_tag(
        self, tmp_path: Path, values: str, key: str, image: str
    ) -> None:
        found = Helm().render(stage(tmp_path, values, {"versionKey": key}))
        assert (container_of(found)["image"], found.version) == (f"ghcr.io/podtato-head/podtato-server{image}", "v1")

    def test_refuses_two_digests_of_one_image(self, tmp_path: Path) -> None:
        chart = stage(tmp_path, f"own: v1@{DIGEST}\ndigest: {DIGEST}\n", {"versionKey": "own"})
        with pytest.raises(RenderError, match="leave one of them out"):
            Helm().render(chart)

    def test_renders_every_value_that_the_schema_knows(self, tmp_path: Path) -> None:
        chart = stage(tmp_path)
        (chart / "values.yaml").write_text(FULL.read_text())
        text = Helm().text(chart)
        given = yaml.safe_load(FULL.read_text())
        assert [path for path in schema_paths() if not present(given, path)] == []
        switches = {"enabled", "create"}
        assert [leaf for key, leaf in leaves(given) if key not in switches and leaf not in text] == []
        keep("chart/every-value.yaml", text)

    def test_keeps_a_security_contexts_other_defaults_where_a_stage_sets_one_field(self, tmp_path: Path) -> None:
        chart = stage(tmp_path, "securityContext: {runAsUser: 1}\npodSecurityContext: {seccompProfile: null}\n")
        found = Helm().render(chart)
        default = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        assert container_of(found)["securityContext"] == default | {"runAsUser": 1}

    def test_lets_no_label_of_a_stage_stand_in_for_one_that_keptn_reads(self, tmp_path: Path) -> None:
        labels = "podLabels: {app: x, app.kubernetes.io/version: x, app.kubernetes.io/part-of: x, own: z}\n"
        found = Helm().render(stage(tmp_path, labels)).manifests["Deployment"]["spec"]["template"]["metadata"]["labels"]
        assert found == {
            "app": "podtato-head-frontend",
            "app.kubernetes.io/name": "podtato-head-frontend",
            "app.kubernetes.io/part-of": "podtato-head",
            "app.kubernetes.io/version": "v0.3.0",
            "own": "z",
        }

    @pytest.mark.parametrize(
        ("values", "where"),
        [
            ("replicas: many\n", "/replicas"),
            ("replicas: -1\n", "/replicas"),
            ("env: {PORT: 8080}\n", "/env/PORT"),
            ("env: [{name: A, value: b}]\n", "/env"),
            ("resources: {limit: {cpu: 1}}\n", "/resources"),
            ("digest: v1\n", "/digest"),
            ("containers: {proxy: {tag: v1}}\n", "/containers/proxy"),
            ("containers: {proxy: {image: a, imgae: b}}\n", "/containers/proxy"),
            ("podLabels: {a: 1}\n", "/podLabels/a"),
            ("service: {type: Cluster}\n", "/service/type"),
            ("ingress: {enabled: 'yes'}\n", "/ingress/enabled"),
            ("httpRoute: {rule: []}\n", "/httpRoute"),
        ],
    )
    def test_refuses_values_that_make_no_sense_and_says_where(self, tmp_path: Path, values: str, where: str) -> None:
        with pytest.raises(RenderError, match=f"at '{where}'"):
            Helm().render(stage(tmp_path, values))

    @pytest.mark.parametrize(
        "values",
        [
            "ownKey: 1\nanother: {key: [1]}\n",
            "replicas: '2'\n",
            "commitID: 12\ntraceParent: false\n",
            *(f"{name}:\n" for name in ("env", "resources", "containers", "service", "ingress", "podLabels", "digest")),
        ],
    )
    def test_takes_what_a_stages_values_may_have_had_before_there_was_a_schema(
        self, tmp_path: Path, values: str
    ) -> None:
        assert Helm().render(stage(tmp_path, values)).version == "v0.3.0"

    @pytest.mark.parametrize(
        ("values", "rules"),
        [
            ("", [(None, "/", "Prefix")]),
            (", hosts: [{host: a.example}]", [("a.example", "/", "Prefix")]),
            (", hosts: [{host: a.example, paths: [{path: /x}]}]", [("a.example", "/x", "Prefix")]),
        ],
    )
    def test_leads_every_path_to_the_service_where_an_ingress_names_none(
        self, tmp_path: Path, values: str, rules: list[tuple[str | None, str, str]]
    ) -> None:
        found = Helm().render(stage(tmp_path, f"ingress: {{enabled: true{values}}}\n")).manifests["Ingress"]["spec"]
        backend = {"service": {"name": "podtato-head-frontend", "port": {"number": 8080}}}
        paths = [(rule.get("host"), path) for rule in found["rules"] for path in rule["http"]["paths"]]
        assert [(host, path["path"], path["pathType"]) for host, path in paths] == rules
        assert all(path["backend"] == backend for _, path in paths)

    def test_leads_every_path_to_the_service_where_a_route_names_none(self, tmp_path: Path) -> None:
        route = Helm().render(stage(tmp_path, "httpRoute: {enabled: true}\n")).manifests["HTTPRoute"]["spec"]
        assert route == {"rules": [{"backendRefs": [{"name": "podtato-head-frontend", "port": 8080}]}]}

    @pytest.mark.parametrize("kind", ["Ingress", "HTTPRoute", "ServiceAccount"])
    def test_makes_nothing_that_a_stage_has_not_asked_for(self, tmp_path: Path, kind: str) -> None:
        values = "ingress: {className: a}\nhttpRoute: {hostnames: [a.example]}\nserviceAccount: {name: a}\n"
        assert kind not in Helm().render(stage(tmp_path, values)).manifests

    def test_says_how_to_pass_the_platforms_values(self, chart: Path) -> None:
        (chart / "platform.yaml").write_text("{}\n")
        with pytest.raises(RenderError, match=r"-f platform\.yaml"):
            Helm().render(chart)

    @pytest.mark.parametrize(
        ("values", "replicas"), [("", None), ("replicas:\n", None), ("replicas: 0\n", 0), ("replicas: 3\n", 3)]
    )
    def test_takes_the_replicas_from_the_stages_own_values(
        self, tmp_path: Path, values: str, replicas: int | None
    ) -> None:
        deployment = Helm().render(stage(tmp_path, values)).manifests["Deployment"]
        assert deployment["spec"].get("replicas") == replicas

    def test_makes_a_valid_container_name_of_a_long_application_name(self, tmp_path: Path) -> None:
        application = {**PLATFORM["application"], "name": "a" * 62}  # type: ignore[dict-item]
        chart = stage(tmp_path, platform={"application": application})
        assert container_of(Helm().render(chart))["name"] == "a" * 62

    def test_lints_the_chart_without_a_complaint(self, chart: Path) -> None:
        command = [str(HELM), "lint", "--strict", "--quiet", f"--values={chart}/platform.yaml", str(chart)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


class TestTheText:
    """What holds without helm, read off the template."""

    TRACEPARENTS = st.from_regex(r"[0f]{2}-[0f]{32}-[0f]{16}-[0f]{2}", fullmatch=True) | st.from_regex(
        r"[0-9a-fA-Fg]{2}-[0-9a-f]{31,33}-[0-9a-f]{16}-[0-9a-f]{2}\n?"
    )

    @staticmethod
    def patterns(variable: str) -> list[re.Pattern[str]]:
        """The patterns that the template matches a variable with; Go's `$` is the very end of a text."""
        found = re.findall(rf'regexMatch "([^"]+)" \{variable}\b', TEMPLATE)
        return [re.compile(pattern.replace("$", r"\Z")) for pattern in found]

    @given(text=TRACEPARENTS | st.text(max_size=60))
    @example(text=TRACE)
    def test_agrees_with_the_promoter_on_what_a_traceparent_is(self, text: str) -> None:
        form, unusable = self.patterns("$trace")
        assert (form.search(text) is not None and unusable.search(text) is None) == is_traceparent(text)

    @given(text=st.from_regex(rf"[-A-Za-z0-9_.]{{1,65}}(@{DIGEST})?\n?") | st.text(min_size=1, max_size=10))
    @example(text=f"v1@{DIGEST}")
    @example(text=f"v1@{DIGEST}\n")
    def test_agrees_with_the_stand_in_and_the_schema_on_what_a_version_is(self, text: str) -> None:
        [form] = self.patterns("$version")
        schema = re.compile(values_schema("serviceVersion")["definitions"]["version"]["pattern"].replace("$", r"\Z"))
        assert (form.search(text) is not None) == is_image_version(text) == (schema.search(text) is not None)

    def test_prints_every_value_in_quotes_or_as_a_number(self) -> None:
        steered = ("if", "with", "range", "else", "end", "fail", "/*", "$", "define", "include", "toYaml")
        actions = re.findall(r"\{\{-? *(.*?) *-?\}\}", TEMPLATE, re.DOTALL)
        image = [".image", ".", "."]
        printed = [action for action in actions if not action.startswith(steered) or "| quote" in action]
        assert len(printed) > 20
        assert [action for action in printed if not action.endswith(("| quote", "| int", "| toYaml"))] == image
        yaml_of = [action for action in actions if action.startswith(("toYaml", "include"))]
        assert [action for action in yaml_of if not re.search(r"\| (nindent \d+|quote)$", action)] == []
        assert "{{ $phase }}:" in TEMPLATE, "the one name that is printed as it is comes from a list in the template"

    def test_reads_nothing_of_the_platform_that_a_stack_does_not_write(self) -> None:
        files = files_of(preview("dev", read_stack_config(ROOT, "dev")))
        written = yaml.safe_load(files["repository/dev/platform.yaml"])
        assert set(re.findall(r"\$application\.(\w+)", TEMPLATE)) <= written["application"].keys()
        assert set(re.findall(r'"(\w+(?:Tasks|Evaluations))"', TEMPLATE)) | {"metadata"} == written["context"].keys()
        known = set(values_schema("serviceVersion")["properties"])
        picked = " ".join(re.findall(r"pick \.(?:Values|set) ([^}]*)", TEMPLATE))
        read = set(re.findall(r'"(\w+)"', picked)) | set(re.findall(r"\.(?:Values|set)\.(\w+)", TEMPLATE))
        # The version and its digest are found by versionKey; the promoter reads promotedKeys.
        assert read == known - {"serviceVersion", "digest", "promotedKeys"}

    def test_of_the_initial_values_differs_only_in_the_traceparent(self) -> None:
        first = yaml.safe_load((CHART / "values.yaml").read_text())
        assert first == {"serviceVersion": "v0.3.0", "commitID": ""}
        assert yaml.safe_load((CHART / "values-promoted.yaml").read_text()) == {**first, "traceParent": ""}

    def test_of_the_chart_says_what_it_is(self) -> None:
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        assert (chart["apiVersion"], chart["type"]) == ("v2", "application")
        assert chart["kubeVersion"] == ">= 1.27.0-0"
