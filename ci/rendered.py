"""What two renderings of the stacks differ in, file by file: the preview that needs no secret and no state.

Rendering itself is `ci.render`'s matter. The files here were made by a pull request's own code: links lead anywhere,
names and sizes are anyone's choice.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path

SIDES = ("base", "head")
_MOST_FILES = 2000
_LARGEST = 1_000_000


@dataclass(frozen=True)
class FileChange:
    """A rendered file that differs: its path below the stack's folder, `new`, `gone` or `changed`, and the diff."""

    path: str
    kind: str
    diff: str


@dataclass(frozen=True)
class RenderedStack:
    """One stack's difference. `failure` is why the head could not be rendered, empty when it could."""

    stack: str
    changes: tuple[FileChange, ...]
    failure: str


def differences(folder: Path) -> tuple[RenderedStack, ...]:
    """What differs between `folder/base` and `folder/head`, stack by stack; where only one side has it, all of it.

    Nothing where there is a link: no rendering makes one, and the files behind it are not the pull request's.
    """
    if any(path.is_symlink() for path in (folder, *folder.rglob("*"))):
        return ()
    base, head = (folder / side for side in SIDES)
    entries = [path for side in (base, head) if side.is_dir() for path in side.iterdir()]
    names = sorted({path.name.removesuffix(".error") for path in entries})
    return tuple(_difference(base / name, head / name) for name in names)


def _difference(base: Path, head: Path) -> RenderedStack:
    error = head.with_name(f"{head.name}.error")
    if error.is_file():
        failure = _text(error)[:10_000].strip() or "rendering failed without a message"
        return RenderedStack(head.name, (), failure)
    old, new = _files(base), _files(head)
    changed = sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
    return RenderedStack(head.name, tuple(_change(path, old.get(path), new.get(path)) for path in changed), "")


def _change(path: str, before: str | None, after: str | None) -> FileChange:
    kind = "new" if before is None else "gone" if after is None else "changed"
    lines = difflib.unified_diff((before or "").splitlines(), (after or "").splitlines(), lineterm="", n=3)
    # The first two lines name the files, which the heading does already.
    return FileChange(path, kind, "\n".join(list(lines)[2:]))


def _files(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())[:_MOST_FILES]
    return {path.relative_to(folder).as_posix(): _text(path) for path in paths}


def _text(path: Path) -> str:
    large = path.stat().st_size > _LARGEST
    return "too large to be shown" if large else path.read_text(encoding="utf-8", errors="replace")
