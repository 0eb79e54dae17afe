"""What a reviewer has to know about a promotion because of what happened since its commit was made.

Says it and decides nothing, for what was verified may be promoted. Looks at the fetched history only.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from delivery.model.edges import PromotionSettings
from delivery.promotion.markdown import code
from delivery.promotion.plan import Change
from delivery.promotion.state import EdgeState
from delivery.values.document import ValuesError
from delivery.values.editor import read_keys
from delivery.values.scalar import Scalar, escape


@dataclass(frozen=True)
class ReviewerWarning:
    """`note` is Markdown for the pull request, `words` the same without any, for the line that says what is done."""

    note: str
    words: str


def reviewer_warnings(
    state: EdgeState, settings: PromotionSettings, values: Mapping[str, Scalar], changes: tuple[Change, ...]
) -> tuple[ReviewerWarning, ...]:
    """What to say about promoting `values`, which makes `changes`; nothing as a rule, and at most two things."""
    return (*_moved_on(state, values), *_downgrade(state, settings, changes))


def _moved_on(state: EdgeState, values: Mapping[str, Scalar]) -> tuple[ReviewerWarning, ...]:
    """The source stage has other values by now: nobody may have verified them so far, or they are a downgrade."""
    source, path = state.edge.source, state.edge.source_values
    content = state.history.changed_since(state.commit, path) if state.given else None
    try:
        present = read_keys(content, values, where=path) if content is not None else {}
    except ValuesError:
        return ()
    for key, now in present.items():
        if now is not None and now != values[key]:
            note = f"{source} has moved on since this commit: {code(key)} is {code(now.text)} there now."
            return (ReviewerWarning(note, f"{source} has moved on to {key} {escape(now.text)} since"),)
    return ()


def _downgrade(
    state: EdgeState, settings: PromotionSettings, changes: tuple[Change, ...]
) -> tuple[ReviewerWarning, ...]:
    """What the target has came after the commit that is to be promoted: late, or along another edge, it is a downgrade.

    Pull requests tell that of this edge alone, and nothing of what was committed by hand. Git tells all of it: a
    commit since that gave one of the stages before the target, however far before, just what the target has. In
    another stage than the source, "since" begins where that stage had what is to be promoted: a stage that is new
    between two others makes an old version's commit the newest.
    """
    edge = state.edge
    had = {change.key: change.was for change in changes}
    if None in had.values():
        return ()
    becomes = {change.key: change.becomes for change in changes}
    for source, path in _upstream(state, settings).items():
        had_this = state.history.last_with(becomes, state.commit, path) if source != edge.source else ""
        newer = state.history.last_with(had, state.tip, path, after=had_this or state.commit)
        if newer:
            key, was, then = changes[0].key, str(changes[0].was), changes[0].becomes
            commit = f"[`{newer[:12]}`]({settings.web_url}/commit/{newer})"
            came = f"after {code(then)}, with the commit" if had_this else "with the newer commit"
            note = (
                f"{edge.target} has {code(key)} {code(was)}, which came to {source} {came} {commit}: "
                "merging this reverts it."
            )
            came = f"after {escape(then)}, with the commit" if had_this else "with the newer commit"
            words = f"this reverts {key} {escape(was)}, which came to {source} {came} {newer[:12]}"
            return (ReviewerWarning(note, words),)
    return ()


def _upstream(state: EdgeState, settings: PromotionSettings) -> dict[str, str]:
    """Every stage from which the application comes to the target, the nearest ones first, and its values' path."""
    found: dict[str, str] = {}
    level = [state.edge.target]
    while level:
        edges = [edge for edge in settings.edges if edge.application == state.edge.application and edge.target in level]
        level = [edge.source for edge in edges if edge.source not in found]
        found |= {edge.source: edge.source_values for edge in edges}
    return found
