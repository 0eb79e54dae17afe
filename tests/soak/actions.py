"""What can happen in a history, as data: hypothesis draws it, shrinks it and prints it, and what is printed runs again.

Stages, events and pull requests are chosen by numbers, modulo how many there are; what is impossible does nothing.
"""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.soak.layouts import LAYOUTS
from tests.soak.network import FAULTS, GARBLED

VERSIONS = ("v0.3.0", "v0.3.1", "v0.3.9", "v0.3.10", "v0.4.0")
"""Oldest first, in an order that is not that of their letters. Every stage begins with the first one."""
PIPELINES: dict[str, dict[str, tuple[str, ...]]] = {
    "two stages": {"dev": (), "production": ("dev",)},
    "chain": {"dev": (), "qa": ("dev",), "production": ("qa",)},
    "fan-out": {"dev": (), "qa": ("dev",), "perf": ("dev",)},
    "join, any": {"qa": (), "perf": (), "production": ("qa", "perf")},
    "join, all": {"qa": (), "perf": (), "production": ("qa", "perf")},
    "diamond, any": {"dev": (), "qa": ("dev",), "perf": ("dev",), "production": ("qa", "perf")},
    "diamond, all": {"dev": (), "qa": ("dev",), "perf": ("dev",), "production": ("qa", "perf")},
}
DAY = 86_400


@dataclass(frozen=True)
class Trouble:
    """At request `at` of a run something happens: a fault, the end of the process, or `during`, done by others."""

    at: int
    kind: str
    lasting: bool = False
    during: Any = None


@dataclass(frozen=True)
class Commit:
    """A person sets a stage's version, by a clock that is `skew` seconds off: a release, a revert or a hotfix.

    `part` 0 is all of it; else one application of several, or one file.
    """

    stage: int
    version: int
    skew: int = 0
    part: int = 0


@dataclass(frozen=True)
class Noise:
    """Commits that promote nothing: another key of a stage, a file beside its values, or one elsewhere."""

    stage: int
    what: str
    count: int = 1
    skew: int = 0


@dataclass(frozen=True)
class Verify:
    """A stage runs the tip of its branch and is verified there: an event for each stage that follows.

    There is one for every application, or for the `part`'s.
    """

    stage: int
    part: int = 0


@dataclass(frozen=True)
class Deliver:
    """The promoter is run for an event, counted from the newest."""

    event: int
    again: bool = False
    trouble: Trouble | None = None


@dataclass(frozen=True)
class Ship:
    """Commit, verify, deliver, and `merge`; or only `verify`, and what was verified is delivered later, if ever."""

    stage: int
    version: int
    then: str = "deliver"
    trouble: Trouble | None = None
    part: int = 0


@dataclass(frozen=True)
class Rollback:
    """A person asks to undo the last promotion along an edge."""

    edge: int
    again: bool = False
    trouble: Trouble | None = None


@dataclass(frozen=True)
class Merge:
    """A person merges an open pull request."""

    pull: int
    method: str = "merge"
    delete: bool = False


@dataclass(frozen=True)
class Close:
    """A person closes an open pull request, by deleting its branch perhaps."""

    pull: int
    delete: bool = False


@dataclass(frozen=True)
class Reopen:
    """A person opens a closed pull request again."""

    pull: int


@dataclass(frozen=True)
class Edit:
    """A person edits what an open pull request says: `above` the promoter's text, its `title`, `all` or `metadata`."""

    pull: int
    what: str


@dataclass(frozen=True)
class Work:
    """Somebody pushes to an open pull request's branch: `notes`, the key `replicas`, the `version`, or an `update`."""

    pull: int
    what: str


@dataclass(frozen=True)
class Lag:
    """The next lists of pull requests miss the newest one."""

    times: int


@dataclass(frozen=True)
class History:
    """A pipeline and a layout, what happens in it, and the order in which its events are repeated at the end."""

    pipeline: str
    actions: list[Any] = field(default_factory=list)
    order: int = 0
    layout: str = "plain"


def _some(*weighed: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """One of several, as often as its weight says; `one_of` takes all for equal."""
    return st.sampled_from([strategy for weight, strategy in weighed for _ in range(weight)]).flatmap(lambda one: one)


_small, _stage = st.integers(0, 3), st.integers(0, 2)
_version = st.integers(0, len(VERSIONS) - 1)
_part = st.sampled_from((0, 1, 0, 2, 3))
_commits = st.builds(Commit, _stage, _version, st.sampled_from((0, 0, 0, -DAY, DAY, -9 * DAY)), _part)
_noise = st.builds(
    Noise, _stage, st.sampled_from(("key", "folder", "elsewhere")), st.sampled_from((1, 9)), st.sampled_from((0, -DAY))
)
_merges = st.builds(Merge, _small, st.sampled_from(("merge", "squash")), st.booleans())
_closes = st.builds(Close, _small, st.booleans())
_works = st.builds(Work, _small, st.sampled_from(("notes", "replicas", "update", "version")))
_edits = st.builds(Edit, _small, st.sampled_from(("above", "title", "all", "metadata")))
_during = _some(
    (3, st.builds(Deliver, st.sampled_from((0, 0, 1, 2)))),
    (1, _merges),
    (1, _closes),
    (1, _commits),
    (1, _works),
    (1, _edits),
)
# A run reads with the first three, and writes with those from the fourth on.
_request = st.sampled_from((4, 3, 5, 2, 1, 0, 6, 7, 4, 3, 4))
_trouble = _some(
    (3, st.none()),
    (1, st.builds(Trouble, _request, st.sampled_from((*FAULTS, *GARBLED)), st.booleans())),
    (1, st.builds(Trouble, _request, st.just("meanwhile"), st.just(False), _during)),
)
_again = st.sampled_from((False, False, False, False, True))
_ships = st.builds(Ship, _stage, _version, st.sampled_from(("deliver", "deliver", "merge", "verify")), _trouble, _part)
_actions = _some(
    (8, _ships),
    (4, st.builds(Deliver, _small, _again, _trouble)),
    (2, _merges),
    (2, _commits),
    (1, st.builds(Verify, _stage, _part)),
    (1, _noise),
    (1, _closes),
    (1, st.builds(Reopen, _small)),
    (1, _edits),
    (1, _works),
    (1, st.builds(Lag, st.integers(1, 2))),
    (1, st.builds(Rollback, _small, _again, _trouble)),
)


def histories(*pipelines: str, layouts: tuple[str, ...] = ()) -> st.SearchStrategy[History]:
    """Histories of these pipelines, or of all, with these layouts or with all."""
    # Two lists: one alone would be half as long on average. Two stages come often, for most is about one edge.
    actions = st.builds(lambda one, other: one + other, *[st.lists(_actions, min_size=1, max_size=8)] * 2)
    chosen = [
        (pipeline, layout)
        for pipeline in pipelines or ("two stages", "two stages", *PIPELINES)
        for layout in layouts or ("plain", "plain", *LAYOUTS)
        # A stage that comes after several has no groups.
        if "," not in pipeline or len(LAYOUTS[layout].applications) == 1
    ]
    order = st.integers(0, 1000)
    return st.builds(
        lambda where, done, number: History(where[0], done, number, where[1]), st.sampled_from(chosen), actions, order
    )
