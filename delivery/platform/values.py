"""The values of each chart: sized for a laptop, without root, reachable inside the cluster only.

Which key does what was read in the charts at the versions of `delivery.platform.charts`.
"""

from collections.abc import Mapping

from delivery.config.errors import Json
from delivery.platform.configuration import Backend

Values = dict[str, Json]

OTLP_GRPC = "otel-collector.observability.svc:4317"
"""The collector, as Keptn's `OTelCollectorUrl` has it: a host and a port."""
OTLP_HTTP = "http://otel-collector.observability.svc:4318"
"""The collector, as `delivery:otlpEndpoint` has it."""
BACKEND_SECRET = "traces-backend"  # noqa: S105 - the name of an object
_JAEGER_TRACES = 5000
_JAEGER_OTLP = "jaeger.observability.svc:4317"
_TRACES_FOLDER = "/var/lib/otelcol"

_NO_ROOT: Values = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def _resources(cpu: str, memory: str, most_cpu: str, most_memory: str) -> Values:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": most_cpu, "memory": most_memory}}


def argocd() -> Values:
    """Argo CD without single sign-on and notifications; people log in as `admin`, nobody without a login."""
    return {
        "fullnameOverride": "argocd",
        # Else `destroy` would leave the definitions behind.
        "crds": {"keep": False},
        # The chart's own policies let every pod reach the server.
        "global": {"networkPolicy": {"create": False}},
        "configs": {
            "cm": {
                "users.anonymous.enabled": "false",
                "exec.enabled": "false",
                # How long a merged pull request waits, at most, for a cluster that GitHub cannot call.
                "timeout.reconciliation": "60s",
                "timeout.reconciliation.jitter": "10s",
            }
        },
        "dex": {"enabled": False},
        "notifications": {"enabled": False},
        # It is a Job that makes a password before the release; the component makes the Secret itself.
        "redisSecretInit": {"enabled": False},
        "controller": {"resources": _resources("100m", "256Mi", "1", "1Gi")},
        "repoServer": {
            "resources": _resources("50m", "128Mi", "1", "512Mi"),
        },
        "server": {"resources": _resources("25m", "64Mi", "500m", "256Mi")},
        "applicationSet": {"resources": _resources("25m", "64Mi", "500m", "256Mi")},
        "redis": {"resources": _resources("10m", "32Mi", "200m", "128Mi"), "automountServiceAccountToken": False},
    }


def jaeger() -> Values:
    """Jaeger in one process, with the traces in memory: they are gone when it restarts."""
    return {
        "fullnameOverride": "jaeger",
        # In place of the image's own, which keeps 100,000 traces: more than the limit below holds.
        "userconfig": {
            "extensions": {
                "healthcheckv2": {"use_v2": True, "http": {"endpoint": "0.0.0.0:13133"}},
                "jaeger_query": {
                    "storage": {"traces": "memory"},
                    "http": {"endpoint": "0.0.0.0:16686"},
                    "grpc": {"endpoint": "0.0.0.0:16685"},
                },
                "jaeger_storage": {"backends": {"memory": {"memory": {"max_traces": _JAEGER_TRACES}}}},
            },
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": "0.0.0.0:4317"}}}},
            "processors": {"batch": {}},
            "exporters": {"jaeger_storage_exporter": {"trace_storage": "memory"}},
            "service": {
                "extensions": ["jaeger_storage", "jaeger_query", "healthcheckv2"],
                "pipelines": {
                    "traces": {"receivers": ["otlp"], "processors": ["batch"], "exporters": ["jaeger_storage_exporter"]}
                },
            },
        },
        "jaeger": {
            "resources": _resources("25m", "128Mi", "500m", "512Mi"),
            "podSecurityContext": {"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001},
            "securityContext": {**_NO_ROOT},
            "serviceAccount": {"automountServiceAccountToken": False},
        },
    }


def collector(backend: Backend | None, *, with_jaeger: bool) -> Values:
    """The collector: OTLP in; out to the backend, to Jaeger, or else into a file in its pod."""
    exporters: Values = {}
    if backend is not None:
        headers: Values = {"headers": {backend.header: "${env:BACKEND_HEADER}"}} if backend.header else {}
        exporters["otlp_http/backend"] = {"endpoint": backend.endpoint, **headers}
    if with_jaeger:
        exporters["otlp_grpc/jaeger"] = {"endpoint": _JAEGER_OTLP, "tls": {"insecure": True}}
    in_file = not exporters
    if in_file:
        rotation: Values = {"max_megabytes": 50, "max_backups": 1}
        exporters["file"] = {"path": f"{_TRACES_FOLDER}/traces.jsonl", "rotation": rotation}
    secret: Values = {"name": BACKEND_SECRET, "key": "header"}
    volume: Values = {"name": "traces", "emptyDir": {"sizeLimit": "150Mi"}}
    return {
        "fullnameOverride": "otel-collector",
        "mode": "deployment",
        "image": {
            "repository": "ghcr.io/open-telemetry/opentelemetry-collector-releases/opentelemetry-collector-contrib"
        },
        "command": {"name": "otelcol-contrib"},
        # In place of the chart's `config`, into which ours would be merged, with all receivers that nobody needs here.
        "alternateConfig": {
            "extensions": {"health_check": {"endpoint": "${env:MY_POD_IP}:13133"}},
            "receivers": {
                "otlp": {
                    "protocols": {
                        "grpc": {"endpoint": "${env:MY_POD_IP}:4317"},
                        "http": {"endpoint": "${env:MY_POD_IP}:4318"},
                    }
                }
            },
            "processors": {
                "memory_limiter": {"check_interval": "5s", "limit_percentage": 80, "spike_limit_percentage": 25},
                "batch": {},
            },
            "exporters": exporters,
            "service": {
                "extensions": ["health_check"],
                "pipelines": {
                    "traces": {
                        "receivers": ["otlp"],
                        "processors": ["memory_limiter", "batch"],
                        "exporters": [*exporters],
                    }
                },
            },
        },
        "ports": {
            name: {"enabled": False} for name in ("jaeger-compact", "jaeger-thrift", "jaeger-grpc", "zipkin", "metrics")
        },
        "serviceAccount": {"automountServiceAccountToken": False},
        "podSecurityContext": {"runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001},
        "securityContext": {**_NO_ROOT},
        "resources": _resources("25m", "64Mi", "500m", "256Mi"),
        "extraEnvs": [{"name": "BACKEND_HEADER", "valueFrom": {"secretKeyRef": secret}}]
        if backend is not None and backend.header
        else [],
        "extraVolumes": [volume] if in_file else [],
        "extraVolumeMounts": [{"name": "traces", "mountPath": _TRACES_FOLDER}] if in_file else [],
    }


def keptn_certificates() -> Values:
    """Keptn's own certificate operator, for the webhooks of the other one."""
    return {"resources": _resources("5m", "32Mi", "100m", "128Mi")}


def keptn_operator() -> Values:
    """Keptn's lifecycle operator, with promotion tasks, which its chart has off."""
    return {
        "promotionTasksEnabled": True,
        # Its webhook looks at every pod that is created, and lets none through while it does not answer itself.
        "deniedNamespaces": ["argocd", "cert-manager", "keptn-system", "monitoring", "observability"],
        "resources": _resources("10m", "64Mi", "500m", "256Mi"),
    }


def merged(ours: Mapping[str, Json], own: Mapping[str, Json]) -> Values:
    """`own` over `ours`, map by map; a list or a single value replaces ours."""
    result: Values = {**ours}
    for key, value in own.items():
        before = result.get(key)
        result[key] = merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return result
