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

APPLICATION = "podtato-head"
ACTED = ("created", "updated", "unchanged")
DECIDED = (*ACTED, "closed as pointless", "nothing to change")
_VERSION = re.compile(r"^serviceVersion: (\S+)", re.MULTILINE)
_PROMOTED = re.compile(r"^(serviceVersion|traceParent): .*$", re.MULTILINE)
_TRAILER = re.compile(rf"^Delivery-Promotion: {APPLICATION} (\S+)->(\S+) ([0-9a-f]{{40}})", re.MULTILINE)
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
    """A stage was verified at `commit`, where it had `version`: what the promoter is told."""

    number: int
    source: str
    target: str
    commit: str
    version: str
    trace: str


@dataclass(frozen=True)
class Ran:
    """A run of the promoter. `begun` is the number of pull requests there were; `status` -1: killed or crashed."""

    source: str
    target: str
    event: Event | None
    begun: int
    again: bool
    rollback: bool
    status: int
    result: str
    said: str
    crash: str
    disturbed: bool
    lagged: bool


@dataclass(frozen=True)
class Merged:
    """A promotion that a person merged."""

    number: int
    commits: frozenset[str]
    was: str


class View:
    """What is on the forge now."""

    def __init__(self, forge: Forge, repository: Repository) -> None:
        self._forge, self._repository = forge, repository
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

    def version(self, ref: str, stage: str) -> str:
        """The promoted value that a stage has at a branch or commit; empty when it has none."""
        found = _VERSION.search(self.file(ref, f"{stage}/values.yaml"))
        return found[1] if found else ""

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

    def on_branch(self, head: str) -> list[Commit]:
        """The commits of a branch's own line that the default branch does not contain, newest first."""
        merged, found = self.ancestors(self.tip()), []
        while head and head not in merged:
            found.append(self.commit(head))
            head = found[-1].parents[0] if found[-1].parents else ""
        return found

    def merging(self, head: str, stage: str) -> str | None:
        """What the stage would have after merging `head`; None on a conflict."""
        tree = self._repository.merged_tree(self.tip(), head)
        found = self._repository.objects.read(f"{tree}:{stage}/values.yaml") if tree else None
        match = _VERSION.search(found.data.decode()) if found else None
        return match[1] if match else None

    def changed(self, commit: Commit) -> list[str]:
        """The paths that a commit changes."""
        return self._repository.changed_paths(commit.parents[0], commit.sha) if commit.parents else []


def is_own(commit: Commit) -> bool:
    """Whether the promoter made a commit."""
    return commit.committer.email == "promoter@delivery.invalid" and bool(_TRAILER.search(commit.message))


