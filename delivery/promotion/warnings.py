"""What a reviewer has to know about a promotion because of what happened since its commit was made.

Tells which of it makes the promotion a downgrade; what follows from that is `decide.py`'s matter. Looks at the fetched
history only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from delivery.model.edges import Edge, Group
from delivery.model.promoted_keys import PromotedKey
from delivery.model.settings import PromotionSettings
from delivery.model.versions import is_mutable, is_older
from delivery.promotion.history import Order
from delivery.promotion.joins import upstream_values
from delivery.promotion.markdown import code
from delivery.promotion.plan import Change, read_values
from delivery.promotion.state import EdgeState
from delivery.promotion.target_history import TargetChange
from delivery.values.document import ValuesError
from delivery.values.scalar import Scalar, escape


@dataclass(frozen=True)
class ReviewerWarning:
    """`note` is Markdown for the pull request, `words` the same without any, for the line that says what is done.

    With `downgrade` the target has something newer than what is to be promoted.
    """

    note: str
    words: str
    downgrade: bool = False


def reviewer_warnings(
    state: EdgeState, settings: PromotionSettings, values: Mapping[str, Scalar], changes: tuple[Change, ...]
) -> tuple[ReviewerWarning, ...]:
    """What to say about promoting `values`, which makes `changes`; nothing as a rule. Changes by hand come first."""
    by_hand, later = _by_hand(state, settings, changes), _downgrade(state, settings, changes)
    return (*by_hand, *_moved_on(state, values), *later, *_images(state, values, changes))


def _by_hand(state: EdgeState, settings: PromotionSettings, changes: tuple[Change, ...]) -> tuple[ReviewerWarning, ...]:
    """People have changed the target's values since the last promotion: a hotfix, or a revert.

    Whether the promotion goes below what they set is told by the versions' names, where these tell it.
    """
    target, since = state.edge.target, state.target_history.since
    if not since or not changes:
        return ()
    by_hand = [change for change in since if not change.rollback]
    first, older = _lowered(state, changes, by_hand)
    rows = [
        f"[`{change.commit.sha[:9]}`]({settings.web_url}/commit/{change.commit.sha}) "
        f"{code(change.commit.subject, 120)} by {code(change.commit.author, 60)}"
        for change in since[:5]
    ]
    what = f"{target} was {'changed by hand' if by_hand else 'rolled back'} since its last promotion"
    note = f"{what}: {'; '.join(rows)}."
    if older and first:
        note += f" Merging this returns it to the older {code(first.becomes)}."
    elif older is None:
        note += " Whether this goes below that, the names of the versions do not tell: look before you merge."
    names = ", ".join(change.commit.sha[:12] for change in since[:5])
    return (ReviewerWarning(note, f"{what}, by {names}", bool(older)),)


def _lowered(
    state: EdgeState, changes: tuple[Change, ...], by_hand: list[TargetChange]
) -> tuple[Change | None, bool | None]:
    """The version that goes below what a person has set, of the first application with one, and True.

    Without one it is False, or None where the names of the versions do not tell.
    """
    told: bool | None = False
    for own, part in _parts(state.edge):
        version = next((change for change in changes if change.key == f"{own}{part.version_key}"), None)
        set_by_hand = any(
            key.startswith(own) and value != change.before.get(key)
            for change in by_hand
            for key, value in change.after.items()
        )
        if version is None or version.was is None or not set_by_hand:
            continue
        older = is_older(version.becomes, version.was)
        if older:
            return version, True
        told = None if older is None else told
    return None, told


def _moved_on(state: EdgeState, values: Mapping[str, Scalar]) -> tuple[ReviewerWarning, ...]:
    """The source stage has other values by now: nobody may have verified them so far, or they are a downgrade."""
    source = state.origin.source
    try:
        present = state.history.values_since(state.commit, state.origin.at_source) if state.given else {}
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
    for source, where in upstream_values(edge, settings).items():
        own = where.branch == state.origin.source_branch
        start = state.commit if own else state.history.tip_of(where)
        had_this = state.history.last_with(becomes, start, where) if source != state.origin.source else ""
        if not own and not had_this:
            continue
        newer = state.history.last_with(had, state.history.tip_of(where), where, after=had_this or state.commit)
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
            return (
                ReviewerWarning(
                    note,
                    words,
                    downgrade=_reached_target(state, had, newer) and not _chosen_since(state, becomes, newer),
                ),
            )
    return ()


def _images(state: EdgeState, values: Mapping[str, Scalar], changes: tuple[Change, ...]) -> Iterator[ReviewerWarning]:
    """Tags that do not say which image is deployed: they move, or a digest that does not travel goes before them."""
    changed, target = {change.key for change in changes}, state.edge.target
    for before, part in _parts(state.edge):
        if not any(name.startswith(before) for name in changed):
            continue
        for key in part.promoted_keys:
            name, digest = f"{before}{key.name}", f"{before}{key.digest.name}"
            if (key.name != part.version_key and not key.is_tag) or digest in values:
                continue
            if is_mutable(tag := values[name].text):
                why = "is a tag that moves: what was verified may not be what gets deployed"
                yield ReviewerWarning(f"{code(name)} {code(tag)} {why}.", f"{name} {escape(tag)} {why}")
            elif name in changed and _has(state, part, key.digest):
                why = "is not promoted, and decides which image is deployed"
                yield ReviewerWarning(f"{code(digest)} of {target} {why}.", f"{digest} of {target} {why}")


def _parts(edge: Edge) -> tuple[tuple[str, Edge], ...]:
    """The edge of each application, and what stands before the names of its keys."""
    return tuple((f"{part.application}/" if isinstance(edge, Group) else "", part) for part in edge.parts)


def _has(state: EdgeState, part: Edge, key: PromotedKey) -> bool:
    """Whether the target has a value at a key that is not promoted."""
    where = replace(part.at_target, keys=(key,))
    try:
        found = read_values(state.target_texts, where)
    except (KeyError, ValuesError):
        return False
    return any(value is not None and value.text and value.kind != "null" for value in found.values())


def _reached_target(state: EdgeState, had: Mapping[str, str | None], newer: str) -> bool:
    """Whether the target got what it has after the commit `newer` came about, not by coincidence before it."""
    came = state.history.last_with(had, state.tip, state.edge.at_target)
    return not came or state.history.local_order(came, newer) in (Order.NEWER, Order.SAME)


def _chosen_since(state: EdgeState, becomes: Mapping[str, str], newer: str) -> bool:
    """Whether a person changed the source stage to what is to be promoted after the commit `newer` came about."""
    where = state.origin.at_source
    came = state.history.last_with(becomes, state.commit, where)
    return (
        bool(came) and state.history.is_by_hand(came, where) and state.history.local_order(came, newer) is Order.NEWER
    )
