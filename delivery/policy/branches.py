"""Rule: an Argo CD Application follows the branch that its stage's configuration says.

The configuration reaches a stack in two ways that have to agree: the branch that the stage's files are committed to,
and the promoter's settings. An Application that follows another branch deploys what no promotion has proposed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from delivery.model.settings import PromotionSettings
from delivery.policy.resources import (
    UNKNOWN,
    CommittedFile,
    Declared,
    Finding,
    committed_files,
    is_promotion,
    items,
    mapping,
    objects,
    settings,
    text,
    walk,
)


@dataclass(frozen=True)
class Source:
    """Where an Application has manifests from: `repository` by its name, and `folder` in it."""

    repository: str
    revision: str
    folder: str


def check(resources: Sequence[Declared]) -> Iterator[Finding]:
    """Every Application, and template of an ApplicationSet, that follows another branch."""
    files = [file for file in committed_files(resources) if not is_promotion(file)]
    pipelines = settings(resources)
    for spec, name, urn in applications(resources):
        found = list(sources(spec))
        for source in found:
            own = [file for file in files if file.repository == source.repository]
            pipeline = pipelines.get(source.repository, (None,))[0]
            expected = _expected(source, found, own, pipeline)
            revision = source.revision.removeprefix("refs/heads/")
            if expected and revision != UNKNOWN and revision not in expected:
                yield Finding(
                    f"{name}: {revision or 'HEAD'}",
                    f"the Application {name} follows {revision or 'HEAD'!r} of {source.repository}, and its stage's "
                    f"files are on {' or '.join(map(repr, sorted(expected)))}",
                    urn,
                )


def applications(resources: Sequence[Declared]) -> Iterator[tuple[Mapping[str, object], str, str]]:
    """The spec, name and URN of every Application; of an ApplicationSet its template's, with its git generators."""
    for found, urn in objects(resources):
        if not text(found.get("apiVersion")).startswith("argoproj.io/"):
            continue
        name, spec = text(mapping(found, "metadata").get("name")), mapping(found, "spec")
        if found.get("kind") == "Application":
            yield spec, name, urn
        elif found.get("kind") == "ApplicationSet":
            generators = [part.get("git") for _, part in walk(spec.get("generators")) if isinstance(part, Mapping)]
            told = [
                {"repoURL": git.get("repoURL"), "targetRevision": git.get("revision")}
                for git in generators
                if isinstance(git, Mapping)
            ]
            template = mapping(spec, "template", "spec")
            yield {**template, "sources": [*_sources(template), *told], "source": None}, name, urn


def _sources(spec: Mapping[str, object]) -> list[object]:
    return [*items(spec.get("sources"))] or [spec.get("source")]


def sources(spec: Mapping[str, object]) -> Iterator[Source]:
    """The sources of an Application that are git repositories."""
    for raw in _sources(spec):
        source = mapping(raw)
        repository = text(source.get("repoURL")).rstrip("/").removesuffix(".git").replace(":", "/").rpartition("/")[2]
        # A chart's revision is a version.
        if repository and not source.get("chart"):
            yield Source(repository, text(source.get("targetRevision")), text(source.get("path")).strip("/"))


def _expected(
    source: Source, siblings: Sequence[Source], own: Sequence[CommittedFile], pipeline: PromotionSettings | None
) -> set[str]:
    """The branches that the source may follow, by what is known best; none where it is no repository of the stack's."""
    folders = [source.folder] if source.folder else []
    folders += [other.folder for other in siblings if other.repository == source.repository and other.folder]
    for folder in folders:
        under = [file for file in own if file.path.startswith(f"{folder}/") or folder == "."]
        stages = {stage for file in under if (stage := stage_of(file))}
        if pipeline and (branches := {branch for stage in stages if (branch := stage_branch(pipeline, stage))}):
            return branches
        if under:
            return {file.branch for file in under if file.branch}
    return {file.branch for file in own if file.branch}


def stage_of(file: CommittedFile) -> str:
    """The stage whose stack has written this `platform.yaml`; nothing for any other file."""
    if file.path.rpartition("/")[2] != "platform.yaml":
        return ""
    return text(mapping((file.documents or (None,))[0], "application").get("stage"))


def stage_branch(pipeline: PromotionSettings, stage: str) -> str:
    """The branch that has the files of `stage`; nothing where the pipeline has no such stage."""
    for edge in pipeline.edges:
        if edge.source == stage:
            return edge.source_branch or pipeline.default_branch
        if edge.target == stage:
            return edge.target_branch or pipeline.default_branch
    return pipeline.default_branch if stage in pipeline.stages else ""
