"""Git in a temporary bare repository: what a promotion reads, and the one commit that it pushes.

Nothing of the user's own git configuration takes part, and the token travels only in the environment of the
git process, never in its arguments. Which commit is wanted is decided elsewhere.
"""

import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from delivery.git.commits import PROMOTER_MAIL, PROMOTER_NAME, TRAILER, Commit, File
from delivery.git.process import (
    AbsentError,
    ConcurrentPushError,
    GitError,
    explain,
    git_environment,
    is_concurrent_push,
    is_transient,
    run_git,
    shown,
)
from delivery.timeouts import Deadline

__all__ = ["ConcurrentPushError", "GitError", "RefUpdate", "Repository"]

_FETCHED = "refs/delivery/tip"
_FIELDS = f"%H%x00%P%x00%ce%x00%an%x00%s%x00%(trailers:key={TRAILER},valueonly,separator=%x2C)%x00%ae"


@dataclass(frozen=True)
class RefUpdate:
    """A ref of the remote to be put on `commit`, if it still is where it was `observed` (None: not there).

    `name` is the whole name (`refs/heads/…`). Without `rewrite` only a fast-forward is pushed.
    """

    name: str
    commit: str
    observed: str | None
    rewrite: bool = True


class Repository:
    """A bare repository in a temporary folder with one remote; use it as a context manager."""

    def __init__(
        self,
        remote: str,
        token: str = "",
        *,
        deadline: Deadline | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._remote, self._token, self._deadline = remote, token, deadline or Deadline()
        self._environ = git_environment(remote, token, PROMOTER_NAME, PROMOTER_MAIL, environ)
        self._parents: dict[str, tuple[str, ...]] | None = None
        self._reached: dict[str, frozenset[str]] = {}

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="delivery-", ignore_cleanup_errors=True)
        self.path = Path(self._folder.name)
        self._git("init", "--bare", "--quiet", "--initial-branch=none", str(self.path))
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def fetch(self, refspecs: Sequence[str], depth: int, *, commits_only: bool = False) -> None:
        """Fetch these refspecs, `depth` commits deep, in one connection. Network failures are tried again, twice.

        With `commits_only` no file comes with them, where the server knows how to leave that out.
        """
        only = ("--filter=tree:0",) if commits_only else ()
        self._remotely("fetch from", "fetch", "--quiet", "--no-tags", *only, f"--depth={depth}", "origin", *refspecs)
        self._parents, self._reached = None, {}

    def fetch_tip(self, branch: str) -> str | None:
        """Fetch the newest commit of `branch` alone, without its history, and return its name."""
        self.fetch([f"+refs/heads/{branch}:{_FETCHED}"], 1)
        return self.resolve(_FETCHED)

    def fetch_commit(self, commit: str) -> None:
        """Fetch a commit that GitHub has just made, on no branch, with what of its history is not here.

        GitHub gives out any commit, but what was made just before may not be everywhere yet: it is asked three times.
        """
        for pause in (1.0, 2.0, 0.0):
            try:
                self._remotely("fetch from", "fetch", "--quiet", "--no-tags", "origin", f"+{commit}:{_FETCHED}")
                break
            except AbsentError as error:
                if not pause or pause >= self._deadline.remaining():
                    raise GitError(
                        f"GitHub does not give out the commit {commit[:12]} that it made: run again"
                    ) from error
                self._deadline.sleep(pause)
        self._parents, self._reached = None, {}

    def push(self, updates: Sequence[RefUpdate]) -> None:
        """Update all of these refs of the remote, or none.

        Raises `ConcurrentPushError` when one of them moved. A push whose answer got lost can be repeated: it then
        finds the refs where it wants them.
        """
        leases = [
            f"--force-with-lease={update.name}:{update.observed or ''}"
            for update in updates
            if update.rewrite or update.observed is None
        ]
        atomic = ("--atomic",) if len(updates) > 1 else ()
        specs = [f"{update.commit}:{update.name}" for update in updates]
        self._remotely(
            f"push {updates[0].name.removeprefix('refs/heads/')} to",
            "push",
            "--porcelain",
            *atomic,
            *leases,
            "origin",
            *specs,
        )

    def resolve(self, ref: str) -> str | None:
        """The commit that `ref` names here, or None."""
        done = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def tree(self, commit: str) -> str:
        """The name of the tree of `commit`."""
        return self._git("rev-parse", f"{commit}^{{tree}}").decode().strip()

    def read(self, commit: str, path: str) -> File | None:
        """The file at `path` in `commit`, or None when there is none."""
        mode, blob = self.files(commit, path).get(path, ("", ""))
        return File(self._git("cat-file", "blob", blob), mode) if blob else None

    def read_all(self, commit: str, paths: Sequence[str]) -> dict[str, File]:
        """The files at `paths` in `commit`, as far as they are there, by their path."""
        listed = self.files(commit, *paths) if paths else {}
        found = {path: listed[path] for path in paths if path in listed}
        contents = self.contents([blob for _, blob in found.values()]) if found else ()
        return {path: File(content, found[path][0]) for path, content in zip(found, contents, strict=True)}

    def texts(self, commit: str, paths: Sequence[str]) -> dict[str, bytes] | None:
        """What is in the files at `paths` in `commit`, by their path; None when one of them is not there."""
        files = self.read_all(commit, paths)
        return {path: file.content for path, file in files.items()} if len(files) == len(paths) else None

    def files(self, commit: str, *paths: str) -> dict[str, tuple[str, str]]:
        """The mode and the blob of every file in `commit`, by its path; only of those at or below `paths`, if given."""
        listed = self._git("ls-tree", "-r", "-z", "--full-tree", commit, "--", *paths).decode("utf-8", "replace")
        found = {}
        for entry in listed.split("\0"):
            about, _, path = entry.partition("\t")
            if path and about.split()[1] == "blob":
                mode, _, blob = about.split()
                found[path] = mode, blob
        return found

    def contents(self, blobs: Sequence[str]) -> tuple[bytes, ...]:
        """What is in these blobs, all of them read by one process."""
        out = self._git("cat-file", "--batch", given="".join(f"{blob}\n" for blob in blobs).encode())
        found, start = [], 0
        for _ in blobs:
            head = out.index(b"\n", start)
            end = head + 1 + int(out[start:head].split()[2])
            found.append(out[head + 1 : end])
            start = end + 1
        return tuple(found)

    def boundary(self) -> frozenset[str]:
        """The commits at which the shallow history ends; empty when all of it is here."""
        shallow = self.path / "shallow"
        return frozenset(shallow.read_text().split()) if shallow.exists() else frozenset()

    def is_ancestor(self, commit: str, descendant: str) -> bool:
        """Whether `descendant` contains `commit`, as far as the fetched history shows."""
        return commit in self.contained(descendant)

    def contained(self, commit: str) -> frozenset[str]:
        """The commits that `commit` contains, itself among them, as far as the fetched history shows.

        Git's own set differences (`a ^b`) are walked by commit dates, and name too much where a clock was behind.
        """
        if commit not in self._reached:
            graph, reached, waiting = self._graph(), set[str](), [commit]
            while waiting:
                found = waiting.pop()
                if found in graph and found not in reached:
                    reached.add(found)
                    waiting += graph[found]
            self._reached[commit] = frozenset(reached)
        return self._reached[commit]

    def _graph(self) -> Mapping[str, tuple[str, ...]]:
        """Every fetched commit with its parents, children first."""
        if self._parents is None:
            rows = map(str.split, self._git("rev-list", "--topo-order", "--parents", "--all").decode().splitlines())
            self._parents = {commit: tuple(parents) for commit, *parents in rows}
        return self._parents

    def merge_base(self, one: str, other: str) -> str | None:
        """The newest commit that both contain, as far as the fetched history shows."""
        done = self._run("merge-base", one, other)
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def message(self, commit: str) -> str:
        """The whole commit message."""
        return self._git("log", "-1", "--format=%B", commit).decode("utf-8", "replace")

    def trailer(self, commit: str) -> str:
        """The promoter's trailer, wherever it stands in the message; empty when there is none.

        A squash puts the messages of others behind ours, and GitHub names its authors there: then git itself, which
        looks at the last paragraph only, does not take it for a trailer any more.
        """
        found = re.findall(rf"^{TRAILER}: (.*)$", self.message(commit), re.MULTILINE)
        return found[-1].strip() if found else ""

    def committed_at(self, commit: str) -> datetime | None:
        """When `commit` was made, as its committer's clock had it.

        None when it is beyond what was fetched, or the clock beyond what a date can be.
        """
        done = self._run("log", "-1", "--format=%ct", commit)
        try:
            return datetime.fromtimestamp(int(done.stdout), UTC) if done.returncode == 0 else None
        except (ValueError, OverflowError, OSError):
            return None

    def log(
        self, commit: str, *, without: str = "", paths: Sequence[str] = (), limit: int = 0, first_parent: bool = False
    ) -> tuple[Commit, ...]:
        """The commits that `commit` contains and `without` does not, children first.

        With `paths` only those that touch one of them; with `first_parent` only the line of first parents, and what a
        merge brought counts as touched by the merge.
        """
        wanted = self.contained(commit) - (self.contained(without) if without else frozenset())
        options = ["--topo-order", *(["--first-parent"] if first_parent else [])]
        if not paths and not first_parent:
            names = [name for name in self._graph() if name in wanted][: limit or None]
            return self._commits("--no-walk=unsorted", "--stdin", given="\n".join(names)) if names else ()
        if not without and limit:
            options.append(f"--max-count={limit}")
        found = tuple(commit for commit in self._commits(*options, commit, "--", *paths) if commit.sha in wanted)
        return found[: limit or None]

    def _commits(self, *arguments: str, given: str = "") -> tuple[Commit, ...]:
        out = self._git("log", "-z", f"--format={_FIELDS}", *arguments, given=given.encode())
        fields = out.decode("utf-8", "replace").removesuffix("\0").split("\0")
        rows = [fields[start : start + 7] for start in range(0, len(fields) - 6, 7)]
        return tuple(
            Commit(row[0], tuple(row[1].split()), row[2], row[3], row[4], row[5].strip(), row[6]) for row in rows
        )

    def note(self, message: str) -> str:
        """Make a commit without files and without a parent; returns its name. Nothing is pushed."""
        tree = self._git("hash-object", "-w", "-t", "tree", "--stdin").decode().strip()
        return self._git("commit-tree", tree, "-F", "-", given=message.encode()).decode().strip()

    def commit(self, parent: str, files: Mapping[str, File], message: str, author: str = "") -> str:
        """Make a commit on `parent` in which only `files` (by path) differ; returns its name. Nothing is pushed.

        `author` is `NAME <ADDRESS>`; empty: the promoter, which stays the committer.
        """
        name, _, address = author.rstrip(">").partition(" <")
        by = {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": address} if address else {}
        index = {"GIT_INDEX_FILE": str(self.path / "delivery-index")}
        self._git("read-tree", parent, environ=index)
        for path, file in files.items():
            blob = self._git("hash-object", "-w", "--stdin", given=file.content).decode().strip()
            self._git("update-index", "--add", "--cacheinfo", f"{file.mode},{blob},{path}", environ=index)
        tree = self._git("write-tree", environ=index).decode().strip()
        made = self._git("commit-tree", tree, "-p", parent, "-F", "-", given=message.encode(), environ=by)
        return made.decode().strip()

    def _remotely(self, doing: str, *arguments: str) -> None:
        attempt = 0
        while True:
            attempt += 1
            if self._deadline.expired:
                raise GitError(
                    f"could not {doing} {shown(self._remote)}: no time left of the "
                    f"{self._deadline.seconds:g} s that the run has in all; run again later"
                )
            done = self._run(*arguments, seconds=180)
            if done.returncode == 0:
                return
            said = (done.stderr + b"\n" + done.stdout).decode("utf-8", "replace")
            if is_concurrent_push(said):
                raise ConcurrentPushError(
                    f"could not {doing} {shown(self._remote)}: concurrent push: the branch moved; run again"
                )
            pause = 2.0**attempt
            if attempt == 3 or not is_transient(said) or pause >= self._deadline.remaining():
                reason, hint = explain(said, self._token)
                kind = AbsentError if "not our ref" in said else GitError
                raise kind(f"could not {doing} {shown(self._remote)}: {reason}", hint)
            self._deadline.sleep(pause)

    def _git(self, *arguments: str, given: bytes | None = None, environ: Mapping[str, str] | None = None) -> bytes:
        done = self._run(*arguments, given=given, environ=environ)
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace")
            reason, hint = explain(said, self._token)
            raise GitError(f"git {arguments[0]} failed: {reason}", hint)
        return done.stdout

    def _run(
        self,
        *arguments: str,
        given: bytes | None = None,
        environ: Mapping[str, str] | None = None,
        seconds: float = 60,
    ) -> subprocess.CompletedProcess[bytes]:
        command = ["git", *(() if arguments[0] == "init" else (f"--git-dir={self.path}",)), *arguments]
        try:
            # What needs no server gets a second also after the end, or nothing could be said about what was done.
            seconds = min(seconds, max(1.0, self._deadline.remaining()))
            return run_git(command, given or b"", {**self._environ, **(environ or {})}, seconds)
        except FileNotFoundError as error:
            raise GitError("git is not on PATH: install it") from error
