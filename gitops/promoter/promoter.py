"""The promoter, in one file, so that one commit changes all of it and no run ever meets half a change.

Written by `pulumi up`. Below this head stand the modules of `delivery` that a promotion runs, each verbatim
behind a line with its path. The head serves them to Python's import system from here, line numbers and all,
and hands over to `delivery.promotion.cli`; what follows it is read, never run from top to bottom.

    python promoter.py --help
"""

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

MARK = "# ======== "


class Sections(MetaPathFinder, Loader):
    """Finds the modules in this very file. `start` lines stand before a section, so that a traceback fits."""

    def __init__(self, text: str) -> None:
        self.sections: dict[str, tuple[str, int]] = {}
        start = 0
        for block in text.split(f"\n{MARK}"):
            path, _, source = block.partition("\n")
            name = path.strip(" =").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            self.sections[name] = (source, start + 1)
            start += block.count("\n") + 1

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        """The section of that name, if there is one."""
        if fullname not in self.sections:
            return None
        below = any(name.startswith(f"{fullname}.") for name in self.sections)
        return ModuleSpec(fullname, self, origin=__file__, is_package=below)

    def exec_module(self, module: ModuleType) -> None:
        """Run a section as the module that it is."""
        source, start = self.sections[module.__name__]
        exec(compile("\n" * start + source, __file__, "exec"), module.__dict__)  # noqa: S102 - this file's own text


if __name__ == "__main__":
    sys.meta_path.insert(0, Sections(Path(__file__).read_text(encoding="utf-8")))
    try:
        from delivery.promotion.cli import main
    except ModuleNotFoundError as missing:
        requirements = Path(__file__).with_name("requirements.txt")
        sys.exit(f"error: {missing.name} is not installed: python -m pip install --require-hashes -r {requirements}")
    sys.exit(main())
