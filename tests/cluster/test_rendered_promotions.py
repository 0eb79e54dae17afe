"""What a promotion changes in what is deployed of a team's files, rendered by the real Helm and Kustomize."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from delivery.model.edges import Edge
from delivery.model.promoted_keys import PromotedKey
from delivery.promotion.plan import plan, plan_values, read_promoted
from delivery.values.editor import ValuesError, read_keys, set_keys
from tests.delivery.values.test_what_readers_accept import ACCEPTED

TOOLS = Path(__file__).resolve().parents[2] / ".tools" / "bin"
TRACE = "00-23679963727bf63245f9b55983c73104-b427a6fcfc56cd6a-01"
DIGESTS = (f"sha256:{'a1' * 32}", f"sha256:{'b2' * 32}")
Deployed = dict[tuple[str | int, ...], object]

BASE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
        - {name: proxy, image: envoy}
        - {name: web, image: ghcr.io/acme/shop}
"""
OVERLAY = """\
# The overlay of {stage}: replicas are its own.
resources: [../../base]
replicas:
  - {{name: shop, count: {replicas}}}
images:
  - name: envoy
    newTag: {proxy} # with the platform's releases
  - name: ghcr.io/acme/shop\t# promoted
    {key}: "{value}"
"""
CHART = {
    "Chart.yaml": "apiVersion: v2\nname: billing\nversion: 1.0.0\n",
    "values.yaml": "web: &all\n  image: {repository: acme/web, tag: none}\n  replicas: 1\nworker:\n  <<: *all\n",
    "templates/workloads.yaml": """\
{{- range $name := list "web" "worker" }}
{{- with index $.Values $name }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ $name }}}
spec:
  replicas: {{ .replicas }}
  template: {spec: {containers: [{name: main, image: "{{ .image.repository }}:{{ .image.tag }}"}]}}
{{- end }}
{{- end }}
""",
}
STAGE_VALUES = """\
web:
  replicas: {replicas}
  image: {{ tag: '{web}' }}   # the team's own order
worker:
  image:
    tag: {worker}
"""
MANIFESTS = """\
# web, and what calls it
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{ports: [{{port: {port}}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
      - image: "envoy:v1"
        name: proxy
      - image: {image}  # promoted
        name: web
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: worker}}
spec: {{template: {{spec: {{containers: [{{name: web, image: "worker:v1"}}]}}}}}}
---
"""


def run(tool: str, *arguments: str) -> str:
    """What a tool prints. The test is skipped where it is not there."""
    found = shutil.which(tool, path=f"{os.environ.get('PATH', '')}{os.pathsep}{TOOLS}")
    if found is None:
        pytest.skip(f"{tool} is not on PATH and not in .tools/bin: run `make cluster-tools`")
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def deployed(text: str) -> Deployed:
    """Each value of the objects in `text`: by kind and name of its object, and where it is in that."""

    def values(body: object, at: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], object]]:
        if isinstance(body, dict | list):
            for step, inner in body.items() if isinstance(body, dict) else enumerate(body):
                yield from values(inner, (*at, step))
        else:
            yield at, body

    bodies = [body for body in yaml.safe_load_all(text) if body]
    return {at: value for body in bodies for at, value in values(body, (body["kind"], body["metadata"]["name"]))}


def difference(before: Deployed, after: Deployed) -> dict[str, tuple[object, object]]:
    """What is not the same any more: what it was and what it is."""
    return {
        ".".join(map(str, at)): (before.get(at), after.get(at))
        for at in {**before, **after}
        if before.get(at) != after.get(at)
    }


