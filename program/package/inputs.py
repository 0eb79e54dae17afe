"""What the package's components take. Generated from `delivery/config/keys.py` by `make reference`.

Structure is plain, because what is declared depends on it; secrets are inputs, and stay secret.
"""

# ruff: noqa: E501 - a description is one line

from typing import Any, NotRequired, TypedDict

import pulumi


class PromotedKey(TypedDict):
    """A value that promotions bring along, or that has a version."""

    key: NotRequired[str]
    r"""Where the value is in its file: a field path as Kustomize has it. Allowed: a field path: dots between levels, `[name=VALUE]` for an element of a list, `\.` for a dot in a key. Default: none."""
    file: NotRequired[str]
    """Its file, which may have `{stage}`. Allowed: a file, from the application's folder or with a `/` before it from the repository's root: letters, digits, '.', '_' and '-', slashes between; it may have {stage}. Default: `values.yaml`."""
    kind: NotRequired[str]
    """The `kind` of its document, in a file of several. Allowed: the kind of a Kubernetes resource. Default: any."""
    name: NotRequired[str]
    """The `metadata.name` of its document. Allowed: a Kubernetes resource name (lower-case DNS subdomain). Default: any."""


class Chart(TypedDict):
    """A Helm chart in a registry."""

    repository: NotRequired[str]
    """The registry or repository of the chart. Allowed: oci://HOST/PATH or https://HOST/PATH, without a user, password or token. Default: none."""
    name: NotRequired[str]
    """Its name there. Allowed: the name of a chart. Default: none."""
    version: NotRequired[PromotedKey]
    """The `file` and `key` in git that have its version. Default: none."""


class Application(TypedDict):
    """An application: what is delivered."""

    name: str
    """What it is called. Allowed: lower-case letters, digits and '-', at most 63 characters (a DNS label)."""
    source: NotRequired[str]
    """Where its manifests come from: a chart that this program generates, or files of your own in `path`, which it never writes. Allowed: generated or helm or kustomize or directory. Default: `generated`."""
    image: NotRequired[str]
    """Its image, without a tag. Allowed: an image reference without a tag. Default: required for a generated chart."""
    workload: NotRequired[str]
    """The name of its Deployment. Allowed: lower-case letters, digits and '-', at most 63 characters (a DNS label). Default: its `name`."""
    containerPort: NotRequired[int]
    """The port that its container listens on. Allowed: a whole number from 1 to 65535. Default: `8080`."""
    servicePort: NotRequired[int]
    """The port of its Service. Allowed: a whole number from 1 to 65535. Default: `80`."""
    firstVersion: NotRequired[str]
    """The version in the initial `values.yaml` of a stage, unless a stage after it runs one already. Allowed: an image tag that is a label too: letters, digits, '.', '_', '-', at most 63; with its digest if you like: TAG@sha256:…. Default: `v0.1.0`."""
    promotedKeys: NotRequired[list[PromotedKey]]
    """What promotions bring along; at least one. A text is a key of `values.yaml`, dots between levels; a map names another file. The first is the version: a generated chart deploys it, and `firstVersion` is its initial value; the others have to be values that it reads. Set them in the first stage's files; until then a promotion fails. Default: `["serviceVersion"]`."""
    version: NotRequired[PromotedKey]
    """Which of `promotedKeys` is the version that pull requests name; for your own files. Default: the first one."""
    valueFiles: NotRequired[list[str]]
    """A Helm chart's value files, which may have `{stage}`. Allowed: a file, from the application's folder or with a `/` before it from the repository's root: letters, digits, '.', '_' and '-', slashes between; it may have {stage}. Default: none."""
    chart: NotRequired[Chart]
    """A Helm chart that is not in `path`, but in a registry. Default: none."""
    reads: NotRequired[list[str]]
    """Further folders that its manifests are made of, such as a Kustomize base. A commit to one of these, or to its own files, syncs it; any other does not. Allowed: a folder or file, from the application's folder or with a `/` before it from the repository's root: letters, digits, '.', '_' and '-', slashes between; it may have {stage}. Default: none."""
    sourceOptions: NotRequired[Any]
    """What else Argo CD is told of your own files, as an Application's source has it: `releaseName` or `parameters` under `helm`, `namePrefix` under `kustomize`, `recurse` under `directory`. Texts may have `{stage}`. Allowed: a map with `helm`, `kustomize` or `directory` as Argo CD's `source` has it, without valueFiles. Default: nothing."""
    variables: NotRequired[dict[str, str]]
    """Texts of your own for patterns: `team: shop` for `{team}-{application}`. Allowed: names: letters, digits and '_'; not application, not stage; values: one line of text. Default: none."""
    namespace: NotRequired[str]
    """Its namespace in each stage; applications may share one. Allowed: a text with {application}, {stage} and what `variables` of the application have, at most 300 characters. Default: `namespacePattern`."""
    path: NotRequired[str]
    """Its folder in each stage. A second application needs its own. Allowed: a text with {application}, {stage} and what `variables` of the application have, at most 300 characters. Default: `pathPattern`."""
    argocdApplication: NotRequired[str]
    """The name of its Argo CD Application in each stage. Allowed: a text with {application}, {stage} and what `variables` of the application have, at most 300 characters. Default: `argocdApplicationPattern`."""


