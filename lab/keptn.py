"""A stand-in for Keptn's lifecycle operator, for one app version at a time. It is not Keptn.

It emits the spans that the operator emits (OTLP JSON lines, as the collector's file exporter writes them),
builds `KEPTN_CONTEXT` as the operator does, and runs the real promotion task as a process of its own. It
verifies nothing: whoever calls it says what a stage runs.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from delivery.names import is_traceparent
from lab.cluster import Cluster

PHASES = ("AppPreDeployTasks", "AppPreDeployEvaluations", "AppDeploy", "AppPostDeployTasks", "AppPostDeployEvaluations")
_CONSUMER, _OK, _ERROR = 5, 1, 2


@dataclass(frozen=True)
class AppVersion:
    """A KeptnAppVersion: one rollout of one version of an application in a stage."""

    name: str
    application: str
    namespace: str
    version: str
    metadata: Mapping[str, str]
    span_links: tuple[str, ...]
    trace_id: str
    root_id: str
    promotion_id: str
    started: int
    """When its rollout began, in nanoseconds of the Unix epoch."""

    @property
    def traceparent(self) -> str:
        """The W3C id of its promotion phase's span."""
        return f"00-{self.trace_id}-{self.promotion_id}-01"


class Keptn:
    """The operator of one cluster.

    `trace_file` gets a line for each span, or is None for an operator without a collector: no spans, and no
    `traceparent` in any context. `durations` says how many seconds a phase took (its name, or the name of a
    task); what is not there took no longer than it does here. Nothing sleeps: spans end now, and began then.
    """

    def __init__(
        self,
        cluster: Cluster,
        trace_file: Path | None,
        *,
        durations: Mapping[str, float] | None = None,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self.cluster = cluster
        self.trace_file = trace_file
        self.versions: list[AppVersion] = []
        self._durations = durations or {}
        self._now = now
        self._open: dict[str, AppVersion] = {}
        self._contexts: dict[str, AppVersion] = {}

    def verify(
        self,
        application: str,
        namespace: str,
        version: str,
        commit: str,
        metadata: Mapping[str, str] | None = None,
        span_links: Sequence[str] = (),
        *,
        promotes: bool = True,
        post_deployment_tasks: Sequence[str] = ("post-deployment",),
    ) -> str:
        """Deploy and verify a version; the `KEPTN_CONTEXT` of its promotion task comes back.

        The cluster is told that the stage runs it, available. `metadata` and `span_links` are the
        KeptnAppContext's; an empty `commit` is left out, as it is when Argo CD gives none. The root span and
        the promotion phase end with `run_promotion_task`, or at once where the stage does not promote.
        """
        entries = dict(metadata or {}) | ({"commitID": commit} if commit else {})
        name = self.cluster.set_stage(namespace, application, version, metadata=entries)
        tasks = [f"post-{task}-{10_000 + secrets.randbelow(90_000)}" for task in post_deployment_tasks]
        length = sum(self._nanoseconds(span) for span in (*PHASES, *post_deployment_tasks))
        app = AppVersion(
            *(name, application, namespace, version, entries, tuple(span_links)),
            *(secrets.token_hex(16), secrets.token_hex(8), secrets.token_hex(8), self._now() - length),
        )
        self.versions.append(app)
        began = app.started
        for phase in PHASES:
            ended = began + self._nanoseconds(phase)
            children = zip(tasks, post_deployment_tasks, strict=True) if phase == "AppPostDeployTasks" else ()
            phase_id = secrets.token_hex(8)
            for task, definition in children:
                task_ended = ended + self._nanoseconds(definition)
                self._emit_task(app, task, phase_id, "post", ended, task_ended)
                ended = task_ended
            self._emit_phase(app, phase, phase_id, began, ended)
            began = ended
        self._open[name] = app
        if not promotes:
            self._finish(app, self._now(), succeeded=True)
        context = self._context(app)
        self._contexts[context] = app
        return context

    def run_promotion_task(
        self,
        task_text: str,
        parameters: Mapping[str, str],
        secure_data: Mapping[str, str],
        context: str,
        environ: Mapping[str, str] | None = None,
        *,
        definition: str = "promote",
    ) -> subprocess.CompletedProcess[str]:
        """Run the task's own text as Keptn would, and end the promotion phase of a context from `verify`.

        The process sees `environ`, the three variables that Keptn sets, and where the stand-in for the cluster
        is; no other variable of this process. A second run of the same context (a retry, a replay) emits no
        second promotion phase.
        """
        app = self._contexts[context]
        began = self._now()
        with tempfile.TemporaryDirectory(prefix="lab-keptn-") as folder:
            script = Path(folder) / "promote.py"
            script.write_text(task_text, encoding="utf-8")
            variables = {
                "PATH": os.defpath,
                "NO_PROXY": "127.0.0.1",
                "PYTHONDONTWRITEBYTECODE": "1",
                **(environ or {}),
                "DATA": json.dumps(dict(parameters)),
                "SECURE_DATA": json.dumps(dict(secure_data)),
                "KEPTN_CONTEXT": context,
                "DELIVERY_KUBERNETES_URL": self.cluster.url,
                "DELIVERY_SERVICE_ACCOUNT_DIR": str(self.cluster.service_account_dir(app.namespace)),
            }
            done = subprocess.run(
                [sys.executable, str(script)], env=variables, cwd=folder, capture_output=True, text=True, check=False
            )
        if app.name in self._open:
            ended = self._now()
            task = f"promotion-{definition}-{10_000 + secrets.randbelow(90_000)}"
            self._emit_task(app, task, app.promotion_id, "promotion", began, ended, succeeded=done.returncode == 0)
            self._finish(app, began, succeeded=done.returncode == 0)
        return done

    def restart(self) -> tuple[str, ...]:
        """Restart the operator: the contexts of the promotion tasks that it runs once more.

        Every version that has finished gets another root span, in a new trace and with its links, and every
        promotion task whose Job is gone runs again, for superseded and failed versions too.
        """
        finished = [app for app in self.versions if app.name not in self._open]
        for app in finished:
            now = self._now()
            self._emit_root(app, secrets.token_hex(16), secrets.token_hex(8), now, now)
        return tuple(context for context, app in self._contexts.items() if app in finished)

    def _context(self, app: AppVersion) -> str:
        traced = {"traceparent": app.traceparent} if self.trace_file else {}
        context = {
            "workloadName": "",
            "appName": app.application,
            "appVersion": app.version,
            "workloadVersion": "",
            "taskType": "promotion",
            "objectType": "App",
            "metadata": dict(sorted({**app.metadata, **traced}.items())),
        }
        return json.dumps(context, separators=(",", ":"))

    def _nanoseconds(self, span: str) -> int:
        return int(self._durations.get(span, 0) * 1e9)

    def _finish(self, app: AppVersion, promoted: int, *, succeeded: bool) -> None:
        del self._open[app.name]
        ended = self._now()
        self._emit_phase(app, "PromotionTasks", app.promotion_id, promoted, ended, succeeded=succeeded)
        self._emit_root(app, app.trace_id, app.root_id, app.started, ended, succeeded=succeeded)

    def _emit_root(
        self, app: AppVersion, trace_id: str, span_id: str, began: int, ended: int, *, succeeded: bool = True
    ) -> None:
        follows = _attributes({"opentracing.ref_type": "follows-from"})
        links = []
        for entry in app.span_links:
            # The operator validates nothing: what is no traceparent becomes a link to nowhere.
            trace, span = entry.split("-")[1:3] if is_traceparent(entry) else ("0" * 32, "0" * 16)
            links.append({"traceId": trace, "spanId": span, "attributes": follows})
        attributes = self._app_attributes(app)
        extra = {"links": links} if links else {}
        self._emit(trace_id, span_id, "", app.name, began, ended, attributes, succeeded, extra)

    def _emit_phase(
        self, app: AppVersion, phase: str, span_id: str, began: int, ended: int, *, succeeded: bool = True
    ) -> None:
        attributes = self._app_attributes(app)
        self._emit(app.trace_id, span_id, app.root_id, phase, began, ended, attributes, succeeded, {})

    def _emit_task(
        self, app: AppVersion, task: str, parent_id: str, kind: str, began: int, ended: int, *, succeeded: bool = True
    ) -> None:
        prefix = "keptn.deployment"
        attributes = {f"{prefix}.app.name": app.application, f"{prefix}.app.version": app.version}
        attributes |= {f"{prefix}.workload.name": "", f"{prefix}.workload.version": ""}
        attributes |= {f"{prefix}.task.name": task, f"{prefix}.task.type": kind, **app.metadata}
        self._emit(app.trace_id, secrets.token_hex(8), parent_id, task, began, ended, attributes, succeeded, {})

    def _app_attributes(self, app: AppVersion) -> dict[str, str]:
        prefix = "keptn.deployment.app"
        named = {"name": app.application, "version": app.version, "namespace": app.namespace}
        return {f"{prefix}.{key}": value for key, value in named.items()} | dict(app.metadata)

    def _emit(
        self,
        trace_id: str,
        span_id: str,
        parent_id: str,
        name: str,
        began: int,
        ended: int,
        attributes: Mapping[str, str],
        succeeded: bool,
        extra: Mapping[str, object],
    ) -> None:
        if self.trace_file is None:
            return
        span = {
            "traceId": trace_id,
            "spanId": span_id,
            "parentSpanId": parent_id,
            "name": name,
            "kind": _CONSUMER,
            "startTimeUnixNano": str(began),
            "endTimeUnixNano": str(ended),
            "attributes": _attributes(attributes),
            "status": {"code": _OK if succeeded else _ERROR},
            **extra,
        }
        scopes = [{"scope": {"name": "keptn/lifecycle-operator"}, "spans": [span]}]
        resource = {"attributes": _attributes({"service.name": "lifecycle-operator", "telemetry.sdk.language": "go"})}
        line = json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}, separators=(",", ":"))
        with self.trace_file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def _attributes(values: Mapping[str, str]) -> list[dict[str, object]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]