class Promoted:
    """A promotion from dev to production in a repository of these files, and what two renderings differ in."""

    def __init__(self, folder: Path, path: str, keys: tuple[PromotedKey, ...], files: Mapping[str, str]) -> None:
        source, target = (path.replace("{stage}", stage) for stage in ("dev", "production"))
        self.edge = Edge("shop", "dev", "production", source, target, keys, own_files=True)
        self.files = {name: text.encode() for name, text in files.items()}
        self.before = self.files | {self.edge.at_target.trace: b'traceParent: ""\n'}
        links = {self.edge.at_target.trace: TRACE}
        self.plan = plan(self.before, self.before, self.edge.at_source, self.edge.at_target, links)
        self.repositories = [
            write(folder / "before", self.before),
            write(folder / "after", self.before | dict(self.plan.texts)),
        ]

    def rolled_back(self) -> dict[str, bytes]:
        """The team's files once the former values of production are set again."""
        target, after = self.edge.at_target, self.before | dict(self.plan.texts)
        undone = plan_values(read_promoted(self.before, target), after, target, {})
        return {file: undone.texts.get(file, after[file]) for file in self.files}

    def changes(self, *command: str) -> dict[str, tuple[object, object]]:
        """What differs in what the command prints, whose `{}` are the repository's folder."""
        before, after = (
            run(*(argument.replace("{}", str(folder)) for argument in command)) for folder in self.repositories
        )
        return difference(deployed(before), deployed(after))


@pytest.mark.parametrize(("key", "values", "separator"), [("newTag", ("v1", "v2"), ":"), ("digest", DIGESTS, "@")])
def test_an_overlay_deploys_the_promoted_image_and_nothing_else(
    tmp_path: Path, key: str, values: tuple[str, str], separator: str
) -> None:
    overlays = {
        "dev": OVERLAY.format(stage="dev", replicas=1, proxy="v9", key=key, value=values[1]),
        "production": OVERLAY.format(stage="production", replicas=3, proxy="v8", key=key, value=values[0]),
    }
    files = {f"apps/shop/overlays/{stage}/kustomization.yaml": text for stage, text in overlays.items()}
    files |= {"apps/shop/base/kustomization.yaml": "resources: [shop.yaml]\n", "apps/shop/base/shop.yaml": BASE}
    path = rf"images.[name=ghcr.io/acme/shop].{key}"
    done = Promoted(tmp_path, "apps/shop/overlays/{stage}", (PromotedKey(path, "kustomization.yaml"),), files)

    assert done.changes("kustomize", "build", "{}/apps/shop/overlays/production") == {
        "Deployment.shop.spec.template.spec.containers.1.image": (
            f"ghcr.io/acme/shop{separator}{values[0]}",
            f"ghcr.io/acme/shop{separator}{values[1]}",
        )
    }
    assert done.changes("kustomize", "build", "{}/apps/shop/overlays/dev") == {}
    changed = "apps/shop/overlays/production/kustomization.yaml"
    assert done.plan.texts[changed] == done.files[changed].replace(values[0].encode(), values[1].encode())
    assert done.rolled_back() == done.files


def test_a_chart_deploys_the_images_of_both_workloads_and_nothing_else(tmp_path: Path) -> None:
    chart = {f"charts/billing/{name}": text for name, text in CHART.items()}
    stages = {
        "charts/billing/values-dev.yaml": STAGE_VALUES.format(replicas=1, web="1.10", worker="v2"),
        "charts/billing/values-production.yaml": STAGE_VALUES.format(replicas=5, web="1.9", worker="v1"),
    }
    keys = tuple(PromotedKey(f"{name}.image.tag", "values-{stage}.yaml") for name in ("web", "worker"))
    done = Promoted(tmp_path, "charts/billing", keys, chart | stages)

    def render(stage: str) -> dict[str, tuple[object, object]]:
        values = (f"--values={{}}/charts/billing/values{name}.yaml" for name in ("", f"-{stage}"))
        return done.changes("helm", "template", "billing", "{}/charts/billing", *values)

    assert render("production") == {
        "Deployment.web.spec.template.spec.containers.0.image": ("acme/web:1.9", "acme/web:1.10"),
        "Deployment.worker.spec.template.spec.containers.0.image": ("acme/web:v1", "acme/web:v2"),
    }
    assert render("dev") == {}
    assert done.rolled_back() == done.files


