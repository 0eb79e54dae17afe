"""Checks of each edge that this stage is part of: its last promotion, and whether a pull request waits."""

from collections.abc import Iterator

from delivery.deadline import TooLong, within
from delivery.doctor.check import Check, ok, unknown, wrong
from delivery.doctor.forge import ANSWER_SECONDS
from delivery.edges import Edge
from delivery.promotion.block import parse_block
from delivery.promotion.github import GitHub, GitHubError, PullRequest
from delivery.secret_text import SecretText
from delivery.stack_configuration import StackConfiguration
from delivery.stack_token import in_stack_words


def promotions(configuration: StackConfiguration, token: SecretText) -> Iterator[Check]:
    """One check for each edge into or out of this stage."""
    stage, silent = configuration.stage.name, False
    for edge in configuration.pipeline.edges():
        if stage not in (edge.source, edge.target):
            continue
        if silent:
            yield unknown(_name(edge), "not asked: the forge gave no answer")
            continue
        try:
            yield last_promotion(configuration, edge, token)
        except GitHubError as error:
            silent = error.status == 0
            yield unknown(_name(edge), in_stack_words(error), _grant(configuration) if error.permissions else "")


def last_promotion(configuration: StackConfiguration, edge: Edge, token: SecretText) -> Check:
    """What became of the newest pull request on the edge's branch. Raises `GitHubError`, at once: no second try."""
    repository = configuration.pipeline.repository
    github = GitHub(repository.api_url, repository.owner, repository.name, token.reveal(), deadline=0)
    try:
        found = within(ANSWER_SECONDS, lambda: github.list_pull_requests(edge.branch, repository.default_branch))
    except TooLong:
        raise GitHubError(0, f"no answer from {repository.api_url} within {ANSWER_SECONDS:g} s") from None
    if not found:
        return ok(_name(edge), "none so far")
    return _told(_name(edge), edge, found[0], f"{repository.owner}/{repository.name}")


def _grant(configuration: StackConfiguration) -> str:
    repository = configuration.pipeline.repository
    where = f"{repository.owner}/{repository.name} at {repository.server_url}/settings/personal-access-tokens"
    return f"give githubToken pull_requests: read on {where}"


def _name(edge: Edge) -> str:
    return f"last promotion, {edge}"


def _told(name: str, edge: Edge, found: PullRequest, repository: str) -> Check:
    block = parse_block(found.body, edge)
    shown = f"#{found.number}"
    if block is None and found.state == "open":
        detail = f"{shown} is open on {edge.branch}, and is not the promoter's or has lost what it writes into the body"
        return wrong(name, detail, f"gh pr close {found.number} --repo {repository} --delete-branch")
    version = f"{block.version} " if block else ""
    if found.state == "open":
        return ok(name, f"{version}waits in {shown}, open: {found.url}")
    if found.state == "merged":
        return ok(name, f"{version}merged in {shown}")
    if block and block.until:
        return ok(name, f"{version}in {shown}, closed by the promoter: it had become pointless")
    return ok(name, f"{version}in {shown}, closed by a person without merging")
