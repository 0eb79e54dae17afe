"""The trace of a deployment that Argo CD has carried out, as OTLP JSON, sent over HTTP.

It has the shape of Keptn's traces, and its names for phases and applications: a root for the deployment, a span for
each phase, the tasks below. One reader and one query serve both. The ids are made of what is deployed and where, so a
hook that runs again hands the same ids on, with a collector or without. Nothing here raises.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from gitops.tasks.http_client import Answer, Client
from gitops.tasks.text import at

PHASES = {
    "pre": "AppPreDeployTasks",
    "deploy": "AppDeploy",
    "post": "AppPostDeployTasks",
    "promotion": "PromotionTasks",
}


@dataclass(frozen=True)
class TaskRun:
    """A hook, or one workload's rollout: times in nanoseconds since 1970.

    `error` is empty where it went well, else the kind of failure, of few different values: a Job's condition
    (`BackoffLimitExceeded`, `DeadlineExceeded`). Semantic conventions call that `error.type`.
    """

    name: str
    phase: Literal["pre", "deploy", "post", "promotion"]
    started: int
    ended: int
    error: str = ""


@dataclass(frozen=True)
class StageDeployment:
    """One version's deployment in one stage, from the start of the first rollout until it was verified or failed.

    `repository` is `owner/name`. `links` are valid traceparents: the promotions in the source stages that it follows
    from. `metadata` becomes attributes as it stands. `error` is as in `TaskRun`, `reason` one line for people.
    """

    application: str
    stage: str
    namespace: str
    repository: str
    version: str
    commit: str
    metadata: Mapping[str, str]
    started: int
    ended: int
    tasks: tuple[TaskRun, ...] = ()
    links: tuple[str, ...] = ()
    error: str = ""
    reason: str = ""

    @property
    def traceparent(self) -> str:
        """The W3C id that is handed on: the promotion phase's span, or the whole deployment's where it failed."""
        return f"00-{self.trace_id}-{self.span_id() if self.error else self.span_id('promotion')}-01"

    @property
    def trace_id(self) -> str:
        """The id of its trace. A failure has one of its own: the commit may be verified at a second try."""
        return self._hash("failure" if self.error else "trace")[:32]

    def span_id(self, *names: str) -> str:
        """The id of the root, of a phase (`post`), or of a task in it (`post`, `smoke-test`)."""
        return self._hash(self.trace_id, *names)[:16]

    def _hash(self, *names: str) -> str:
        parts = (self.repository, self.application, self.stage, self.commit, *names)
        return sha256("\n".join(parts).encode()).hexdigest()


def otlp_request(deployment: StageDeployment) -> dict[str, Any]:
    """The deployment's spans as one export request."""
    scope = {"scope": {"name": "delivery.telemetry"}, "spans": list(deployment_spans(deployment))}
    return {"resourceSpans": [{"resource": {"attributes": pairs({"service.name": "delivery"})}, "scopeSpans": [scope]}]}


def deployment_spans(deployment: StageDeployment) -> Iterator[dict[str, Any]]:
    """The root, and each phase of which something is known with its tasks; one that succeeded has a promotion phase."""
    owner, _, name = deployment.repository.partition("/")
    identity = {
        "keptn.deployment.app.name": deployment.application,
        "keptn.deployment.app.version": deployment.version,
        "keptn.deployment.app.namespace": deployment.namespace,
        "deployment.environment.name": deployment.stage,
    }
    pipeline, run = f"{deployment.application}/{deployment.stage}", deployment.trace_id
    about = {
        **deployment.metadata,
        **identity,
        "cicd.pipeline.name": pipeline,
        "cicd.pipeline.action.name": "deploy",
        "cicd.pipeline.run.id": run,
        "cicd.pipeline.result": result_of(deployment.error),
        "vcs.provider.name": "github",
        "vcs.owner.name": owner,
        "vcs.repository.name": name,
        "vcs.ref.head.revision": deployment.commit,
        "service.name": deployment.application,
        "service.version": deployment.version,
    }
    started = min([deployment.started, *(task.started for task in deployment.tasks)])
    ended = max([deployment.ended, *(task.ended for task in deployment.tasks)])
    root = encoded(deployment, (), f"deploy {pipeline}", started, ended, about, deployment.error)
    links = [entry.split("-") for entry in deployment.links]
    root["links"] = [
        {"traceId": link[1], "spanId": link[2], "attributes": pairs({"delivery.link": "verified"})} for link in links
    ]
    root["status"] |= {"message": deployment.reason} if deployment.reason else {}
    yield root
    for phase, title in PHASES.items():
        found = [task for task in deployment.tasks if task.phase == phase]
        if not found and (phase != "promotion" or deployment.error):
            continue
        begin = min((task.started for task in found), default=ended)
        end = max((task.ended for task in found), default=ended)
        error = next((task.error for task in found if task.error), "")
        yield encoded(deployment, (phase,), title, begin, end, identity | task_attributes(run, title, error), error)
        for task in found:
            said = identity | task_attributes(run, task.name, task.error)
            yield encoded(deployment, (phase, task.name), task.name, task.started, task.ended, said, task.error)


def task_attributes(run: str, name: str, error: str) -> dict[str, str]:
    """What the conventions for CI/CD say of a task."""
    said = {"cicd.pipeline.task.name": name, "cicd.pipeline.task.run.id": f"{run}/{name}"}
    return said | {"cicd.pipeline.task.run.result": result_of(error)}


def result_of(error: str) -> str:
    """A kind of failure as one of the conventions' results."""
    return {"": "success", "DeadlineExceeded": "timeout"}.get(error, "failure")


def encoded(
    deployment: StageDeployment,
    path: tuple[str, ...],
    name: str,
    started: int,
    ended: int,
    attributes: Mapping[str, str],
    error: str,
) -> dict[str, Any]:
    """One span in OTLP's JSON encoding, where 64-bit numbers are strings; `path` leads to it from the root."""
    return {
        "traceId": deployment.trace_id,
        "spanId": deployment.span_id(*path),
        "parentSpanId": deployment.span_id(*path[:-1]) if path else "",
        "name": name,
        "kind": 1 if path else 2,  # INTERNAL, SERVER
        "startTimeUnixNano": str(started),
        "endTimeUnixNano": str(max(started, ended)),
        "attributes": pairs({**attributes, **({"error.type": error} if error else {})}),
        "status": {"code": 2 if error else 1},  # ERROR, OK
    }


def pairs(attributes: Mapping[str, str]) -> list[dict[str, Any]]:
    """Attributes in OTLP's JSON encoding."""
    return [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]


def send_spans(endpoint: str, deployment: StageDeployment, seconds: float = 5.0) -> str:
    """Send the spans to a collector, in that time at most. Empty, or why it has not taken them, for people."""
    url = f"{endpoint.rstrip('/')}/v1/traces"
    try:
        why = refusal(Client({}).request("POST", url, otlp_request(deployment), seconds))
    except TimeoutError:
        why = f"no answer within {seconds:g} s"
    except Exception as error:  # also of an address that is none
        why = f"it cannot be reached ({type(getattr(error, 'reason', error)).__name__})"
    return f"the collector at otlpEndpoint did not take the trace: {why}" if why else ""


def refusal(answer: Answer) -> str:
    """Why an answer is none that says "taken"; a 200 may still tell of spans that were rejected."""
    if not 200 <= answer.status < 300:
        return f"it answers {answer.status}"
    rejected = at(answer.document, "partialSuccess", "rejectedSpans") or 0
    return f"it rejected {rejected} of the spans" if str(rejected).strip("0") else ""
