"""Checks of each edge that this stage is part of: its last promotion, and whether a pull request waits.

And of edges that the pipeline no longer has: what is still open from them could be merged around a stage.
"""

import re
from collections.abc import Callable, Iterator

from delivery.doctor.check import Check, ok, unknown, wrong
from delivery.doctor.forge import ANSWER_SECONDS
from delivery.doctor.tokens import needed_permissions
from delivery.github.client import GitHub, GitHubError, PullRequest
from delivery.model.edges import Edge
from delivery.model.secret import SecretText
from delivery.model.stack import StackConfiguration
from delivery.promotion.metadata import parse_block
from delivery.stack.stack_token import in_stack_words
from delivery.timeouts import TooLong, within

_LEFT_OVER = "left-over promotion"
_BRANCH = re.compile(r"(?:promote|rollback)/([^/]+)/([^/]+)/([^/]+)")


def promotions(configuration: StackConfiguration, token: SecretText) -> Iterator[Check]:
    """One check for each edge into or out of this stage, and one for each pull request of an edge that is gone."""
    stage, silent, told = configuration.stage.name, False, True
    for edge in configuration.pipeline.edges():
        if stage not in (edge.source, edge.target):
            continue
        if silent:
            yield unknown(_name(edge), "not asked: the forge gave no answer")
            continue
        try:
            yield last_promotion(configuration, edge, token)
        except GitHubError as error:
            silent, told = error.status == 0, False
            yield unknown(_name(edge), in_stack_words(error), _grant(configuration) if error.permissions else "")
    if told:
        yield from left_over(configuration, token)


def left_over(configuration: StackConfiguration, token: SecretText) -> Iterator[Check]:
    """What is still open into this stage along an edge that the pipeline no longer has.

    Into a stage that is gone too, it is the first stage's. What has lost the promoter's block may be anybody's.
    """
    pipeline = configuration.pipeline
    edges = {(each.application, each.source, each.target) for each in pipeline.edges()}
    stages = {each.name for each in pipeline.stages}
    try:
        found = _asked(configuration, token, lambda github: github.list_open(pipeline.repository.default_branch))
    except GitHubError as error:
        yield unknown(_LEFT_OVER, in_stack_words(error), _grant(configuration) if error.permissions else "")
        return
    for each in found:
        branch = _BRANCH.fullmatch(each.branch)
        if branch is None or branch.groups() in edges:
            continue
        application, source, target = branch.groups()
        edge = Edge(application, source, target, source_path="", target_path="", promoted_keys=())
        mine = edge.target == configuration.stage.name or (configuration.owns_repository and edge.target not in stages)
        if mine and parse_block(each.body, edge) is not None:
            detail = f"#{each.number} is open for {edge}, an edge that the pipeline does not have: {each.url}"
            yield wrong(_LEFT_OVER, detail, _close(each, configuration))


def last_promotion(configuration: StackConfiguration, edge: Edge, token: SecretText) -> Check:
    """What became of the newest pull request on the edge's branch. Raises `GitHubError`, at once: no second try."""
    base = configuration.pipeline.repository.default_branch
    found = _asked(configuration, token, lambda github: github.list_pull_requests(edge.branch, base))
    if not found:
        return ok(_name(edge), "none so far")
    return _told(_name(edge), edge, found[0], configuration)


def _asked(
    configuration: StackConfiguration, token: SecretText, ask: Callable[[GitHub], tuple[PullRequest, ...]]
) -> tuple[PullRequest, ...]:
    repository = configuration.pipeline.repository
    github = GitHub(repository.api_url, repository.owner, repository.name, token.reveal(), deadline=0)
    try:
        return within(ANSWER_SECONDS, lambda: ask(github))
    except TooLong:
        raise GitHubError(0, f"no answer from {repository.api_url} within {ANSWER_SECONDS:g} s") from None


def _grant(configuration: StackConfiguration) -> str:
    repository = configuration.pipeline.repository
    where = f"{repository.owner}/{repository.name} at {repository.server_url}/settings/personal-access-tokens"
    level = needed_permissions(configuration, "githubToken")["pull_requests"]
    return f"give githubToken pull_requests: {level} on {where}"


def _name(edge: Edge) -> str:
    return f"last promotion, {edge}"


def _close(found: PullRequest, configuration: StackConfiguration) -> str:
    return f"gh pr close {found.number} --repo {configuration.pipeline.repository.gh_name} --delete-branch"


def _told(name: str, edge: Edge, found: PullRequest, configuration: StackConfiguration) -> Check:
    block = parse_block(found.body, edge)
    shown = f"#{found.number}"
    if block is None and found.state == "open":
        detail = f"{shown} is open on {edge.branch}, and is not the promoter's or has lost what it writes into the body"
        return wrong(name, detail, _close(found, configuration))
    version = f"{block.version} " if block else ""
    if found.state == "open":
        return ok(name, f"{version}waits in {shown}, open: {found.url}")
    if found.state == "merged":
        return ok(name, f"{version}merged in {shown}")
    if block and block.until:
        return ok(name, f"{version}in {shown}, closed by the promoter: it had become pointless")
    return ok(name, f"{version}in {shown}, closed by a person without merging")
