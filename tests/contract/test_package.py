"""The package's schema: what programs in every language are generated against. To take something away breaks them."""

import json
from typing import Any

from program.package.host import package
from tests.contract.golden import keep


def described(each: dict[str, Any], required: list[str], name: str) -> str:
    """A property in a line: its type, and what else is said of it."""
    kind = each.get("type") or each["$ref"].rpartition("/")[2]
    inner = each.get("items") or each.get("additionalProperties")
    if inner:
        kind += f" of {inner.get('type') or inner['$ref'].rpartition('/')[2]}"
    marks = ("plain", each.get("plain")), ("secret", each.get("secret")), ("required", name in required)
    return ", ".join([kind, *(mark for mark, on in marks if on)])


def test_the_schema_is_the_same() -> None:
    schema = json.loads(package().schema or "")
    kept = {}
    for token, each in (*schema["resources"].items(), *schema["types"].items()):
        parts = {"inputs": ("inputProperties", "requiredInputs"), "properties": ("properties", "required")}
        kept[token] = {
            part: {key: described(value, each.get(required, []), key) for key, value in sorted(each[at].items())}
            for part, (at, required) in parts.items()
            if at in each
        }
        # Whoever writes a program sees these sentences in the editor.
        assert each["description"], token
        for at in ("inputProperties", "properties"):
            assert all(value["description"] for value in each.get(at, {}).values()), token
    keep("package.yaml", kept)
