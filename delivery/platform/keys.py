"""Every key of the platform's configuration, as `delivery.config.keys` has those of a stage."""

from collections.abc import Iterator

from delivery.config import rules
from delivery.config.key import MAP, TEXT, Key, Project, Type, required, secret
from delivery.config.rules import Rule
from delivery.platform.charts import ARGOCD, COLLECTOR, JAEGER, KEPTN, PARTS

_VALUE = Rule(lambda _: True, "as the chart has it", "VALUE")
_VALUE_KEY = rules.text(lambda _: True, "keys of the chart's values", "KEY")
_HEADER = rules.pattern(r"[A-Za-z0-9-]{1,100}", "the name of an HTTP header", "NAME")
_COLLECTOR = rules.pattern(
    r"[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?:[0-9]{1,5}", "a host and its port", "HOST:4317"
)
_WHAT = {
    ARGOCD: ("Argo CD", "true"),
    KEPTN: ("Keptn", "true, unless every stage in `../Pulumi.yaml` is verified by Argo CD"),
    COLLECTOR: ("The OpenTelemetry collector", "true"),
    JAEGER: ("Jaeger, with the traces in memory", "true, unless there is a `backendEndpoint`"),
}


def _part_keys() -> Iterator[Key]:
    for part in PARTS:
        what, otherwise = _WHAT[part]
        yield Key(part, Type.FLAG, rules.FLAG, None, f"{what}: installed by this stack, or not.", otherwise)
    for part in PARTS:
        chart = "the chart of Keptn's operator" if part == KEPTN else f"the chart of `{part}`"
        about = f"Values of your own for {chart}, put over this program's, map by map."
        yield Key(f"{part}Values", MAP, _VALUE, {}, about, names=_VALUE_KEY)


KEYS = (
    *_part_keys(),
    Key(
        "charts",
        TEXT,
        rules.FOLDER,
        None,
        "A folder with the charts, one folder for each, where their registries cannot be reached.",
        "`DELIVERY_CHARTS` in the environment, else their registries",
    ),
    Key(
        "repositoryURL",
        TEXT,
        rules.REPO_URL,
        None,
        "The repository that Argo CD reads with the credentials here.",
        "the GitOps repository of `../Pulumi.yaml`",
    ),
    secret("githubToken", "A token that reads it.", "none"),
    Key("githubAppId", TEXT, rules.APP_ID, None, "A GitHub App that reads it, in place of a token.", "none"),
    Key("githubAppInstallationId", TEXT, rules.INSTALLATION_ID, None, "The App's installation there.", "none"),
    secret("githubAppPrivateKey", "The App's private key, as PEM.", "none"),
    secret("sshPrivateKey", "A deploy key that reads it by SSH, in place of a token.", "none"),
    Key(
        "backendEndpoint",
        TEXT,
        rules.OTLP_ENDPOINT,
        None,
        "A place for traces of one's own, in place of Jaeger: the collector sends them there by OTLP over HTTP.",
        "none",
    ),
    Key("backendHeaderName", TEXT, _HEADER, None, "The header by which the collector logs in there.", "none"),
    secret("backendHeader", "What stands in that header.", "none"),
    Key(
        "collectorAddress",
        TEXT,
        _COLLECTOR,
        None,
        "A collector of others, to which Keptn sends by OTLP over gRPC where this stack installs none.",
        "none: Keptn sends nothing then",
    ),
    required("kubeContext", "The context of the cluster; never the current one.", rules.CONTEXT),
    secret("kubeconfig", "A kubeconfig; or its path, not encrypted.", "the usual files"),
)
TABLE = {key.name: key for key in KEYS}
PLATFORM = Project("platform", "pulumi -C platform", TABLE)
SECRETS = PLATFORM.secrets
STACK = "laptop"
"""The platform's stack that ships, and that is meant where none is named."""
CHARTS_VARIABLE = "DELIVERY_CHARTS"
"""In the environment: a folder with the charts, in place of their registries."""
