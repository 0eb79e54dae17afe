"""Plays hours of deliveries with messengers that lose, repeat and turn around what they carry; a ledger counts.

Everything has its time: commits, verifications, hooks, records, dispatches, runs of the promoter, the schedule, people.
"""

import itertools
import math
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from gitops.tasks.github import GitHub as Tasks
from gitops.tasks.http_client import Budget
from gitops.tasks.records import Verdict, record
from lab.forge import ApiError
from tests.soak.hours import HOUR, MINUTE, STAGES, Hours, Messengers, version
from tests.soak.layouts import with_value
from tests.soak.ledger import Counts, Ledger, Numbers, Unit
from tests.soak.network import Attempt
from tests.soak.oracle import metadata, promoted
from tests.soak.world import Site

QUARTER = 15 * MINUTE


@dataclass(frozen=True)
class Verified:
    """An application was verified in a stage at a commit, with the version of that number."""

    application: str
    stage: str
    commit: str
    number: int
    trace: str


class Deliveries(Hours):
    """One history: what happens in its hours until so many versions have been verified, and settled."""

    def __init__(self, site: Site, seed: int, messengers: Messengers, shape: int | None = None) -> None:
        super().__init__(site, seed, messengers, shape)
        together = [self.layout.applications] if self.grouped else [(one,) for one in self.layout.applications]
        targets = [(after, to) for to, after in self.stages.items() if after]
        self.ledger = Ledger(tuple(Unit(one, *target) for target in targets for one in together))
        self._unlucky, self._left = 0, 4
        self._busy, self._ran = set[tuple[str, str]](), dict[tuple[str, str], int]()
        self._seen, self._heads = set[int](), dict[str, tuple[str, Numbers]]()
        self._released = itertools.count(1)

    def play(self, versions: int) -> Counts:
        """Play it; what became of its versions."""
        with self._repository():
            self._at(self.pace, self._develop, versions)
            self._at(self._draw("stagger").uniform(0, QUARTER), self._schedule)
            self._at(self._draw("away").expovariate(1 / (8 * HOUR)), self._lose_actions)
            while self._queue:
                self._next()
            return self._finish()

    def _finish(self) -> Counts:
        for pull in self.view.open():
            says = str(metadata(pull.body or "").get("commitID", ""))
            if says != (has := promoted(self.view, pull.head_sha, pull.head.rpartition("/")[2])):
                self.ledger.tears(pull.number, says, has)
        return self.ledger.finish(self.now)

    # Developers and stages

    def _develop(self, versions: int) -> None:
        """A developer releases a version of one application, or of two."""
        if self.ledger.counts.verified >= versions:
            self._closing = True
            return
        number = next(self._released)
        draw = self._draw("release", number)
        chosen = draw.sample(self.layout.applications, min(len(self.layout.applications), draw.choice((1, 1, 1, 2))))
        for stage in (stage for stage, after in self.stages.items() if not after):
            files = {}
            for entry in (entry for entry in self.layout.fields if entry.application in chosen):
                path = self.layout.path(entry, stage)
                files[path] = with_value(self.view.file(self.layout.branch(stage), path), version(number))
            self.forge.commit(self.name, files, f"Release {number}", branch=self.layout.branch(stage))
            if draw.random() < 0.3:
                self.forge.commit(self.name, {"README.md": str(number)}, "Write", branch=self.layout.branch(stage))
            self._sync(stage, chosen)
        self._at(draw.expovariate(1 / self.pace), self._develop, versions)

    def _sync(self, stage: str, applications: Iterable[str]) -> None:
        for one in applications:
            self._at(self._draw("poll", one, stage, self.now).uniform(20, 200), self._deploy, one, stage)

    def _numbers(self, ref: str, stage: str) -> dict[str, int]:
        """What each application has there."""
        values = zip(self.layout.fields, self.view.at(ref, stage), strict=True)
        return {entry.application: _number(value) for entry, value in values}

    def _deploy(self, application: str, stage: str) -> None:
        """The stage takes what its branch has, and verifies it, unless it does so already."""
        commit = self.view.tip(self.layout.branch(stage))
        number = self._numbers(commit, stage)[application]
        if (application, stage) in self._busy or self._ran.get((application, stage), 0) == number:
            return
        self._busy.add((application, stage))
        self._ran[application, stage] = number
        lasts = self._draw("verify", application, stage, number).uniform(1, 15) * MINUTE
        if (
            self.demanded
            and stage in dict(self.edges)
            and self._draw("rogue", application, stage, number).random() < 0.1
        ):
            self._at(lasts / 2, self._dispatch_unverified, application, stage, commit, number)
        self._at(lasts, self._judge, application, stage, commit, number)

    def _judge(self, application: str, stage: str, commit: str, number: int) -> None:
        """The stage's verification ends."""
        self._busy.discard((application, stage))
        draw = self._draw("judge", application, stage, number)
        # What comes by hand later is judged again, at the same commit.
        if draw.random() < 0.08:
            self._at(draw.uniform(0, 60), self._record, self._event(application, stage, commit, number), "failure")
            if draw.random() < 0.3:
                self._at(draw.uniform(10, 90) * MINUTE, self._succeed, application, stage, commit, number)
        else:
            self._succeed(application, stage, commit, number)
        self._deploy(application, stage)

    def _succeed(self, application: str, stage: str, commit: str, number: int) -> None:
        if self._ran[application, stage] != number:
            return  # the stage has a newer one by now
        found = self._event(application, stage, commit, number)
        place = len(self.view.ancestors(commit))
        self.ledger.verified(application, stage, commit, place, self._numbers(commit, stage), self.now)
        self._hook(found, 0)
        draw = self._draw("again", application, stage, number)
        if draw.random() < 0.15:
            self._at(draw.expovariate(1 / (2 * HOUR)), self._repeat, found)

    def _repeat(self, found: Verified) -> None:
        """The hook runs again: Keptn's for the same commit, however old; Argo CD's for what its full sync finds now."""
        if self.argocd:
            commit = self.view.tip(self.layout.branch(found.stage))
            if self._numbers(commit, found.stage)[found.application] != found.number:
                return
            found = replace(found, commit=commit, trace=found.trace.replace("-01", "-00"))
            place = len(self.view.ancestors(commit))
            self.ledger.verified(
                found.application, found.stage, commit, place, self._numbers(commit, found.stage), self.now
            )
        self._hook(found, 1)

    def _event(self, application: str, stage: str, commit: str, number: int) -> Verified:
        trace, span = f"{number + 1:030x}{[*self.stages].index(stage):02x}", self.layout.applications.index(application)
        return Verified(application, stage, commit, number, f"00-{trace}-{1 + span:016x}-01")

    # Messengers

    def _hook(self, found: Verified, time: int) -> None:
        """The stage's hook runs, for the first time or once more: its record and its dispatches are on their way."""
        draw = self._draw("hook", found.application, found.stage, found.number, time)
        late = self._delay(draw)
        self._at(late, self._record, found, "success")
        targets = [to for before, to in self.edges if before == found.stage]
        for target in targets:
            way = self._delay(draw)
            late = max(late, way)
            copies = draw.choice((1,) * 19 + (2,))
            kept, queued = (
                draw.random() >= 0.03,
                [draw.expovariate(1 / MINUTE) + self._delay(draw) for _ in range(copies)],
            )
            for waits in queued if kept else ():
                self._at(way, self._dispatch, found, target, waits)
        if targets:
            self._at(late, self._told, found)

    def _told(self, found: Verified) -> None:
        self.ledger.told(found.application, found.stage, found.number, self.now)

    @staticmethod
    def _delay(draw: random.Random) -> float:
        """Mostly some seconds, sometimes half an hour, rarely hours."""
        chance = draw.random()
        return draw.uniform(1, 60) if chance < 0.9 else draw.uniform(1, 30 if chance < 0.98 else 240) * MINUTE

    def _record(self, found: Verified, state: Literal["success", "failure"]) -> None:
        """The stage's task writes its record, with its own code."""
        if self.messengers.records:
            told = found.application, found.stage, found.commit, version(found.number), found.trace, "argocd"
            budget = Budget(deadline=math.inf, pace=lambda _: None)
            record(Tasks(f"{self.forge.api_url}/repos/{self.name}", STAGES, budget), Verdict(*told, state=state))

    def _dispatch(self, found: Verified, target: str, waits: float) -> None:
        """GitHub takes it, unless it is away, and starts a run after some time, unless it is away then and forgets."""
        starts = self.now + waits
        draw = self._draw("queue", found.application, found.stage, found.number, target, waits)
        if self._working(self.now) and (self._working(starts) or draw.random() < 0.5):
            starts = max([starts, *(end for begin, end in self._away if begin <= starts < end)])
            self._at(starts - self.now, self._start, found, target)

    def _start(self, found: Verified, target: str) -> None:
        self._promote(found, target)

    def _dispatch_unverified(self, application: str, stage: str, commit: str, number: int) -> None:
        """Somebody with a token asks for what nobody has verified."""
        for target in (to for before, to in self.edges if before == stage):
            found = replace(self._event(application, stage, commit, number), trace="")
            if self._promote(found, target) == 1:
                self.ledger.counts.refused += 1

    def _schedule(self) -> None:
        """It is time for a sweep: GitHub leaves out some, and cuts off some, never three in a row."""
        if self._closing and not any(name != "_schedule" for _, _, name, _ in self._queue):
            self._left -= 1
            if not self._left:
                return
        self._at(QUARTER, self._schedule)
        if not self._working(self.now):
            return
        self.ledger.works(self.now)
        draw = self._draw("sweep", round(self.now))
        chance = draw.random()
        self._unlucky = self._unlucky + 1 if chance < 0.15 and self._unlucky < 2 else 0
        if self.messengers.sweep and not (self._unlucky and chance < 0.1):
            self.ledger.counts.sweeps += 1
            self._run(self._attempt(draw, 1.0 if self._unlucky else 0.0), SWEEP="true")

    def _promote(self, found: Verified, target: str) -> int:
        """A run of the workflow that a dispatch has started."""
        self.ledger.counts.runs += 1
        draw = self._draw("run", found, target, self.now)
        inputs = {"APPLICATION": found.application, "FROM": found.stage, "TO": target, "COMMIT_ID": found.commit}
        inputs |= {"VERSION": version(found.number), "TRACEPARENT": found.trace}
        return self._run(self._attempt(draw, 0.04), **inputs)

    def _run(self, attempt: Attempt, **inputs: str) -> int:
        status = super()._run(attempt, **inputs)
        self._look()
        return status

    # People

    def _look(self) -> None:
        """See what is open, and let people decide about what they have not seen."""
        for pull in self.view.open():
            if not pull.head.startswith("promote/"):
                continue
            _, called, _, target = pull.head.split("/")
            unit = next(one for one in self.ledger.units if (self._called(one), one.target) == (called, target))
            if pull.head_sha not in self._heads:
                numbers = self._numbers(pull.head_sha, target)
                commit = promoted(self.view, pull.head_sha, target)
                self._heads[pull.head_sha] = commit, tuple(numbers[one] for one in unit.applications)
            self.ledger.proposes(unit, pull.number, *self._heads[pull.head_sha], self.now)
            if pull.number not in self._seen:
                self._seen.add(pull.number)
                draw = self._draw("person", pull.number)
                self._at(min(4 * HOUR, draw.expovariate(1 / HOUR)), self._decide, pull.number, unit, draw)

    def _called(self, unit: Unit) -> str:
        return self.layout.together if self.grouped else unit.applications[0]

    def _decide(self, number: int, unit: Unit, draw: random.Random) -> None:
        """A person merges it, declines it, or leaves it alone."""
        self._look()
        pull, chance, delete = self.view.pull(number), draw.random(), draw.random() < 0.3
        if pull.state != "open":
            return
        if chance < 0.05:
            self._at(6 * HOUR, self._decide, number, unit, draw)
            return
        if chance < 0.15:
            self.ledger.counts.declined += 1
            if delete:
                self.forge.delete_branch(self.name, pull.head)
            else:
                self.forge.close(self.name, number)
            return
        try:
            self.forge.merge(self.name, number, draw.choice(("merge", "squash")), delete)
        except ApiError:
            self._at(HOUR, self._decide, number, unit, draw)
            return
        self.ledger.counts.merged += 1
        numbers = self._numbers(self.layout.branch(unit.target), unit.target)
        self.ledger.runs(unit, tuple(numbers[one] for one in unit.applications))
        self._sync(unit.target, unit.applications)


def _number(version: str) -> int:
    return int(version.rpartition(".")[2])
