"""What lies between the promoter and the forge: every request of a run is a boundary at which trouble can begin.

REST goes over real HTTP. Git's transfers are made on the forge's files instead, and what git says about named objects
is remembered: that is three quarters of a run's time. Other tests have git over HTTP.
"""

import json
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self, TypeVar
from unittest.mock import patch

import requests

from delivery.git.process import run_git
from lab.forge.repositories import Repository

Answer = TypeVar("Answer")
FAULTS = ("killed before", "killed after", "reset before", "reset after", "502 before", "502 after", "403 before")
GARBLED = ("302 after", "403 after", "404 after", "422 after", "html after")
_READS = ("cat-file", "log", "ls-tree", "merge-base", "rev-parse", "rev-list", "diff-tree", "show")
_NAMED = re.compile(r"\^?[0-9a-f]{40}([~^]\d*|\^\{\w+\}|:.*)?(\.\.\.?[0-9a-f]{40})?")


class Killed(BaseException):
    """The promoter's process ended at a request."""


@dataclass
class Attempt:
    """A run of the promoter. At request `at` (from 0) `kind` happens; if it is `lasting`, at every later one too."""

    at: int = -1
    kind: str = ""
    lasting: bool = False
    meanwhile: Callable[[], object] = lambda: None
    requests: int = 0
    disturbed: bool = False

    def cross(self, send: Callable[[], Answer], fail: Callable[[str], Answer]) -> Answer:
        """Make a request, or what becomes of it."""
        number = self.requests
        self.requests += 1
        if self.at < 0 or number < self.at or (number > self.at and not self.lasting):
            return send()
        self.disturbed = True
        what, _, when = self.kind.partition(" ")
        if what == "meanwhile":
            self.meanwhile()
            return send()
        if when == "after":
            send()
        if what == "killed":
            raise Killed
        return fail(what)


