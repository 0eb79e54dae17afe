"""Reads what all stacks share: the stages as a graph, the applications, how promotions run.

A part of `delivery.configuration`, which puts it together with what is a stage's own.
"""

from delivery import rules
from delivery.fields import Fields
from delivery.pipeline import Application, Promotions, Stage
from delivery.placements import OVERRIDES
from delivery.problems import Json

_APPLICATION: dict[str, Json] = {"name": "podtato-head", "image": "ghcr.io/podtato-head/podtato-server"}
_APPLICATION_KEYS = OVERRIDES | {
    "containerPort",
    "firstVersion",
    "image",
    "name",
    "promotedKeys",
    "servicePort",
    "workload",
}


def stage_json(stage: Stage) -> Json:
    """A stage as it stands in the configuration."""
    return {"name": stage.name, "after": list(stage.after)} if stage.after else {"name": stage.name}


def read_stages(root: Fields) -> tuple[Stage, ...]:
    """The stages, as a graph without cycles in which every name is known."""
    entries = root.items("stages", {"name": "dev"})
    stages: list[Stage] = []
    for entry in entries:
        entry.only(frozenset({"name", "after"}))
        stages.append(Stage(entry.text("name", rules.STAGE), entry.texts("after", rules.STAGE)))
    names = [stage.name for stage in stages]
    for index, (entry, stage) in enumerate(zip(entries, stages, strict=True)):
        if stage.name in names[:index]:
            root.problems.add((*entry.at, "name"), stage.name, "each stage once", f"{stage.name}-{index + 1}")
        earlier: Json = [name for name in names[:index][-1:] if name != stage.name]
        for position, after in enumerate(stage.after):
            if after not in names:
                allowed = ", ".join(name for name in names if name != stage.name) or "nothing"
                root.problems.add((*entry.at, "after", position), after, allowed, names[max(index - 1, 0)])
                if index == 0:
                    root.problems.found.pop()
                    root.problems.add((*entry.at, "after"), after, "a stage of the pipeline", [])
        if stage.name in _upstream(stage, stages):
            found: Json = list(stage.after)
            root.problems.add((*entry.at, "after"), found, f"no way back to {stage.name} (a cycle)", earlier)
    return tuple(stages)


def _upstream(stage: Stage, stages: list[Stage]) -> set[str]:
    """Every stage from which a promotion can reach `stage`, itself only if there is a cycle."""
    after = {each.name: each.after for each in stages}
    seen: set[str] = set()
    waiting = list(stage.after)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(after.get(name, ()))
    return seen


def read_applications(root: Fields) -> tuple[tuple[Application, Fields], ...]:
    """The applications, each with its own fields, which may override patterns."""
    read: list[tuple[Application, Fields]] = []
    for entry in root.items("applications", _APPLICATION):
        entry.only(_APPLICATION_KEYS)
        name = entry.text("name", rules.DNS_LABEL)
        if any(other.name == name for other, _ in read):
            root.problems.add((*entry.at, "name"), name, "each application once", f"{name}-{len(read) + 1}")
            continue
        application = Application(
            name=name,
            image=entry.text("image", rules.IMAGE),
            workload=entry.text("workload", rules.DNS_LABEL, name),
            container_port=entry.number("containerPort", 1, 65535, 8080),
            service_port=entry.number("servicePort", 1, 65535, 80),
            first_version=entry.text("firstVersion", rules.VERSION, "v0.1.0"),
            promoted_keys=entry.texts("promotedKeys", rules.PROMOTED_KEY, ("serviceVersion",), required=True),
        )
        read.append((application, entry))
    return tuple(read)


def read_promotions(root: Fields) -> Promotions:
    """How promotions look, and how Keptn runs their task."""
    return Promotions(
        engine=root.choice("promotionEngine", ("promoter", "pulumi")),
        labels=root.texts("promotionLabels", rules.LABEL),
        reviewers=root.texts("promotionReviewers", rules.PERSON),
        team_reviewers=root.texts("promotionTeamReviewers", rules.TEAM),
        trace_url=root.text("traceUrl", rules.TRACE_URL, rules.TRACE_URL.example),
        retries=root.number("promotionRetries", 0, 10, 2),
        timeout_seconds=root.number("promotionTimeoutSeconds", 60, 3600, 300),
        ttl_seconds=root.number(
            "promotionTtlSeconds", 30, 86400, 300, why=" (Keptn would repeat the promotion without end below 20)"
        ),
    )
