"""A stand-in for an Argo CD sync with hooks, in phases and waves. No Argo CD runs, and nothing is deployed.

The hooks are those of the stage's `platform.yaml` at the synced commit, by the rules of `gitops/context/hooks.yaml`
(`tests/gitops/test_hooks.py` compares the two where helm is on PATH). Each runs as a process: the source text that its
Job has, with the Job's environment, and where the Job has a service account, with the address of the lab's cluster.
PreSync hooks run by wave, then the lab's cluster says that the workloads are available, then PostSync hooks run by
wave; the first that fails ends the sync, and SyncFail hooks follow. Of a Job's own rules only its time limit is played:
no retries, no image.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lab.cluster import Cluster
from lab.cluster_objects import Deployment, Job

BEFORE, AFTER, FAILED = "PreSync", "PostSync", "SyncFail"
_LAST_BYTES = 2048
"""How much of a log Kubernetes keeps as a container's last message."""


@dataclass(frozen=True)
class Hook:
    """A hook as its Job has it: what it runs, its environment, and whether it has a token and the Secret."""

    name: str
    job: str
    phase: str
    wave: int
    source: str
    environment: Mapping[str, str]
    seconds: int
    has_account: bool
    has_secret: bool


@dataclass(frozen=True)
class HookRun:
    """A hook that ran: its exit code, and everything that it printed."""

    hook: Hook
    exit_code: int
    output: str

    @property
    def said(self) -> str:
        """The last line that it printed."""
        return self.output.rstrip().rpartition("\n")[2]


@dataclass(frozen=True)
class Operation:
    """How a sync went: the hooks that ran, in their order, and whether all of it succeeded."""

    runs: tuple[HookRun, ...]
    succeeded: bool


def read_hooks(values: Mapping[str, Any], read: Callable[[str], str]) -> tuple[Hook, ...]:
    """The hooks that the chart makes of its values; `read` gives a file of the chart. Raises `LookupError`."""
    application, verification = values["application"], values["verification"]
    promoted = {}
    if "workload" in application:
        names = values.get("promotedKeys") or [values["versionKey"]]
        promoted = {name: str(_at(values, name.split("."))) for name in names}
    context = {
        "version": promoted.get(values["versionKey"], "").partition("@")[0],
        "commitID": values.get("commitID") or "",
        "traceParent": values.get("traceParent") or "",
        **({"values": promoted} if promoted else {}),
        **({"metadata": verification["metadata"]} if verification.get("metadata") else {}),
    }
    return tuple(
        Hook(
            name=hook["name"],
            job=hook["job"],
            phase=hook["phase"],
            wave=hook["wave"],
            source=read(hook["source"]),
            environment={
                "DATA": json.dumps(hook["data"]),
                "ARGOCD_CONTEXT": json.dumps({"phase": hook["phase"], **context}),
            },
            seconds=hook["seconds"],
            has_account="account" in hook,
            has_secret="secret" in hook,
        )
        for hook in verification["hooks"]
    )


def _at(values: Any, path: Iterable[str]) -> object:
    for key in path:
        values = values.get(key, "") if isinstance(values, Mapping) else ""
    return values


@dataclass(frozen=True)
class Syncer:
    """Carries out syncs into one namespace of the lab's cluster, for one application.

    `secret` is the Secret's SECURE_DATA, None where there is no Secret. Addresses elsewhere are asked through `proxy`.
    """

    cluster: Cluster
    namespace: str
    application: str
    commit: str
    secret: Mapping[str, str] | None
    proxy: str = ""

    def carry_out(self, hooks: Iterable[Hook], deployments: Iterable[Deployment]) -> Operation:
        """Run the hooks around the deployment of these workloads."""
        ordered = sorted(hooks, key=lambda hook: hook.wave)
        runs: list[HookRun] = []
        succeeded = self._phase(BEFORE, ordered, runs)
        if succeeded:
            now = time.time()
            rolled_out = (replace(found, began=now, ended=now) for found in deployments)
            self.cluster.set_deployments(self.namespace, self.application, *rolled_out)
            succeeded = self._phase(AFTER, ordered, runs)
        if not succeeded:
            self._phase(FAILED, ordered, runs)
        return Operation(tuple(runs), succeeded)

    def _phase(self, phase: str, hooks: Iterable[Hook], runs: list[HookRun]) -> bool:
        for hook in hooks:
            if hook.phase == phase:
                runs.append(self._run(hook))
                if runs[-1].exit_code:
                    return False
        return True

    def _run(self, hook: Hook) -> HookRun:
        variables = {"PATH": os.defpath, "NO_PROXY": "127.0.0.1", "HTTP_PROXY": self.proxy, **hook.environment}
        if hook.has_secret and self.secret is not None:
            variables["SECURE_DATA"] = json.dumps(dict(self.secret))
        if hook.has_account:
            account = self.cluster.service_account_dir(self.namespace)
            variables |= {"DELIVERY_KUBERNETES_URL": self.cluster.url, "DELIVERY_SERVICE_ACCOUNT_DIR": str(account)}
        began, error = time.time(), ""
        self._job(hook, began)
        with tempfile.TemporaryDirectory(prefix="lab-argocd-") as folder:
            try:
                done = subprocess.run(
                    [sys.executable, "-B", "-u", "-c", hook.source],
                    env=variables,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    check=False,
                    timeout=hook.seconds,
                )
                code, output = done.returncode, done.stdout
                error = "BackoffLimitExceeded" if code else ""
            except subprocess.TimeoutExpired as late:
                # The bytes so far, whatever `text` says.
                code, output, error = 1, (late.stdout or b"").decode(errors="replace"), "DeadlineExceeded"
        self._job(hook, began, said=output[-_LAST_BYTES:] if code else "", error=error, ended=time.time())
        return HookRun(hook, code, output)

    def _job(self, hook: Hook, began: float, said: str = "", error: str = "", ended: float = 0.0) -> None:
        ids = (hook.job, self.application, hook.name, hook.phase, hook.wave, self.commit)
        self.cluster.set_job(self.namespace, Job(*ids, said=said, error=error, began=began, ended=ended))
