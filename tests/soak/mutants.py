"""Faults planted in the promoter, each of which some history has to bring to light: the oracle's own test.

A mutant replaces one thing while it is entered; what it replaces has to exist, so that none of them outlives the code.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import PropertyMock, patch

from delivery.git.repository import Repository
from delivery.github import records
from delivery.github.client import GitHub, GitHubError
from delivery.model.edges import Join
from delivery.model.promoted_keys import StageValues, in_values
from delivery.model.settings import PromotionSettings
from delivery.promotion import branch, decide, desired, due, execute, publish, pull_request, state
from delivery.promotion.commit import make_commit
from delivery.promotion.desired import desired_promotion
from delivery.promotion.groups import select_together
from delivery.promotion.history import History, Precedence, Proposal
from delivery.promotion.joins import Selection
from delivery.promotion.plan import TRACE_PARENT, Change, plan
from delivery.promotion.target_history import TargetHistory
from delivery.promotion.verified import Verification
from delivery.values.editor import set_keys
from delivery.values.scalar import Scalar
from tests.soak.actions import DAY, Close, Commit, Deliver, Noise, Ship, Trouble, Verify, Work
from tests.soak.actions import History as Played
from tests.soak.world import TOKEN

Mutant = Callable[[], AbstractContextManager[Any]]


def _create(self: GitHub, name: str, *rest: Any, original: Any = GitHub.create_pull_request) -> Any:
    try:
        return original(self, name, *rest)
    except GitHubError as error:
        if error.refused:
            self.request("DELETE", f"/git/refs/heads/{name}", read=lambda _: None)
        raise


def _keep_the_text(self: GitHub, number: int, title: str, body: str, *, close: bool = False) -> Any:
    if close:
        return _update(self, number, title, body, close=True)
    return replace(self.get_pull_request(number), title=title, body=body)


_update = GitHub.update_pull_request


def _tip_instead(repository: Repository, commit: str, *rest: Any, original: Any = state._files) -> Any:
    return original(repository, repository.resolve("refs/delivery/tips/main") or commit, *rest)


def _more_keys(source: Any, target: Any, here: StageValues, there: StageValues, *rest: Any, **names: Any) -> Any:
    here, there = (replace(where, keys=(*where.keys, *in_values("limit"))) for where in (here, there))
    return plan(source, target, here, there, *rest, **names)


def _trace_alone(source: Any, target: Any, here: StageValues, there: StageValues, links: Any, **names: Any) -> Any:
    planned = plan(source, target, here, there, links, **names)
    text, link = target[there.trace], links[there.trace]
    if planned.changes or not link or link.encode() in text:
        return planned
    same = tuple(Change(key, value.text, value.text) for key, value in planned.values.items())
    texts = {there.trace: set_keys(text, {TRACE_PARENT: Scalar(link)}, where="target")}
    return replace(planned, changes=same, texts=texts)


def _forced(self: Repository, doing: str, *arguments: str, original: Any = Repository._remotely) -> None:
    if arguments[0] == "push":
        kept = [word for word in arguments if not word.startswith("--force-with-lease")]
        arguments = tuple(f"+{word}" if ":refs/" in word else word for word in kept)
    original(self, doing, *arguments)


def _nobody_else(*arguments: Any, original: Any = branch.read_branch) -> Any:
    return replace(original(*arguments), by_others=())


def _with_token(subject: Any, settings: Any, *, original: Any = pull_request.render) -> Any:
    return original(subject, replace(settings, web_url=settings.web_url.replace("//", f"//x:{TOKEN}@")))


def _by_dates(self: Repository, commit: str, *, original: Any = Repository.log, **options: Any) -> Any:
    if not options.get("without") or options.get("path"):
        return original(self, commit, **options)
    return self._commits(commit, f"^{options['without']}", "--")


def _without_the_last(repository: Repository, parent: str, files: Any, *rest: Any, original: Any = make_commit) -> Any:
    left = dict([*files.items()][:-1]) if len(files) > 2 else files
    return original(repository, parent, left, *rest)


def _for_nobody(edge: Any, history: Any, logs: Any, said: Verification | None, *rest: Any) -> Any:
    return Selection(edge, said.commit, (said,)) if said else select_together(edge, history, logs, said, *rest)


def _on_another_tip(found: Any, decision: Any, settings: Any, repository: Repository) -> Any:
    desired = desired_promotion(found, decision, settings, repository)
    tip = repository.resolve("refs/delivery/tips/main")
    return replace(desired, parent=tip) if desired and tip and not desired.append else desired


def _crossed(found: Any, request: Any, *, original: Any = decide._links) -> dict[str, str]:
    links = original(found, request)
    return dict(zip(links, [*links.values()][::-1], strict=True))


def _of_any_commit(self: records.Records, application: str, stage: str, _: str) -> records.Record | None:
    return next((one for one in self.of(application, stage) if one.state == "success"), None)


def _property(owner: Any, name: str, value: object) -> Mutant:
    return lambda: patch.object(owner, name, new_callable=PropertyMock, return_value=value)


def _object(owner: Any, name: str, other: Any) -> Mutant:
    # What is patched as a method has to be a function, which a mock is not.
    return lambda: patch.object(owner, name, other)


def _several(*mutants: Mutant) -> Mutant:
    """All of them at once: what one rule lets through, another one stops."""

    @contextmanager
    def planted() -> Iterator[None]:
        with ExitStack() as stack:
            for mutant in mutants:
                stack.enter_context(mutant())
            yield

    return planted


ELSEWHERE = {
    "a join forgets a source stage": ("join, all", "plain"),
    "nothing is kept of what was verified": ("join, all", "plain"),
    "a file is left out of the commit": ("two stages", "two files"),
    "a group waits for nobody": ("two stages", "group"),
    "the commit stands on another branch": ("two stages", "branches"),
    "the pull request goes into another branch": ("two stages", "branches"),
    "the trace is another application's": ("two stages", "group"),
}
"""The pipelines and layouts in which faults show that do not in the plain one with two stages."""
USUAL = ("two stages", "plain")
MUTANTS: dict[str, Mutant] = {
    "the order is ignored": _several(
        _object(decide, "newer_in_git", lambda _: None),
        _object(decide, "precedence", lambda *_, **__: (Precedence.FREE, None)),
    ),
    "nothing is kept of what was verified": _object(execute, "log_updates", lambda *_, **__: []),
    "nothing is compared after the last write": _object(publish, "compare", lambda *_: None),
    "a refused POST deletes the branch": _several(
        _object(GitHub, "create_pull_request", _create),
        _object(History, "closed_by_our_deletion", lambda *_: False),
    ),
    "the text is not updated": _object(GitHub, "update_pull_request", _keep_the_text),
    "the branch is not rebuilt": _object(desired, "_brings_the_plan", lambda *_: True),
    "the default branch is promoted": _object(state, "_files", _tip_instead),
    "another key is promoted, too": _object(decide, "plan", _more_keys),
    "the link to the trace alone is a change": _object(decide, "plan", _trace_alone),
    "the lease is dropped": _object(Repository, "_remotely", _forced),
    "commits by others are overwritten": _object(state, "read_branch", _nobody_else),
    "hotfixes are not looked at": _object(decide, "reviewer_warnings", lambda *_: ()),
    "what was reverted comes back": _object(TargetHistory, "reverted", lambda *_: None),
    "a person's closing is ignored": _property(Proposal, "declined", False),
    "a join forgets a source stage": _property(Join, "requires_all", False),
    "the token is in an address": _object(decide, "render", _with_token),
    "commits are told apart by their dates": _object(Repository, "log", _by_dates),
    "a file is left out of the commit": _object(execute, "make_commit", _without_the_last),
    "a group waits for nobody": _object(state, "select_together", _for_nobody),
    "the commit stands on another branch": _object(execute, "desired_promotion", _on_another_tip),
    "the pull request goes into another branch": _object(
        PromotionSettings, "base", lambda self, _: self.default_branch
    ),
    "the trace is another application's": _object(decide, "_links", _crossed),
}

_TWO: dict[str, tuple[str, list[Any]]] = {
    "the order is ignored": ("turned around", [Ship(0, 1, "verify"), Ship(0, 2), Deliver(1)]),
    "nothing is compared after the last write": (
        "turned around",
        [Ship(0, 1, "verify"), Ship(0, 2, "verify"), Deliver(1, trouble=Trouble(4, "meanwhile", during=Deliver(0)))],
    ),
    "a refused POST deletes the branch": ("lost", [Ship(0, 1, trouble=Trouble(4, "403 after"))]),
    "the text is not updated": ("turned around", [Ship(0, 1), Ship(0, 2)]),
    "the branch is not rebuilt": ("turned around", [Ship(0, 1), Ship(0, 2)]),
    "the default branch is promoted": ("failed", [Ship(0, 1, "verify"), Ship(0, 2, "verify"), Deliver(1)]),
    "another key is promoted, too": ("unpromoted bytes", [Ship(0, 1)]),
    "the link to the trace alone is a change": ("pointless", [Verify(0), Deliver(0)]),
    "the lease is dropped": (
        "work lost",
        [Ship(0, 1), Ship(0, 2, trouble=Trouble(3, "meanwhile", during=Work(0, "notes")))],
    ),
    "commits by others are overwritten": ("work lost", [Ship(0, 1), Work(0, "notes"), Ship(0, 2)]),
    "hotfixes are not looked at": ("hotfix", [Commit(1, 3), Ship(0, 1)]),
    "what was reverted comes back": ("returned", [Ship(0, 1, "merge"), Commit(1, 0), Verify(0), Deliver(0)]),
    "a person's closing is ignored": ("declined", [Ship(0, 1), Close(0), Deliver(0)]),
    "the token is in an address": ("secret", [Ship(0, 1)]),
    "commits are told apart by their dates": (
        "not mergeable",
        [Ship(0, 1), Noise(0, "elsewhere", 9, -DAY), Commit(1, 1, -DAY), Ship(0, 2)],
    ),
}
_ELSEWHERE: dict[str, tuple[str, list[Any]]] = {
    "nothing is kept of what was verified": ("lost", [Ship(0, 1), Ship(1, 1)]),
    "a join forgets a source stage": ("unverified", [Ship(0, 1)]),
    "a file is left out of the commit": ("halves", [Ship(0, 1)]),
    "a group waits for nobody": ("unverified", [Commit(0, 1), Ship(0, 2, part=1)]),
    "the commit stands on another branch": ("unpromoted bytes", [Ship(0, 1)]),
    "the pull request goes into another branch": ("not mergeable", [Ship(0, 1)]),
    "the trace is another application's": ("trace", [Ship(0, 1)]),
}
KNOWN = {
    name: (found, Played(ELSEWHERE.get(name, USUAL)[0], actions, layout=ELSEWHERE.get(name, USUAL)[1]))
    for name, (found, actions) in (_TWO | _ELSEWHERE).items()
}
"""For each fault a short history in which it shows, and the invariant that it breaks there."""

MESSENGERS: dict[str, Mutant] = {
    "the sweep forgets an edge": _object(due, "all_edges", lambda settings, of=due.all_edges: of(settings)[:-1]),
    "what was cut off stays so": _object(due._Sweep, "_cut_off", lambda *_: None),
    "a failure counts as a success": _object(records, "_STATES", dict.fromkeys(records._STATES, "success")),
    "a record counts for any commit": _object(records.Records, "verified", _of_any_commit),
}
"""Faults of records and the sweep, which show in what is counted (`losses.py`)."""