def test_a_folder_of_manifests_deploys_the_image_of_one_container_and_nothing_else(tmp_path: Path) -> None:
    files = {
        "apps/web/dev/all.yaml": MANIFESTS.format(port=8080, image="web:v2"),
        "apps/web/production/all.yaml": MANIFESTS.format(port=80, image="web:v1"),
    }
    path = "spec.template.spec.containers.[name=web].image"
    keys = (PromotedKey(path, "all.yaml", kind="Deployment", document="web"),)
    done = Promoted(tmp_path, "apps/web/{stage}", keys, files)
    for folder in done.repositories:
        write(folder, {"apps/web/production/kustomization.yaml": "resources: [all.yaml]\n"})

    assert done.changes("kustomize", "build", "{}/apps/web/production") == {
        "Deployment.web.spec.template.spec.containers.1.image": ("web:v1", "web:v2")
    }
    assert done.rolled_back() == done.files


ODD_OVERLAYS = {
    "tabs": "images:\n- name: web\t# ours\n  newTag:\tv1\t# promoted\n",
    "an empty document at the end": "images:\n- {name: web, newTag: v1}\n---\n",
    "an unused anchor": "images:\n- name: web\n  newTag: &tag v1\n",
    "a merge key before": "images:\n- &all {name: other, newTag: v0}\n- <<: *all\n  name: web\n  newTag: v1\n",
    "yq's merge key": "images:\n- &all {name: other, newTag: v0}\n- !!merge <<: *all\n  name: web\n  newTag: v1\n",
    "byte order mark and CRLF": "\ufeffimages:\r\n- name: web\r\n  newTag: 'v1'\r\n",
    "JSON": '{"images": [\n\t{"name": "web", "newTag": "v1"}\n]}\n',
}


@pytest.mark.parametrize("overlay", ODD_OVERLAYS.values(), ids=ODD_OVERLAYS)
def test_what_kustomize_reads_in_an_odd_overlay_is_what_is_read_and_set_here(tmp_path: Path, overlay: str) -> None:
    begin = overlay[: overlay.index("images")]
    text = overlay if overlay.startswith("{") else f"{begin}resources: [web.yaml]\n{overlay[len(begin) :]}"
    text = text.replace('{"images"', '{"resources": ["web.yaml"], "images"')
    path = "images.[name=web].newTag"

    def image(content: str | bytes) -> object:
        pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: web}]}\n"
        write(tmp_path, {"web.yaml": pod, "kustomization.yaml": content})
        return deployed(run("kustomize", "build", str(tmp_path)))["Pod", "web", "spec", "containers", 0, "image"]

    assert (image(text), str(read_keys(text, [path], where="overlay")[path])) == ("web:v1", "v1")
    assert image(set_keys(text, {path: "v2"}, where="overlay")) == "web:v2"


@pytest.mark.parametrize("text", ACCEPTED)
def test_what_helm_reads_in_an_odd_values_file_is_what_is_read_here(tmp_path: Path, text: str) -> None:
    path, value = ACCEPTED[text]
    steps = " ".join(step if step.isdecimal() else f'"{step}"' for step in path.split("."))
    template = f"kind: A\nmetadata: {{name: it}}\nv: {{{{ index .Values {steps} | toJson }}}}\n".replace(
        '"on"', '"true"'
    )
    chart = {"Chart.yaml": CHART["Chart.yaml"], "templates/it.yaml": template, "own.yaml": text}
    write(tmp_path, chart)

    assert (
        deployed(run("helm", "template", "it", str(tmp_path), f"--values={tmp_path}/own.yaml"))["A", "it", "v"] == value
    )


def test_readers_disagree_about_a_merge_key_behind_the_own_one_so_that_it_is_refused(tmp_path: Path) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: it}\nall: &all {v: merged}\nown:\n  v: own\n  <<: *all\n"
    write(tmp_path, {"it.yaml": text, "kustomization.yaml": "resources: [it.yaml]\n"})
    template = "kind: A\nmetadata: {name: it}\nv: {{ .Values.own.v }}\n"
    write(tmp_path / "chart", {"Chart.yaml": CHART["Chart.yaml"], "values.yaml": text, "templates/it.yaml": template})

    by_kustomize = deployed(run("kustomize", "build", str(tmp_path)))["ConfigMap", "it", "own", "v"]
    by_helm = deployed(run("helm", "template", "it", str(tmp_path / "chart")))["A", "it", "v"]

    assert (by_kustomize, by_helm) == ("own", "merged")
    with pytest.raises(ValuesError):
        read_keys(text, ["own.v"], where="file")
