"""What a delivery consists of: rollouts in stages, promotion runs, and hops from one stage to the next.

`delivery.tracing.deliveries` makes these of spans, `delivery.tracing.timeline` puts them in order of time.
"""

from dataclasses import dataclass

from delivery.tracing.attributes import (
    APP_NAME,
    APP_NAMESPACE,
    APP_VERSION,
    CHANGE_ID,
    COMMIT,
    ENVIRONMENT,
    HEAD_REVISION,
    PIPELINE,
    SOURCE_ENVIRONMENT,
)
from delivery.tracing.otlp import Span, SpanId

PROMOTION_PHASE = "PromotionTasks"


@dataclass(frozen=True)
class Rollout:
    """One version in one stage, as Keptn traced it.

    `root` is the span of the whole rollout, None while it still runs. `spans` are those below it, each with its depth,
    parents before their children.
    """

    root: Span | None
    spans: tuple[tuple[int, Span], ...]

    @property
    def known(self) -> Span:
        """The span whose attributes name application, version and namespace: the root where there is one."""
        return self.root or self.spans[0][1]

    @property
    def phase(self) -> Span | None:
        """The span of its promotion phase; None where nothing is promoted, or not yet."""
        return next((span for _, span in self.spans if span.name == PROMOTION_PHASE), None)

    @property
    def trace(self) -> str:
        """The id of its trace."""
        return self.known.id.trace

    @property
    def start(self) -> int:
        """When its first span began, in nanoseconds since 1970."""
        return min(span.start for span in self._all)

    @property
    def end(self) -> int:
        """When its last span ended, in nanoseconds since 1970."""
        return max(span.end for span in self._all)

    @property
    def _all(self) -> list[Span]:
        return [*([self.root] if self.root else []), *(span for _, span in self.spans)]

    @property
    def upstream(self) -> tuple[SpanId, ...]:
        """The promotion phases of earlier stages that this rollout follows from."""
        return tuple(link.to for link in self.root.links) if self.root else ()


@dataclass(frozen=True)
class Run:
    """One run of the promoter: its SERVER span and its steps in order."""

    span: Span
    steps: tuple[Span, ...]

    @property
    def pipeline(self) -> str:
        """Which promotion it ran: `application/source-to-target`."""
        return self.span.get(PIPELINE)

    @property
    def follows(self) -> tuple[SpanId, ...]:
        """The promotion phases it acted on, without the trace that a rollback undoes."""
        return tuple(link.to for link in self.span.links if link.relation in ("", "verified"))


@dataclass(frozen=True)
class Hop:
    """What brought a version from one stage towards the next: the promotion phase's id, and the runs it caused."""

    phase: SpanId
    runs: tuple[Run, ...]

    @property
    def run(self) -> Run | None:
        """The run that people ask about: the first that has a pull request, else the last."""
        opened = (run for run in self.runs if run.span.get(CHANGE_ID) and not run.span.failed)
        return next(opened, self.runs[-1] if self.runs else None)


@dataclass(frozen=True)
class Delivery:
    """One version's way through the stages: `hops[i]` promoted it from `rollouts[i]` to `rollouts[i + 1]`.

    A rollout is None where nothing of it was exported. While the last pull request waits, `rollouts` ends with the
    stage before it: there are as many hops as rollouts then, else one less.
    """

    rollouts: tuple[Rollout | None, ...]
    hops: tuple[Hop, ...]

    @property
    def complete(self) -> bool:
        """Whether the version arrived: its last rollout came of a promotion, and has finished."""
        last = self.rollouts[-1]
        return len(self.rollouts) > 1 and last is not None and last.root is not None

    @property
    def commits(self) -> tuple[str, ...]:
        """The commits that were synced or promoted on the way, as far as spans tell."""
        said = [rollout.known.get(COMMIT) for rollout in self.rollouts if rollout]
        said += [run.span.get(HEAD_REVISION) for hop in self.hops for run in hop.runs]
        return tuple(dict.fromkeys(filter(None, said)))

    @property
    def application(self) -> str:
        """The application, as Keptn names it."""
        return self._said(APP_NAME)

    @property
    def version(self) -> str:
        """The version that Keptn names in the last stage, else the one that the promoter names."""
        return self._said(APP_VERSION)

    @property
    def end(self) -> int:
        """When the last of its rollouts and runs ended, in nanoseconds since 1970."""
        ends = [rollout.end for rollout in self.rollouts if rollout]
        return max(ends + [run.span.end for hop in self.hops for run in hop.runs], default=0)

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages' names, as a promotion run gives them; where there is none, the namespaces."""
        names = [rollout.known.get(APP_NAMESPACE) if rollout else "" for rollout in self.rollouts]
        names += [""] * (len(self.hops) + 1 - len(names))
        for index, hop in enumerate(self.hops):
            if hop.run:
                names[index] = hop.run.span.get(SOURCE_ENVIRONMENT) or names[index]
                names[index + 1] = hop.run.span.get(ENVIRONMENT) or names[index + 1]
        return tuple(name or f"stage {number}" for number, name in enumerate(names, 1))

    def _said(self, name: str) -> str:
        speakers = [rollout.known for rollout in reversed(self.rollouts) if rollout]
        speakers += [run.span for hop in self.hops for run in hop.runs]
        return next((span.get(name) for span in speakers if span.get(name)), "")
