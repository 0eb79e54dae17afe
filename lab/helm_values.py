"""Reads a chart's values as Helm does: Go's YAML, turned into JSON.

`delivery.values.scalar` decides what a bare scalar means, as for the promoter; PyYAML's own rules (dates, base 60)
differ from Go's.
"""

import yaml

from delivery.values.scalar import resolve
from lab.template import TemplateError

_TAG = "tag:yaml.org,2002:"
_NUMBER = "!number"


def read_values(text: str, where: str) -> dict[str, object]:
    """The mapping in `text`. Raises `TemplateError`, beginning with `where`, for a text that Helm would refuse."""
    try:
        raw = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
        values = _as_json(raw)
    except yaml.YAMLError as error:
        raise TemplateError(f"{where}: {' '.join(str(error).split())}") from None
    except TemplateError as error:
        raise TemplateError(f"{where}: {error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise TemplateError(f"{where}: expected a mapping")
    return values


class _Loader(yaml.SafeLoader):
    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: tuple[bool, bool] | bool | None) -> str:
        """The tag of a node that has none of its own."""
        if kind is not yaml.ScalarNode or value is None or not (isinstance(implicit, tuple) and implicit[0]):
            return super().resolve(kind, value, implicit)  # type: ignore[no-any-return, no-untyped-call]
        if value == "<<":
            return _TAG + "merge"
        tags = {"null": _TAG + "null", "boolean": _TAG + "bool", "string": _TAG + "str"}
        return tags.get(resolve(value, plain=True).kind, _NUMBER)


def _boolean(_loader: yaml.SafeLoader, node: yaml.ScalarNode) -> bool:
    return resolve(node.value, plain=True).text == "true"


def _number(_loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int | float:
    scalar, digits = resolve(node.value, plain=True), node.value.replace("_", "")
    if scalar.kind == "integer":
        bare = digits.lstrip("+-")
        return int(digits, 8 if len(bare) > 1 and bare.isdigit() and bare[0] == "0" else 0)
    if "n" in digits.lower():  # .nan and .inf, which JSON does not have
        raise TemplateError(f"{node.value} is no number in JSON: put it in quotes")
    number = float(digits)
    # In JSON 1e3 and 1000 are the same; -0.0 stays what it is.
    return int(number) if number.is_integer() and str(number) != "-0.0" else number


_Loader.add_constructor(_NUMBER, _number)
_Loader.add_constructor(_TAG + "bool", _boolean)


def _as_json(value: object) -> object:
    """`value` with texts as keys, as in JSON; a value that JSON does not have is refused."""
    if isinstance(value, dict):
        return {_key(key): _as_json(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_as_json(below) for below in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise TemplateError(f"{value!r} is no value in JSON: take its tag away, or put it in quotes")


def _key(key: object) -> str:
    if isinstance(key, bool):
        return str(key).lower()
    if isinstance(key, str | int):
        return str(key)
    raise TemplateError(f"the key {key!r} is no text: put it in quotes")
