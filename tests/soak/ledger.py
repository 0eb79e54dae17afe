"""Counts what became of every verified version, by what can be seen on the forge. It knows nothing of the promoter.

A version of a group is that of all its applications, of a join that of all its source stages. It is:

- *due* from when its stages have verified it and their hooks have run, until a newer one is verified (it is superseded
  then), or the history ends; where that is before the third scheduled time at which Actions work, it is not counted;
- *late* when it was due and proposed, but not by the third scheduled time; *lost* when nobody has proposed it at all;
- *doubled* when more than one pull request has proposed it into the same stage;
- *torn* when the text of its pull request still says another one at the end;
- *unverified* when it was proposed, or came into a stage, though its stages had not verified it at the commit that the
  pull request names.
"""

from collections import defaultdict
from dataclasses import dataclass, field, fields

OPPORTUNITIES = 3
"""Scheduled times at which Actions work, before a version that nobody has proposed counts as lost."""
Numbers = tuple[int, ...]
"""A version: the numbers that its applications have."""


@dataclass(frozen=True)
class Unit:
    """What is promoted into `target` together: applications, after one of its source stages or after all of them."""

    applications: tuple[str, ...]
    sources: tuple[str, ...]
    target: str


@dataclass
class Counts:
    """The sums of some histories. `found` says of each that is wrong what it is; `refused` are runs that failed as they
    should: for a commit that nobody has verified.
    """

    verified: int = 0
    due: int = 0
    late: int = 0
    lost: int = 0
    doubled: int = 0
    unverified: int = 0
    torn: int = 0
    proposed: int = 0
    merged: int = 0
    declined: int = 0
    runs: int = 0
    sweeps: int = 0
    refused: int = 0
    found: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.late or self.doubled or self.unverified or self.torn)

    def add(self, other: "Counts") -> None:
        """Add another history's."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass
class Ledger:
    """What happened in one history. All times are in seconds of its own clock."""

    units: tuple[Unit, ...]
    counts: Counts = field(default_factory=Counts)
    _verified: dict[tuple[str, str, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    _since: dict[tuple[str, str, int], float] = field(default_factory=dict)
    _told: dict[tuple[str, str, int], float] = field(default_factory=dict)
    _candidates: dict[tuple[Unit, str], dict[Numbers, int]] = field(default_factory=lambda: defaultdict(dict))
    _proposed: dict[tuple[Unit, Numbers], dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    _had: set[tuple[Unit, Numbers]] = field(default_factory=set)
    _unverified: set[tuple[str, Numbers]] = field(default_factory=set)
    _opportunities: list[float] = field(default_factory=list)

    def verified(
        self, application: str, stage: str, commit: str, place: int, all_of_it: dict[str, int], now: float
    ) -> None:
        """An application was verified at a commit, the `place`-th of its branch, where all had these numbers."""
        numbers = all_of_it[application]
        promoted = [one for one in self.units if stage in one.sources and application in one.applications]
        self.counts.verified += bool(promoted) and (application, stage, numbers) not in self._verified
        self._verified[application, stage, numbers].add(commit)
        self._since.setdefault((application, stage, numbers), now)
        for unit in promoted:
            version = tuple(all_of_it[one] for one in unit.applications)
            self._candidates[unit, stage].setdefault(version, place)

    def told(self, application: str, stage: str, number: int, now: float) -> None:
        """The hook of a verified version has run: what it had to say is said, or got lost, as far as it goes."""
        self._told.setdefault((application, stage, number), now)

    def works(self, now: float) -> None:
        """It is a scheduled time, and Actions work."""
        self._opportunities.append(now)

    def proposes(self, unit: Unit, pull: int, commit: str, version: Numbers, now: float) -> None:
        """A pull request is open, and brings the version that it says is verified at `commit`."""
        seen = self._proposed[unit, version]
        if pull not in seen:
            seen[pull] = now
            if len(seen) > 1:
                self.counts.doubled += 1
                self.counts.found.append(f"doubled: {unit.target} {version} by {sorted(seen)}")
        # Which application's, and which stage's, of several: the commit is that of one, the numbers are of all.
        named = any(
            commit in self._verified.get((one, stage, number), ())
            for one, number in zip(unit.applications, version, strict=True)
            for stage in unit.sources
        )
        self._check(unit, version, f"#{pull}", named)

    def tears(self, pull: int, says: str, has: str) -> None:
        """At the end the text of an open pull request names another commit than its branch."""
        self.counts.torn += 1
        self.counts.found.append(f"torn: #{pull} says {says[:12]} and has {has[:12]}")

    def runs(self, unit: Unit, version: Numbers) -> None:
        """A stage has this version by now."""
        self._had.add((unit, version))
        self._check(unit, version, "the target", True)

    def _check(self, unit: Unit, version: Numbers, where: str, named: bool) -> None:
        """Every number is one that all source stages have verified; nobody has to verify what was there first."""
        known = all(
            number == 0 or (one, stage, number) in self._verified
            for one, number in zip(unit.applications, version, strict=True)
            for stage in unit.sources
        )
        if not (known and named) and (unit.target, version) not in self._unverified:
            self._unverified.add((unit.target, version))
            self.counts.unverified += 1
            self.counts.found.append(f"unverified: {version} in {where} of {unit}")

    def finish(self, end: float) -> Counts:
        """The history has ended: count what is lost."""
        for unit in self.units:
            found = self._candidates[unit, unit.sources[0]]
            newer = [
                (place, when)
                for one, place in found.items()
                if (when := self._when(unit, one, self._since)) is not None
            ]
            for version, place in found.items():
                since = self._when(unit, version, self._told)
                if since is None:
                    continue
                until = min((when for other, when in newer if other > place), default=end)
                chances = [when for when in self._opportunities if since < when < until]
                if len(chances) < OPPORTUNITIES:
                    continue
                self.counts.due += 1
                seen = self._proposed.get((unit, version), {})
                if seen and min(seen.values()) <= chances[OPPORTUNITIES - 1]:
                    continue
                if not seen and (unit, version) in self._had:
                    continue  # a person was quicker than anybody who looked
                what = "late" if seen else "lost"
                setattr(self.counts, what, getattr(self.counts, what) + 1)
                self.counts.found.append(f"{what}: {unit} {version}, due from {since:.0f} to {until:.0f}")
        self.counts.proposed += sum(len(seen) for seen in self._proposed.values())
        return self.counts

    @staticmethod
    def _when(unit: Unit, version: Numbers, times: dict[tuple[str, str, int], float]) -> float | None:
        """When the last one of its applications had its time in the last one of its stages; None before that."""
        found = [
            times.get((one, stage, number), None if number else 0.0)
            for one, number in zip(unit.applications, version, strict=True)
            for stage in unit.sources
        ]
        known = [when for when in found if when is not None]
        return max(known) if len(known) == len(found) else None
