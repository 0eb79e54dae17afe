"""What two renderings of the stacks differ in, file by file: the preview that needs no secret, no state and no CLI.

Rendering itself is `ci.render`'s matter. The files here were made by a pull request's own code: links lead anywhere,
names and sizes are anyone's choice.
"""

import difflib
from collections.abc import Iterator
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
    """What differs between `folder/base` and `folder/head`, stack by stack; where only one side has it, all of it."""
    base, head = (folder / side for side in SIDES)
    if any(each.is_symlink() for each in (folder, base, head)):
        return ()
    names = sorted({each.name.removesuffix(".error") for side in (base, head) for each in _entries(side)})
    return tuple(
        RenderedStack(name, _changes(base / name, head / name), _error(head / f"{name}.error")) for name in names
    )


def _changes(base: Path, head: Path) -> tuple[FileChange, ...]:
    if _error(head.with_name(f"{head.name}.error")):
        return ()
    old, new = dict(_files(base)), dict(_files(head))
    found: list[FileChange] = []
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path), new.get(path)
        if before != after:
            kind = "new" if before is None else "gone" if after is None else "changed"
            lines = difflib.unified_diff((before or "").splitlines(), (after or "").splitlines(), lineterm="", n=3)
            # The first two lines name the files, which the heading does already.
            found.append(FileChange(path, kind, "\n".join(list(lines)[2:])))
    return tuple(found)


def _entries(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from [each for each in sorted(folder.iterdir()) if not each.is_symlink()][:_MOST_FILES]


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    if folder.is_symlink():
        return
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()] if folder.is_dir() else []
    for path in sorted(paths)[:_MOST_FILES]:
        large = path.stat().st_size > _LARGEST
        text = "too large to be shown" if large else path.read_text(encoding="utf-8", errors="replace")
        yield path.relative_to(folder).as_posix(), text


def _error(path: Path) -> str:
    if not path.is_file() or path.is_symlink():
        return ""
    return path.read_text(encoding="utf-8", errors="replace")[:10_000].strip() or "rendering failed and said nothing"
