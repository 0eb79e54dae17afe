"""Makes deliveries of spans: one version in one stage after another, with the promotions between them.

They are found by links alone: production's rollout and the promotion run both link to the source stage's
promotion phase, however much later they run and whoever verified either stage. Times are the matter of
`delivery.tracing.timeline`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from delivery.tracing.attributes import ACTION, APP_NAME, APP_NAMESPACE, ENVIRONMENT, PIPELINE, SERVICE, TASK
from delivery.tracing.model import Delivery, Hop, Rollout, Run
from delivery.tracing.otlp import SERVER, Span, SpanId


def deliveries(spans: Iterable[Span]) -> tuple[Delivery, ...]:
    """Every delivery that `spans` tell of, the newest first."""
    traces: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        traces[span.id.trace].append(span)
    rollouts = _without_repeats(
        rollout for members in traces.values() if (rollout := _rollout(members)) and rollout.known.get(APP_NAME)
    )
    runs = sorted((run for members in traces.values() for run in _runs(members)), key=lambda run: run.span.start)
    by_trace = {rollout.trace: rollout for rollout in rollouts}
    found = [_delivery_to(rollout, by_trace, runs) for rollout in _arrivals(rollouts)]
    found += list(_waiting(found, by_trace, runs))
    failures = [rollout for rollout in rollouts if rollout.failed]
    found = [_with_failures(delivery, failures) for delivery in found]
    passed = {rollout.trace for delivery in found for rollout in delivery.rollouts[: len(delivery.hops)] if rollout}
    ends = [one for one in found if one.waits or one.last is None or one.last.trace not in passed]
    # Where links go round in a circle, no delivery is the last one: then all are returned.
    return tuple(sorted(ends or found, key=lambda one: one.end, reverse=True))


def choose(found: Sequence[Delivery], application: str = "", version: str = "") -> Delivery | None:
    """The newest complete delivery of that application and version, else the newest that is under way."""
    fitting = [
        one
        for one in found
        if (not application or one.application == application) and (not version or one.version == version)
    ]
    return next((one for one in fitting if one.complete), fitting[0] if fitting else None)


def _rollout(members: list[Span]) -> Rollout | None:
    """The rollout in one trace: the spans of the services that name its app, parents before their children."""
    services = {span.service for span in members if span.get(APP_NAME) and not _is_run(span)}
    own = [span for span in members if span.service in services and not _is_run(span)]
    if not own:
        return None
    ids = {span.id.span for span in own}
    tops = sorted((span for span in own if span.parent not in ids), key=lambda span: (span.start, span.end))
    root = next((span for span in tops if not span.parent), None)
    children: dict[str, list[Span]] = defaultdict(list)
    for span in sorted(own, key=lambda span: (span.start, span.end)):
        children[span.parent].append(span)
    tree: list[tuple[int, Span]] = []
    pending = [(1, span) for span in reversed(children[root.id.span] if root else tops)]
    seen: set[str] = set()
    while pending:
        depth, span = pending.pop()
        if span.id.span not in seen:  # a broken export may have a circle of parents
            seen.add(span.id.span)
            tree.append((depth, span))
            pending += [(depth + 1, child) for child in reversed(children[span.id.span])]
    return Rollout(root, tuple(tree)) if root or tree else None


def _without_repeats(found: Iterable[Rollout]) -> list[Rollout]:
    """`found` without repetitions: at each restart the operator sends every root span again, in a new trace.

    A repeated root has the original's name and no span below it. The original is the one with spans, else the first.
    """
    groups: dict[tuple[object, ...], list[Rollout]] = defaultdict(list)
    for rollout in found:
        groups[rollout.known.name, rollout.known.get(APP_NAMESPACE), rollout.upstream].append(rollout)
    kept: list[Rollout] = []
    for group in groups.values():
        whole = [rollout for rollout in group if rollout.spans]
        kept += whole or [min(group, key=lambda rollout: rollout.start)]
    return sorted(kept, key=lambda rollout: rollout.start)


def _arrivals(rollouts: Iterable[Rollout]) -> Iterator[Rollout]:
    """`rollouts` without those that brought no new version, in order of time.

    Argo CD also deploys a change of the stage's own values, beside which the link still says what came before.
    """
    arrived: set[tuple[object, ...]] = set()
    for rollout in rollouts:
        what = (rollout.known.name, rollout.known.get(APP_NAMESPACE), rollout.upstream)
        if what not in arrived:
            yield rollout
        if rollout.upstream and not rollout.failed:
            arrived.add(what)


def _is_run(span: Span) -> bool:
    """Whether it is a promotion run's. A deployment that Argo CD carried out is a pipeline's run, too."""
    return bool(span.get(PIPELINE)) and span.get(ACTION) != "deploy"


def _runs(members: list[Span]) -> list[Run]:
    steps = sorted((span for span in members if span.get(TASK)), key=lambda span: span.start)
    return [
        Run(span, tuple(step for step in steps if step.parent == span.id.span))
        for span in members
        if span.kind == SERVER and _is_run(span)
    ]


def _delivery_to(last: Rollout, by_trace: dict[str, Rollout], runs: Sequence[Run]) -> Delivery:
    """The delivery that ends with `last`, found backwards: its link leads to the rollout before it, and so on."""
    rollouts: list[Rollout | None] = [last]
    hops: list[Hop] = []
    seen = {last.trace}
    current: Rollout | None = last
    while current and current.upstream:
        known = (phase for phase in current.upstream if phase.trace in by_trace)
        phase, start = next(known, current.upstream[0]), current.start
        acted = _caused(phase, current, runs)
        before = [run for run in acted if run.span.start <= start]  # later ones are replays, and deployed nothing
        hops.insert(0, Hop(phase, tuple(before or acted[:1])))  # with none before it, the machines' clocks disagree
        current = by_trace.get(phase.trace) if phase.trace not in seen else None  # links may go round in circles
        seen.add(phase.trace)
        rollouts.insert(0, current)
    return Delivery(tuple(rollouts), tuple(hops))


def _with_failures(delivery: Delivery, failures: Sequence[Rollout]) -> Delivery:
    """`delivery` with what failed in its stages before it passed them."""
    passed = [rollout for rollout in delivery.rollouts if rollout]
    before = tuple(failure for failure in failures if any(failure.comes_before(rollout) for rollout in passed))
    return replace(delivery, failures=before)


def _caused(phase: SpanId, rollout: Rollout, runs: Sequence[Run]) -> list[Run]:
    """The runs that promoted from `phase` to the stage of `rollout`; to any stage if its namespace names none."""
    application = rollout.known.get(APP_NAME)
    acted = [run for run in runs if phase in run.follows and run.span.get(SERVICE) in ("", application)]
    return [run for run in acted if rollout.is_in(run.span.get(ENVIRONMENT))] or acted


def _waiting(arrived: Sequence[Delivery], by_trace: dict[str, Rollout], runs: Sequence[Run]) -> Iterator[Delivery]:
    """Deliveries that were promoted to a stage whose rollout has not begun, or was not exported."""
    done = {
        (delivery.hops[-1].phase, run.pipeline)
        for delivery in arrived
        if delivery.hops and delivery.last
        for run in _caused(delivery.hops[-1].phase, delivery.last, runs)
    }
    hops: dict[tuple[SpanId, str], list[Run]] = defaultdict(list)
    for run in runs:
        for phase in run.follows:
            if (phase, run.pipeline) not in done:
                hops[phase, run.pipeline].append(run)
    for (phase, _), caused in hops.items():
        source = by_trace.get(phase.trace)
        before = _delivery_to(source, by_trace, runs) if source else Delivery((None,), ())
        yield Delivery(before.rollouts, (*before.hops, Hop(phase, tuple(caused))))