@dataclass
class Oracle:
    """What happened so far, as far as it decides about what may happen."""

    view: View
    secrets: tuple[str, ...]
    sources: dict[str, tuple[str, ...]]
    pipeline: str
    events: list[Event] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)
    _had: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _started: set[Event] = field(default_factory=set)
    _decided: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _permitted: set[tuple[str, str]] = field(default_factory=set)
    _closed: dict[int, frozenset[str]] = field(default_factory=dict)
    _declined: dict[int, frozenset[str]] = field(default_factory=dict)
    _edited: set[int] = field(default_factory=set)
    _work: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _merged: dict[str, list[Merged]] = field(default_factory=lambda: defaultdict(list))
    _merging: frozenset[str] = frozenset()
    _reverted: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _by_hand: dict[str, bool] = field(default_factory=lambda: defaultdict(bool))
    _looked_at: set[str] = field(default_factory=set)

    def moved(self) -> None:
        """The default branch has a new tip."""
        self._places.setdefault(self.view.tip(), len(self._places))
        for stage in {*self.sources, *(one for after in self.sources.values() for one in after)}:
            version = self.view.version("main", stage)
            if not self._had[stage] or self._had[stage][-1] != version:
                self._had[stage].append(version)

    def verified(self, source: str, target: str, trace: str) -> Event:
        """A stage was verified, at the tip."""
        commit = self.view.tip()
        event = Event(len(self.events), source, target, commit, self.view.version(commit, source), trace)
        self.events.append(event)
        return event

    def set_by_hand(self, stage: str, was: str, now: str) -> None:
        """A person gave a stage another version."""
        self._by_hand[stage] = True
        self._reverted[stage].add(was)
        self._reverted[stage].discard(now)

    def closed(self, number: int, *, deleted: bool) -> None:
        """A person is about to close a pull request, by having its branch `deleted` perhaps."""
        pull = self.view.pull(number)
        self._closed[number] = self._proposed(pull)
        said = {str(_metadata(pull.body or "").get("commitID", ""))} & self._places.keys()
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

    def merged(self, number: int, was: str) -> None:
        """A person merged a pull request; the target had `was` before."""
        pull = self.view.pull(number)
        kind, _, _, target = pull.head.split("/")
        now = self.view.version("main", target)
        self._work[pull.head].clear()
        if kind == "promote":
            self._merged[target].append(Merged(number, self._merging, was))
            self._by_hand[target] = now not in self._versions(target, self._merging)
            self._reverted[target].clear()
        else:
            self._by_hand[target] = False
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
            self._decided[ran.target].append(ran.event.commit)
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
            newest: dict[str, Event] = {}
            for event in sorted(self.events, key=lambda event: self._places[event.commit]):
                if event.target == target:
                    newest[event.source] = event
            lost = [event for event in newest.values() if not self._is_settled(event, failed)]
            # Several source stages have to agree, all of them or with nobody: what else is newest, is open to debate.
            agree = len({event.version for event in newest.values()}) == 1
            if lost and agree and (len(newest) == len(sources) or not self._needs_all(target)):
                version, has = lost[0].version, self.view.version("main", target)
                raise InvariantError("lost", f"{version} is verified for {target}, newest, and not proposed: {has}")

    def _needs_all(self, target: str) -> bool:
        return self.pipeline.endswith("all") and len(self.sources[target]) > 1

    def _is_settled(self, newest: Event, failed: set[int]) -> bool:
        target, version = newest.target, newest.version
        has = self.view.version("main", target)
        ours = [pull for pull in self.view.pulls() if pull.head.startswith("promote/") and _target(pull) == target]
        proposed = [self.view.version(pull.head, target) for pull in ours if pull.state == "open"]
        if version in (has, *proposed) or version in self._reverted[target]:
            return True
        if self._by_hand[target] and VERSIONS.index(has) > VERSIONS.index(version):
            return True
        refused = [self._closed.get(pull.number, frozenset()) for pull in ours]
        refused += [merged.commits for merged in self._merged[target]]
        if any(self._speaks_against(other, newest.commit, target) for commits in refused for other in commits):
            return True
        if any(self._work[pull.head] for pull in ours) and newest.number in failed:
            return True
        if any(_last(had, has) > _last(had, version) >= 0 for stage, had in self._had.items() if stage != target):
            return True  # a person has gone back, in a stage before, to what the target has
        permitted = {commit for stage, commit in self._permitted if stage == target}
        return any(self._places[commit] < self._places[newest.commit] for commit in permitted)

    def _speaks_against(self, refused: str, commit: str, target: str) -> bool:
        """Whether a person who refused one commit has refused the other: an older one.

        Source stages of a join are not as fast as each other: there it is an older one with the same values.
        """
        if self._places[refused] < self._places[commit]:
            return False
        both = self._versions(target, {refused}) & self._versions(target, {commit})
        return len(self.sources[target]) == 1 or bool(both)

    def _versions(self, target: str, commits: Collection[str]) -> set[str]:
        """What was verified for the target at these commits."""
        return {event.version for event in self.events if event.target == target and event.commit in commits}

    def _look_at_commits(self, branch: str) -> None:
        """What the promoter committed changes promoted values alone, to what a commit has that was verified."""
        for commit in filter(is_own, self.view.on_branch(self.view.tip(branch))):
            if commit.sha in self._looked_at:
                continue
            self._looked_at.add(commit.sha)
            found = _TRAILER.search(commit.message)
            assert found is not None
            source, target, promoted = found.groups()
            path = f"{target}/values.yaml"
            before, after = (self.view.file(sha, path) for sha in (commit.parents[0], commit.sha))
            if self.view.changed(commit) not in ([path], []) or _others(before) != _others(after):
                raise InvariantError("unpromoted bytes", f"{branch} changes {self.view.changed(commit)}: {after!r}")
            version = self.view.version(commit.sha, target)
            if branch.startswith("rollback/"):
                if not self._merged[target] or version != self._merged[target][-1].was:
                    raise InvariantError("rollback", f"{target} gets {version}, which it had not before")
                continue
            told = {event for event in self._started if event.target == target}
            if version not in {event.version for event in told if event.commit == promoted}:
                raise InvariantError(
                    "unverified", f"{branch} has {version} of {promoted[:12]}: nobody has verified that"
                )
            agreed = {event.source for event in told if event.version == version} == set(self.sources[target])
            if self._needs_all(target) and not agreed and (target, promoted) not in self._permitted:
                raise InvariantError("unverified", f"{branch} has {version}: not all of {source} have verified it")

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
        version, has = self.view.version(pull.head, ran.target), self.view.version("main", ran.target)
        if not any(is_own(commit) for commit in self.view.on_branch(pull.head_sha)):
            raise InvariantError("halves", f"#{pull.number} has no commit of the promoter's")
        own = next(filter(is_own, self.view.on_branch(pull.head_sha)))
        if version != self.view.version(own.sha, ran.target):
            return  # somebody else has changed it on the branch
        merged = self.view.merging(pull.head_sha, ran.target)
        if merged != version and not self._work[pull.head]:
            raise InvariantError("not mergeable", f"#{pull.number} has {version}, and merging brings {merged}")
        if version == has:
            raise InvariantError("pointless", f"#{pull.number} proposes {version}, which {ran.target} has")
        body = pull.body or ""
        data = _metadata(body)
        trailer = _TRAILER.search(own.message)
        says = [change["becomes"] for change in data.get("changes", [])]
        if trailer is None or data.get("commitID") != trailer[3] or says != [version]:
            raise InvariantError(
                "halves", f"#{pull.number} says {data.get('commitID')} {says}, its branch has {version}"
            )
        if f"| `{version}` |" not in body:
            raise InvariantError("halves", f"the table of #{pull.number} does not have {version}")
        if pull.number not in self._edited and f" {version} " not in pull.title:
            raise InvariantError("halves", f"#{pull.number} is called {pull.title!r}, and its branch has {version}")
        if ran.rollback or (ran.target, trailer[3]) in self._permitted:
            return
        if self._by_hand[ran.target] and VERSIONS.index(version) < VERSIONS.index(has):
            raise InvariantError("hotfix", f"#{pull.number} replaces {has}, set by hand, by the older {version}")
        if ran.result == "created" and version in self._reverted[ran.target]:
            raise InvariantError(
                "returned", f"#{pull.number} brings back {version}, which was reverted in {ran.target}"
            )

    def _keep_work(self) -> None:
        for branch, commits in self._work.items():
            tip = self.view.tip(branch)
            kept = self.view.ancestors(tip) | self.view.ancestors(self.view.tip())
            lost = [commit for commit in commits if tip and commit not in kept]
            if lost:
                raise InvariantError("work lost", f"{lost[0][:12]} is not on {branch} any more")

    def _proposed(self, pull: PullRequest) -> frozenset[str]:
        """The commits that a pull request proposes, by its text and by its branch; two when they do not agree."""
        found = {str(_metadata(pull.body or "").get("commitID", ""))}
        own = next(filter(is_own, self.view.on_branch(pull.head_sha)), None)
        trailer = _TRAILER.search(own.message) if own else None
        return frozenset((found | ({trailer[3]} if trailer else set())) & self._places.keys())


def _last(had: list[str], version: str) -> int:
    return max((place for place, one in enumerate(had) if one == version), default=-1)


def _target(pull: PullRequest) -> str:
    return pull.head.rpartition("/")[2]


def _metadata(body: str) -> dict[str, Any]:
    found = _METADATA.findall(body)
    data: dict[str, Any] = json.loads(found[-1]) if found else {}
    return data


def _others(text: str) -> str:
    return _PROMOTED.sub(r"\1:", text)
