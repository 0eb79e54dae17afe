"""A task that a stage's configuration names, as Keptn runs it where the stage records: in a process of its own.

What it prints and its exit status pass through. When it fails, that is recorded at GitHub with the last line that it
wrote to stderr, because Keptn deletes the pod with its log. The token is for that record alone: the task's environment
does not have it. What cannot be recorded changes nothing.

It runs as one text, made by `delivery/stack/task_source.py`, which calls `run_stage_task` at its end.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO

from gitops.tasks.github import GitHub
from gitops.tasks.http_client import Budget, PromotionError
from gitops.tasks.inputs import DNS_LABEL, SECRET_FIX, required, traceparents, variable
from gitops.tasks.records import Verdict, record
from gitops.tasks.text import MASK, at, line, without_passwords

RECORD_SECONDS = 20.0
LEFT_SECONDS = 2.0
TIMED_OUT = 124
"""The exit status of a task that had to be ended, as `timeout` has it."""
TAIL = 8192
"""Bytes of the end of what a task writes to stderr that are kept to find its last line."""


@dataclass(frozen=True)
class StageTask:
    """What is run: the task's name and its Python source, for at most `seconds`; and where that is recorded."""

    name: str
    stage: str
    api_url: str
    seconds: float
    source: str


def run_stage_task(task: StageTask, environ: Mapping[str, str] = os.environ, budget: Budget | None = None) -> int:
    """Run the task and, when it fails, record that. Its own exit status, or that of `timeout`."""
    budget = budget or Budget()
    status, said = carried_out(task, environ)
    if status:
        budget.deadline = budget.monotonic() + RECORD_SECONDS
        print(line(f"note: {recorded_failure(task, f'{task.name}: {said}', environ, budget)}"), flush=True)
    return status


def carried_out(task: StageTask, environ: Mapping[str, str]) -> tuple[int, str]:
    """The exit status of the task, and the last line that it wrote to stderr, or else how it ended."""
    tail = bytearray()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "function.py"  # as Keptn's runtime calls it
        script.write_text(task.source, encoding="utf-8")
        own = {name: text for name, text in environ.items() if name != "SECURE_DATA"}
        process = subprocess.Popen([sys.executable, str(script)], env=own, stderr=subprocess.PIPE, bufsize=0)
        reading = Thread(target=hand_on, args=(process.stderr, tail), daemon=True)
        reading.start()
        try:
            status = process.wait(task.seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return TIMED_OUT, f"it was still running after {task.seconds:.0f} s"
        # What it has left in the background may keep the pipe open.
        reading.join(LEFT_SECONDS)
    lines = [said for text in tail.decode(errors="replace").splitlines() if (said := line(text))]
    if status < 0:
        return 128 - status, f"it was ended by signal {-status}"
    return status, lines[-1] if lines else f"exit status {status}"


def hand_on(stream: IO[bytes], tail: bytearray) -> None:
    """Write what comes to this process' stderr, and keep the end of it."""
    while chunk := stream.read(65536):
        sys.stderr.buffer.write(chunk)
        sys.stderr.buffer.flush()
        tail += chunk
        del tail[:-TAIL]


def recorded_failure(task: StageTask, reason: str, environ: Mapping[str, str], budget: Budget) -> str:
    """Record a failure of the version that Keptn runs the task for; what became of it, in words. Nothing raises."""
    token = ""
    try:
        secret = variable(environ, "SECURE_DATA", SECRET_FIX)
        token = required("SECURE_DATA", secret, "apiToken")
        repository = "/".join(required("SECURE_DATA", secret, key) for key in ("githubRepoOwner", "githubRepo"))
        context = variable(environ, "KEPTN_CONTEXT", "Keptn sets it")
        application = str(at(context, "appName"))
        if not re.fullmatch(DNS_LABEL, application):
            raise PromotionError("KEPTN_CONTEXT: appName is missing: give the workload the label part-of")
        verdict = Verdict(
            application=application,
            stage=task.stage,
            commit=required("KEPTN_CONTEXT", at(context, "metadata"), "commitID"),
            # A task of a workload is told that one's version.
            version=str(at(context, "appVersion") or at(context, "workloadVersion") or ""),
            traceparent=next(iter(traceparents(at(context, "metadata", "traceparent"))), ""),
            verified_by="keptn",
            state="failure",
            reason=without_passwords(reason).replace(token, MASK),
            # After a restart Keptn runs every task again whose Job is gone, also of versions that were replaced since.
            keeps_success=True,
        )
        found = record(GitHub(f"{task.api_url.rstrip('/')}/repos/{repository}", token, budget), verdict)
    except PromotionError as error:
        return f"the failure is not recorded: {error}".replace(token or MASK, MASK)
    except Exception as error:  # its text could show the token
        return f"the failure is not recorded: unexpected {type(error).__name__}"
    if found.note:
        return found.note
    what = f"{application} {verdict.version} ({verdict.commit})"
    return f"recorded: {what} failed in {task.stage}" if found.wrote else f"{what} is recorded already"
