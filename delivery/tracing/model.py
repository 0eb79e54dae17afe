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
    """One version in one stage, as Keptn or the promotion task of Argo CD's hooks traced it.

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
    def trace(self) -> str:
        """The id of its trace."""
        return self.known.id.trace

    @property
    def start(self) -> int:
        """When its first span began, in nanoseconds since 1970."""
        return min(span.start for span in (self.known, *(span for _, span in self.spans)))

    @property
    def end(self) -> int:
        """When its last span ended, in nanoseconds since 1970."""
        return max(span.end for span in (self.known, *(span for _, span in self.spans)))

    @property
    def stage(self) -> str:
        """The stage's name; Keptn, which knows of no stages, names the namespace."""
        return self.known.get(ENVIRONMENT) or self.known.get(APP_NAMESPACE)

    def is_in(self, stage: str) -> bool:
        """Whether it is a rollout in that stage, as far as a namespace's name tells."""
        named = self.known.get(ENVIRONMENT)
        return named == stage if named else f"-{self.stage}".endswith(f"-{stage}")

    @property
    def commit(self) -> str:
        """The commit that was synced."""
        return self.known.get(HEAD_REVISION) or self.known.get(COMMIT)

    @property
    def promotion(self) -> Span | None:
        """The promotion phase, which begins when the version is verified."""
        return next((span for _, span in self.spans if span.name == PROMOTION_PHASE), None)

    @property
    def failed(self) -> bool:
        """Whether it ended and the version was not verified. A promotion that fails comes after that."""
        return self.root is not None and self.root.failed and not self.promotion

    def comes_before(self, other: "Rollout") -> bool:
        """Whether it began earlier, of the same commit of the application and in the same stage."""
        identity = [(one.known.get(APP_NAME), one.stage, one.commit) for one in (self, other)]
        return identity[0] == identity[1] and self.start < other.start

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
    """One version on its way through the stages: `hops[i]` promoted it from `rollouts[i]` to `rollouts[i + 1]`.

    A rollout is None where nothing of it was exported. There is one hop less than rollouts, and as many while the last
    pull request `waits`. `failures` are earlier rollouts of the same commits in the same stages, in order of time.
    """

    rollouts: tuple[Rollout | None, ...]
    hops: tuple[Hop, ...]
    failures: tuple[Rollout, ...] = ()

    @property
    def last(self) -> Rollout | None:
        """The rollout in the last stage that it has reached."""
        return self.rollouts[-1]

    def failures_before(self, rollout: Rollout) -> tuple[Rollout, ...]:
        """The tries that failed before this rollout."""
        return tuple(failure for failure in self.failures if failure.comes_before(rollout))

    @property
    def waits(self) -> bool:
        """Whether it was promoted to a stage whose rollout has not begun, or was not exported."""
        return len(self.hops) == len(self.rollouts)

    @property
    def complete(self) -> bool:
        """Whether the version arrived: its last rollout came of a promotion, and has finished without a failure."""
        last = self.last
        return len(self.rollouts) > 1 and last is not None and last.root is not None and not last.failed

    @property
    def failed(self) -> bool:
        """Whether it ended in a stage where it could not be verified."""
        return not self.waits and self.last is not None and self.last.failed

    @property
    def runs(self) -> tuple[Run, ...]:
        """All promotion runs, those of the first hop first."""
        return tuple(run for hop in self.hops for run in hop.runs)

    @property
    def commits(self) -> tuple[str, ...]:
        """The commits that were synced or promoted on the way, as far as spans tell."""
        named = [rollout.commit for rollout in self.rollouts if rollout]
        named += [run.span.get(HEAD_REVISION) for run in self.runs]
        return tuple(dict.fromkeys(filter(None, named)))

    @property
    def application(self) -> str:
        """The application, as the last stage names it."""
        return self._latest(APP_NAME)

    @property
    def version(self) -> str:
        """The version that runs in the last stage, else the one that the promoter names."""
        return self._latest(APP_VERSION)

    @property
    def end(self) -> int:
        """When the last of its rollouts and runs ended, in nanoseconds since 1970."""
        ends = [rollout.end for rollout in self.rollouts if rollout]
        return max(ends + [run.span.end for run in self.runs], default=0)

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages' names, as a promotion run gives them; where there is none, as the rollouts do."""
        names = [rollout.stage if rollout else "" for rollout in self.rollouts]
        names += [""] * (len(self.hops) + 1 - len(names))
        for index, hop in enumerate(self.hops):
            if hop.run:
                names[index] = hop.run.span.get(SOURCE_ENVIRONMENT) or names[index]
                names[index + 1] = hop.run.span.get(ENVIRONMENT) or names[index + 1]
        return tuple(name or f"stage {number}" for number, name in enumerate(names, 1))

    def _latest(self, name: str) -> str:
        spans = [rollout.known for rollout in reversed(self.rollouts) if rollout] + [run.span for run in self.runs]
        return next((span.get(name) for span in spans if span.get(name)), "")
