"""Rule: a stage that promotes onward verifies what it promotes.

A healthy Deployment is not verified: its containers run. What counts is a task or evaluation of Keptn's, a hook or
check of Argo CD's, or that every stage after this one requires a record, which somebody outside then makes.
"""

from collections.abc import Iterator, Mapping, Sequence

from delivery.config.verification import OWN_HOOKS
from delivery.policy.branches import stage_of
from delivery.policy.resources import (
    Declared,
    Finding,
    committed_files,
    is_promotion,
    items,
    mapping,
    objects,
    settings,
    text,
)

_KEPTN = ("preDeploymentTasks", "preDeploymentEvaluations", "postDeploymentTasks", "postDeploymentEvaluations")


def check(resources: Sequence[Declared]) -> Iterator[Finding]:
    """Every stage that has applications without any verification, and promotes onward."""
    pipelines = settings(resources)
    told = dict(_told(resources))
    found: dict[tuple[str, str], Finding] = {}
    for file in committed_files(resources):
        stage = "" if is_promotion(file) else stage_of(file)
        platform = mapping((file.documents or (None,))[0]) if stage else {}
        application = text(mapping(platform, "application").get("name"))
        hooks = [mapping(hook) for hook in items(mapping(platform, "verification").get("hooks"))]
        checks = [name for hook in hooks if (name := text(hook.get("name"))) not in OWN_HOOKS]
        checks += [text(name) for phase in _KEPTN for name in items(mapping(platform, "context").get(phase))]
        if not stage or checks:
            continue
        data = (mapping(hook, "data") for hook in hooks)
        onward = {target for one in data for target in _targets(one)} | told.get((application, stage), set())
        if pipeline := pipelines.get(file.repository, (None,))[0]:
            onward |= {target for target, after in pipeline.stages.items() if stage in after}
            onward -= set(pipeline.require_record)
        if onward:
            message = (
                f"the stage {stage} promotes to {', '.join(sorted(onward))}, and nothing verifies {application} in it"
            )
            found.setdefault((file.repository, stage), Finding(stage, message, file.urn))
    yield from found.values()


def _told(resources: Sequence[Declared]) -> Iterator[tuple[tuple[str, str], set[str]]]:
    """What each promotion task of Keptn's is told: application and stage, and where to promote."""
    for found, _ in objects(resources):
        if found.get("kind") == "KeptnTaskDefinition":
            parameters = mapping(found, "spec", "python", "parameters", "map")
            yield (text(parameters.get("application")), text(parameters.get("from"))), set(_targets(parameters))


def _targets(parameters: Mapping[str, object]) -> list[str]:
    return [target for target in text(parameters.get("to")).split(",") if target]
