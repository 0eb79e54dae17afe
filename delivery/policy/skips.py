"""Rule: a promotion edge that leaves out a stage between its two says so.

Where production comes after dev and staging, and staging after dev, the edge from dev leaves staging out, unless
production requires `all` of them. `requires: any` is for stages beside each other: it says that one is enough, but not
that one of them comes before the other. So the exception names the edge.
"""

from collections.abc import Iterator, Mapping, Sequence

from delivery.policy.resources import Declared, Finding, settings


def check(resources: Sequence[Declared]) -> Iterator[Finding]:
    """Every edge in the promoter's settings that leaves out a stage."""
    for pipeline, file in settings(resources).values():
        if pipeline is None:
            why = "the promoter's settings are not readable, so no edge can be checked"
            yield Finding("settings.json", why, file.urn)
            continue
        for target, after in pipeline.stages.items():
            if pipeline.requires.get(target, "any") == "all":
                continue
            for source in after:
                left_out = [other for other in after if other != source and source in _before(other, pipeline.stages)]
                if left_out:
                    why = f"leaves out {', '.join(left_out)}, which comes between them"
                    yield _finding(source, target, why, file.urn)
        for source, target in dict.fromkeys((edge.source, edge.target) for edge in pipeline.edges):
            if source not in pipeline.stages.get(target, ()):
                why = f"is none of the pipeline: {target} does not come after {source}"
                yield _finding(source, target, why, file.urn)


def _finding(source: str, target: str, why: str, urn: str) -> Finding:
    return Finding(f"{source} -> {target}", f"the edge from {source} to {target} {why}", urn)


def _before(stage: str, stages: Mapping[str, tuple[str, ...]]) -> set[str]:
    """All stages that something is promoted through on its way into `stage`."""
    found: set[str] = set()
    waiting = [*stages.get(stage, ())]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += stages.get(one, ())
    return found
