"""Renders this project's own chart where there is no Helm, so that the demo can show what Argo CD would deploy.

It merges values as `helm template` does, and renders the template with `lab.template`. It knows the functions that
the chart uses and refuses all others; a test compares its output with the real Helm's. It does not check kubeVersion,
and knows no hooks, no helpers and no dependencies.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.helm_values import read_values
from lab.template import Function, TemplateError, render

_PARAMETER = re.compile(r"(?!(?:true|false|null|-?\d+)\Z)[\w.:/-]*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_PATTERN = re.compile(r"[-\w\[\](){},?.^$|]*")


def render_chart(
    chart: Path, *, namespace: str, value_files: Sequence[str] = ("platform.yaml",), parameters: Mapping[str, str]
) -> str:
    """The chart's manifests as one YAML text.

    `value_files` are in the chart's folder and override its `values.yaml`; `parameters` override both, as Argo CD's
    Helm parameters do (`{"commitID": "…"}`). Raises `TemplateError` where Helm would fail, and for what the lab does
    not know.
    """
    values: dict[str, object] = {}
    for name in ("values.yaml", *value_files):
        values = _merged(values, read_values((chart / name).read_text(encoding="utf-8"), name))
    for name, value in parameters.items():
        # Helm reads a parameter like 12 or true as a number or a boolean, and splits at commas and braces.
        if not _PARAMETER.fullmatch(value) or "." in name:
            raise TemplateError(f"the parameter {name}={value} is not one the lab knows to pass as text")
        values = _merged(values, {name: value})
    root = {"Values": values, "Release": {"Namespace": namespace}}
    texts = []
    for path in sorted((chart / "templates").iterdir()):
        if path.suffix != ".yaml":
            raise TemplateError(f"templates/{path.name}: the lab renders .yaml files only")
        texts.append(render(path.read_text(encoding="utf-8"), root, FUNCTIONS))
    return "".join(texts)


def _merged(under: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """`under` overridden by `over`: mappings are merged, other values replaced, and a null removes the key."""
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        if value is None and key in result:
            del result[key]
        elif isinstance(value, Mapping) and isinstance(below, Mapping):
            result[key] = _merged(below, value)
        else:
            result[key] = value
    return result


def _text(value: object) -> str:
    """As Go prints it. A float or a large integer is refused, because Go prints those differently."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) or (isinstance(value, int) and abs(value) < 10**6):
        return str(value)
    raise TemplateError(f"{value!r} is not text: put it in quotes")


def _quote(value: object) -> str:
    return '"' + "".join(map(_escaped, _text(value))) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES or character.isprintable():
        return _ESCAPES.get(character, character)
    return f"\\U{ord(character):08X}"


def _printf(template: str, *values: object) -> str:
    parts = template.split("%s")
    if "%" in "".join(parts) or len(parts) != len(values) + 1:
        raise TemplateError(f"printf {template!r}: the lab knows %s only")
    return "".join(part + text for part, text in zip(parts, [*map(_text, values), ""], strict=True))


def _matches(pattern: str, text: object) -> bool:
    # Go's `$` is the very end of the text; Python's would also be before a last newline.
    if not _PATTERN.fullmatch(pattern) or "(?" in pattern:
        raise TemplateError(f"regexMatch {pattern!r}: not a pattern that Go and Python read alike")
    return re.search(pattern.replace("$", r"\Z"), _text(text)) is not None


def _kind_is(kind: str, value: object) -> bool:
    kinds: dict[str, type] = {"map": Mapping, "string": str, "invalid": type(None)}
    if kind not in kinds:
        raise TemplateError(f"kindIs {kind!r}: the lab knows {', '.join(kinds)}")
    return isinstance(value, kinds[kind])


def _required(message: str, value: object) -> object:
    if value in (None, ""):
        raise TemplateError(message)
    return value


def _fail(message: str) -> str:
    raise TemplateError(message)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TemplateError(f"{value!r} is no whole number")
    return value


FUNCTIONS: Mapping[str, Function] = {
    "default": lambda fallback, value: value or fallback,
    "dict": lambda: {},
    "fail": _fail,
    "get": lambda mapping, key: mapping.get(key, ""),
    "int": _whole,
    "kindIs": _kind_is,
    "list": lambda *values: list(values),
    "not": lambda value: not value,
    "omit": lambda mapping, *keys: {key: value for key, value in mapping.items() if key not in keys},
    "or": lambda *values: next((value for value in values if value), values[-1]),
    "printf": _printf,
    "quote": _quote,
    "regexMatch": _matches,
    "required": _required,
    "splitList": lambda separator, text: text.split(separator),
    "toString": _text,
    "trimSuffix": lambda suffix, text: text.removesuffix(suffix),
    "trunc": lambda length, text: text[:length],
}
"""The chart's functions, as Helm has them."""
