"""Git in a temporary bare repository: what a promotion reads, and the one commit that it pushes.

Nothing of the user's own git configuration takes part, and the token travels only in the environment of the
git process, never in its arguments. Which commit is wanted is decided elsewhere.
"""

import base64
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

PROMOTER_NAME = "Delivery promoter"
# A reserved top-level domain: no person can own this address, so no person's commit is taken for ours.
PROMOTER_MAIL = "promoter@delivery.invalid"
TRAILER = "Delivery-Promotion"
ON_TOP = " on-top"

_FIELDS = f"%H%x00%P%x00%ce%x00%an%x00%s%x00%(trailers:key={TRAILER},valueonly,separator=%x2C)"
_TRANSIENT = re.compile(
    r"returned error: (429|5\d\d)|Connection reset|unexpected disconnect|early EOF|hung up|timed out|"
    r"Could not resolve host|Failed to connect|Connection refused|Empty reply|RPC failed",
    re.IGNORECASE,
)
_LEASE = re.compile(r"stale info|fetch first|non-fast-forward|cannot lock ref .* but expected")
# What git says, and what to do about it. The first that fits is shown.
_MENDS = (
    (r"GH006|GH013|[Pp]rotected branch|rule violations|pre-receive hook declined",
     "the branch is protected: let the promoter's identity push to branches under promote/ and rollback/"),
    (r"returned error: 401|Authentication failed|could not read Username|Invalid username or",
     "the token is wrong or expired, or there is none: set GITHUB_TOKEN"),
    (r"returned error: 403|Permission to .* denied|Write access to repository not granted",
     "the token lacks the permission Contents: write on this repository"),
    (r"returned error: 404|[Rr]epository not found|does not appear to be a git repository|not found",
     "the repository is not there, or the token may not see it"),
    (r"cannot lock ref|directory file conflict",
     "a branch in the way (one named like the folder of this one): delete or rename it"),
    (r"could(n't| not) find remote ref refs/heads/", "the default branch is not there: push a first commit to it"),
    (r"not our ref|unadvertised object|could(n't| not) find remote ref|bad object|remote error: upload-pack",
     "the commit is not in the repository: give one that is on the default branch"),
)  # fmt: skip


class GitError(Exception):
    """Git did not do what it was asked to; `str()` is one line that says what to do."""


class LeaseLost(GitError):  # noqa: N818 - not a failure by itself: somebody else was faster
    """The branch on the remote is not (any more) where it was when it was read."""


@dataclass(frozen=True)
class Commit:
    """A commit, as far as a promotion cares. `trailer` is the value of `Delivery-Promotion`, or empty."""

    sha: str
    parents: tuple[str, ...]
    committer: str
    author: str
    subject: str
    trailer: str

    @property
    def ours(self) -> bool:
        """Whether the promoter made it: its address and its trailer, for either alone can come about otherwise."""
        return self.committer == PROMOTER_MAIL and bool(self.trailer)

    @property
    def on_top(self) -> bool:
        """Whether the promoter put it on top of commits of others, rather than on the default branch."""
        return self.ours and self.trailer.endswith(ON_TOP)


@dataclass(frozen=True)
class File:
    """A file at some commit: its content and its mode (`100644`, `120000` for a symbolic link)."""

    content: bytes
    mode: str


