"""What is due along the edges into a stage, for a stack that declares its promotions as resources.

Reads and decides with the promoter's own modules, and says which pull request has to exist; declaring it is
the component's matter. Asks the forge twice for an edge: one list of pull requests, one fetch.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from delivery.git.commits import DECLARED, TRAILER
from delivery.git.repository import Repository
from delivery.github.client import GitHub
from delivery.model.edges import Edge, PromotionSettings
from delivery.model.stack import PromotionRequest
from delivery.promotion.branch import on_top
from delivery.promotion.decide import AGAIN, Decision, Request, propose
from delivery.promotion.history import NotThereYet
from delivery.promotion.state import EdgeState, read_edge
from delivery.tracing.run import PromotionSpan


@dataclass(frozen=True)
class Wanted:
    """The pull request that has to exist, with the branch and the one file on it.

    `content` is None when the branch is right as others left it, and needs no commit. `edition` is short for the
    content: a commit with another one is another resource, for the provider would update a file with the checksum
    of its state, which GitHub refuses when that is not the newest.
    `generation` is the newest pull request of the edge that is finished (0: none): what follows it is another
    promotion, with resources of its own. `open_number` is the open pull request, 0 when there is none yet.
    `left_over` is the head of a branch that a finished promotion left behind, empty when there is none.
    `labels` are those of the open pull request. `unchanged`: it and its branch are what they have to be.
    """

    branch: str
    path: str
    content: str | None
    edition: str
    message: str
    title: str
    body: str
    version: str
    generation: int
    open_number: int
    left_over: str
    labels: tuple[str, ...]
    unchanged: bool


@dataclass(frozen=True)
class Incoming:
    """One edge: `why` says in a line what is due or why nothing is; `wanted` is None when nothing is."""

    edge: Edge
    why: str
    wanted: Wanted | None


def read_incoming(
    edge: Edge,
    settings: PromotionSettings,
    asked: PromotionRequest,
    github: GitHub,
    connect: Callable[[], Repository],
    span: PromotionSpan,
) -> Incoming:
    """What is due along `edge`, as `asked`, or whatever the source stage has when nothing was asked.

    Raises `PromotionError`, `ValuesError`, `GitHubError` or `GitError`, each with one line. A stage that has not
    been committed yet is no error: there is nothing to promote so far.
    """
    request = Request(
        edge.application,
        edge.source,
        edge.target,
        version=asked.version,
        commit=asked.commit,
        traceparent=asked.traceparent,
        again=asked.again,
    )
    try:
        with connect() as repository:
            with span.step("read"):
                state = read_edge(edge, settings, github, repository, commit=asked.commit or None)
            with span.step("plan"):
                decision = propose(state, request, settings, promotion=span.traceparent or "")
            if decision.rendered is not None:
                span.set_version(decision.rendered.block.version)
            if not asked.traceparent:
                span.add_link(decision.traceparent, "verified")
            span.set_commit(decision.commit, repository.committed_at(decision.commit))
            wanted = _wanted(state, decision, repository)
    except NotThereYet as missing:
        # Of its own stage, this very update commits what is missing.
        own = f"{edge.target_values} is committed by this update, the next one proposes what {edge.source} has then"
        why = own if str(missing).startswith(edge.target_values) else missing
        return Incoming(edge, f"nothing to promote so far: {why}", None)
    why = decision.why.replace(
        # For this once: what stays in the configuration would reopen whatever is closed later, too.
        AGAIN,
        f"""run DELIVERY_PROMOTE='{{"again": true}}' pulumi up -s {edge.target}""",
    )
    if decision.plan.changes and decision.commit[:12] not in why:
        why = f"{why} (commit {decision.commit[:12]})"
    return Incoming(edge, why, wanted)


def _wanted(state: EdgeState, decision: Decision, repository: Repository) -> Wanted | None:
    rendered = decision.rendered
    if rendered is None:
        return None
    head = state.branch.head
    left_over = (head or "") if state.open is None and not state.branch.foreign else ""
    content: bytes | None = decision.plan.text
    there = False
    if head is not None and not left_over:
        present = repository.read(head, state.edge.target_values)
        if state.branch.foreign:
            content = (on_top(repository, state, decision, head) or present or state.target).content
        newest = next(iter(repository.log(head, f"^{state.tip}", limit=1)), None)
        others = newest is not None and not newest.declared
        there = present is not None and present.content == content
        if others and there:
            content = None
    title, body = rendered.title, rendered.body
    said = False
    if state.open is not None:
        # Said already, it stays as it is: the run that says it is another one each time, and no change by itself.
        found = state.open.pull_request
        said = rendered.says(state.open.block)
        title, body = (found.title, found.body) if said else (title, rendered.over(found.body))
    finished = (each.pull_request for each in state.on_branch if each.pull_request.state != "open")
    return Wanted(
        branch=state.branch.name,
        path=state.edge.target_values,
        content=content.decode("utf-8") if content is not None else None,
        edition=hashlib.sha256(content or b"").hexdigest()[:8],
        message=_declared(rendered.message),
        title=title,
        body=body,
        version=rendered.block.version,
        generation=max((each.number for each in finished), default=0),
        open_number=state.open.pull_request.number if state.open else 0,
        left_over=left_over,
        labels=state.open.pull_request.labels if state.open else (),
        unchanged=there and said,
    )


def _declared(message: str) -> str:
    # Git keeps no newline at the end of what GitHub is given, and a difference would be a change each time.
    lines = message.strip().splitlines()
    return "\n".join(f"{line}{DECLARED}" if line.startswith(f"{TRAILER}:") else line for line in lines)


def renew_branch(wanted: Wanted, settings: PromotionSettings, connect: Callable[[], Repository]) -> None:
    """Bring a left-over branch to the tip of the default branch, if it is still where it was read.

    The next promotion must not be a commit on what was merged or closed. Raises `GitError`.
    """
    if not wanted.left_over:
        return
    with connect() as repository:
        tip = repository.fetch_tip(settings.default_branch)
        if tip is not None:
            repository.push(wanted.branch, tip, observed=wanted.left_over, rewrite=True)