class Sync(TypedDict):
    """How Argo CD syncs the Applications of a stage."""

    mode: NotRequired[str]
    """Whether Argo CD syncs by itself. With `manual`, somebody syncs after each promotion. Allowed: automated or manual. Default: `automated`."""
    prune: NotRequired[bool]
    """Delete what is no longer in git. Allowed: true or false. Default: `true`."""
    selfHeal: NotRequired[bool]
    """Change back what somebody has changed in the cluster. Allowed: true or false. Default: `true`."""
    retry: NotRequired[Any]
    """How often a failed sync is repeated. Allowed: a map as in Argo CD's `syncPolicy.retry`: limit, backoff (duration, factor, maxDuration). Default: Argo CD's own: 5 times; with `verification: argocd` not at all."""
    syncOptions: NotRequired[list[str]]
    """Argo CD's sync options. Allowed: a sync option of Argo CD. Default: `["CreateNamespace=true"]`."""
    ignoreDifferences: NotRequired[Any]
    """What may differ from git, for example replicas that an autoscaler sets. Allowed: a list as Argo CD's `ignoreDifferences`: group, kind, name, namespace, and what is ignored. Default: nothing."""
    window: NotRequired[str]
    """When it syncs, in words for people. What holds syncs back is a sync window of the Argo CD project. Allowed: one line of text. Default: at any time."""


class PipelineStage(TypedDict):
    """A stage, and what promotions into it need to know."""

    name: str
    """What it and its stack are called. Allowed: lower-case letters, digits and '-', at most 63 characters (a DNS label)."""
    after: NotRequired[list[str]]
    """The stages that promote into it: a graph without cycles. Allowed: lower-case letters, digits and '-', at most 63 characters (a DNS label). Default: none."""
    requires: NotRequired[str]
    """Of several stages that promote into it, how many have to verify the same promoted values before these are proposed: `any` of them, or `all`. Either way there is one pull request for the stage. Allowed: any or all. Default: `all` where it comes after several stages, else `any`."""
    group: NotRequired[str]
    """`all`: promotions into this stage are of all applications together, as they were verified together, in one pull request. It comes after one stage then. Allowed: all. Default: a pull request for each application."""
    revision: NotRequired[str]
    """The branch that has this stage's files, where each stage has its own. It has to exist. Allowed: a branch name, not `HEAD`, no commit id, not `promote`, `rollback`, `refs` or below them. Default: `defaultBranch`."""
    cluster: NotRequired[str]
    """What you call its cluster, where the stages have several: namespaces are told apart within one, and the names of Argo CD Applications too, unless Argo CD is a central one. Allowed: one line of text. Default: that of all stages without one."""
    verification: NotRequired[str]
    """What verifies a deployment: Keptn, or hooks of Argo CD alone, without any object of Keptn. Allowed: keptn or argocd. Default: `keptn`."""
    requireRecord: NotRequired[bool]
    """Promotions into this stage are of commits alone that are recorded as verified. Allowed: true or false. Default: `false`."""
    onFailure: NotRequired[str]
    """With `propose-rollback`, a failed verification in this stage opens a pull request that rolls it back. Allowed: propose-rollback. Default: nothing but the record."""
    path: NotRequired[str]
    """Its folder, for every application. Allowed: a text with {application}, {stage} and what `variables` of the application have, at most 300 characters. Default: the application's `path`, or `pathPattern`."""
    sync: NotRequired[Sync]
    """How Argo CD syncs its applications. Default: automated, with all defaults."""
    labels: NotRequired[list[str]]
    """What pull requests into this stage get. Allowed: a GitHub label, at most 50 characters, without a comma. Default: `promotionLabels`."""
    reviewers: NotRequired[list[str]]
    """Who is asked to review them. Allowed: a GitHub user. Default: `promotionReviewers`."""
    teamReviewers: NotRequired[list[str]]
    """Which teams are asked to. Allowed: the slug of a team of the owner. Default: `promotionTeamReviewers`."""


class Check(TypedDict):
    """A check after a deployment: an address and its status, or a query with bounds."""

    name: str
    """What it is called. Allowed: lower-case letters, digits and '-', at most 63 characters (a DNS label)."""
    url: NotRequired[str]
    """An HTTP address that is asked after each deployment. Allowed: an http(s) address without a user, password or token. Default: none."""
    status: NotRequired[int]
    """The status that it has to answer with. Allowed: a whole number from 100 to 599. Default: `200`."""
    prometheus: NotRequired[str]
    """The address of a Prometheus server. Allowed: an http(s) address without a user, password or token. Default: none."""
    query: NotRequired[str]
    """What it is asked: every value of the answer has to keep the bounds. Allowed: a PromQL query on one line. Default: none."""
    min: NotRequired[Any]
    """The least value. Allowed: a number. Default: no bound."""
    max: NotRequired[Any]
    """The greatest value. Allowed: a number. Default: no bound."""


