"""Reads what all stacks share: the stages as a graph, the applications, how promotions run.

A part of `delivery.config.reader`, which puts it together with what is a stage's own.
"""

from collections.abc import Container, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from delivery.config import rules
from delivery.config.collector import REPORTED
from delivery.config.errors import Json, nearest, renamed, without
from delivery.config.fields import Fields, Rule
from delivery.config.naming import OVERRIDES
from delivery.model.pipeline import ENGINES, Application, Promotions, Stage
from delivery.model.task_runs import SECONDS_A_RUN, least_timeout

EXAMPLE_APPLICATION: dict[str, Json] = {"name": "podtato-head", "image": "ghcr.io/podtato-head/podtato-server"}
_APPLICATION_KEYS = OVERRIDES | {
    "containerPort",
    "firstVersion",
    "image",
    "name",
    "promotedKeys",
    "servicePort",
    "workload",
}


def read_stages(root: Fields, stack: str) -> tuple[Stage, ...]:
    """The stages, as a graph without cycles in which every name is known, `stack` one of them."""
    entries = root.items("stages", {"name": stack if rules.STAGE.holds(stack) else rules.STAGE.example}, rules.STAGE)
    stages: list[Stage] = []
    names: dict[str, int] = {}
    for entry in entries:
        entry.only(frozenset({"name", "after"}))
        stage = Stage(_name(entry, entries, rules.STAGE), entry.texts("after", rules.STAGE))
        stages.append(stage)
        known = names.setdefault(stage.name, len(stages)) != len(stages)
        if known and stage.name == entry.values.get("name"):
            free = _free(stage.name, len(stages), names)
            root.problems.add((*entry.at, "name"), stage.name, "each stage once", free)
    if root.problems.any_at("stages", "name"):
        # A name that is wrong makes the names after it wrong; what refers to it is looked at once it is right.
        return tuple(stages)
    for entry, stage in zip(entries, stages, strict=True):
        for after in stage.after:
            if after not in names:
                earlier = [name for name in names if names[name] < names[stage.name]]
                allowed = ", ".join(name for name in names if name != stage.name) or "nothing: there is no other stage"
                near = nearest(after, earlier)
                mend = renamed(after, near) if near else without(after)
                root.problems.add((*entry.at, "after"), after, allowed, mend)
    _refuse_cycles(entries, stages)
    if stages and stack not in names:
        _refuse_stack(root, stages, stack)
    return tuple(stages)


def _name(entry: Fields, entries: Sequence[Fields], rule: Rule) -> str:
    """The name of an entry. Where it has none, the one that is proposed is no other entry's."""
    if entry.values.get("name") is None:
        number, taken = int(entry.at[-1]) + 1, _given_names(entries)
        if number > 1 or rule.example in taken:
            rule = replace(rule, example=_free(rule.example, number, taken))
    return entry.text("name", rule)


def _given_names(entries: Sequence[Fields]) -> set[str]:
    return {str(each.values.get("name")) for each in entries}


def _free(name: str, number: int, taken: Container[str]) -> str:
    while f"{name[:50].rstrip('-')}-{number}" in taken:
        number += 1
    return f"{name[:50].rstrip('-')}-{number}"


def _refuse_cycles(entries: Sequence[Fields], stages: Sequence[Stage]) -> None:
    graph = {stage.name: set(stage.after) for stage in stages}
    for _ in range(REPORTED):
        try:
            TopologicalSorter(graph).prepare()
            return
        except CycleError as error:
            # graphlib names each stage after the one that waits for it, and the first one twice.
            way: list[str] = list(reversed(error.args[1]))
        index = min((index for index, stage in enumerate(stages) if stage.name in way), default=0)
        here = stages[index].name
        waits_for = next(after for name, after in pairwise(way) if name == here)
        graph[here].discard(waits_for)
        start = way.index(here)
        shown = " after ".join((*way[start:-1], *way[:start], here))
        entry = entries[index]
        allowed = f"no way back to a stage ({shown})"
        entry.problems.add((*entry.at, "after"), list(stages[index].after), allowed, without(waits_for))


