"""Checks of what the stage has recorded, and of each edge that it is part of: its last promotion, what is open.

And of edges that the pipeline no longer has: what is still open from them could be merged around a stage.
"""

import re
from collections.abc import Iterator

from delivery.doctor.check import Check, ok, unknown, wrong
from delivery.doctor.inspection import BlockedError, Inspection
from delivery.doctor.tokens import grant, needed_permissions
from delivery.github.client import GitHub, GitHubError, PullRequest
from delivery.github.records import Record, read_records
from delivery.model.edges import Edge
from delivery.model.hints import stack_hints
from delivery.model.pipeline import Repository
from delivery.promotion.branch import rollback_branch
from delivery.promotion.metadata import parse_metadata

_BRANCH = re.compile(r"(?:promote|rollback)/([^/]+)/([^/]+)/([^/]+)")


def newest_records(name: str, inspection: Inspection) -> Iterator[Check]:
    """What the stage has recorded last of each application: verified, or why it failed."""
    configuration = inspection.configuration
    stage, repository = configuration.stage, configuration.pipeline.repository
    if not configuration.records:
        yield ok(name, f"{stage.name} records nothing: it has no promotionToken")
        return
    client, branch = inspection.github().client, stage.branch or repository.default_branch
    try:
        records = read_records(client, (stage.name,), branches=(branch,))
    except GitHubError as error:
        fix = grant(inspection.github(), {"deployments": "read"}) if error.permissions or error.refused else ""
        yield unknown(name, error.worded(stack_hints(inspection.stack)), fix)
        return
    for placed in configuration.stage_applications:
        title = f"{name} {placed.application.name}"
        found = records.of(placed.application.name, stage.name)
        yield _recorded(title, found[0]) if found else ok(title, "none so far")


def _recorded(name: str, record: Record) -> Check:
    what = f"{record.version} at {record.commit[:12]}".strip()
    when = f"{record.created_at:%Y-%m-%d %H:%M} UTC"
    if record.state == "failure":
        detail = f"{what} failed on {when}: {record.reason or 'no reason is recorded'}"
        return wrong(name, detail, f"correct it with a new version, or roll it back; its record: {record.url}")
    by = f" by {record.verified_by}" if record.verified_by else ""
    return ok(name, f"{what} verified{by} on {when}, recorded by {record.creator or 'somebody'}: {record.url}")


def last_promotions(name: str, inspection: Inspection) -> Iterator[Check]:
    """What became last of each edge into or out of this stage: a promotion, or the rollback of one."""
    client, pipeline = inspection.github().client, inspection.configuration.pipeline
    settings = pipeline.promotion_settings()
    for edge in (edge for stage in pipeline.stages for edge in settings.into(stage.name)):
        if inspection.stack not in (edge.target, *(origin.source for origin in edge.origins)):
            continue
        title = f"{name}, {edge}"
        try:
            found = _newest(client, edge, settings.base(edge))
        except GitHubError as error:
            yield _failed(title, error, inspection)
            if error.status == 0:
                raise BlockedError from None
            continue
        for pull_request in found:
            yield _outcome(title, edge, pull_request, pipeline.repository)
        if not found:
            yield ok(title, "none so far")


def left_over(name: str, inspection: Inspection) -> Iterator[Check]:
    """What is still open into this stage along an edge that the pipeline no longer has.

    Into a stage that is gone too, it is the first stage's. What has lost the promoter's metadata may be anybody's.
    """
    pipeline = inspection.configuration.pipeline
    settings = pipeline.promotion_settings()
    into = [edge for stage in pipeline.stages for edge in settings.into(stage.name)]
    edges = {(edge.application, edge.source, edge.target) for edge in into}
    stages = {stage.name for stage in pipeline.stages}
    try:
        bases = {pipeline.repository.default_branch, *map(settings.base, into)}
        found = [one for base in sorted(bases) for one in inspection.github().client.list_open(base)]
    except GitHubError as error:
        yield _failed(name, error, inspection)
        return
    for pull_request in found:
        branch = _BRANCH.fullmatch(pull_request.branch)
        if branch is None or branch.groups() in edges:
            continue
        application, source, target = branch.groups()
        edge = Edge(application, source, target, source_path="", target_path="", promoted_keys=())
        ours = target == inspection.stack or (inspection.configuration.owns_repository and target not in stages)
        if ours and parse_metadata(pull_request.body, edge) is not None:
            detail = f"#{pull_request.number} is open for {edge}, an edge that the pipeline does not have: "
            yield wrong(name, detail + pull_request.url, _close(pull_request, pipeline.repository))


def _newest(client: GitHub, edge: Edge, base: str) -> list[PullRequest]:
    """The pull requests of an edge that are open, one of each kind; else the one that ended last. Maybe none."""
    promotions = client.list_pull_requests(edge.branch, base)
    found = [*promotions[:1]]
    # There is nothing to roll back before that.
    if any(promotion.state == "merged" for promotion in promotions):
        found += client.list_pull_requests(rollback_branch(edge), base)[:1]
    still_open = [each for each in found if each.state == "open"]
    return still_open or sorted(found, key=lambda each: (each.closed_at, each.number))[-1:]


def _failed(name: str, error: GitHubError, inspection: Inspection) -> Check:
    needed = needed_permissions(inspection.configuration, "githubToken")
    wanted = {"pull_requests": needed["pull_requests"]}
    return unknown(
        name,
        error.worded(stack_hints(inspection.stack)),
        grant(inspection.github(), wanted) if error.permissions else "",
    )


def _close(found: PullRequest, repository: Repository) -> str:
    return f"gh pr close {found.number} --repo {repository.gh_name} --delete-branch"


def _outcome(name: str, edge: Edge, found: PullRequest, repository: Repository) -> Check:
    metadata = parse_metadata(found.body, edge)
    shown = f"#{found.number}"
    if metadata is None and found.state == "open":
        detail = (
            f"{shown} is open on {found.branch}, without the promoter's metadata, and blocks the "
            f"{'promotions' if found.branch == edge.branch else 'rollbacks'} of this edge"
        )
        return wrong(name, detail, _close(found, repository))
    version = f"{metadata.version} " if metadata else ""
    if metadata and metadata.kind == "rollback":
        version = f"rollback of #{metadata.undoes} to {version}"
    if found.state == "open":
        return ok(name, f"{version}is open in {shown}: {found.url}")
    if found.state == "merged":
        return ok(name, f"{version}merged in {shown}")
    if metadata and metadata.superseded_by:
        return ok(name, f"{version}in {shown}, closed by the promoter: nothing left to promote")
    return ok(name, f"{version}in {shown}, closed by a person without merging")
