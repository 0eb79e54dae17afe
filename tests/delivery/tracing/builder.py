"""Spans as Keptn's operator and promotion runs make them, for tests: times in seconds after noon of one day."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from delivery.tracing.deliveries import deliveries
from delivery.tracing.otlp import CONSUMER, SERVER, Span, SpanId, SpanLink, to_line
from delivery.tracing.timeline import Timeline, timeline

DAY = 1_785_585_600  # 2026-08-01 12:00:00 UTC
COMMIT = "d1" * 20


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
    """An id that reads like the word it was made of, in hex."""
    return word.encode().hex().ljust(length, "0")[:length]


def phase_id(ids: str) -> SpanId:
    """The id of the span called `trace/span`."""
    trace, own = ids.split("/")
    return SpanId(hexed(trace, 32), hexed(own, 16))


def nanoseconds(second: float) -> int:
    return int((DAY + second) * 1e9)


@dataclass
class Story:
    """An export that grows with what happens."""

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
        """Keptn's trace of a rollout of 60 s and a promotion phase of 4 s; the id of that phase comes back."""
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


def guide(review: float = 187_000) -> Story:
    """The guide's story: committed 75 s before dev began, verified, promoted, and `review` seconds later rolled out."""
    story = Story()
    phase = story.rollout("dev", "v0.3.1", 0)
    story.run(phase, 70)
    story.rollout("production", "v0.3.1", 73 + review, follows=phase, promotes=False)
    return story


def drawn(story: Story, commit_times: dict[str, int] | None = None) -> Timeline:
    """The timeline of the story's newest delivery."""
    return timeline(deliveries(story.spans)[0], commit_times or {})