def _refuse_stack(root: Fields, stages: Sequence[Stage], stack: str) -> None:
    allowed = ", ".join(stage.name for stage in stages)
    near = _stage_meant(stack, [stage.name for stage in stages])
    if near or not rules.STAGE.holds(stack):
        # The stack that was meant need not be there yet.
        select = f"pulumi stack select --create {near or stages[0].name}"
        root.problems.add_command(("stages",), f"no stage for stack {stack}", allowed, select)
        return

    def edit(node: Json) -> Json:
        added: list[Json] = [{"name": stack, "after": [stages[-1].name]}]
        return node + added if isinstance(node, list) else node

    root.problems.add(("stages",), f"no stage for stack {stack}", allowed, edit)


def _stage_meant(stack: str, names: Sequence[str]) -> str | None:
    """The stage whose name was cut short, written out or misspelt as `stack`, if any."""
    for name in names:
        if _stands_for(stack, name) or (stack.isalpha() and _stands_for(name, stack)):
            return name
    # A name that has a stage's name in it (dev-eu) is another stage rather than a slip.
    return nearest(stack, [name for name in names if name not in stack])


def _stands_for(short: str, name: str) -> bool:
    """Whether `short` is the beginning of `name`, or some of its consonants: `prod`, `prd`, `stg`."""
    if len(short) < 3 or short[0] != name[:1]:
        return False
    letters = iter(name)
    return name.startswith(short) or (not set(short) & set("aeiou") and all(each in letters for each in short))


def read_applications(root: Fields) -> tuple[tuple[Application, Fields], ...]:
    """The applications, each with its own fields, which may override patterns."""
    read: list[tuple[Application, Fields]] = []
    names: set[str] = set()
    entries = root.items("applications", EXAMPLE_APPLICATION, rules.DNS_LABEL)
    for entry in entries:
        entry.only(_APPLICATION_KEYS)
        name = _name(entry, entries, rules.DNS_LABEL)
        if name in names and name == entry.values.get("name"):
            free = _free(name, len(names) + 1, {*names, *_given_names(entries)})
            root.problems.add((*entry.at, "name"), name, "each application once", free)
            continue
        names.add(name)
        application = Application(
            name=name,
            image=entry.text("image", rules.IMAGE),
            workload=entry.text("workload", rules.DNS_LABEL, name),
            container_port=entry.number("containerPort", 1, 65535, 8080),
            service_port=entry.number("servicePort", 1, 65535, 80),
            first_version=entry.text("firstVersion", rules.VERSION, "v0.1.0"),
            promoted_keys=_promoted_keys(entry),
        )
        read.append((application, entry))
    return tuple(read)


def _promoted_keys(entry: Fields) -> tuple[str, ...]:
    keys = entry.texts("promotedKeys", rules.PROMOTED_KEY, ("serviceVersion",), required=True)
    for key in keys:
        # What has keys below it is no value.
        if any(other.startswith(f"{key}.") for other in keys):
            entry.problems.add((*entry.at, "promotedKeys"), key, "a key that is not above another one", without(key))
    # The chart reads the first key as the version, and `replicas` as a number of pods.
    if rules.PROMOTED_KEY.example in keys[1:] or keys[:1] == ("replicas",):
        allowed = "the version first, serviceVersion or your own key for it: the first key is what the chart deploys"
        entry.problems.add((*entry.at, "promotedKeys"), list(keys), allowed, _version_first)
    return keys


def _version_first(node: Json) -> Json:
    version = rules.PROMOTED_KEY.example
    return [version, *(each for each in node if each != version)] if isinstance(node, list) else node


def read_promotions(root: Fields) -> Promotions:
    """How promotions look, and how Keptn runs their task."""
    retries = root.number("promotionRetries", 0, 10, 2)
    runs = f"{retries + 1} runs of {SECONDS_A_RUN} seconds each, and the pauses between" if retries else "one run"
    return Promotions(
        engine=root.choice("promotionEngine", ENGINES),
        labels=root.texts("promotionLabels", rules.LABEL),
        reviewers=root.texts("promotionReviewers", rules.PERSON),
        team_reviewers=root.texts("promotionTeamReviewers", rules.TEAM),
        trace_url=root.text("traceUrl", rules.TRACE_URL, rules.TRACE_URL.example),
        retries=retries,
        timeout_seconds=root.number("promotionTimeoutSeconds", least_timeout(retries), 3600, 300, why=f" ({runs})"),
        ttl_seconds=root.number(
            "promotionTtlSeconds", 30, 86400, 3600, why=" (Keptn would repeat the promotion without end below 20)"
        ),
    )
