"""Counts losses: the same histories with records and the sweep, and with one dispatch as the only messenger.

What is counted, and when it counts, is `ledger.py`'s matter; what happens, `deliveries.py`'s.
"""

import traceback
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field

from tests.soak.deliveries import Deliveries
from tests.soak.hours import Messengers
from tests.soak.ledger import Counts
from tests.soak.mutants import MESSENGERS
from tests.soak.search import quick_folder
from tests.soak.world import site

SHARE = 50
"""Verified versions of one history."""
ALL, NONE = "records and sweep", "dispatches alone"
MODES = {ALL: Messengers(), NONE: Messengers(records=False, sweep=False)}
ROWS = {
    "verified": "verified versions",
    "due": "of these, for each stage after: due, and not superseded before their third chance",
    "lost": "**lost**: never proposed",
    "late": "proposed after their third chance",
    "doubled": "**doubled**: proposed by a second pull request",
    "unverified": "**unverified**: proposed or in a stage, and never verified at that commit",
    "torn": "left with a text that names another commit than the branch",
    "merged": "pull requests merged",
    "declined": "pull requests declined",
    "refused": "runs refused, for a commit without a record",
    "runs": "runs that a dispatch started",
    "sweeps": "sweeps",
}


@dataclass(frozen=True)
class Share:
    """The history of `seed` with so many verified versions, and its messengers; with the fault `mutant`, if any.

    `shape` is what is delivered through which stages (`hours.SHAPES`), drawn by the seed unless it is given.
    """

    seed: int
    versions: int = SHARE
    mode: str = ALL
    mutant: str = ""
    shape: int | None = None


KNOWN = {
    "the sweep forgets an edge": ("lost", 12, 6, 0),
    "what was cut off stays so": ("lost", 18, 25, 3),
    "a failure counts as a success": ("unverified", 1, 6, 0),
    "a record counts for any commit": ("unverified", 7, 6, 0),
}
"""For each fault what is counted of it, in the history of that seed, number of versions and shape."""


@dataclass
class Totals:
    """The counts of each mode, and what went wrong though there was every messenger."""

    counts: dict[str, Counts] = field(default_factory=lambda: {mode: Counts() for mode in MODES})
    broken: list[str] = field(default_factory=list)

    def add(self, share: Share, counts: Counts) -> None:
        """Add one history's: a fault that was planted has to show in it."""
        if share.mutant:
            kind = KNOWN[share.mutant][0]
            found = any(one.startswith(kind) for one in counts.found)
            print(f"  {share.mutant}: {f'found as {kind}' if found else 'NOT FOUND'}")
            self.broken += [] if found else [f"NOT FOUND: {share.mutant}"]
            return
        self.counts[share.mode].add(counts)
        if share.mode == ALL and not counts.held:
            again = f"again: python -m tests.soak --histories 0 --mutants none --versions {SHARE} --seed {share.seed}"
            self.broken.append("\n  ".join(("BROKEN:", *counts.found, again)))

    def text(self) -> str:
        """The table, as the documentation has it."""
        rows = ["".join(f" {mode} |" for mode in MODES), " ---: |" * len(MODES)]
        rows += ["".join(f" {getattr(one, name):,} |" for one in self.counts.values()) for name in ROWS]
        return "\n".join(f"| {name} |{row}" for name, row in zip(("", "---", *ROWS.values()), rows, strict=True))


def deal(seed: int, versions: int, mutants: Iterable[str] = ()) -> Iterable[Share]:
    """The histories in which so many versions are verified, each once for every mode, and those of planted faults."""
    for number, start in enumerate(range(0, versions, SHARE)):
        for mode in MODES:
            yield Share(seed + number, min(SHARE, versions - start), mode)
    for name in mutants:
        _, known, count, shape = KNOWN[name]
        yield Share(known, count, ALL, name, shape)


def count(share: Share) -> tuple[Share, Counts]:
    """Play a history, and count."""
    planted = MESSENGERS[share.mutant]() if share.mutant else nullcontext()
    with quick_folder() as folder, site(folder) as shared, planted:
        try:
            return share, Deliveries(shared, share.seed, MODES[share.mode], share.shape).play(share.versions)
        except Exception:
            # What nobody has thought of, in another process, with the seed that brings it back.
            return share, Counts(lost=1, found=[traceback.format_exc()])