class Network:
    """Takes the place of HTTP and git for the runs of one repository after another; a context manager."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.now = 0.0
        self._remembered: dict[tuple[tuple[str, ...], bytes], tuple[int, bytes, bytes]] = {}
        self._stack = ExitStack()
        self._request = requests.Session.request
        self.repository: Repository | None = None

    def __enter__(self) -> Self:
        def request(session: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
            def send() -> requests.Response:
                return self._request(session, method, url, **options)

            return self.attempts[-1].cross(send, lambda what: _garbled(what, url)) if self.attempts else send()

        self._stack.enter_context(patch.object(requests.Session, "request", request))
        self._stack.enter_context(patch("delivery.git.repository.run_git", self._git))
        clock = SimpleNamespace(time=lambda: self.now)
        self._stack.enter_context(patch("lab.forge.repositories.time", clock))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def begin(self, repository: Repository) -> None:
        """Serve another repository; its objects have other names."""
        self.repository = repository
        self._remembered.clear()

    def _git(
        self, command: Sequence[str], given: bytes, environ: Mapping[str, str], seconds: float
    ) -> "subprocess.CompletedProcess[bytes]":
        if command[1] == "init":
            return _empty_repository(Path(command[-1]))
        assert self.repository is not None
        arguments = tuple(command[2:])
        dated = {"GIT_AUTHOR_DATE": f"{int(self.now)} +0000", "GIT_COMMITTER_DATE": f"{int(self.now)} +0000"}

        def really() -> "subprocess.CompletedProcess[bytes]":
            return run_git(command, given, {**environ, **dated}, seconds)

        own = Path(command[1].removeprefix("--git-dir="))
        if arguments[0] == "fetch":
            return self.attempts[-1].cross(lambda: self._fetch(own, arguments), _broken)
        if arguments[0] == "push":
            return self.attempts[-1].cross(lambda: self._push(own, arguments), _broken)
        if arguments[:2] == ("rev-parse", "--verify") and arguments[-1].startswith("refs/"):
            tip = _refs(own).get(arguments[-1].partition("^")[0])
            return _done(f"{tip}\n") if tip else _done(status=1)
        if not _depends_on_objects_alone(arguments, given.decode("utf-8", "replace").split()):
            return really()
        asked = arguments, given
        if asked not in self._remembered:
            done = really()
            if done.returncode not in (0, 1):
                return done
            self._remembered[asked] = done.returncode, done.stdout, done.stderr
        return subprocess.CompletedProcess(command, *self._remembered[asked])

    def _fetch(self, own: Path, arguments: Sequence[str]) -> "subprocess.CompletedProcess[bytes]":
        """All objects are there at once, and the refs that are asked for."""
        assert self.repository is not None
        (own / "objects" / "info" / "alternates").write_text(f"{self.repository.path / 'objects'}\n")
        theirs = _refs(self.repository.path)
        for spec in arguments[arguments.index("origin") + 1 :]:
            source, _, target = spec.removeprefix("+").partition(":")
            prefix, pattern, _ = source.partition("*")
            if pattern:
                matching = {
                    target.replace("*", ref.removeprefix(prefix)): ref for ref in theirs if ref.startswith(prefix)
                }
                for to, ref in matching.items():
                    _write_ref(own, to, theirs[ref])
            elif found := self.repository.objects.read(source):
                if target:
                    _write_ref(own, target, found.sha)
            else:
                return _done(said=f"fatal: couldn't find remote ref {source}\n", status=128)
        return _done()

    def _push(self, own: Path, arguments: Sequence[str]) -> "subprocess.CompletedProcess[bytes]":
        """Push all refs or none, each with its lease or forward only, and have the pull requests follow."""
        assert self.repository is not None
        theirs, updates = _refs(self.repository.path), {}
        leases = dict(part[19:].split(":") for part in arguments if part.startswith("--force-with-lease="))
        for spec in arguments[arguments.index("origin") + 1 :]:
            new, _, ref = spec.removeprefix("+").partition(":")
            updates[ref], present = new, theirs.get(ref, "")
            if spec.startswith("+"):
                leases.setdefault(ref, present)
            if ref in leases and leases[ref] != present and new != present:
                return _done(said=f" ! [rejected] {ref} (stale info)\n", status=1)
        for file in (own / "objects").glob("??/*"):
            target = self.repository.path / "objects" / file.parent.name / file.name
            target.parent.mkdir(exist_ok=True)
            if not target.exists():
                target.write_bytes(file.read_bytes())
        for ref, new in updates.items():
            present = theirs.get(ref, "")
            if ref not in leases and present and not (new and self.repository.is_ancestor(present, new)):
                return _done(said=f" ! [rejected] {ref} (non-fast-forward)\n", status=1)
        for ref, new in updates.items():
            if new != theirs.get(ref, ""):
                _write_ref(self.repository.path, ref, new)
                for listener in self.repository.listeners if ref.startswith("refs/heads/") else ():
                    listener(ref.removeprefix("refs/heads/"), new or "0" * 40)
        return _done("".join(f" \t{new}:{ref}\t[done]\n" for ref, new in updates.items()))


def _refs(path: Path) -> dict[str, str]:
    """Every ref of a repository that has no packed ones, and the commit that it names."""
    files = (file for file in (path / "refs").rglob("*") if file.is_file())
    return {str(file.relative_to(path)): file.read_text().strip() for file in files}


def _write_ref(path: Path, ref: str, commit: str) -> None:
    (path / ref).parent.mkdir(parents=True, exist_ok=True)
    if commit:
        (path / ref).write_text(f"{commit}\n")
    else:
        (path / ref).unlink(missing_ok=True)


def _done(out: str = "", said: str = "", status: int = 0) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.CompletedProcess((), status, out.encode(), said.encode())


def _depends_on_objects_alone(arguments: tuple[str, ...], given: list[str]) -> bool:
    if arguments[0] not in _READS or "--all" in arguments:
        return False
    revisions = [*(arguments[1 : arguments.index("--")] if "--" in arguments else arguments[1:]), *given]
    words = [word for word in revisions if not word.startswith("-") and word not in ("blob", "commit", "tree")]
    return bool(words) and all(map(_NAMED.fullmatch, words))


def _empty_repository(path: Path) -> "subprocess.CompletedProcess[bytes]":
    for folder in ("objects/info", "objects/pack", "refs/heads"):
        (path / folder).mkdir(parents=True)
    (path / "HEAD").write_text("ref: refs/heads/none\n")
    (path / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
    return _done()


def _garbled(what: str, url: str) -> requests.Response:
    if what == "reset":
        raise requests.ConnectionError("Connection reset by peer")
    answer = requests.Response()
    answer.url, answer.encoding = url, "utf-8"
    answer.status_code = 200 if what == "html" else int(what)
    # The attribute in which requests keeps what it has read.
    answer._content = b"<html>Welcome</html>" if what == "html" else json.dumps({"message": f"got {what}"}).encode()
    return answer


def _broken(what: str) -> "subprocess.CompletedProcess[bytes]":
    said = "The requested URL returned error: " + ("502" if what == "reset" else "403" if what == "html" else what)
    return _done(said=f"fatal: unable to access 'http://forge/': {said}\n", status=128)