class Promote(TypedDict):
    """One promotion to declare."""

    application: NotRequired[str]
    """The application. Default: every one."""
    from_: NotRequired[str]
    """The stage to promote from. Default: every one before this stage."""
    to: NotRequired[str]
    """This stage. Default: this stage."""
    version: NotRequired[str]
    """The version that `commitID` has to have. Allowed: an image tag that is a label too: letters, digits, '.', '_', '-', at most 63. Default: any."""
    commitID: NotRequired[str]
    """The verified commit. Allowed: a full commit id in lower-case hex. Default: the newest, as not verified."""
    traceParent: NotRequired[str]
    """The trace to link to. Allowed: one line of text. Default: none."""
    again: NotRequired[bool]
    """Propose again what a person has closed. Allowed: true or false. Default: `false`."""
    rollback: NotRequired[str]
    """An input of the workflow that has to be empty here. Allowed: nothing: the promoter opens rollbacks. Default: empty."""


class StageSettings(TypedDict):
    """What is one stage's own, in place of what all stages have."""

    kubeContext: NotRequired[str]
    """The context of this stage's cluster; never the current one. Allowed: the name of a context in the kubeconfig. Default: an update is refused."""
    kubeconfig: NotRequired[pulumi.Input[str]]
    """A kubeconfig; or its path, not encrypted. Default: the usual files."""
    argocdContext: NotRequired[str]
    """The context of Argo CD's cluster, where it is another one: the Argo CD Applications go there, all else to `kubeContext`. Needs `destinationServer` or `destinationName`. Allowed: the name of a context in the kubeconfig. Default: Argo CD runs in the cluster of `kubeContext`."""
    argocdKubeconfig: NotRequired[pulumi.Input[str]]
    """The kubeconfig of `argocdContext`; or its path, not encrypted. Default: `kubeconfig`."""
    githubToken: NotRequired[pulumi.Input[str]]
    """The token that writes the GitOps repository. Default: `GITHUB_TOKEN` in the environment; without it an update is refused."""
    githubAppId: NotRequired[str]
    """A GitHub App that writes the GitOps repository, in place of `githubToken`. Allowed: the id of a GitHub App, or its client id. Default: none."""
    githubAppInstallationId: NotRequired[str]
    """Its installation there. Allowed: the number at the end of the installation's address. Default: none."""
    githubAppPrivateKey: NotRequired[pulumi.Input[str]]
    """The App's private key, as PEM; or the path of its file, not encrypted. Default: `DELIVERY_GITHUB_APP_PRIVATE_KEY` in the environment, PEM or path; without it an update is refused."""
    promotionToken: NotRequired[pulumi.Input[str]]
    """The token that dispatches the workflow and records what the stage has verified. Default: an update of a stage that promotes is refused, unless `promotionSecret` is `external`; the last stage records nothing."""
    promotionSecret: NotRequired[str]
    """What fills the Secret `github-token`: this stack, from `promotionToken`, or something else in the cluster. Allowed: stack or external. Default: `stack`."""
    namespace: NotRequired[str]
    """The namespace in this stage. Allowed: a text with {application}, {stage} and what `variables` of the application have, at most 300 characters. Default: the application's, or `namespacePattern`."""
    argocdApplication: NotRequired[str]
    """The name of the Argo CD Application in this stage. Allowed: a text with {application}, {stage} and what `variables` of the application have, at most 300 characters. Default: the application's, or `argocdApplicationPattern`."""
    argocdNamespace: NotRequired[str]
    """Where Argo CD runs. Allowed: lower-case letters, digits and '-', at most 63 characters (a DNS label). Default: `argocd`."""
    argocdProject: NotRequired[str]
    """The Argo CD project. Allowed: a Kubernetes resource name (lower-case DNS subdomain). Default: `default`."""
    argocdLabels: NotRequired[dict[str, str]]
    """Labels of the Argo CD Applications. Allowed: names: the name of a label or annotation; values: the value of a label, at most 63 characters. Default: none."""
    argocdAnnotations: NotRequired[dict[str, str]]
    """Annotations of the Argo CD Applications: subscriptions to notifications, links. Allowed: names: the name of a label or annotation, not argocd.argoproj.io/…: those are the program's; values: a text (quote it), without a user, password or token in an address. Default: none."""
    argocdFinalizer: NotRequired[bool]
    """Deleting an Application prunes what it deployed, and waits for that. Allowed: true or false. Default: `false`."""
    destinationServer: NotRequired[str]
    """The cluster that Argo CD deploys this stage to, by default its own. Allowed: the address of a Kubernetes API server, without a user, password or token. Default: `https://kubernetes.default.svc`."""
    destinationName: NotRequired[str]
    """That cluster by the name that Argo CD has for it; then `destinationServer` is not read. Allowed: the name of a cluster in Argo CD, no address. Default: `destinationServer`."""
    tasks: NotRequired[dict[str, str]]
    """Tasks that verify a deployment, by name, as Python: task definitions of Keptn, or hooks of Argo CD. `null`: Keptn's definition is made elsewhere. Allowed: names: a Kubernetes resource name (lower-case DNS subdomain), not `promote`: the program declares that task itself; values: Python source, or null for a task that is defined elsewhere. Default: none."""
    preDeploymentTasks: NotRequired[list[str]]
    """Which of `tasks` run before a deployment. Allowed: a Kubernetes resource name (lower-case DNS subdomain). Default: none."""
    postDeploymentTasks: NotRequired[list[str]]
    """Which of `tasks` run after a deployment. Allowed: a Kubernetes resource name (lower-case DNS subdomain). Default: none."""
    preDeploymentEvaluations: NotRequired[list[str]]
    """Keptn evaluations before a deployment, by name. Allowed: a Kubernetes resource name (lower-case DNS subdomain). Default: none."""
    postDeploymentEvaluations: NotRequired[list[str]]
    """Keptn evaluations after a deployment, by name. Allowed: a Kubernetes resource name (lower-case DNS subdomain). Default: none."""
    checks: NotRequired[list[Check]]
    """Checks after a deployment that need no code, with `verification: argocd`. Texts may have `{application}`, `{stage}` and `{namespace}`. Default: none."""
    hookImage: NotRequired[str]
    """The image that hooks of Argo CD run in, with its tag or digest: Python 3.11 or newer is all they need. Allowed: an image reference with a tag or digest, not `latest`. Default: `docker.io/library/python:3.13.14-slim`."""
    otlpEndpoint: NotRequired[str]
    """Where Argo CD's last hook sends the trace of a deployment, by OTLP over HTTP; Keptn has its own setting. Allowed: an http(s) address, without a user, password or token, to which `/v1/traces` is added. Default: no trace is sent."""
    metadata: NotRequired[dict[str, str]]
    """Attributes of this stage's spans. Allowed: names: letters, digits, '.', '_', '/', '-', a letter or digit at both ends; not commitID, not traceparent; values: a text (quote it), without a user, password or token in an address. Default: none."""
    promote: NotRequired[Promote]
    """One promotion into this stage to declare; in CI it is in `DELIVERY_PROMOTE`. Default: none."""
    cluster: NotRequired[str]
    """With `render`, manifests go to a folder, the promotion token among them, not encrypted. Allowed: deploy or render. Default: `deploy`."""
    renderManifestsTo: NotRequired[str]
    """The folder for `render`. Keep it out of git. Allowed: a folder. Default: `manifests`."""
    adoptExisting: NotRequired[bool]
    """Take over objects and repository files that exist already. They belong to the stack from then on: `pulumi destroy` deletes them, a namespace with all that is in it. Allowed: true or false. Default: `false`."""


