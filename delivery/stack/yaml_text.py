"""Writes YAML that every reader reads alike: what one of them would take for a number, a date or a boolean is
quoted, and texts of several lines are blocks, which a person can review. Reading is left to others.
"""

import yaml

try:
    # Every wheel of PyYAML has libyaml, which writes a task of some hundred lines in a tenth of the time.
    from yaml import CSafeDumper as SafeDumper
except ImportError:
    from yaml import SafeDumper  # type: ignore[assignment]

from delivery.config.errors import Json
from delivery.values.scalar import Scalar, spell


def to_yaml(value: Json, *, width: int = 120) -> str:
    """`value` as YAML, keys in their own order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=width)


def plain(text: str) -> str:
    """A text as it stands in YAML: without quotes where every reader takes it for that text."""
    return spell(Scalar(text), "plain")


class _Dumper(SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        """Write everything out: an anchor is for programs."""
        del data
        return True


def _text(dumper: SafeDumper, text: str) -> yaml.ScalarNode:
    if not text.replace("\n", "").isprintable():
        # A raw U+0085 or U+2028 is a line break for some readers.
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
    style = "|" if "\n" in text else None if plain(text) == text else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
