"""Whether a file is no YAML because it is a template of Helm.

Without its actions (`{{ … }}`) a template is YAML, or at least for longer: that tells it from a file with a mistake.
"""

import re

from ruamel.yaml.error import MarkedYAMLError, YAMLError

from delivery.values.scanner import parse

_END_OF_LINE = re.compile(r"[ \t]*(?:[\r\n]|$|\{\{)")
_LETTER = re.compile(r"[^\r\n]")


def template_before(text: str, error: int) -> int | None:
    """Where the last action up to a syntax error at `error` begins; None if that is not what is wrong."""
    before, pieces, last = None, [], 0
    alone = True
    while (begin := text.find("{{", last)) >= 0 and (end := text.find("}}", begin)) >= 0:
        between = text[last:begin]
        _, newline, line = between.rpartition("\n")
        alone = not line.strip() and (alone or bool(newline))
        # the same length, so that places stay what they are
        nothing = " " if alone and _END_OF_LINE.match(text, end + 2) else "x"
        pieces += [between, _LETTER.sub(nothing, text[begin : end + 2])]
        last = end + 2
        if before is None or begin <= error:
            before = begin
    if before is None or before > error:
        return None
    again = _syntax_error("".join([*pieces, text[last:]]))
    return before if again is None or again > error else None


def _syntax_error(text: str) -> int | None:
    try:
        for _ in parse(text):
            pass
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return mark.index if mark else 0
    except (YAMLError, ValueError, OverflowError):
        return 0
    return None