class StageArgs(TypedDict):
    """The pipeline, and what is the stage's own."""

    repositoryOwner: str
    """The owner of the GitOps repository. An update refuses `example-org`. Allowed: a GitHub user or organisation."""
    repositoryName: str
    """Its name. Allowed: a GitHub repository's name."""
    defaultBranch: NotRequired[str]
    """Its default branch. Allowed: a branch name, not `HEAD`, no commit id, not `promote`, `rollback`, `refs` or below them. Default: `main`."""
    githubApiUrl: NotRequired[str]
    """The REST API. Allowed: https://api.github.com, or https://HOST/api/v3 for GitHub Enterprise. Default: `https://api.github.com`."""
    applications: list[Application]
    """What is delivered."""
    stages: list[PipelineStage]
    """The stages and what follows what. Each is a stack of its own."""
    argocdRepoURL: NotRequired[str]
    """Its address as Argo CD knows it, where that is another one: by SSH, or with `.git`. Allowed: an address of the repository for git, by SSH or https, without a password or token. Default: the repository's https address."""
    namespacePattern: NotRequired[str]
    """The namespace. Allowed: a text with {application}, {stage} and what `variables` of the application have, at most 300 characters. Default: `{application}-{stage}`."""
    pathPattern: NotRequired[str]
    """The folder in the repository. For one stage: `path` of its entry in `stages`. Allowed: a text with {application}, {stage} and what `variables` of the application have, at most 300 characters. Default: `{stage}`."""
    argocdApplicationPattern: NotRequired[str]
    """The name of the Argo CD Application. Allowed: a text with {application}, {stage} and what `variables` of the application have, at most 300 characters. Default: `{application}-{stage}`."""
    promotionEngine: NotRequired[str]
    """What opens pull requests: the promoter, or the target stage's stack. Allowed: promoter or pulumi. Default: `promoter`."""
    promotionIdentity: NotRequired[str]
    """As whom the workflow opens them: with its own token, with `PROMOTION_TOKEN`, or as a GitHub App. With its own, Actions may approve pull requests too. Allowed: workflow or token or app. Default: `workflow`."""
    promotionCommits: NotRequired[str]
    """With `signed`, GitHub makes the commits of promotions and signs them, for branches that demand signatures. `promotionIdentity` has to be `workflow` or `app`. Allowed: unsigned or signed. Default: `unsigned`."""
    promotionTitle: NotRequired[str]
    """The title of a promotion's pull request. Allowed: one line with {application}, {version}, {from} and {to}, without a user, password or token in an address. Default: `Promote {application} {version} to {to}`."""
    promotionMessage: NotRequired[str]
    """The first line of its commit's message; the changes and a trailer for machines follow. Allowed: one line with {application}, {version}, {from} and {to}, without a user, password or token in an address. Default: `promotionTitle`."""
    promotionAuthor: NotRequired[str]
    """The author of its commit; the committer stays the promoter. Neither with `signed` commits, whose author is GitHub's matter, nor with the engine `pulumi`. Allowed: NAME <ADDRESS>. Default: the promoter."""
    promotionMergeMethod: NotRequired[str]
    """How it is to be merged, which the pull request says. Allowed: merge or squash or rebase. Default: not said."""
    promotionLabels: NotRequired[list[str]]
    """What pull requests get. For one stage: `labels` of its entry in `stages`. Allowed: a GitHub label, at most 50 characters, without a comma. Default: none."""
    promotionReviewers: NotRequired[list[str]]
    """Who is asked to review them. For one stage: `reviewers` of its entry in `stages`. Allowed: a GitHub user. Default: none."""
    promotionTeamReviewers: NotRequired[list[str]]
    """Which teams are asked to. For one stage: `teamReviewers` of its entry in `stages`. Allowed: the slug of a team of the owner. Default: none."""
    promotionRetries: NotRequired[int]
    """How often Keptn repeats a promotion task that failed. Allowed: a whole number from 0 to 10. Default: `2`."""
    promotionTimeoutSeconds: NotRequired[int]
    """The time of all runs of the task together; each needs a minute and a quarter, and there are pauses between. Allowed: a whole number from 1 to 3600. Default: `300`."""
    promotionTtlSeconds: NotRequired[int]
    """How long the task's Job stays. Below 20, Keptn would repeat the promotion without end. Allowed: a whole number from 30 to 86400. Default: `3600`."""
    sweepMinutes: NotRequired[int]
    """How often the workflow looks for what is recorded as verified and was never proposed; 0: never by itself. Allowed: 5, 6, 10, 12, 15, 20, 30 or 60, or 0 for never. Default: `15`."""
    traceUrl: NotRequired[str]
    """Where traces are. Pull requests link there, but not to an address on this machine. Allowed: an http(s) address with {trace_id} and, if wanted, {span_id}, without a user, password or token; or nothing. Default: `http://localhost:16686/trace/{trace_id}?uiFind={span_id}`."""
    kubeContext: NotRequired[str]
    """The context of this stage's cluster; never the current one. Allowed: the name of a context in the kubeconfig. Default: an update is refused."""
    kubeconfig: NotRequired[pulumi.Input[str]]
    """A kubeconfig; or its path, not encrypted. Default: the usual files."""
    argocdContext: NotRequired[str]
    """The context of Argo CD's cluster, where it is another one: the Argo CD Applications go there, all else to `kubeContext`. Needs `destinationServer` or `destinationName`. Allowed: the name of a context in the kubeconfig. Default: Argo CD runs in the cluster of `kubeContext`."""
    argocdKubeconfig: NotRequired[pulumi.Input[str]]
    """The kubeconfig of `argocdContext`; or its path, not encrypted. Default: `kubeconfig`."""
    githubToken: NotRequired[pulumi.Input[str]]
    """The token that writes the GitOps repository. Default: `GITHUB_TOKEN` in the environment; without it an update is refused."""
    githubAppId: NotRequired[str]
    """A GitHub App that writes the GitOps repository, in place of `githubToken`. Allowed: the id of a GitHub App, or its client id. Default: none."""
    githubAppInstallationId: NotRequired[str]
    """Its installation there. Allowed: the number at the end of the installation's address. Default: none."""
    githubAppPrivateKey: NotRequired[pulumi.Input[str]]
    """The App's private key, as PEM; or the path of its file, not encrypted. Default: `DELIVERY_GITHUB_APP_PRIVATE_KEY` in the environment, PEM or path; without it an update is refused."""
    promotionToken: NotRequired[pulumi.Input[str]]
    """The token that dispatches the workflow and records what the stage has verified. Default: an update of a stage that promotes is refused, unless `promotionSecret` is `external`; the last stage records nothing."""
    promotionSecret: NotRequired[str]
    """What fills the Secret `github-token`: this stack, from `promotionToken`, or something else in the cluster. Allowed: stack or external. Default: `stack`."""
    namespace: NotRequired[str]
    """The namespace in this stage. Allowed: a text with {application}, {stage} and what `variables` of the application have, at most 300 characters. Default: the application's, or `namespacePattern`."""
    argocdApplication: NotRequired[str]
    """The name of the Argo CD Application in this stage. Allowed: a text with {application}, {stage} and what `variables` of the application have, at most 300 characters. Default: the application's, or `argocdApplicationPattern`."""
    argocdNamespace: NotRequired[str]
    """Where Argo CD runs. Allowed: lower-case letters, digits and '-', at most 63 characters (a DNS label). Default: `argocd`."""
    argocdProject: NotRequired[str]
    """The Argo CD project. Allowed: a Kubernetes resource name (lower-case DNS subdomain). Default: `default`."""
    argocdLabels: NotRequired[dict[str, str]]
    """Labels of the Argo CD Applications. Allowed: names: the name of a label or annotation; values: the value of a label, at most 63 characters. Default: none."""
    argocdAnnotations: NotRequired[dict[str, str]]
    """Annotations of the Argo CD Applications: subscriptions to notifications, links. Allowed: names: the name of a label or annotation, not argocd.argoproj.io/…: those are the program's; values: a text (quote it), without a user, password or token in an address. Default: none."""
    argocdFinalizer: NotRequired[bool]
    """Deleting an Application prunes what it deployed, and waits for that. Allowed: true or false. Default: `false`."""
    destinationServer: NotRequired[str]
    """The cluster that Argo CD deploys this stage to, by default its own. Allowed: the address of a Kubernetes API server, without a user, password or token. Default: `https://kubernetes.default.svc`."""
    destinationName: NotRequired[str]
    """That cluster by the name that Argo CD has for it; then `destinationServer` is not read. Allowed: the name of a cluster in Argo CD, no address. Default: `destinationServer`."""
    tasks: NotRequired[dict[str, str]]
    """Tasks that verify a deployment, by name, as Python: task definitions of Keptn, or hooks of Argo CD. `null`: Keptn's definition is made elsewhere. Allowed: names: a Kubernetes resource name (lower-case DNS subdomain), not `promote`: the program declares that task itself; values: Python source, or null for a task that is defined elsewhere. Default: none."""
    preDeploymentTasks: NotRequired[list[str]]
    """Which of `tasks` run before a deployment. Allowed: a Kubernetes resource name (lower-case DNS subdomain). Default: none."""
    postDeploymentTasks: NotRequired[list[str]]
    """Which of `tasks` run after a deployment. Allowed: a Kubernetes resource name (lower-case DNS subdomain). Default: none."""
    preDeploymentEvaluations: NotRequired[list[str]]
    """Keptn evaluations before a deployment, by name. Allowed: a Kubernetes resource name (lower-case DNS subdomain). Default: none."""
    postDeploymentEvaluations: NotRequired[list[str]]
    """Keptn evaluations after a deployment, by name. Allowed: a Kubernetes resource name (lower-case DNS subdomain). Default: none."""
    checks: NotRequired[list[Check]]
    """Checks after a deployment that need no code, with `verification: argocd`. Texts may have `{application}`, `{stage}` and `{namespace}`. Default: none."""
    hookImage: NotRequired[str]
    """The image that hooks of Argo CD run in, with its tag or digest: Python 3.11 or newer is all they need. Allowed: an image reference with a tag or digest, not `latest`. Default: `docker.io/library/python:3.13.14-slim`."""
    otlpEndpoint: NotRequired[str]
    """Where Argo CD's last hook sends the trace of a deployment, by OTLP over HTTP; Keptn has its own setting. Allowed: an http(s) address, without a user, password or token, to which `/v1/traces` is added. Default: no trace is sent."""
    metadata: NotRequired[dict[str, str]]
    """Attributes of this stage's spans. Allowed: names: letters, digits, '.', '_', '/', '-', a letter or digit at both ends; not commitID, not traceparent; values: a text (quote it), without a user, password or token in an address. Default: none."""
    promote: NotRequired[Promote]
    """One promotion into this stage to declare; in CI it is in `DELIVERY_PROMOTE`. Default: none."""
    cluster: NotRequired[str]
    """With `render`, manifests go to a folder, the promotion token among them, not encrypted. Allowed: deploy or render. Default: `deploy`."""
    renderManifestsTo: NotRequired[str]
    """The folder for `render`. Keep it out of git. Allowed: a folder. Default: `manifests`."""
    adoptExisting: NotRequired[bool]
    """Take over objects and repository files that exist already. They belong to the stack from then on: `pulumi destroy` deletes them, a namespace with all that is in it. Allowed: true or false. Default: `false`."""
    stage: NotRequired[str]
    """Which of `stages` it is. Default: the name of the resource."""


