"""Text of unknown origin, made harmless for the places where a promotion shows it on GitHub.

A commit's subject, an author's name or a version may hold anything. Here it can neither break a table nor
mention people, refer to issues (which closes them on merge), link, embed, or reorder what people see.
"""

import re
import unicodedata

from delivery.text import one_line

# What means itself inside a code span, in a table too: no backtick, pipe, backslash, nor any of @ # < & $.
_CODE_SPAN = re.compile(
    r"[\w./+,=();'\"!?*\[\]{}~%^:-]([\w ./+,=();'\"!?*\[\]{}~%^:-]*[\w./+,=();'\"!?*\[\]{}~%^:-])?", re.ASCII
)
# GitHub reads these as references to issues even without `#`.
_REFERENCE = re.compile(r"://|\bgh-\d|\bwww\.", re.IGNORECASE)
_LITERAL = re.compile(r"[A-Za-z0-9 .,;()/=+-]")
_LITERAL_IN_REFERENCE = re.compile(r"[A-Za-z0-9 ]")
# Look-alikes that GitHub does not act on, for places without Markdown: titles and commit messages.
_LOOK_ALIKES = str.maketrans({"@": "＠", "#": "＃"})


def code(text: str, limit: int = 200) -> str:
    """`text` as inline code for Markdown, on one line, at most `limit` characters of it.

    A plain code span where that is safe; else `<code>` with every other character as an entity, which Markdown
    never takes for structure (pipes of a table included). GitHub resolves neither mentions nor references in code.
    """
    line = one_line(text, limit)
    if not line:
        return "*empty*"
    if _CODE_SPAN.fullmatch(line) and not _REFERENCE.search(line):
        return f"`{line}`"
    literal = _LITERAL_IN_REFERENCE if _REFERENCE.search(line) else _LITERAL
    return f"<code>{''.join(_entity(character, literal) for character in line)}</code>"


def plain(text: str, limit: int = 100) -> str:
    """`text` for a title or a commit message: one line in which nothing is a mention, a reference or a link."""
    line = one_line(text, limit).translate(_LOOK_ALIKES).replace("://", ":⁄⁄")
    return re.sub(r"(?i)\b(gh)-(?=\d)", "\\1\N{NON-BREAKING HYPHEN}", line)


def _entity(character: str, literal: re.Pattern[str]) -> str:
    if literal.fullmatch(character) or (ord(character) > 127 and unicodedata.category(character)[0] in "LNMSP"):
        return character
    return f"&#{ord(character)};"
