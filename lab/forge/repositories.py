"""A repository of the forge: the bare git repository, its settings, and who is told when a ref moves.

Every change of a branch, by REST or by push, goes through `update_ref`, so that pull requests follow git.
"""

import re
import subprocess
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from lab.forge import signatures
from lab.forge.model import Deployment, Environment, Status, timestamp
from lab.forge.objects import Objects, git_environment

ZERO = "0" * 40
WORKFLOWS = ".github/workflows"
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


def person(login: str, name: str | None = None, email: str | None = None) -> Person:
    """Who writes a commit now: a name and address as given, else those that GitHub gives an account."""
    clean = str.maketrans("", "", "<>\n\0")
    number = f"{zlib.crc32(login.encode())}+" if login.endswith("[bot]") else ""
    own = f"{number}{login}@users.noreply.github.com"
    return Person((name or login).translate(clean).strip(), (email or own).translate(clean).strip(), int(time.time()))


def web_flow() -> Person:
    """Whom GitHub names as the committer of what it commits itself, now."""
    return Person("GitHub", "noreply@github.com", int(time.time()))


@dataclass(frozen=True)
class Commit:
    """A commit, read. `payload` is what its `signature` has to be of; both are empty when it is not signed."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    message: str
    signature: str
    payload: str

    @property
    def verified(self) -> bool:
        """Whether GitHub calls it verified."""
        return signatures.verification(self.signature, self.payload)["verified"] is True


@dataclass
class Repository:
    """One repository; `full_name` is `owner/name`. Flags are GitHub's repository settings.

    `protections` has the approvals that a protected branch needs: nobody pushes to it, edits or deletes it directly.
    `signed_branches` are patterns of branches that take verified commits alone. `deployments`, and `statuses` by
    commit, are oldest first.
    """

    number: int
    full_name: str
    path: Path
    default_branch: str
    actions_may_open_pull_requests: bool = False
    default_workflow_permissions: str = "read"
    organization: bool = False
    archived: bool = False
    protections: dict[str, int] = field(default_factory=dict)
    signed_branches: tuple[str, ...] = ()
    collaborators: set[str] = field(default_factory=set)
    teams: set[str] = field(default_factory=set)
    disabled_workflows: set[str] = field(default_factory=set)
    environments: dict[str, Environment] = field(default_factory=dict)
    deployments: list[Deployment] = field(default_factory=list)
    statuses: dict[str, list[Status]] = field(default_factory=dict)
    listeners: list[Callable[[str, str], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.objects = Objects(self.path)
        self.owner, _, self.name = self.full_name.partition("/")

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

    def git(self, *arguments: str, data: bytes = b"") -> str:
        """Run git in the repository and give its output; `RefError` with git's words when it fails."""
        done = self.run(*arguments, data=data)
        if done.returncode:
            raise RefError(done.stderr.decode(errors="replace").strip())
        return done.stdout.decode(errors="surrogateescape")

    def run(self, *arguments: str, data: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        """Run git in the repository, whatever its exit status."""
        command = ["git", f"--git-dir={self.path}", *arguments]
        return subprocess.run(command, input=data, capture_output=True, env=git_environment(), check=False)

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

    def read(self, path: str, revision: str) -> bytes | None:
        """A file's bytes at a branch, tag, commit or HEAD; None when it is not there."""
        commit = self.resolve(revision)
        found = self.objects.read(f"{commit}:{path}") if commit else None
        return found.data if found and found.kind == "blob" else None

    def commit(self, sha: str) -> Commit | None:
        """Read a commit by anything that names one commit unambiguously to git."""
        found = self.objects.read(f"{sha}^{{commit}}")
        if found is None:
            return None
        head, _, message = found.data.decode(errors="replace").partition("\n\n")
        signature, payload = signatures.read(head, message)
        headers = [line.partition(" ")[::2] for line in head.split("\n")]
        first = dict(reversed(headers))
        return Commit(
            sha=found.sha,
            tree=first["tree"],
            parents=tuple(value for name, value in headers if name == "parent"),
            author=_read_person(first["author"]),
            committer=_read_person(first["committer"]),
            message=message.removesuffix("\n"),
            signature=signature,
            payload=payload,
        )

    def write_commit(
        self, tree: str, parents: list[str], message: str, author: Person, committer: Person | None = None
    ) -> str:
        """Store a commit and give its id; no ref moves. Without a `committer` GitHub commits it, and signs it."""
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [
            f"{role} {person.name} <{person.email}> {person.when} +0000"
            for role, person in (("author", author), ("committer", committer or web_flow()))
        ]
        head = "\n".join(lines) if committer else signatures.signed("\n".join(lines), message)
        return self.objects.write("commit", f"{head}\n\n{message}".encode())

    def commit_files(
        self,
        files: Mapping[str, str | bytes | None],
        message: str,
        author: Person,
        *,
        branch: str | None = None,
        committer: Person | None = None,
    ) -> str:
        """Commit files (None removes one) to a branch, the default one unless named; gives the commit.

        Without a `committer` GitHub commits it. A branch that is not there starts at the default branch. Protection
        does not apply. `RefError` when the branch moves meanwhile.
        """
        name = branch or self.default_branch
        present = self.branch(name)
        tip = present or self.branch(self.default_branch)
        before = self.commit(tip) if tip else None
        changes: dict[str, str | None] = {}
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            changes[path] = None if data is None else self.objects.write("blob", data)
        tree = self.objects.edit_tree(before.tree if before else None, changes)
        sha = self.write_commit(tree, [tip] if tip else [], message, author, committer)
        self.update_ref(f"refs/heads/{name}", sha, present or ZERO)
        return sha

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Whether `descendant` contains `ancestor`; a commit contains itself."""
        return ancestor == descendant or not self.run("merge-base", "--is-ancestor", ancestor, descendant).returncode

    def demands_signatures(self, branch: str) -> bool:
        """Whether a rule lets verified commits alone onto the branch."""
        return any(fnmatchcase(branch, pattern) for pattern in self.signed_branches)

    def refused_unsigned(self, branch: str, new: str) -> list[str]:
        """The commits because of which `branch` may not move to `new`: new to it and not verified, though they must."""
        if not self.demands_signatures(branch):
            return []
        known = [tip for tip in (self.branch(branch), self.branch(self.default_branch)) if tip]
        found = map(self.commit, self.history(new, *known))
        return [commit.sha for commit in found if commit and not commit.verified]

    def history(self, commit: str, *without: str) -> list[str]:
        """The commits that `commit` contains and none of `without` does, parents last.

        Not asked of git as `commit ^other`: it walks by date, and where a clock was behind it names too many.
        """
        known = set(self.git("rev-list", *without).split()) if without else set()
        return [name for name in self.git("rev-list", "--topo-order", commit).split() if name not in known]

    def merged_tree(self, base: str, head: str) -> str | None:
        """The tree of merging `head` into `base`, None on conflict."""
        done = self.run("merge-tree", "--write-tree", "--allow-unrelated-histories", base, head)
        if done.returncode not in (0, 1):
            raise RefError(f"the forge merges with `git merge-tree --write-tree`: git 2.38 or later ({done.stderr!r})")
        return done.stdout.decode().split("\n")[0] if done.returncode == 0 else None

    def changed_paths(self, before: str | None, after: str, *under: str) -> list[str]:
        """Paths (those at or below `under`) that differ between two commits; all of them when there is no `before`."""
        start = before or self.objects.edit_tree(None, {})
        return self.git("diff-tree", "-r", "-z", "--name-only", start, after, "--", *under).split("\0")[:-1]

    def update_ref(self, ref: str, new: str, old: str | None = None) -> None:
        """Create, move or delete (`new` is ZERO) a ref, then tell the listeners.

        `old` is where the caller saw it, ZERO for "not there"; None skips that check. `RefError` when git refuses.
        """
        if new == ZERO:
            self.git("update-ref", "-d", ref, *([old] if old else []))
        else:
            self.git("update-ref", ref, new, *([old] if old is not None else []))
        if ref.startswith("refs/heads/"):
            for listener in self.listeners:
                listener(ref.removeprefix("refs/heads/"), new)


def _read_person(line: str) -> Person:
    found = _PERSON.fullmatch(line)
    return Person(found[1], found[2], int(found[3])) if found else Person(line, "", 0)