class PipelineArgs(TypedDict):
    """The pipeline, and what stages have of their own."""

    repositoryOwner: str
    """The owner of the GitOps repository. An update refuses `example-org`. Allowed: a GitHub user or organisation."""
    repositoryName: str
    """Its name. Allowed: a GitHub repository's name."""
    defaultBranch: NotRequired[str]
    """Its default branch. Allowed: a branch name, not `HEAD`, no commit id, not `promote`, `rollback`, `refs` or below them. Default: `main`."""
    githubApiUrl: NotRequired[str]
    """The REST API. Allowed: https://api.github.com, or https://HOST/api/v3 for GitHub Enterprise. Default: `https://api.github.com`."""
    applications: list[Application]
    """What is delivered."""
    stages: list[PipelineStage]
    """The stages and what follows what. Each is a stack of its own."""
    argocdRepoURL: NotRequired[str]
    """Its address as Argo CD knows it, where that is another one: by SSH, or with `.git`. Allowed: an address of the repository for git, by SSH or https, without a password or token. Default: the repository's https address."""
    namespacePattern: NotRequired[str]
    """The namespace. Allowed: a text with {application}, {stage} and what `variables` of the application have, at most 300 characters. Default: `{application}-{stage}`."""
    pathPattern: NotRequired[str]
    """The folder in the repository. For one stage: `path` of its entry in `stages`. Allowed: a text with {application}, {stage} and what `variables` of the application have, at most 300 characters. Default: `{stage}`."""
    argocdApplicationPattern: NotRequired[str]
    """The name of the Argo CD Application. Allowed: a text with {application}, {stage} and what `variables` of the application have, at most 300 characters. Default: `{application}-{stage}`."""
    promotionEngine: NotRequired[str]
    """What opens pull requests: the promoter, or the target stage's stack. Allowed: promoter or pulumi. Default: `promoter`."""
    promotionIdentity: NotRequired[str]
    """As whom the workflow opens them: with its own token, with `PROMOTION_TOKEN`, or as a GitHub App. With its own, Actions may approve pull requests too. Allowed: workflow or token or app. Default: `workflow`."""
    promotionCommits: NotRequired[str]
    """With `signed`, GitHub makes the commits of promotions and signs them, for branches that demand signatures. `promotionIdentity` has to be `workflow` or `app`. Allowed: unsigned or signed. Default: `unsigned`."""
    promotionTitle: NotRequired[str]
    """The title of a promotion's pull request. Allowed: one line with {application}, {version}, {from} and {to}, without a user, password or token in an address. Default: `Promote {application} {version} to {to}`."""
    promotionMessage: NotRequired[str]
    """The first line of its commit's message; the changes and a trailer for machines follow. Allowed: one line with {application}, {version}, {from} and {to}, without a user, password or token in an address. Default: `promotionTitle`."""
    promotionAuthor: NotRequired[str]
    """The author of its commit; the committer stays the promoter. Neither with `signed` commits, whose author is GitHub's matter, nor with the engine `pulumi`. Allowed: NAME <ADDRESS>. Default: the promoter."""
    promotionMergeMethod: NotRequired[str]
    """How it is to be merged, which the pull request says. Allowed: merge or squash or rebase. Default: not said."""
    promotionLabels: NotRequired[list[str]]
    """What pull requests get. For one stage: `labels` of its entry in `stages`. Allowed: a GitHub label, at most 50 characters, without a comma. Default: none."""
    promotionReviewers: NotRequired[list[str]]
    """Who is asked to review them. For one stage: `reviewers` of its entry in `stages`. Allowed: a GitHub user. Default: none."""
    promotionTeamReviewers: NotRequired[list[str]]
    """Which teams are asked to. For one stage: `teamReviewers` of its entry in `stages`. Allowed: the slug of a team of the owner. Default: none."""
    promotionRetries: NotRequired[int]
    """How often Keptn repeats a promotion task that failed. Allowed: a whole number from 0 to 10. Default: `2`."""
    promotionTimeoutSeconds: NotRequired[int]
    """The time of all runs of the task together; each needs a minute and a quarter, and there are pauses between. Allowed: a whole number from 1 to 3600. Default: `300`."""
    promotionTtlSeconds: NotRequired[int]
    """How long the task's Job stays. Below 20, Keptn would repeat the promotion without end. Allowed: a whole number from 30 to 86400. Default: `3600`."""
    sweepMinutes: NotRequired[int]
    """How often the workflow looks for what is recorded as verified and was never proposed; 0: never by itself. Allowed: 5, 6, 10, 12, 15, 20, 30 or 60, or 0 for never. Default: `15`."""
    traceUrl: NotRequired[str]
    """Where traces are. Pull requests link there, but not to an address on this machine. Allowed: an http(s) address with {trace_id} and, if wanted, {span_id}, without a user, password or token; or nothing. Default: `http://localhost:16686/trace/{trace_id}?uiFind={span_id}`."""
    kubeContext: NotRequired[str]
    """The context of this stage's cluster; never the current one. Allowed: the name of a context in the kubeconfig. Default: an update is refused."""
    kubeconfig: NotRequired[pulumi.Input[str]]
    """A kubeconfig; or its path, not encrypted. Default: the usual files."""
    argocdContext: NotRequired[str]
    """The context of Argo CD's cluster, where it is another one: the Argo CD Applications go there, all else to `kubeContext`. Needs `destinationServer` or `destinationName`. Allowed: the name of a context in the kubeconfig. Default: Argo CD runs in the cluster of `kubeContext`."""
    argocdKubeconfig: NotRequired[pulumi.Input[str]]
    """The kubeconfig of `argocdContext`; or its path, not encrypted. Default: `kubeconfig`."""
    githubToken: NotRequired[pulumi.Input[str]]
    """The token that writes the GitOps repository. Default: `GITHUB_TOKEN` in the environment; without it an update is refused."""
    githubAppId: NotRequired[str]
    """A GitHub App that writes the GitOps repository, in place of `githubToken`. Allowed: the id of a GitHub App, or its client id. Default: none."""
    githubAppInstallationId: NotRequired[str]
    """Its installation there. Allowed: the number at the end of the installation's address. Default: none."""
    githubAppPrivateKey: NotRequired[pulumi.Input[str]]
    """The App's private key, as PEM; or the path of its file, not encrypted. Default: `DELIVERY_GITHUB_APP_PRIVATE_KEY` in the environment, PEM or path; without it an update is refused."""
    promotionToken: NotRequired[pulumi.Input[str]]
    """The token that dispatches the workflow and records what the stage has verified. Default: an update of a stage that promotes is refused, unless `promotionSecret` is `external`; the last stage records nothing."""
    promotionSecret: NotRequired[str]
    """What fills the Secret `github-token`: this stack, from `promotionToken`, or something else in the cluster. Allowed: stack or external. Default: `stack`."""
    namespace: NotRequired[str]
    """The namespace in this stage. Allowed: a text with {application}, {stage} and what `variables` of the application have, at most 300 characters. Default: the application's, or `namespacePattern`."""
    argocdApplication: NotRequired[str]
    """The name of the Argo CD Application in this stage. Allowed: a text with {application}, {stage} and what `variables` of the application have, at most 300 characters. Default: the application's, or `argocdApplicationPattern`."""
    argocdNamespace: NotRequired[str]
    """Where Argo CD runs. Allowed: lower-case letters, digits and '-', at most 63 characters (a DNS label). Default: `argocd`."""
    argocdProject: NotRequired[str]
    """The Argo CD project. Allowed: a Kubernetes resource name (lower-case DNS subdomain). Default: `default`."""
    argocdLabels: NotRequired[dict[str, str]]
    """Labels of the Argo CD Applications. Allowed: names: the name of a label or annotation; values: the value of a label, at most 63 characters. Default: none."""
    argocdAnnotations: NotRequired[dict[str, str]]
    """Annotations of the Argo CD Applications: subscriptions to notifications, links. Allowed: names: the name of a label or annotation, not argocd.argoproj.io/…: those are the program's; values: a text (quote it), without a user, password or token in an address. Default: none."""
    argocdFinalizer: NotRequired[bool]
    """Deleting an Application prunes what it deployed, and waits for that. Allowed: true or false. Default: `false`."""
    destinationServer: NotRequired[str]
    """The cluster that Argo CD deploys this stage to, by default its own. Allowed: the address of a Kubernetes API server, without a user, password or token. Default: `https://kubernetes.default.svc`."""
    destinationName: NotRequired[str]
    """That cluster by the name that Argo CD has for it; then `destinationServer` is not read. Allowed: the name of a cluster in Argo CD, no address. Default: `destinationServer`."""
    tasks: NotRequired[dict[str, str]]
    """Tasks that verify a deployment, by name, as Python: task definitions of Keptn, or hooks of Argo CD. `null`: Keptn's definition is made elsewhere. Allowed: names: a Kubernetes resource name (lower-case DNS subdomain), not `promote`: the program declares that task itself; values: Python source, or null for a task that is defined elsewhere. Default: none."""
    preDeploymentTasks: NotRequired[list[str]]
    """Which of `tasks` run before a deployment. Allowed: a Kubernetes resource name (lower-case DNS subdomain). Default: none."""
    postDeploymentTasks: NotRequired[list[str]]
    """Which of `tasks` run after a deployment. Allowed: a Kubernetes resource name (lower-case DNS subdomain). Default: none."""
    preDeploymentEvaluations: NotRequired[list[str]]
    """Keptn evaluations before a deployment, by name. Allowed: a Kubernetes resource name (lower-case DNS subdomain). Default: none."""
    postDeploymentEvaluations: NotRequired[list[str]]
    """Keptn evaluations after a deployment, by name. Allowed: a Kubernetes resource name (lower-case DNS subdomain). Default: none."""
    checks: NotRequired[list[Check]]
    """Checks after a deployment that need no code, with `verification: argocd`. Texts may have `{application}`, `{stage}` and `{namespace}`. Default: none."""
    hookImage: NotRequired[str]
    """The image that hooks of Argo CD run in, with its tag or digest: Python 3.11 or newer is all they need. Allowed: an image reference with a tag or digest, not `latest`. Default: `docker.io/library/python:3.13.14-slim`."""
    otlpEndpoint: NotRequired[str]
    """Where Argo CD's last hook sends the trace of a deployment, by OTLP over HTTP; Keptn has its own setting. Allowed: an http(s) address, without a user, password or token, to which `/v1/traces` is added. Default: no trace is sent."""
    metadata: NotRequired[dict[str, str]]
    """Attributes of this stage's spans. Allowed: names: letters, digits, '.', '_', '/', '-', a letter or digit at both ends; not commitID, not traceparent; values: a text (quote it), without a user, password or token in an address. Default: none."""
    promote: NotRequired[Promote]
    """One promotion into this stage to declare; in CI it is in `DELIVERY_PROMOTE`. Default: none."""
    cluster: NotRequired[str]
    """With `render`, manifests go to a folder, the promotion token among them, not encrypted. Allowed: deploy or render. Default: `deploy`."""
    renderManifestsTo: NotRequired[str]
    """The folder for `render`. Keep it out of git. Allowed: a folder. Default: `manifests`."""
    adoptExisting: NotRequired[bool]
    """Take over objects and repository files that exist already. They belong to the stack from then on: `pulumi destroy` deletes them, a namespace with all that is in it. Allowed: true or false. Default: `false`."""
    stageSettings: NotRequired[dict[str, StageSettings]]
    """What is one stage's own, by its name. Default: none."""
