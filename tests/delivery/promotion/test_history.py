"""What earlier pull requests mean for a new promotion, on random histories of them."""

from collections.abc import Iterator
from typing import Literal, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml.events import Event

from delivery.github.client import PullRequest
from delivery.model.hints import Hint
from delivery.promotion.history import History, Order, Precedence, PromotionError, Proposal, precedence
from delivery.promotion.metadata import PromotionMetadata
from delivery.promotion.plan import Change
from delivery.values import parser
from delivery.values.document import YamlFile
from tests.delivery.promotion.story import EDGE, Story

State = Literal["open", "merged", "closed"]


class Line:
    """A history that is one line: commit 3 contains commit 2. Beyond `known`, only the forge can tell."""

    def __init__(self, known: int = 0) -> None:
        self.known, self.asked = known, 0

    def order(self, commit: str, reference: str) -> Order:
        local = self.local_order(commit, reference)
        if local is None:
            self.asked += 1
        return local or _order(int(commit, 16), int(reference, 16))

    def closed_by_our_deletion(self, _: object) -> bool:
        return False

    def untouched(self, *_: object) -> bool:
        return False

    def local_order(self, commit: str, reference: str) -> Order | None:
        one, other = int(commit, 16), int(reference, 16)
        return _order(one, other) if commit == reference or min(one, other) >= self.known else None


class Torn(Line):
    def order(self, commit: str, reference: str) -> Order:
        return Order.SAME if commit == reference else Order.UNRELATED


def _order(one: int, other: int) -> Order:
    return Order.SAME if one == other else Order.NEWER if one > other else Order.OLDER


def name(commit: int) -> str:
    return f"{commit:040x}"


def proposal(number: int, state: State, commit: int, until: int = 0) -> Proposal:
    pull_request = PullRequest(number, "", "", "", state, "b", "", "")
    changes = (Change("serviceVersion", "v0", f"v{commit}"),)
    metadata = PromotionMetadata("promotion", "a", "dev", "production", name(commit), f"v{commit}", changes=changes)
    return Proposal(
        pull_request, PromotionMetadata(**{**vars(metadata), "superseded_by": name(until) if until else ""})
    )


def judged(proposals: list[Proposal], commit: int, line: Line | None = None, *, given: bool = True) -> Precedence:
    becomes = {"serviceVersion": f"v{commit}"}
    history = cast(History, line or Line())
    where = EDGE.at_source
    return precedence(history, tuple(reversed(proposals)), name(commit), becomes, given=given, where=where)[0]


histories = st.lists(st.tuples(st.sampled_from(["merged", "closed"]), st.integers(1, 9), st.booleans()), max_size=6)


@given(histories, st.none() | st.integers(1, 9), st.integers(1, 9), st.integers(0, 9))
def test_something_new_is_proposed_and_something_settled_never_is(
    past: list[tuple[State, int, bool]], opened: int | None, commit: int, known: int
) -> None:
    past = sorted(past, key=lambda step: step[1])
    proposals = [
        proposal(number, state, old, until=old if ours and state == "closed" else 0)
        for number, (state, old, ours) in enumerate(past, 1)
    ]
    newest = max((old for _, old, _ in past), default=0)
    if opened is not None and opened >= newest:
        proposals.append(proposal(99, "open", opened))
        newest = opened
    line = Line(known)

    found = judged(proposals, commit, line)

    if commit > newest:
        assert found is Precedence.FREE
    if commit < newest:
        assert found in (Precedence.SUPERSEDED, Precedence.DECLINED)
    assert line.asked <= 1


@pytest.mark.parametrize(
    ("proposals", "commit", "expected"),
    [
        ([], 3, Precedence.FREE),
        ([proposal(1, "open", 3)], 3, Precedence.FREE),
        ([proposal(1, "open", 3)], 2, Precedence.SUPERSEDED),
        ([proposal(1, "merged", 3)], 3, Precedence.REVERTED),
        ([proposal(1, "merged", 3)], 2, Precedence.SUPERSEDED),
        ([proposal(1, "merged", 3)], 4, Precedence.FREE),
        ([proposal(1, "closed", 3)], 3, Precedence.DECLINED),
        ([proposal(1, "closed", 3)], 2, Precedence.DECLINED),
        ([proposal(1, "closed", 3)], 4, Precedence.FREE),
        ([proposal(1, "closed", 3, until=5)], 4, Precedence.SUPERSEDED),
        ([proposal(1, "closed", 3, until=5)], 5, Precedence.FREE),
        ([proposal(1, "open", 3, until=5)], 4, Precedence.FREE),
        ([proposal(1, "merged", 3), proposal(2, "closed", 5)], 3, Precedence.DECLINED),
        ([proposal(1, "merged", 3), proposal(2, "open", 2)], 3, Precedence.REVERTED),
        ([proposal(1, "merged", 3), proposal(2, "open", 3)], 3, Precedence.FREE),
    ],
)
def test_rule(proposals: list[Proposal], commit: int, expected: Precedence) -> None:
    assert judged(proposals, commit) is expected


def test_a_pull_request_whose_metadata_is_gone_says_nothing() -> None:
    silent = Proposal(proposal(1, "merged", 3).pull_request, None)

    assert judged([silent], 3) is Precedence.FREE


def test_without_a_given_commit_the_same_values_count_as_the_same_promotion() -> None:
    becomes = {"serviceVersion": "v3"}
    for state, expected in (("merged", Precedence.REVERTED), ("closed", Precedence.DECLINED)):
        earlier = (proposal(1, cast(State, state), 3),)
        for named, found in ((False, expected), (True, Precedence.FREE)):
            history, where = cast(History, Line()), EDGE.at_source
            assert precedence(history, earlier, name(7), becomes, given=named, where=where)[0] is found


def test_commits_with_nothing_in_common_are_for_people_to_judge() -> None:
    with pytest.raises(PromotionError) as caught:
        judged([proposal(1, "merged", 3)], 4, Torn())
    assert caught.value.hint is Hint.AGAIN


def test_files_that_cannot_have_a_version_are_not_parsed_to_look_for_it(
    told: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        told.release(f"v0.2.{number}")
    commit = told.release("v0.3.1")
    parsed: list[str] = []
    build = parser._build

    def recorded(document: YamlFile, events: Iterator[Event]) -> None:
        parsed.append(document.text)
        build(document, events)

    monkeypatch.setattr(parser, "_build", recorded)

    assert told.promote(commit).status == 0
    assert not [text for text in parsed if "v0.2." in text]
