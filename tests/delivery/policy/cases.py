"""Resources that break a rule, each beside one like it that does not: the unit tests', and the engine's."""

import json
from dataclasses import dataclass

from delivery.config.errors import Json
from delivery.model.edges import Edge
from delivery.model.promoted_keys import PromotedKey
from delivery.model.settings import SETTINGS_PATH, PromotionSettings
from delivery.policy.resources import Declared

FILE = "github:index/repositoryFile:RepositoryFile"
APPLICATION = "kubernetes:argoproj.io/v1alpha1:Application"
APPLICATION_SET = "kubernetes:argoproj.io/v1alpha1:ApplicationSet"
TASK = "kubernetes:lifecycle.keptn.sh/v1:KeptnTaskDefinition"
COMMIT = "3d3c42e5aac5ba805825da76410c181273ba90b1"
DIGEST = "sha256:" + "0123456789abcdef" * 4
# No scanner of this repository is to take them for real ones.
TOKEN = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
KEY = "-----BEGIN RSA " + "PRIVATE KEY-----\n" + "MIIEowIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7" + "\n"
APP_FOLDER = "shop/dev"
REPOSITORY = "https://github.com/acme/gitops"


@dataclass(frozen=True)
class Case:
    """Resources that a rule passes, and the same but for what it is about; `subject` is what it then finds."""

    rule: str
    name: str
    passing: tuple[Declared, ...]
    failing: tuple[Declared, ...]
    subject: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.name}"


def file(path: str, content: str, branch: str = "main", repository: str = "gitops") -> Declared:
    return Declared(FILE, {"repository": repository, "branch": branch, "file": path, "content": content})


def application(revision: str | None, url: str = REPOSITORY, path: str = APP_FOLDER, **source: Json) -> Declared:
    found: dict[str, Json] = {"repoURL": url, "path": path, **source}
    return custom("Application", {"source": found if revision is None else {**found, "targetRevision": revision}})


def custom(kind: str, spec: dict[str, Json], name: str = "shop-dev") -> Declared:
    version = "lifecycle.keptn.sh/v1" if kind.startswith("Keptn") else "argoproj.io/v1alpha1"
    return Declared(
        f"kubernetes:{version}:{kind}",
        {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec},
    )


def platform(stage: str = "dev", folder: str = APP_FOLDER, branch: str = "main", **more: Json) -> Declared:
    """A `platform.yaml` as a stack commits it; JSON is YAML too."""
    values: dict[str, Json] = {
        "versionKey": "serviceVersion",
        "application": {"name": "shop", "stage": stage, "image": "ghcr.io/acme/shop"},
        **more,
    }
    return file(f"{folder}/platform.yaml", json.dumps(values), branch)


def values(version: str, folder: str = APP_FOLDER) -> Declared:
    return file(f"{folder}/values.yaml", f"serviceVersion: {version}\n")


def pipeline(stages: dict[str, tuple[str, ...]], branches: dict[str, str] | None = None, **more: object) -> Declared:
    """The promoter's settings for these stages."""
    known, key = branches or {}, PromotedKey.from_json("serviceVersion")
    edges = tuple(
        Edge(
            "shop",
            source,
            target,
            f"shop/{source}",
            f"shop/{target}",
            (key,),
            source_branch=known.get(source, ""),
            target_branch=known.get(target, ""),
        )
        for target, after in stages.items()
        for source in after
    )
    fields = {"api_url": "https://api.github.com", "web_url": REPOSITORY, "stages": stages, "edges": edges, **more}
    return file(SETTINGS_PATH, PromotionSettings("acme", "gitops", "main", **fields).to_json())  # type: ignore[arg-type]


def promotes(to: str, stage: str = "dev") -> Declared:
    """The promotion task of a stage."""
    told: dict[str, Json] = {"application": "shop", "from": stage, "to": to}
    return custom("KeptnTaskDefinition", {"python": {"parameters": {"map": told}}}, "promote")


def workflow(permissions: str = "permissions: {}", job: str = "", uses: str = f"actions/checkout@{COMMIT}") -> Declared:
    content = (
        f"on: push\n{permissions}\njobs:\n  build:\n    runs-on: ubuntu-latest\n{job}    steps:\n      - uses: {uses}\n"
    )
    return file(".github/workflows/ci.yaml", content)


