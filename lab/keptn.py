"""A stand-in for Keptn's lifecycle operator, for one app version at a time. It is not Keptn.

It writes the spans that the operator exports, builds `KEPTN_CONTEXT` as the operator does, and runs the real
promotion task as a process of its own. It verifies nothing: the caller says what a stage runs.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.cluster import Cluster
from lab.cluster_objects import Deployment
from lab.keptn_spans import AppVersion, Interval, SpanFile

PHASES = ("AppPreDeployTasks", "AppPreDeployEvaluations", "AppDeploy", "AppPostDeployTasks", "AppPostDeployEvaluations")


class Keptn:
    """The operator of one cluster. `trace_file` gets a line for each span; only promotion phases take time."""

    def __init__(self, cluster: Cluster, trace_file: Path) -> None:
        self.cluster = cluster
        self._spans = SpanFile(trace_file)
        self._started: dict[str, int] = {}
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
        deployments: Sequence[Deployment] | None = None,
    ) -> str:
        """Deploy and verify a version. Returns the `KEPTN_CONTEXT` of its promotion task.

        The stand-in for the cluster then says that the stage runs this version, available. `metadata` and
        `span_links` are the KeptnAppContext's, `deployments` as of `Cluster.set_stage`; an empty `commit` is left out,
        as when Argo CD gives none. The rollout's root span and its promotion phase end with `run_promotion_task`, or
        here where `promotes` is false.

        Raises ValueError when the stage runs that version already: Keptn makes no new rollout of it.
        """
        entries = dict(metadata or {}) | ({"commitID": commit} if commit else {})
        name = self.cluster.set_stage(namespace, application, version, metadata=entries, deployments=deployments)
        if any((app.namespace, app.name) == (namespace, name) for app in self._contexts.values()):
            raise ValueError(f"{name} runs in {namespace} already: the lab's Keptn verifies only a new version")
        app = AppVersion(
            *(name, application, namespace, version.lower(), entries, tuple(span_links)),
            *(secrets.token_hex(16), secrets.token_hex(8), secrets.token_hex(8)),
        )
        started = time.time_ns()
        moment = Interval(started, started)
        for phase in PHASES:
            phase_id = secrets.token_hex(8)
            for definition in post_deployment_tasks if phase == "AppPostDeployTasks" else ():
                self._spans.task(app, _task_name("post", definition), "post", moment, parent_id=phase_id)
            self._spans.phase(app, phase, moment, span_id=phase_id)
        context = _context(app)
        self._contexts[context] = app
        self._started[context] = started
        if not promotes:
            self._finish(context, time.time_ns(), succeeded=True)
        return context

    def run_promotion_task(
        self,
        task_text: str,
        parameters: Mapping[str, str],
        secure_data: Mapping[str, str],
        context: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run the task's own text as Keptn would, and end the promotion phase of a context from `verify`.

        The process gets the three variables that Keptn sets and the address of the stand-in for the cluster, but no
        variable of this process. A second run of the same context (a retry, a replay) writes
        no second promotion phase.
        """
        app = self._contexts[context]
        began = time.time_ns()
        with tempfile.TemporaryDirectory(prefix="lab-keptn-") as folder:
            script = Path(folder) / "promote.py"
            script.write_text(task_text, encoding="utf-8")
            variables = {
                "PATH": os.defpath,
                "NO_PROXY": "127.0.0.1",
                "DATA": json.dumps(dict(parameters)),
                "SECURE_DATA": json.dumps(dict(secure_data)),
                "KEPTN_CONTEXT": context,
                "DELIVERY_KUBERNETES_URL": self.cluster.url,
                "DELIVERY_SERVICE_ACCOUNT_DIR": str(self.cluster.service_account_dir(app.namespace)),
            }
            command = [sys.executable, "-B", str(script)]
            done = subprocess.run(command, env=variables, cwd=folder, capture_output=True, text=True, check=False)
        if context in self._started:
            succeeded, name = done.returncode == 0, _task_name("promotion", "promote")
            interval = Interval(began, time.time_ns(), succeeded)
            self._spans.task(app, name, "promotion", interval, parent_id=app.promotion_id)
            self._finish(context, began, succeeded=succeeded)
        return done

    def restart(self) -> tuple[str, ...]:
        """Restart the operator. Returns the contexts of the promotion tasks that it would run once more.

        Every rollout that has finished gets another root span, in a new trace and with its links. The real operator
        repeats every promotion task whose Job is gone, for superseded and failed versions too.
        """
        finished = {context: app for context, app in self._contexts.items() if context not in self._started}
        for app in finished.values():
            moment = Interval(time.time_ns(), time.time_ns())
            self._spans.root(app, moment, trace_id=secrets.token_hex(16), span_id=secrets.token_hex(8))
        return tuple(finished)

    def _finish(self, context: str, promotion_began: int, *, succeeded: bool) -> None:
        app, started, ended = self._contexts[context], self._started.pop(context), time.time_ns()
        interval = Interval(promotion_began, ended, succeeded)
        self._spans.phase(app, "PromotionTasks", interval, span_id=app.promotion_id)
        self._spans.root(app, Interval(started, ended, succeeded))


def _context(app: AppVersion) -> str:
    context = {
        "workloadName": "",
        "appName": app.application,
        "appVersion": app.version,
        "workloadVersion": "",
        "taskType": "promotion",
        "objectType": "App",
        "metadata": dict(sorted({**app.metadata, "traceparent": app.traceparent}.items())),
    }
    return json.dumps(context, separators=(",", ":"))


def _task_name(kind: str, definition: str) -> str:
    return f"{kind}-{definition}-{10_000 + secrets.randbelow(90_000)}"
