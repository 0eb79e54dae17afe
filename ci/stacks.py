"""`python -m ci.stacks`: the stages of Pulumi.yaml as JSON, for a workflow's matrix.

A workflow cannot read the pipeline by itself, and a list of its own would be forgotten at the next stage.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from delivery.config.files import StackFilesError, read_project_config

PROJECT = Path(__file__).resolve().parent.parent


class StagesError(Exception):
    """Pulumi.yaml has no list of stages; the text is one line that says why."""


def stages(project: Path) -> dict[str, tuple[str, ...]]:
    """Each stage of `project`'s Pulumi.yaml with the stages it comes after, in the file's order. Raises `StagesError`.

    What else is wrong with the list the program itself says.
    """
    try:
        listed = json.loads(read_project_config(project).values["delivery:stages"])
        return {str(stage["name"]): tuple(map(str, stage.get("after", ()))) for stage in listed}
    except (StackFilesError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = error if isinstance(error, StackFilesError) else type(error).__name__
        raise StagesError(f"Pulumi.yaml has no readable list delivery:stages ({why})") from None


def write_output(line: str, environ: Mapping[str, str]) -> None:
    """Print a step's output, `name=value`, and hand it to the workflow where this is a step of one."""
    print(line)
    if path := environ.get("GITHUB_OUTPUT"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


def main(environ: Mapping[str, str] = os.environ) -> int:
    """The command. Writes the step's output `stages`; returns 0, or 1 when there is no pipeline to read."""
    try:
        write_output(f"stages={json.dumps(list(stages(PROJECT)))}", environ)
    except StagesError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
