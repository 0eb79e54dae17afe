"""Checks of each edge that this stage is part of: its last promotion, and whether a pull request waits."""

from collections.abc import Iterator

from delivery.doctor.check import Check, ok, unknown, wrong
from delivery.edges import Edge
from delivery.promotion.block import parse_block
from delivery.promotion.github import GitHub, GitHubError, PullRequest
from delivery.secret_text import SecretText
from delivery.stack_configuration import StackConfiguration
from delivery.stack_token import in_stack_words


def promotions(configuration: StackConfiguration, token: SecretText) -> Iterator[Check]:
    """One check for each edge into or out of this stage."""
    stage = configuration.stage.name
    for edge in configuration.pipeline.edges():
        if stage in (edge.source, edge.target):
            yield last_promotion(configuration, edge, token)


def last_promotion(configuration: StackConfiguration, edge: Edge, token: SecretText) -> Check:
    """What became of the newest pull request on the edge's branch."""
    repository, name = configuration.pipeline.repository, f"last promotion, {edge}"
    # No second try: with many edges, a forge that is down would be waited for again at each of them.
    github = GitHub(repository.api_url, repository.owner, repository.name, token.reveal(), deadline=0)
    try:
        found = github.list_pull_requests(edge.branch, repository.default_branch)
    except GitHubError as error:
        return unknown(name, in_stack_words(error))
    if not found:
        return ok(name, "none so far")
    return _told(name, edge, found[0], f"{repository.owner}/{repository.name}")


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