class Repository:
    """A bare repository in a temporary folder with one remote; use it as a context manager."""

    def __init__(
        self,
        remote: str,
        token: str = "",
        *,
        sleep: Callable[[float], None] = time.sleep,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._remote, self._token, self._sleep = remote, token, sleep
        self._environ = _environment(remote, token, os.environ if environ is None else environ)

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="delivery-", ignore_cleanup_errors=True)
        self.path = Path(self._folder.name)
        self._git("init", "--bare", "--quiet", "--initial-branch=none", str(self.path))
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def fetch(self, refspecs: Sequence[str], depth: int) -> None:
        """Fetch these refspecs, `depth` commits deep, in one connection. Network failures are tried again, twice."""
        self._remotely("fetch from", "fetch", "--quiet", "--no-tags", f"--depth={depth}", "origin", *refspecs)

    def push(self, branch: str, commit: str, *, observed: str | None, rewrite: bool) -> None:
        """Put `branch` on `commit`, if it still is where it was `observed` (None: not there).

        Without `rewrite` only a fast-forward is pushed. Raises `LeaseLost` when somebody else was faster.
        A push whose answer got lost can be repeated: it then finds the branch where it wants it.
        """
        ref = f"refs/heads/{branch}"
        lease = (f"--force-with-lease={ref}:{observed or ''}",) if rewrite or observed is None else ()
        self._remotely(f"push {branch} to", "push", "--porcelain", *lease, "origin", f"{commit}:{ref}")

    def resolve(self, ref: str) -> str | None:
        """The commit that `ref` names here, or None."""
        done = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def read(self, commit: str, path: str) -> File | None:
        """The file at `path` in `commit`, or None when there is none."""
        listed = self._git("ls-tree", "-z", "--full-tree", commit, "--", path).decode("utf-8", "replace")
        for entry in listed.split("\0"):
            about, _, name = entry.partition("\t")
            if name == path and about.split()[1] == "blob":
                mode, _, blob = about.split()
                return File(self._git("cat-file", "blob", blob), mode)
        return None

    def boundary(self) -> frozenset[str]:
        """The commits at which the shallow history ends; empty when all of it is here."""
        shallow = self.path / "shallow"
        return frozenset(shallow.read_text().split()) if shallow.exists() else frozenset()

    def is_ancestor(self, commit: str, descendant: str) -> bool:
        """Whether `descendant` contains `commit`, as far as the fetched history shows."""
        return self._run("merge-base", "--is-ancestor", commit, descendant).returncode == 0

    def merge_base(self, one: str, other: str) -> str | None:
        """Where the two left each other, as far as the fetched history shows."""
        done = self._run("merge-base", one, other)
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def message(self, commit: str) -> str:
        """The whole commit message."""
        return self._git("log", "-1", "--format=%B", commit).decode("utf-8", "replace")

    def log(self, *revisions: str, path: str | None = None, limit: int = 0) -> tuple[Commit, ...]:
        """Commits in `revisions` (as in `git log`), newest first; only those that touch `path` when one is given."""
        arguments = [f"--max-count={limit}"] if limit else []
        tail = ["--", path] if path else ["--"]
        out = self._git("log", "-z", f"--format={_FIELDS}", *arguments, *revisions, *tail).decode("utf-8", "replace")
        fields = out.split("\0")[:-1] if out.endswith("\0") else out.split("\0")
        rows = [fields[start : start + 6] for start in range(0, len(fields) - 5, 6)]
        return tuple(Commit(row[0], tuple(row[1].split()), row[2], row[3], row[4], row[5].strip()) for row in rows)

    def commit(self, parent: str, path: str, file: File, message: str) -> str:
        """Make a commit on `parent` in which only `path` differs; returns its name. Nothing is pushed."""
        index = {"GIT_INDEX_FILE": str(self.path / "delivery-index")}
        blob = self._git("hash-object", "-w", "--stdin", given=file.content).decode().strip()
        self._git("read-tree", parent, environ=index)
        self._git("update-index", "--add", "--cacheinfo", f"{file.mode},{blob},{path}", environ=index)
        tree = self._git("write-tree", environ=index).decode().strip()
        return self._git("commit-tree", tree, "-p", parent, "-F", "-", given=message.encode()).decode().strip()

    def _remotely(self, doing: str, *arguments: str) -> None:
        attempt = 0
        while True:
            attempt += 1
            done = self._run(*arguments, seconds=180)
            if done.returncode == 0:
                return
            said = (done.stderr + b"\n" + done.stdout).decode("utf-8", "replace")
            if _LEASE.search(said):
                raise LeaseLost(f"could not {doing} {self._shown()}: somebody else pushed in between; run again")
            if attempt == 3 or not _TRANSIENT.search(said):
                raise GitError(f"could not {doing} {self._shown()}: {self._explain(said)}")
            self._sleep(2.0**attempt)

    def _explain(self, said: str) -> str:
        for pattern, mend in _MENDS:
            if re.search(pattern, said):
                return mend
        lines = [line for line in said.splitlines() if line.strip() and not line.startswith(("To ", "Done"))]
        line = re.sub(r"[^\x20-\x7e]+", " ", lines[0] if lines else "git gave no reason")
        for secret in (self._token, _basic(self._token)):
            line = line.replace(secret, "***") if secret else line
        later = "; run again later" if _TRANSIENT.search(said) else ""
        return line.replace(self._remote, self._shown())[:300] + later

    def _shown(self) -> str:
        """The remote without what somebody may have written before the `@`."""
        return re.sub(r"(://)[^/@]*@", r"\1", self._remote)

    def _git(self, *arguments: str, given: bytes | None = None, environ: Mapping[str, str] | None = None) -> bytes:
        done = self._run(*arguments, given=given, environ=environ)
        if done.returncode != 0:
            raise GitError(f"git {arguments[0]} failed: {self._explain(done.stderr.decode('utf-8', 'replace'))}")
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
            return subprocess.run(
                command,
                input=given if given is not None else b"",
                capture_output=True,
                check=False,
                env={**self._environ, **(environ or {})},
                timeout=seconds,
            )
        except FileNotFoundError as error:
            raise GitError("git is not on PATH: install it") from error
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 1, b"", f"timed out after {seconds:.0f} s".encode())


def _basic(token: str) -> str:
    return base64.b64encode(f"x-access-token:{token}".encode()).decode() if token else ""


def _environment(remote: str, token: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of every git process: nobody's configuration, no prompts, English messages, the token."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(("GIT_", "GITHUB_", "SECURE_")) or name.startswith(("GIT_SSL_", "GIT_SSH"))
    }
    settings = [
        ("remote.origin.url", remote),
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
        ("core.hooksPath", os.devnull),
        ("http.lowSpeedLimit", "1000"),
        ("http.lowSpeedTime", "30"),
        ("i18n.logOutputEncoding", "UTF-8"),
    ]
    address = urlsplit(remote)
    if token and address.scheme in ("http", "https"):
        # For this server only: git would otherwise send the header wherever it is redirected to.
        host = address.netloc.rpartition("@")[2]
        settings.append((f"http.{address.scheme}://{host}/.extraHeader", f"Authorization: Basic {_basic(token)}"))
    kept |= {"GIT_CONFIG_COUNT": str(len(settings)), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for number, (key, value) in enumerate(settings):
        kept |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    for role in ("AUTHOR", "COMMITTER"):
        kept |= {f"GIT_{role}_NAME": PROMOTER_NAME, f"GIT_{role}_EMAIL": PROMOTER_MAIL}
    return kept | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", "LANGUAGE": "C"}
