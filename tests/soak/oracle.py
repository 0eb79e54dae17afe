"""Says whether the promoter may have done what it did. A model of its own: it reads what is on the forge, remembers
what people did, and knows of the promoter only what is public: branch names, the trailer, the metadata, the results.
"""

import json
import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from lab.forge import Forge, PullRequest
from lab.forge.repositories import Commit, Repository
from tests.soak.actions import VERSIONS
from tests.soak.layouts import Layout, Values, others, trace, value

ACTED = ("created", "updated", "unchanged")
DECIDED = (*ACTED, "closed as pointless", "nothing to change")
_TRAILER = re.compile(r"^Delivery-Promotion: (\S+) (\S+)->(\S+) ([0-9a-f]{40})", re.MULTILINE)
_METADATA = re.compile(r"<!-- delivery-promotion ({.*?}) -->")


class InvariantError(AssertionError):
    """An invariant does not hold; `invariant` is its name."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(invariant, what)
        self.invariant, self.what = invariant, what

    def __str__(self) -> str:
        return f"{self.invariant}: {self.what}"


@dataclass(frozen=True)
class Event:
    """An application was verified in a stage at `commit`, where it had `values`: what the promoter is told."""

    number: int
    application: str
    source: str
    target: str
    commit: str
    values: Values
    trace: str


@dataclass(frozen=True)
class Ran:
    """A run of the promoter. `begun` is the number of pull requests there were; `status` -1: killed or crashed.

    `commit` is the one that it says it has decided about.
    """

    source: str
    target: str
    event: Event | None
    begun: int
    again: bool
    rollback: bool
    status: int
    result: str
    commit: str
    said: str
    crash: str
    disturbed: bool
    lagged: bool


@dataclass(frozen=True)
class Merged:
    """A promotion that a person merged."""

    number: int
    commits: frozenset[str]
    was: Values


class View:
    """What is on the forge now."""

    def __init__(self, forge: Forge, repository: Repository, layout: Layout) -> None:
        self._forge, self._repository, self.layout = forge, repository, layout
        self._commits: dict[str, Commit] = {}

    def pulls(self) -> list[PullRequest]:
        """All pull requests, oldest first."""
        return self._forge.pull_requests(self._repository.full_name)

    def open(self) -> list[PullRequest]:
        """The open ones."""
        return [pull for pull in self.pulls() if pull.state == "open"]

    def pull(self, number: int) -> PullRequest:
        """The pull request of that number."""
        return self.pulls()[number - 1]

    def tip(self, branch: str = "main") -> str:
        """The newest commit of a branch; empty when there is no such branch."""
        return self._repository.branch(branch) or ""

    def file(self, ref: str, path: str) -> str:
        """A file's text; empty when it is not there."""
        return (self._repository.read(path, ref) or b"").decode()

    def at(self, ref: str, stage: str) -> Values:
        """The promoted values that a stage has at a branch or commit; empty ones where it has none."""
        return tuple(value(self.file(ref, self.layout.path(field, stage))) for field in self.layout.fields)

    def now(self, stage: str) -> Values:
        """The promoted values that a stage has."""
        return self.at(self.layout.branch(stage), stage)

    def commit(self, sha: str) -> Commit:
        """A commit."""
        if sha not in self._commits:
            found = self._repository.commit(sha)
            assert found is not None
            self._commits[sha] = found
        return self._commits[sha]

    def ancestors(self, sha: str) -> set[str]:
        """The commit and all that it contains, by its parents and by nobody's clock."""
        found: set[str] = set()
        left = [sha] if sha else []
        while left:
            one = left.pop()
            if one not in found:
                found.add(one)
                left += self.commit(one).parents
        return found

    def on_branch(self, head: str, stage: str) -> list[Commit]:
        """The commits of a branch's own line that the stage's branch does not contain, newest first."""
        merged, found = self.ancestors(self.tip(self.layout.branch(stage))), []
        while head and head not in merged:
            found.append(self.commit(head))
            head = found[-1].parents[0] if found[-1].parents else ""
        return found

    def merging(self, head: str, stage: str) -> Values | None:
        """What the stage would have after merging `head`; None on a conflict."""
        tree = self._repository.merged_tree(self.tip(self.layout.branch(stage)), head)
        if tree is None:
            return None
        paths = [self.layout.path(field, stage) for field in self.layout.fields]
        found = [self._repository.objects.read(f"{tree}:{path}") for path in paths]
        return tuple(value(file.data.decode()) if file else "" for file in found)

    def changed(self, commit: Commit) -> list[str]:
        """The paths that a commit changes."""
        return self._repository.changed_paths(commit.parents[0], commit.sha) if commit.parents else []