def manifest(image: str, path: str = "base/deployment.yaml") -> Declared:
    pod = {"containers": [{"name": "web", "image": image}]}
    return file(path, json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": pod}}}))


def _set(revision: str, generator: str = "main") -> Declared:
    git: Json = {"repoURL": REPOSITORY, "revision": generator, "files": [{"path": "shop/dev/version.yaml"}]}
    source: Json = {"repoURL": REPOSITORY, "path": APP_FOLDER, "targetRevision": revision}
    return custom(
        "ApplicationSet",
        {"generators": [{"matrix": {"generators": [{"git": git}]}}], "template": {"spec": {"sources": [source]}}},
    )


def _several(revision: str) -> Declared:
    chart: Json = {"repoURL": "registry.example.org/charts", "chart": "shop", "targetRevision": "1.2.3"}
    own: Json = {"repoURL": "git@github.com:acme/gitops.git", "path": "teams/shop", "targetRevision": revision}
    ours: Json = {"repoURL": REPOSITORY, "path": APP_FOLDER, "targetRevision": "main"}
    return custom("Application", {"sources": [chart, own, ours]})


def _check(*names: str) -> Json:
    checks: list[Json] = [{"name": name, "data": {}} for name in names]
    return {
        "image": "docker.io/library/python:3.13.14-slim",
        "hooks": [
            *checks,
            {"name": "promote", "data": {"from": "dev", "to": "production"}},
        ],
    }


_FILES = (platform(), values("v1.4.0"))
_CHAIN: dict[str, tuple[str, ...]] = {"dev": (), "staging": ("dev",), "production": ("staging",)}
_SKIP: dict[str, tuple[str, ...]] = {"dev": (), "staging": ("dev",), "production": ("dev", "staging")}
_BRANCHES = {"dev": "develop", "staging": "main", "production": "main"}
_SMOKE: dict[str, Json] = {"postDeploymentTasks": ["smoke"]}
_BRANCH, _SKIPPED, _UNVERIFIED = "application-branch", "skipped-stage", "unverified-stage"
_SECRET, _WORKFLOW, _TAG = "plain-secret", "workflow-rights", "mutable-tag"


def _yaml(path: str, good: str, bad: str) -> tuple[tuple[Declared, ...], tuple[Declared, ...]]:
    return (file(path, good),), (file(path, bad),)


CASES = (
    Case(
        _BRANCH,
        "the branch of its files",
        (*_FILES, application("main")),
        (*_FILES, application("develop")),
        "shop-dev: develop",
    ),
    Case(
        _BRANCH,
        "HEAD is whatever is the default",
        (*_FILES, application("refs/heads/main")),
        (*_FILES, application(None)),
        "shop-dev: HEAD",
    ),
    Case(
        _BRANCH,
        "a commit is no branch",
        (*_FILES, application("main")),
        (*_FILES, application(COMMIT)),
        f"shop-dev: {COMMIT}",
    ),
    Case(_BRANCH, "one of several sources", (*_FILES, _several("main")), (*_FILES, _several("v1")), "shop-dev: v1"),
    Case(
        _BRANCH,
        "the template of an ApplicationSet",
        (*_FILES, _set("main")),
        (*_FILES, _set("trunk")),
        "shop-dev: trunk",
    ),
    Case(
        _BRANCH,
        "a nested generator of an ApplicationSet",
        (*_FILES, _set("main")),
        (*_FILES, _set("main", "old")),
        "shop-dev: old",
    ),
    Case(
        _BRANCH,
        "a stage with a branch of its own, by the promoter's settings",
        (pipeline(_CHAIN, _BRANCHES), platform(branch="develop", context=_SMOKE), application("develop")),
        (pipeline(_CHAIN, _BRANCHES), platform(branch="main", context=_SMOKE), application("main")),
        "shop-dev: main",
    ),
    Case(
        _BRANCH,
        "a manifest that is committed",
        (*_FILES, file("apps/shop.yaml", json.dumps(application("main").properties))),
        (*_FILES, file("apps/shop.yaml", json.dumps(application("develop").properties))),
        "shop-dev: develop",
    ),
    Case(
        _SKIPPED,
        "an edge around a stage",
        (pipeline(_CHAIN),),
        (pipeline(_SKIP, requires={"production": "any"}),),
        "dev -> production",
    ),
    Case(
        _SKIPPED,
        "all of them are required",
        (pipeline(_SKIP, requires={"production": "all"}),),
        (pipeline(_SKIP),),
        "dev -> production",
    ),
    Case(
        _SKIPPED,
        "stages beside each other",
        (pipeline({"dev": (), "load": ("dev",), "audit": ("dev",), "production": ("load", "audit")}),),
        (pipeline({"dev": (), "load": ("dev",), "audit": ("load",), "production": ("load", "audit")}),),
        "load -> production",
    ),
    Case(
        _SKIPPED,
        "settings that cannot be read",
        (file(SETTINGS_PATH.replace("settings", "others"), "{}"),),
        (file(SETTINGS_PATH, "{}"),),
        "settings.json",
    ),
    Case(
        _UNVERIFIED,
        "a task of Keptn's",
        (platform(context={"postDeploymentTasks": ["smoke"]}), promotes("production")),
        (platform(context={"postDeploymentTasks": [], "promotionTasks": ["promote"]}), promotes("production")),
        "dev",
    ),
    Case(
        _UNVERIFIED,
        "an evaluation of Keptn's, and a last stage that only records",
        (
            platform(context={"preDeploymentEvaluations": ["load"]}),
            promotes("production"),
            platform("production", "shop/production", context={}),
            promotes("", "production"),
        ),
        (platform(context={}), promotes("production")),
        "dev",
    ),
    Case(
        _UNVERIFIED,
        "a hook of Argo CD's",
        (platform(verification=_check("front")),),
        (platform(verification=_check()),),
        "dev",
    ),
    Case(
        _UNVERIFIED,
        "a record that is required",
        (pipeline(_CHAIN, require_record=("staging",)), platform(context={}), promotes("staging")),
        (pipeline(_CHAIN, require_record=("production",)), platform(context={}), promotes("staging")),
        "dev",
    ),
    Case(
        _SECRET,
        "a password in values",
        *_yaml("dev/values.yaml", 'db: {password: "${DB_PASSWORD}"}\n', "db: {password: hunter2}\n"),
        "dev/values.yaml: db.password",
    ),
    Case(
        _SECRET,
        "an environment variable",
        *_yaml(
            "d.yaml",
            "env: [{name: API_KEY, valueFrom: {secretKeyRef: {name: k}}}]",
            "env: [{name: API_KEY, value: s8Dk2lPq0zXw7RtY}]",
        ),
        "d.yaml: env.0.API_KEY",
    ),
    Case(
        _SECRET,
        "a token by its form, whatever it is called",
        *_yaml("a/notes.txt", "ask for a ghp_ token\n", f"it is {TOKEN}\n"),
        "a/notes.txt: line 1",
    ),
    Case(_SECRET, "a token in a comment", *_yaml("v.yaml", "a: b # no token\n", f"a: b # {TOKEN}\n"), "v.yaml"),
    Case(
        _SECRET, "a private key", *_yaml("k.yaml", "pem: /etc/tls/key.pem\n", json.dumps({"pem": KEY})), "k.yaml: pem"
    ),
    Case(
        _SECRET,
        "the source of a task",
        *_yaml("tasks/smoke.py", 'token = os.environ["TOKEN"]\n', 'x = 1\npassword = "hunter2!"\n'),
        "tasks/smoke.py: line 2",
    ),
    Case(
        _SECRET,
        "a manifest of a Secret",
        *_yaml(
            "s.yaml",
            "apiVersion: v1\nkind: Secret\nstringData: {a: 'ENC[AES256_GCM,data:x]'}\n",
            "apiVersion: v1\nkind: Secret\nstringData: {a: b}\n",
        ),
        "s.yaml: stringData",
    ),
    Case(
        _SECRET,
        "a parameter of Helm's",
        (application("main", helm={"parameters": [{"name": "db.password", "value": "$DB"}]}),),
        (application("main", helm={"parameters": [{"name": "db.password", "value": "hunter2"}]}),),
        "shop-dev: spec.source.helm.parameters.0.db.password",
    ),
    Case(
        _SECRET,
        "values of Helm's in an Application",
        (application("main", helm={"values": "db:\n  password: ''\n"}),),
        (application("main", helm={"values": "db:\n  password: hunter2\n"}),),
        "shop-dev: spec.source.helm.values: db.password",
    ),
    Case(
        _SECRET,
        "a password in an address",
        *_yaml("c.yaml", "url: postgres://app:${PASSWORD}@db/shop", "url: postgres://app:s3cr3t-1@db/shop"),
        "c.yaml: url",
    ),
    Case(
        _WORKFLOW,
        "write-all",
        (workflow("permissions: read-all"),),
        (workflow("permissions: write-all"),),
        ".github/workflows/ci.yaml: write-all",
    ),
    Case(
        _WORKFLOW,
        "write-all of a job",
        (workflow(job="    permissions: {contents: write}\n"),),
        (workflow(job="    permissions: write-all\n"),),
        ".github/workflows/ci.yaml: write-all",
    ),
    Case(
        _WORKFLOW,
        "no permissions",
        (workflow("", "    permissions: {contents: read}\n"),),
        (workflow(""),),
        ".github/workflows/ci.yaml: permissions",
    ),
    Case(
        _WORKFLOW,
        "an action by tag",
        (workflow(),),
        (workflow(uses="actions/checkout@v7"),),
        ".github/workflows/ci.yaml: actions/checkout@v7",
    ),
    Case(
        _WORKFLOW,
        "an image by tag",
        (workflow(uses=f"docker://alpine@{DIGEST}"),),
        (workflow(uses="docker://alpine:3.20"),),
        ".github/workflows/ci.yaml: docker://alpine:3.20",
    ),
    Case(
        _WORKFLOW,
        "a workflow that is called",
        *_yaml(
            ".github/workflows/call.yml",
            f"permissions: {{}}\njobs: {{a: {{uses: acme/ci/.github/workflows/x.yaml@{COMMIT}}}}}",
            "permissions: {}\njobs: {a: {uses: acme/ci/.github/workflows/x.yaml@main}}",
        ),
        ".github/workflows/call.yml: acme/ci/.github/workflows/x.yaml@main",
    ),
    Case(
        _WORKFLOW,
        "a composite action",
        *_yaml(
            ".github/actions/a/action.yaml", "runs: {steps: [{uses: ./b}]}", "runs: {steps: [{uses: acme/b@abc1234}]}"
        ),
        ".github/actions/a/action.yaml: acme/b@abc1234",
    ),
    Case(
        _WORKFLOW,
        "what cannot be read",
        (workflow(),),
        (file(".github/workflows/ci.yaml", "jobs: ["),),
        ".github/workflows/ci.yaml: unreadable",
    ),
    Case(
        _TAG,
        "the version that a generated chart deploys",
        (platform(), values("v1.4.0")),
        (platform(), values("latest")),
        "ghcr.io/acme/shop:latest",
    ),
    Case(
        _TAG,
        "an image in a manifest without a tag",
        (manifest("ghcr.io/acme/web:2.1"),),
        (manifest("ghcr.io/acme/web"),),
        "ghcr.io/acme/web",
    ),
    Case(
        _TAG,
        "a branch as a tag, and a digest beside it",
        (manifest(f"ghcr.io/acme/web:main@{DIGEST}"),),
        (manifest("ghcr.io/acme/web:main"),),
        "ghcr.io/acme/web:main",
    ),
    Case(
        _TAG,
        "a chart's values",
        *_yaml(
            "v.yaml",
            "image: {repository: ghcr.io/acme/web, tag: ''}",
            "image: {repository: ghcr.io/acme/web, tag: edge}",
        ),
        "ghcr.io/acme/web:edge",
    ),
    Case(
        _TAG,
        "a chart's template",
        *_yaml("t/web.yaml", "{{ if .x }}\nimage: {{ .image }}\n{{ end }}", "{{ if .x }}\nimage: busybox\n{{ end }}"),
        "busybox",
    ),
    Case(
        _TAG,
        "Kustomize",
        *_yaml(
            "kustomization.yaml", "images: [{name: web, newTag: '1.2'}]", "images: [{name: web, newTag: feature-12}]"
        ),
        "web:feature-12",
    ),
    Case(
        _TAG,
        "a base, whose tag an overlay sets",
        (manifest("web"), file("kustomization.yaml", "images: [{name: web, newTag: '1.2'}]")),
        (manifest("web"), file("kustomization.yaml", "images: [{name: other, newTag: '1.2'}]")),
        "web",
    ),
    Case(
        _TAG,
        "the image of hooks",
        (platform(verification=_check("a")),),
        (platform(verification={"image": "python:latest", "hooks": []}),),
        "python:latest",
    ),
    Case(
        _TAG,
        "the container of a Keptn task",
        (custom("KeptnTaskDefinition", {"container": {"name": "k", "image": "k6:0.50"}}),),
        (custom("KeptnTaskDefinition", {"container": {"name": "k", "image": "k6:latest"}}),),
        "k6:latest",
    ),
    Case(
        _TAG,
        "a parameter of Helm's",
        (application("main", helm={"parameters": [{"name": "image.tag", "value": "v1"}]}),),
        (application("main", helm={"parameters": [{"name": "image.tag", "value": "nightly"}]}),),
        "image.tag:nightly",
    ),
    Case(
        _TAG,
        "images of Kustomize's in an Application",
        (application("main", kustomize={"images": ["web=ghcr.io/acme/web:1"]}),),
        (application("main", kustomize={"images": ["web=ghcr.io/acme/web:dev"]}),),
        "ghcr.io/acme/web:dev",
    ),
    Case(
        _TAG,
        "a range of a chart's versions",
        (application("{{ .version }}", chart="ingress"), application("1.2.3", chart="ingress")),
        (application("1.*", chart="ingress"),),
        "ingress:1.*",
    ),
)
"""Every rule, with what passes and what fails."""
