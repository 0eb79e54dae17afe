"""The promotion task, which Keptn's python runtime runs when it has verified a stage.

Keptn also runs it for versions that are pending, superseded or no longer deployed. So it first asks the cluster
whether the stage runs this version now, fully available, and only then starts the promotion workflow, once for each
target stage. Run again (Keptn's retries, a restart) it starts the workflow again, which the promoter expects.
Input is `DATA` (the task definition's parameters), `SECURE_DATA` (the secret) and `KEPTN_CONTEXT`.
It runs as one text, made of the modules that it imports by `delivery/stack/task_source.py`.
"""

import os
import re
import sys
from collections.abc import Mapping

from gitops.tasks.github import GitHub, dispatch_all
from gitops.tasks.http_client import Budget, PromotionError
from gitops.tasks.inputs import DNS_LABEL, read_promotion
from gitops.tasks.kubernetes import Kubernetes
from gitops.tasks.text import line
from gitops.tasks.verification import verify


def main(environ: Mapping[str, str], budget: Budget | None = None) -> int:
    """Run the task: 0 when every target was dispatched or nothing had to be, else 1 and a line on stderr."""
    budget, kubernetes, secrets = budget or Budget(), None, tuple[str, ...]()
    named = re.search(rf'"appName": ?"({DNS_LABEL})"', environ.get("KEPTN_CONTEXT", ""))
    application = named[1] if named else "unknown"
    try:
        kubernetes = Kubernetes(environ, budget)
        promotion = read_promotion(environ)
        secrets = (kubernetes.token, promotion.token)
        what = f"{application} {promotion.version} ({promotion.commit})"
        budget.deadline = budget.monotonic() + promotion.timeout
        if not promotion.traceparent:
            print("note: Keptn gives no valid traceparent: set KeptnConfig.spec.OTelCollectorUrl", flush=True)
        if reason := verify(promotion, kubernetes, budget):
            print(line(f"superseded: {what}, {reason}; nothing sent"), flush=True)
            return 0
        dispatch_all(promotion, GitHub(promotion.repository_url, promotion.token, budget))
        kubernetes.event("Normal", "PromotionDispatched", application, f"{what} to {', '.join(promotion.targets)}")
        return 0
    except PromotionError as error:
        message = str(error)
    except Exception as error:  # its text and its stack trace could show the token
        message = f"unexpected {type(error).__name__} in the promotion task: report it as a bug"
    message = line(message, secrets)
    print(f"error: {message}", file=sys.stderr, flush=True)
    if kubernetes:
        kubernetes.event("Warning", "PromotionFailed", application, message)
    return 1


if __name__ == "__main__":
    sys.exit(main(os.environ))
