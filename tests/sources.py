"""Reads Python sources for tests that compare the code with what is said about it."""

import ast
import gc


def parsed(text: str, feature_version: tuple[int, int] | None = None) -> ast.Module:
    """The syntax tree of `text`, as the Python of that version reads it; None: this one's.

    Python 3.11 may end a parse with a SystemError when the garbage collector runs other code in the middle of it
    (CPython issue 106905), so it does not run meanwhile.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(text, feature_version=feature_version)
    finally:
        if enabled:
            gc.enable()
