"""Reads and writes git objects without a process for each, so that the forge answers in milliseconds.

Reads go through one long-lived `git cat-file --batch` per repository; writes are loose objects, stored as git stores
them. Packs, refs and merges are left to git itself (`repositories`, `git_http`).
"""

import contextlib
import hashlib
import os
import subprocess
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path

TREE, BLOB = "40000", "100644"


def git_environment(**extra: str) -> dict[str, str]:
    """The environment for git: nothing of the user's configuration, no `GIT_` variable of the caller's, no prompts."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    fixed = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    return kept | fixed | extra


@dataclass(frozen=True)
class GitObject:
    """An object as git stores it: its id, its kind (`commit`, `tree`, `blob`, `tag`) and its bytes."""

    sha: str
    kind: str
    data: bytes


@dataclass(frozen=True)
class Entry:
    """A line of a tree: mode as git writes it (`40000`, `100644`, …), name, and the object's id."""

    mode: str
    name: str
    sha: str


class Objects:
    """The object database of one bare repository."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, revision: str) -> GitObject | None:
        """What `revision` names (`<sha>`, `refs/heads/main`, `<commit>:path`, `<commit>^{tree}`), or None."""
        if not revision or any(ord(letter) < 32 for letter in revision):
            return None
        with self._lock:
            process = self._reader()
            assert process.stdin is not None  # noqa: S101 - narrows Popen's optional pipes
            assert process.stdout is not None  # noqa: S101
            process.stdin.write(revision.encode() + b"\n")
            process.stdin.flush()
            answer = process.stdout.readline().decode(errors="replace")
            if not answer:
                # Some names (`main:../x`) are fatal to git; the next read starts it anew.
                self._end()
                return None
            # "<name> missing", and "ambiguous", have no content to follow; a name may hold spaces itself.
            words = answer.rsplit(" ", 2)
            if answer.endswith((" missing\n", " ambiguous\n")) or len(words) != 3 or not words[2].strip().isdigit():
                return None
            data = process.stdout.read(int(words[2]))
            process.stdout.read(1)
        return GitObject(words[0], words[1], data)

    def write(self, kind: str, data: bytes) -> str:
        """Store an object and give its id; an object that is there already is left as it is."""
        content = f"{kind} {len(data)}\0".encode() + data
        sha = hashlib.sha1(content).hexdigest()  # noqa: S324 - git's own object names
        target = self._path / "objects" / sha[:2] / sha[2:]
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            draft = target.with_name(f"tmp_obj_{threading.get_ident()}")
            draft.write_bytes(zlib.compress(content, 1))
            draft.replace(target)
        return sha

    def entries(self, tree: str) -> list[Entry]:
        """The lines of a tree, in git's order; an unknown tree reads as empty."""
        found = self.read(tree)
        entries: list[Entry] = []
        rest = found.data if found and found.kind == "tree" else b""
        while rest:
            head, _, rest = rest.partition(b"\0")
            mode, _, name = head.partition(b" ")
            entries.append(Entry(mode.decode(), os.fsdecode(name), rest[:20].hex()))
            rest = rest[20:]
        return entries

    def edit_tree(self, tree: str | None, changes: dict[str, str | None], mode: str = BLOB) -> str:
        """The id of `tree` with `changes` applied: path → id of a blob, or None to remove. Empty folders vanish.

        The blobs get this `mode`.
        """
        entries = {entry.name: entry for entry in (self.entries(tree) if tree else [])}
        below: dict[str, dict[str, str | None]] = {}
        for path, blob in changes.items():
            name, slash, rest = path.partition("/")
            if slash:
                below.setdefault(name, {})[rest] = blob
            elif blob is None:
                entries.pop(name, None)
            else:
                entries[name] = Entry(mode, name, blob)
        for name, inner in below.items():
            present = entries.get(name)
            edited = self.edit_tree(present.sha if present and present.mode == TREE else None, inner, mode)
            if self.entries(edited):
                entries[name] = Entry(TREE, name, edited)
            elif present and present.mode == TREE:
                del entries[name]
        # Git sorts folders as if their names ended in a slash.
        ordered = sorted(entries.values(), key=lambda entry: os.fsencode(entry.name + "/" * (entry.mode == TREE)))
        lines = (
            f"{line.mode} ".encode() + os.fsencode(line.name) + b"\0" + bytes.fromhex(line.sha) for line in ordered
        )
        return self.write("tree", b"".join(lines))

    def close(self) -> None:
        """End the reading process."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._process is not None:
            with contextlib.suppress(OSError), self._process as process:
                process.communicate(timeout=5)
            self._process = None

    def _reader(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                ["git", f"--git-dir={self._path}", "cat-file", "--batch"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=git_environment(),
            )
        return self._process
