"""Spans as deployments and promotion runs make them, for tests: times in seconds after noon of one day."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from delivery.tracing.deliveries import deliveries
from delivery.tracing.otlp import CONSUMER, ERROR, SERVER, Span, SpanId, SpanLink, read, to_line
from delivery.tracing.timeline import Timeline, timeline
from gitops.tasks.trace import StageDeployment, TaskRun, otlp_request

DAY = 1_785_585_600  # 2026-08-01 12:00:00 UTC
COMMIT = "d1" * 20
REASON = "post-deployment: 503 of /"
MIXES = [(), ("dev",), ("production",), ("dev", "production")]
"""Which stages Argo CD verifies, for tests that expect the same of all of them; Keptn verifies the others."""


def span(
    ids: str,
    name: str,
    start: float,
    end: float,
    attributes: dict[str, str],
    *,
    kind: int = CONSUMER,
    links: tuple[str, ...] = (),
    relation: str = "",
) -> Span:
    """A span; `ids` are `trace/span` or `trace/span/parent` as short words, padded to the length of ids by `hexed`."""
    trace, own, *parent = ids.split("/")
    related = {"delivery.link": relation} if relation else {}
    return Span(
        id=SpanId(hexed(trace, 32), hexed(own, 16)),
        parent=hexed(parent[0], 16) if parent else "",
        name=name,
        start=nanoseconds(start),
        end=nanoseconds(end),
        service="delivery" if kind == SERVER or "cicd.pipeline.task.name" in attributes else "lifecycle-operator",
        kind=kind,
        attributes=attributes,
        links=tuple(SpanLink(phase_id(link), related) for link in links),
    )


def hexed(word: str, length: int) -> str:
    """An id that reads like the word it was made of, in hex; an id as it is."""
    if len(word) == length and not word.strip("0123456789abcdef"):
        return word
    return word.encode().hex().ljust(length, "0")[:length]


def phase_id(ids: str) -> SpanId:
    """The id of the span called `trace/span`."""
    trace, own = ids.split("/")
    return SpanId(hexed(trace, 32), hexed(own, 16))


def nanoseconds(second: float) -> int:
    return int((DAY + second) * 1e9)


@dataclass
class Story:
    """An export that grows with what happens. Argo CD verifies the stages in `argocd`, Keptn all others."""

    argocd: tuple[str, ...] = ()
    spans: list[Span] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """The export as lines of OTLP JSON."""
        return [to_line([span], "", {"service.name": span.service}) for span in self.spans]

    def rollout(
        self,
        stage: str,
        version: str,
        start: float,
        *,
        trace: str = "",
        application: str = "podtato-head",
        follows: str = "",
        promotes: bool = True,
        commit: str = COMMIT,
    ) -> str:
        """The trace of a rollout of 60 s and a promotion phase of 4 s; the id of that phase comes back.

        An Argo CD that verifies has a promotion phase, too, where nothing is promoted: its task records.
        """
        if stage in self.argocd:
            return self.deployment(stage, version, start, application=application, follows=follows, commit=commit)
        trace = trace or f"{stage}{version}"
        said = {
            "keptn.deployment.app.name": application,
            "keptn.deployment.app.version": version,
            "keptn.deployment.app.namespace": f"{application}-{stage}",
            "commitID": commit,
        }
        end = start + (64 if promotes else 60)
        spans = [
            span(f"{trace}/deploy/root", "AppDeploy", start, start + 45, said),
            span(f"{trace}/post/root", "AppPostDeployTasks", start + 45, start + 60, said),
            span(f"{trace}/check/post", "post-post-deployment-12345", start + 46, start + 59, said),
        ]
        if promotes:
            spans.append(span(f"{trace}/phase/root", "PromotionTasks", start + 60, end, said))
            spans.append(span(f"{trace}/task/phase", "promotion-promote-23456", start + 60.5, end - 0.5, said))
        root = f"{application}-{version}-6b86b273"
        self.spans += [*spans, span(f"{trace}/root", root, start, end, said, links=(follows,) if follows else ())]
        return f"{trace}/phase"

    def deployment(
        self,
        stage: str,
        version: str,
        start: float,
        *,
        application: str = "podtato-head",
        follows: str = "",
        commit: str = COMMIT,
        error: str = "",
    ) -> str:
        """What the promotion task sends of the same rollout; its post-deployment task failed where `error` says so."""
        begun, rolled_out, verified, ended = (nanoseconds(start + seconds) for seconds in (0, 45, 60, 64))
        deployment = StageDeployment(
            application=application,
            stage=stage,
            namespace=f"{application}-{stage}",
            repository="acme/gitops",
            version=version,
            commit=commit,
            metadata={},
            started=begun,
            ended=ended,
            tasks=(
                TaskRun(f"Deployment {application}", "deploy", begun, rolled_out),
                TaskRun("post-deployment", "post", rolled_out, verified, error),
                TaskRun("promote", "promotion", verified, ended),
            ),
            links=tuple("00-{}-{}-01".format(*phase_id(link)) for link in follows.split(",") if link),
        )
        if error:
            deployment = replace(deployment, tasks=deployment.tasks[:2], ended=verified, error=error, reason=REASON)
        self.spans += read([json.dumps(otlp_request(deployment))], "sent").spans
        return "/".join(deployment.traceparent.split("-")[1:3])

    def failure(self, stage: str, version: str, start: float, *, follows: str = "") -> None:
        """A rollout whose post-deployment task fails after 60 s."""
        if stage in self.argocd:
            self.deployment(stage, version, start, follows=follows, error="BackoffLimitExceeded")
        else:
            self.rollout(stage, version, start, follows=follows, promotes=False, trace=f"failed{stage}")
            self.spans[-1] = replace(self.spans[-1], status=ERROR, message=REASON)

    def repeated_root(self, stage: str, version: str, at: float, trace: str, follows: str = "") -> None:
        """What the operator sends again, in a new trace, when it is restarted."""
        said = {
            "keptn.deployment.app.name": "podtato-head",
            "keptn.deployment.app.version": version,
            "keptn.deployment.app.namespace": f"podtato-head-{stage}",
        }
        root = f"podtato-head-{version}-6b86b273"
        self.spans.append(span(f"{trace}/root", root, at, at, said, links=(follows,) if follows else ()))

    def run(
        self,
        follows: str,
        start: float,
        *,
        trace: str = "",
        source: str = "dev",
        target: str = "production",
        application: str = "podtato-head",
        committed: float | None = -75,
        attributes: dict[str, str] | None = None,
    ) -> None:
        """A promoter's run of 3 s that opens pull request 7."""
        trace = trace or f"run{target}"
        said = {
            "cicd.pipeline.name": f"{application}/{source}-to-{target}",
            "deployment.environment.name": target,
            "delivery.source.environment.name": source,
            "service.name": application,
            "service.version": "v0.3.1",
            "vcs.ref.head.revision": COMMIT,
            "vcs.change.id": "7",
            "vcs.change.title": "Promote podtato-head v0.3.1 to production",
            "delivery.change.url": "https://github.com/acme/gitops/pull/7",
        } | (attributes or {})
        if committed is not None:
            said["delivery.commit.time"] = datetime.fromtimestamp(DAY + committed, UTC).isoformat()
        name = f"promote {application}/{source}-to-{target}"
        self.spans.append(span(f"{trace}/run", name, start, start + 3, said, kind=SERVER, links=(follows,)))
        for number, step in enumerate(("read", "plan", "push", "open")):
            begun = start + 0.2 + number * 0.6
            task = {"cicd.pipeline.task.name": step}
            self.spans.append(span(f"{trace}/{step}/run", step, begun, begun + 0.5, task, kind=1))


def guide(review: float = 187_000, argocd: tuple[str, ...] = ()) -> Story:
    """The guide's story: committed 75 s before dev began, verified, promoted, and `review` seconds later rolled out."""
    story = Story(argocd)
    phase = story.rollout("dev", "v0.3.1", 0)
    story.run(phase, 70)
    story.rollout("production", "v0.3.1", 73 + review, follows=phase, promotes=False)
    return story


def drawn(story: Story, commit_times: dict[str, int] | None = None) -> Timeline:
    """The timeline of the story's newest delivery."""
    return timeline(deliveries(story.spans)[0], commit_times or {})
