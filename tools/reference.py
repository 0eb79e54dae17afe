"""`make reference`: writes what is generated: references of configurations, chart and command line, package inputs.

The command line is read from the parsers themselves: each command is asked to parse, and stopped there.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

from delivery.adopt.__main__ import main as adopt
from delivery.config import reference, typed
from delivery.config.chart_values import Schema, resolved, values_schema
from delivery.doctor.__main__ import main as doctor
from delivery.laptop.__main__ import main as laptop
from delivery.platform.keys import KEYS
from delivery.promotion.cli import main as promoter
from delivery.tracing.__main__ import main as trace
from lab.demo import main as demo
from lab.render import main as render

ROOT = Path(__file__).resolve().parents[1]
CHART_VALUES = ROOT / "docs" / "reference" / "chart-values.md"
COMMAND_LINE = ROOT / "docs" / "reference" / "command-line.md"
PLATFORM = ROOT / "docs" / "reference" / "platform.md"
COMMANDS: dict[str, Callable[[], object]] = {
    "python .github/promoter/promoter.py": lambda: promoter([], {}),
    "python -m delivery.doctor": lambda: doctor([]),
    "python -m delivery.adopt": lambda: adopt([]),
    "python -m delivery.tracing": lambda: trace([], {}),
    "python -m delivery.laptop": lambda: laptop([]),
    "python -m lab.render": lambda: render([]),
    "python -m lab.demo": lambda: demo([]),
}
"""How somebody starts each command, and what makes its parser."""
_VALUES_HEAD = """\
# Values of the generated chart

Generated from `gitops/chart/values.schema.json` by `make reference`. A team sets these in a stage's own `values.yaml`;
only the version has to be there. [Set up the workload](../how-to/set-up-the-workload.md) has examples.

Helm, Argo CD and editors check the values against `values.schema.json` beside them. With another first key in
`promotedKeys`, that key has the version, and `digest` stands beside it: `image.tag` and `image.digest`. At the top,
keys that the chart does not read are your own: nothing checks them. A promoted key has to be one that the chart reads.

| key | type | what it is |
| --- | --- | --- |
"""
_PLATFORM_HEAD = """\
# The platform's configuration

Generated from `delivery/platform/keys.py` by `make reference`. The platform is a project of its own, in `platform/`
([Install the platform](../how-to/platform.md)), and its keys are in the namespace `platform:`, as
`pulumi -C platform config set -s laptop` sets them. What each chart is at which version is in
[Charts of the platform](platform-charts.md).
"""
_HEAD = """\
# Command line

Generated from the commands' own parsers by `make reference`.

## make

| target | what it does |
| --- | --- |
"""


class _Caught(Exception):  # noqa: N818 - no error: it carries the parser out
    pass


def parser_of(command: Callable[[], object]) -> argparse.ArgumentParser:
    """The parser that `command` makes before it does anything else."""

    def stop(self: argparse.ArgumentParser, *_: object) -> None:
        raise _Caught(self)

    with patch.object(argparse.ArgumentParser, "parse_args", stop):
        try:
            command()
        except _Caught as caught:
            parser: argparse.ArgumentParser = caught.args[0]
            return parser
    raise LookupError("the command has no parser")


def command_line() -> str:
    """The reference of the command line, as Markdown."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):.*?## (.*)$", makefile, re.MULTILINE)
    rows = [f"| `make {name}` | {_cell(text)} |" for name, text in targets]
    return _HEAD + "\n".join([*rows, *(_section(how, parser_of(command)) for how, command in COMMANDS.items())]) + "\n"


def chart_values() -> str:
    """The reference of the generated chart's values, as Markdown."""
    schema = values_schema("serviceVersion")
    return _VALUES_HEAD + "\n".join(_value_rows(schema["properties"], schema)) + "\n"


def platform() -> str:
    """The reference of the platform's configuration, as Markdown."""
    about = "Set in `platform/Pulumi.<stack>.yaml`; secrets encrypted, by `pulumi -C platform config set --secret`."
    return f"{_PLATFORM_HEAD}\n{reference.section('Keys', about, KEYS)}"


def _value_rows(properties: Schema, schema: Schema, above: str = "") -> Iterator[str]:
    for name, part in properties.items():
        known = resolved(part, schema)
        about = part.get("description", known.get("description", ""))
        if about.startswith("Of `platform.yaml`"):
            continue
        types = known.get("enum") or known.get("type", ())
        shown = (each for each in ([types] if isinstance(types, str) else types) if each not in ("null", None))
        yield f"| `{above}{name}` | {', '.join(map(str, shown))} | {_cell(about)} |"
        if name == "containers":
            one = known["additionalProperties"]["properties"]
            own = {key: each for key, each in one.items() if key not in schema["properties"] or key == "digest"}
            yield from _value_rows(own, schema, "containers.NAME.")
            same = ", ".join(f"`{key}`" for key in one if key not in own)
            yield f"| `containers.NAME.…` | | {same}: as above, for this container. |"
        elif name != "resources":
            yield from _value_rows(known.get("properties", {}), schema, f"{above}{name}.")


def _section(how: str, parser: argparse.ArgumentParser) -> str:
    rows = [f"| {_spelled(action)} | {_cell(action.help or '')} |" for action in parser._actions]
    lines = [f"\n## {how}\n", parser.description or "", "\n| option | what it is |", "| --- | --- |", *rows]
    return "\n".join([*lines, *([f"\n{' '.join(parser.epilog.split())}"] if parser.epilog else [])])


def _spelled(action: argparse.Action) -> str:
    metavar = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    required = ", required" if action.required else ""
    if not action.option_strings:
        return f"`{'|'.join(map(str, action.choices or [action.dest]))}`"
    return ", ".join(f"`{option}{metavar}`" for option in action.option_strings) + required


def _cell(text: str) -> str:
    return text.replace("%%", "%").replace("|", "\\|")


def main() -> int:
    """Write the pages."""
    COMMAND_LINE.write_text(command_line(), encoding="utf-8")
    CHART_VALUES.write_text(chart_values(), encoding="utf-8")
    PLATFORM.write_text(platform(), encoding="utf-8")
    reference.FILE.write_text(reference.reference(), encoding="utf-8")
    typed.FILE.write_text(typed.typed_inputs(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
