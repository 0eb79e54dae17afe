"""Exports as the writers of spans write them, for tests: Keptn's rollouts and promotion runs, in seconds of one day."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

DAY = 1_785_585_600  # 2026-08-01 12:00:00 UTC
COMMIT = "d1" * 20


def span(
    ids: str,
    name: str,
    start: float,
    end: float,
    attributes: dict[str, str],
    *,
    kind: int = 5,
    links: tuple[str, ...] = (),
) -> dict[str, Any]:
    """A span; `ids` are `trace/span` or `trace/span/parent` as short words, padded to the length of ids by `hexed`."""
    trace, own, *parent = ids.split("/")
    return {
        "traceId": hexed(trace, 32),
        "spanId": hexed(own, 16),
        "parentSpanId": hexed(parent[0], 16) if parent else "",
        "name": name,
        "kind": kind,
        "startTimeUnixNano": nanoseconds(start),
        "endTimeUnixNano": nanoseconds(end),
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
        "links": [
            {"traceId": hexed(link.split("/")[0], 32), "spanId": hexed(link.split("/")[1], 16)} for link in links
        ],
        "status": {},
    }


def hexed(word: str, length: int) -> str:
    """An id that reads like the word it was made of, in hex."""
    return word.encode().hex().ljust(length, "0")[:length]


def nanoseconds(second: float) -> str:
    return str(int((DAY + second) * 1e9))


def line(service: str, *spans: dict[str, Any]) -> str:
    """One export request with one resource."""
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {}, "spans": spans}]}]}) + "\n"


@dataclass
class Story:
    """Lines of an export that grow with what happens."""

    lines: list[str] = field(default_factory=list)

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
            span(f"{trace}/deploy/root", "AppDeploy", start, start + 45, attributes=said),
            span(f"{trace}/post/root", "AppPostDeployTasks", start + 45, start + 60, attributes=said),
            span(f"{trace}/check/post", "post-post-deployment-12345", start + 46, start + 59, attributes=said),
        ]
        if promotes:
            spans.append(span(f"{trace}/phase/root", "PromotionTasks", start + 60, end, attributes=said))
            spans.append(
                span(f"{trace}/task/phase", "promotion-promote-23456", start + 60.5, end - 0.5, attributes=said)
            )
        links = (follows,) if follows else ()
        spans.append(
            span(f"{trace}/root", f"{application}-{version}-6b86b273", start, end, links=links, attributes=said)
        )
        self.lines += [line("lifecycle-operator", one) for one in spans]
        return f"{trace}/phase"

    def repeated_root(self, stage: str, version: str, at: float, trace: str, follows: str = "") -> None:
        """What the operator sends again, in a new trace, when it is restarted."""
        said = {
            "keptn.deployment.app.name": "podtato-head",
            "keptn.deployment.app.version": version,
            "keptn.deployment.app.namespace": f"podtato-head-{stage}",
        }
        links = (follows,) if follows else ()
        root = span(f"{trace}/root", f"podtato-head-{version}-6b86b273", at, at, links=links, attributes=said)
        self.lines.append(line("lifecycle-operator", root))

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
        spans = [
            span(
                f"{trace}/run",
                f"promote {application}/{source}-to-{target}",
                start,
                start + 3,
                kind=2,
                links=(follows,),
                attributes=said,
            )
        ]
        for number, step in enumerate(("read", "plan", "push", "open")):
            begun = start + 0.2 + number * 0.6
            spans.append(
                span(
                    f"{trace}/{step}/run",
                    step,
                    begun,
                    begun + 0.5,
                    kind=1,
                    attributes={"cicd.pipeline.task.name": step},
                )
            )
        self.lines.append(line("delivery", *spans))


def guide(review: float = 187_000) -> Story:
    """The guide's story: committed 75 s before dev began, verified, promoted, and `review` seconds later rolled out."""
    story = Story()
    phase = story.rollout("dev", "v0.3.1", 0)
    story.run(phase, 70)
    story.rollout("production", "v0.3.1", 73 + review, follows=phase, promotes=False)
    return story