def is_own(commit: Commit) -> bool:
    """Whether the promoter made a commit."""
    return commit.committer.email == "promoter@delivery.invalid" and bool(_TRAILER.search(commit.message))


def promoted(view: View, head: str, stage: str) -> str:
    """The commit that the promoter's newest commit on a branch says it promotes; empty when there is none."""
    own = next(filter(is_own, view.on_branch(head, stage)), None)
    trailer = _TRAILER.search(own.message) if own else None
    return trailer[4] if trailer else ""


@dataclass
class Oracle:
    """What happened so far, as far as it decides about what may happen."""

    view: View
    secrets: tuple[str, ...]
    sources: dict[str, tuple[str, ...]]
    pipeline: str
    events: list[Event] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)
    _had: dict[str, list[Values]] = field(default_factory=lambda: defaultdict(list))
    _started: set[Event] = field(default_factory=set)
    _decided: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _permitted: set[tuple[str, str]] = field(default_factory=set)
    _closed: dict[int, frozenset[str]] = field(default_factory=dict)
    _declined: dict[int, frozenset[str]] = field(default_factory=dict)
    _edited: set[int] = field(default_factory=set)
    _work: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _merged: dict[str, list[Merged]] = field(default_factory=lambda: defaultdict(list))
    _merging: frozenset[str] = frozenset()
    _reverted: dict[str, set[Values]] = field(default_factory=lambda: defaultdict(set))
    _replaced: dict[str, set[Values]] = field(default_factory=lambda: defaultdict(set))
    _by_hand: dict[tuple[str, str], bool] = field(default_factory=lambda: defaultdict(bool))
    _looked_at: set[str] = field(default_factory=set)

    def moved(self) -> None:
        """A stage's branch has a new tip."""
        for stage in {*self.sources, *(one for after in self.sources.values() for one in after)}:
            self._places.setdefault(self.view.tip(self.view.layout.branch(stage)), len(self._places))
            values = self.view.now(stage)
            if not self._had[stage] or self._had[stage][-1] != values:
                self._had[stage].append(values)

    def verified(self, application: str, source: str, target: str, trace: str) -> Event:
        """An application was verified in a stage, at the tip."""
        layout = self.view.layout
        commit = self.view.tip(layout.branch(source))
        values = layout.of(self.view.at(commit, source), application)
        event = Event(len(self.events), application, source, target, commit, values, trace)
        self.events.append(event)
        return event

    def set_by_hand(self, stage: str, was: Values, now: Values) -> None:
        """A person gave a stage other values."""
        for one in self.view.layout.applications:
            self._by_hand[stage, one] |= self._of(was, one) != self._of(now, one)
        self._replaced[stage].add(was)
        self._reverted[stage].add(was)
        self._reverted[stage].discard(now)

    def closed(self, number: int, *, deleted: bool) -> None:
        """A person is about to close a pull request, by having its branch `deleted` perhaps."""
        pull = self.view.pull(number)
        self._closed[number] = self._proposed(pull)
        said = {str(metadata(pull.body or "").get("commitID", ""))} & self._places.keys()
        self._declined[number] = frozenset(said) or self._closed[number]
        if deleted:
            self._work[pull.head].clear()
            self._declined[number] = frozenset(said)  # a person took away the branch, the text perhaps, too

    def reopened(self, number: int) -> None:
        """A person opened a pull request again: what it proposes is wanted, however old."""
        self._closed.pop(number, None)
        self._declined.pop(number, None)
        pull = self.view.pull(number)
        self._permitted |= {(_target(pull), commit) for commit in self._proposed(pull)}

    def edited(self, number: int) -> None:
        """A person is about to change what a pull request says."""
        self._edited.add(number)

    def worked(self, branch: str, commit: str) -> None:
        """Somebody pushed a commit to the branch of a pull request."""
        self._work[branch].append(commit)

    def merging(self, number: int) -> None:
        """A person is about to merge a pull request."""
        self._merging = self._proposed(self.view.pull(number))

    def merged(self, number: int, was: Values) -> None:
        """A person merged a pull request; the target had `was` before."""
        pull = self.view.pull(number)
        kind, _, _, target = pull.head.split("/")
        now = self.view.now(target)
        self._work[pull.head].clear()
        brought = self._values(target, self._merging)
        for one in self.view.layout.applications:
            known = {self._of(values, one) for values in brought}
            self._by_hand[target, one] = kind == "promote" and self._of(now, one) not in known
        if kind == "promote":
            self._merged[target].append(Merged(number, self._merging, was))
            self._reverted[target].clear()
            self._replaced[target].clear()
        else:
            self._replaced[target].add(was)
            self._reverted[target].add(was)
            self._reverted[target].discard(now)

    def begin(self, event: Event | None, *, again: bool) -> int:
        """The promoter starts; how many pull requests there are."""
        if event is not None:
            self._started.add(event)
            if again:
                self._permitted.add((event.target, event.commit))
        return len(self.view.pulls())

    def told(self, text: str) -> None:
        """Something was said or written where everybody may read it."""
        for secret in self.secrets:
            if secret in text:
                raise InvariantError("secret", f"a secret in {text[:200]!r}")

    def ran(self, ran: Ran, moved_meanwhile: bool) -> None:
        """The promoter has ended: look at what it left."""
        self.told(ran.said)
        if ran.crash:
            raise InvariantError("crash", ran.crash)
        if ran.status == 2:
            raise InvariantError("crash", f"the input is wrong: {ran.said}")
        working = any(self._work.values())
        if ran.status == 1 and not (ran.disturbed or moved_meanwhile or ran.rollback or working):
            raise InvariantError("failed", f"nothing was in the way: {ran.said.splitlines()[-1]}")
        if ran.status == 0 and ran.event is not None and ran.result in DECIDED:
            # Of a group, another commit than the event's may be due.
            self._decided[ran.target].append(ran.commit if self._grouped else ran.event.commit)
        for branch in {pull.head for pull in self.view.open()}:
            self._look_at_commits(branch)
        self._keep_work()
        promotions = [pull for pull in self.view.open() if pull.head.startswith("promote/")]
        targets = [_target(pull) for pull in promotions]
        if twice := {target for target in targets if targets.count(target) > 1}:
            raise InvariantError("doubled", f"several pull requests into {twice.pop()} are open")
        for pull in promotions:
            self._look_at_order(pull, ran)
        if ran.status == 0 and ran.result in ACTED and not moved_meanwhile:
            self._look_at_pull_request(ran)

    def finish(self, failed: set[int]) -> None:
        """All events have been repeated: what is verified and newest is there, or proposed, or was refused."""
        for pull in self.view.pulls():
            self.told(f"{pull.title}{pull.body}{''.join(comment.body for comment in pull.comments)}")
        for target, sources in self.sources.items():
            if self._grouped:
                self._look_for_loss_of_group(target, sources[0], failed)
                continue
            newest: dict[str, Event] = {}
            for event in sorted(self.events, key=lambda event: self._places[event.commit]):
                if event.target == target:
                    newest[event.source] = event
            lost = [one for one in newest.values() if not self._is_settled(target, one.commit, one.values, failed)]
            # Several source stages have to agree, all of them or with nobody: what else is newest, is open to debate.
            agree = len({event.values for event in newest.values()}) == 1
            if lost and agree and (len(newest) == len(sources) or not self._needs_all(target)):
                values, has = lost[0].values, self.view.now(target)
                raise InvariantError("lost", f"{values} is verified for {target}, newest, and not proposed: {has}")

    def _look_for_loss_of_group(self, target: str, source: str, failed: set[int]) -> None:
        """What of all applications was verified newest, each at that commit or at another, or is there already."""
        has, events = self.view.now(target), [event for event in self.events if event.target == target]
        for commit in sorted({event.commit for event in events}, key=lambda commit: -self._places[commit]):
            values = self.view.at(commit, source)
            if all(
                self._of(values, one) == self._of(has, one) or self._vouching(events, one, values) for one in self._all
            ):
                if not self._is_settled(target, commit, values, failed):
                    raise InvariantError("lost", f"{values} is verified for {target}, newest, and not proposed: {has}")
                return

    @property
    def _all(self) -> tuple[str, ...]:
        return self.view.layout.applications

    @property
    def _grouped(self) -> bool:
        return len(self._all) > 1

    def _of(self, values: Values, application: str) -> Values:
        return self.view.layout.of(values, application)

    def _vouching(self, events: Collection[Event], application: str, values: Values) -> list[Event]:
        """The events by which an application was verified with just the values that it has among these."""
        own = self._of(values, application)
        return [event for event in events if (event.application, event.values) == (application, own)]

    def _needs_all(self, target: str) -> bool:
        return self.pipeline.endswith("all") and len(self.sources[target]) > 1

    def _is_settled(self, target: str, commit: str, values: Values, failed: set[int]) -> bool:
        has = self.view.now(target)
        ours = [pull for pull in self.view.pulls() if pull.head.startswith("promote/") and _target(pull) == target]
        proposed = [self.view.at(pull.head, target) for pull in ours if pull.state == "open"]
        if values in (has, *proposed) or values in self._reverted[target]:
            return True
        changed = [place for place, one in enumerate(values) if one != has[place]]
        if any(all(was[place] == values[place] for place in changed) for was in self._replaced[target]):
            return True  # of what is to be changed, a person has reverted all
        if any(self._by_hand[target, one] and self._is_older(one, values, has) for one in self._all):
            return True
        closed = [self._closed.get(pull.number, frozenset()) for pull in ours]
        if any(self._is_the_same(other, commit, target) for commits in closed for other in commits):
            return True
        refused = closed + [merged.commits for merged in self._merged[target]]
        if any(self._speaks_against(other, commit, target) for commits in refused for other in commits):
            return True
        own = {event.number for event in self.events if event.target == target and event.commit == commit}
        if any(self._work[pull.head] for pull in ours) and own & failed:
            return True
        for had in (had for stage, had in self._had.items() if stage != target):
            if _last(had, has, changed) > _last(had, values, changed) >= 0:
                return True  # a person has gone back, in a stage before, to what the target has
        permitted = {commit for stage, commit in self._permitted if stage == target}
        return any(self._places[other] < self._places[commit] for other in permitted)

    def _is_older(self, application: str, values: Values, than: Values) -> bool:
        """Whether an application's version is older among these values than among the others."""
        one, other = (VERSIONS.index(self._of(found, application)[0]) for found in (values, than))
        return one < other

    def _speaks_against(self, refused: str, commit: str, target: str) -> bool:
        """Whether a person who refused one commit has refused the other: an older one.

        Source stages of a join are not as fast as each other: there it is an older one with the same values.
        """
        if self._places[refused] < self._places[commit]:
            return False
        both = self._values(target, {refused}) & self._values(target, {commit})
        return len(self.sources[target]) == 1 or bool(both)

    def _is_the_same(self, refused: str, commit: str, target: str) -> bool:
        """Whether a later commit has what a person refused at this one, and nobody has touched it since."""
        layout, between = self.view.layout, self.view.ancestors(commit) - self.view.ancestors(refused)
        sources = {event.source for event in self.events if (event.target, event.commit) == (target, commit)}
        files = {layout.path(field, source) for field in layout.fields for source in sources}
        both = self._values(target, {refused}) & self._values(target, {commit})
        return bool(both) and not any(files & {*self.view.changed(self.view.commit(one))} for one in between)

    def _values(self, target: str, commits: Collection[str]) -> set[Values]:
        """What the verified stages had at these commits."""
        events = [event for event in self.events if event.target == target and event.commit in commits]
        return {self.view.at(commit, source) for commit, source in {(event.commit, event.source) for event in events}}

    def _look_at_commits(self, branch: str) -> None:
        """What the promoter committed changes promoted values alone, to what a commit has that was verified."""
        layout, (_, called, _, target) = self.view.layout, branch.split("/")
        for commit in filter(is_own, self.view.on_branch(self.view.tip(branch), target)):
            if commit.sha in self._looked_at:
                continue
            self._looked_at.add(commit.sha)
            found = _TRAILER.search(commit.message)
            assert found is not None
            application, source, into, promoted = found.groups()
            if (application, into) != (called, target):
                raise InvariantError("halves", f"{branch} has a commit of {application} into {into}")
            allowed = {layout.path(field, target) for field in layout.fields}
            allowed |= {layout.trace(one, target) for one in layout.applications}
            changed = set(self.view.changed(commit))
            kept = [_others(self.view, commit.parents[0], commit.sha, path) for path in changed & allowed]
            if changed - allowed or not all(kept):
                raise InvariantError("unpromoted bytes", f"{branch} changes {changed}")
            before, values = (self.view.at(sha, target) for sha in (commit.parents[0], commit.sha))
            if branch.startswith("rollback/"):
                if not self._merged[target] or values != self._merged[target][-1].was:
                    raise InvariantError("rollback", f"{target} gets {values}, which it had not before")
                continue
            told = {event for event in self._started if event.target == target}
            verified = self._values(target, {promoted})
            if values not in verified:
                mixed = any(all(map(_either, values, before, whole)) for whole in verified)
                what = "halves" if mixed and values != before else "unverified"
                raise InvariantError(what, f"{branch} has {values} of {promoted[:12]}: nobody has verified that")
            again = (target, promoted) in self._permitted
            for one in self._all:
                vouching = self._vouching(told, one, values)
                self._look_at_trace(commit, target, one, vouching)
                if not again and not vouching and self._of(values, one) != self._of(before, one):
                    raise InvariantError("unverified", f"{branch} has {values}: nobody has verified {one}")
            agreed = {event.source for event in told if event.values == values} == set(self.sources[target])
            if self._needs_all(target) and not agreed and not again:
                raise InvariantError("unverified", f"{branch} has {values}: not all of {source} have verified it")

    def _look_at_trace(self, commit: Commit, target: str, application: str, told: list[Event]) -> None:
        """A new link leads to the trace of who has verified just what the application gets, and to no other's."""
        path = self.view.layout.trace(application, target)
        before, now = (trace(self.view.file(sha, path)) for sha in (commit.parents[0], commit.sha))
        links = set(now.split(",")) if now else set()
        if now != before and not links <= {event.trace for event in told}:
            raise InvariantError("trace", f"{application} in {target} links to {now}")

    def _look_at_order(self, pull: PullRequest, ran: Ran) -> None:
        """An open pull request proposes nothing that is older than what was decided, nor what a person has refused."""
        target = _target(pull)
        proposed = {commit for commit in self._proposed(pull) if (target, commit) not in self._permitted}
        newest = max((self._places[commit] for commit in self._decided[target]), default=-1)
        for commit in proposed:
            if self._places[commit] < newest and len(self.sources[target]) == 1:
                raise InvariantError(
                    "turned around", f"#{pull.number} proposes {commit[:12]} after a newer one was decided"
                )
            if ran.again or ran.target != target or ran.rollback or pull.number <= ran.begun:
                continue
            if ran.lagged:
                continue  # a list that hides what was closed a moment ago: git does not know of it
            told = [said for number, said in self._declined.items() if self.view.pull(number).head == pull.head]
            if any(self._speaks_against(other, commit, target) for commits in told for other in commits):
                raise InvariantError("declined", f"#{pull.number} proposes {commit[:12]}, which a person has declined")
            merged = [merge.commits for merge in self._merged[target]]
            if commit in {other for commits in merged for other in commits}:
                raise InvariantError(
                    "returned", f"#{pull.number} proposes {commit[:12]} again, which was merged before"
                )

    def _look_at_pull_request(self, ran: Ran) -> None:
        """After a success the pull request is there, and what it says, what its branch has and a merge brings agree."""
        prefix = "rollback" if ran.rollback else "promote"
        ours = [pull for pull in self.view.open() if pull.head.startswith(prefix) and _target(pull) == ran.target]
        if not ours:
            raise InvariantError("lost", f"the run says {ran.result!r}, and no pull request is open")
        [pull] = ours
        layout, target = self.view.layout, ran.target
        if pull.base != layout.branch(target):
            raise InvariantError("not mergeable", f"#{pull.number} goes into {pull.base}")
        values, has = self.view.at(pull.head, target), self.view.now(target)
        own = next(filter(is_own, self.view.on_branch(pull.head_sha, target)), None)
        if own is None:
            raise InvariantError("halves", f"#{pull.number} has no commit of the promoter's")
        if values != self.view.at(own.sha, target):
            return  # somebody else has changed it on the branch
        merged = self.view.merging(pull.head_sha, target)
        if merged != values and not self._work[pull.head]:
            raise InvariantError("not mergeable", f"#{pull.number} has {values}, and merging brings {merged}")
        if values == has:
            raise InvariantError("pointless", f"#{pull.number} proposes {values}, which {target} has")
        body = pull.body or ""
        data = metadata(body)
        trailer = _TRAILER.search(own.message)
        says = {change["key"]: change["becomes"] for change in data.get("changes", [])}
        changed = [(field, new) for field, old, new in zip(layout.fields, has, values, strict=True) if old != new]
        if trailer is None or data.get("commitID") != trailer[4] or says != {field.name: new for field, new in changed}:
            raise InvariantError(
                "halves", f"#{pull.number} says {data.get('commitID')} {says}, its branch has {values}"
            )
        if missing := [new for _, new in changed if f"| `{new}` |" not in body]:
            raise InvariantError("halves", f"the table of #{pull.number} does not have {missing}")
        versions = {self._of(values, field.application)[0] for field, _ in changed}
        # A rollback of a group says of how many applications it is.
        called = (ran.rollback and self._grouped) or all(version in pull.title for version in versions)
        if pull.number not in self._edited and not called:
            raise InvariantError("halves", f"#{pull.number} is called {pull.title!r}, and its branch has {values}")
        if ran.rollback or (target, trailer[4]) in self._permitted:
            return
        if any(self._by_hand[target, one] and self._is_older(one, values, has) for one in self._all):
            raise InvariantError("hotfix", f"#{pull.number} replaces {has}, set by hand, by the older {values}")
        if ran.result == "created" and values in self._reverted[target]:
            raise InvariantError("returned", f"#{pull.number} brings back {values}, which was reverted in {target}")

    def _keep_work(self) -> None:
        for branch, commits in self._work.items():
            tip = self.view.tip(branch)
            base = self.view.layout.branch(branch.rpartition("/")[2])
            kept = self.view.ancestors(tip) | self.view.ancestors(self.view.tip(base))
            lost = [commit for commit in commits if tip and commit not in kept]
            if lost:
                raise InvariantError("work lost", f"{lost[0][:12]} is not on {branch} any more")

    def _proposed(self, pull: PullRequest) -> frozenset[str]:
        """The commits that a pull request proposes, by its text and by its branch; two when they do not agree."""
        found = {str(metadata(pull.body or "").get("commitID", ""))}
        found.add(promoted(self.view, pull.head_sha, _target(pull)))
        return frozenset(found & self._places.keys())


def _last(had: list[Values], values: Values, places: list[int]) -> int:
    """When a stage had these values last, at the places that count."""
    found = [number for number, one in enumerate(had) if all(one[place] == values[place] for place in places)]
    return max(found, default=-1)


def _either(value: str, one: str, other: str) -> bool:
    return value in (one, other)


def _target(pull: PullRequest) -> str:
    return pull.head.rpartition("/")[2]


def metadata(body: str) -> dict[str, Any]:
    found = _METADATA.findall(body)
    data: dict[str, Any] = json.loads(found[-1]) if found else {}
    return data


def _others(view: View, before: str, after: str, path: str) -> bool:
    """Whether all that is not promoted is the same in a file of two commits."""
    return others(view.file(before, path)) == others(view.file(after, path))
