"""A repository of the forge: the bare git repository, its settings, and who is told when a ref moves.

Every change of a branch, by REST or by push, goes through `update_ref`, so that pull requests follow git.
"""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lab.forge.environment import git_environment
from lab.forge.objects import Objects

ZERO = "0" * 40
_PERSON = re.compile(r"(.*?) ?<(.*?)> (\d+) ([+-]\d{4})")


class RefError(Exception):
    """Git refused to move a ref: it is not where the caller saw it, or its name is no ref's."""


@dataclass(frozen=True)
class Person:
    """Author or committer of a commit; `when` in seconds since 1970."""

    name: str
    email: str
    when: int

    @property
    def date(self) -> str:
        """The time as GitHub writes it."""
        return timestamp(self.when)


@dataclass(frozen=True)
class Commit:
    """A commit, read."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    message: str


@dataclass(frozen=True)
class Protection:
    """A protected branch: nobody pushes, edits or deletes it directly; merging needs `reviews` approvals."""

    reviews: int = 0


@dataclass
class Repository:
    """One repository; `full_name` is `owner/name`. Flags are GitHub's repository settings."""

    number: int
    full_name: str
    path: Path
    default_branch: str
    auto_delete_head_branches: bool = False
    actions_may_open_pull_requests: bool = False
    default_workflow_permissions: str = "read"
    organization: bool = False
    archived: bool = False
    protections: dict[str, Protection] = field(default_factory=dict)
    collaborators: set[str] = field(default_factory=set)
    teams: set[str] = field(default_factory=set)
    listeners: list[Callable[[str, str, str], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.objects = Objects(self.path)

    def create(self) -> None:
        """Lay down the bare repository, as `git init --bare` would; fetches may filter, and ask for any commit."""
        for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
            (self.path / folder).mkdir(parents=True)
        (self.path / "HEAD").write_text(f"ref: refs/heads/{self.default_branch}\n")
        (self.path / "config").write_text(
            "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
            "[uploadpack]\n\tallowFilter = true\n\tallowAnySHA1InWant = true\n"
            "[gc]\n\tauto = 0\n"
        )

    @property
    def owner(self) -> str:
        """The account the repository belongs to."""
        return self.full_name.partition("/")[0]

    @property
    def name(self) -> str:
        """The repository's name without its owner."""
        return self.full_name.partition("/")[2]

    def git(self, *arguments: str, data: bytes | None = None, check: bool = True) -> str:
        """Run git in the repository and give its output; `RefError` with git's words when it fails."""
        done = self.run(*arguments, data=data)
        if check and done.returncode:
            raise RefError(done.stderr.decode(errors="replace").strip())
        return done.stdout.decode(errors="surrogateescape")

    def run(self, *arguments: str, data: bytes | None = None) -> "subprocess.CompletedProcess[bytes]":
        """Run git in the repository, whatever its exit status."""
        return subprocess.run(
            ["git", f"--git-dir={self.path}", *arguments],
            input=data or b"",
            capture_output=True,
            env=git_environment(),
            check=False,
        )

    def tip(self, ref: str) -> str | None:
        """The object that a full ref name (`refs/heads/main`) points to."""
        found = self.objects.read(ref)
        return found.sha if found else None

    def branch(self, name: str) -> str | None:
        """The commit at the tip of a branch."""
        return self.tip(f"refs/heads/{name}")

    def resolve(self, revision: str) -> str | None:
        """The commit that a branch, tag, full ref name or (abbreviated) object id names."""
        for candidate in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            found = self.objects.read(f"{candidate}^{{commit}}")
            if found:
                return found.sha
        return None

    def commit(self, sha: str) -> Commit | None:
        """Read a commit by anything that names one commit unambiguously to git."""
        found = self.objects.read(f"{sha}^{{commit}}")
        if found is None:
            return None
        head, _, message = found.data.decode(errors="replace").partition("\n\n")
        headers = [line.partition(" ")[::2] for line in head.split("\n")]
        first = dict(reversed(headers))
        return Commit(
            sha=found.sha,
            tree=first["tree"],
            parents=tuple(value for name, value in headers if name == "parent"),
            author=_person(first["author"]),
            committer=_person(first["committer"]),
            message=message.removesuffix("\n"),
        )

    def write_commit(self, tree: str, parents: list[str], message: str, author: Person, committer: Person) -> str:
        """Store a commit and give its id; no ref moves."""
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [
            f"{role} {person.name} <{person.email}> {person.when} +0000"
            for role, person in (("author", author), ("committer", committer))
        ]
        return self.objects.write("commit", ("\n".join(lines) + f"\n\n{message}").encode())

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Whether `descendant` contains `ancestor`; a commit contains itself."""
        return ancestor == descendant or not self.run("merge-base", "--is-ancestor", ancestor, descendant).returncode

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor, None for unrelated histories."""
        return self.git("merge-base", one, other, check=False).strip() or None

    def merged_tree(self, base: str, head: str) -> str | None:
        """The tree of merging `head` into `base`, None on conflict."""
        done = self.run("merge-tree", "--write-tree", "--allow-unrelated-histories", base, head)
        if done.returncode not in (0, 1):
            raise RefError(f"the forge merges with `git merge-tree --write-tree`: git 2.38 or later ({done.stderr!r})")
        return done.stdout.decode().split("\n")[0] if done.returncode == 0 else None

    def changed_paths(self, before: str | None, after: str, under: str) -> list[str]:
        """Paths at or below `under` that differ between two commits; all of them when there is no `before`."""
        empty = self.objects.write_tree([])
        return self.git("diff-tree", "-r", "--name-only", before or empty, after, "--", under).split()

    def refs(self, prefix: str) -> list[tuple[str, str, str]]:
        """Refs whose full name begins with `prefix`: (name, object id, kind), sorted by name."""
        listing = self.git("for-each-ref", "--format=%(refname) %(objectname) %(objecttype)")
        rows = [tuple(line.split(" ")) for line in listing.splitlines()]
        return [(name, sha, kind) for name, sha, kind in rows if name.startswith(prefix)]

    def update_ref(self, ref: str, new: str, old: str | None = None) -> None:
        """Create, move or delete (`new` is ZERO) a ref, then tell the listeners.

        `old` is where the caller saw it, ZERO for "not there"; None skips that check. `RefError` when git refuses.
        """
        before = self.tip(ref) or ZERO
        if new == ZERO:
            self.git("update-ref", "-d", ref, *([old] if old else []))
        else:
            self.git("update-ref", ref, new, *([old] if old is not None else []))
        if ref.startswith("refs/heads/"):
            for listener in self.listeners:
                listener(ref.removeprefix("refs/heads/"), before, new)


def timestamp(when: float | None = None) -> str:
    """A time in GitHub's form, now by default."""
    moment = datetime.now(UTC) if when is None else datetime.fromtimestamp(when, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _person(line: str) -> Person:
    found = _PERSON.fullmatch(line)
    return Person(found[1], found[2], int(found[3])) if found else Person(line, "", 0)
