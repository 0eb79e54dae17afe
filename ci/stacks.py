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


def stages(project: Path) -> dict[str, tuple[str, ...]]:
    """Each stage of `project`'s Pulumi.yaml with the stages it comes after, in the file's order.

    Raises `ValueError` with one line when there is no such list; what else is wrong the program itself says.
    """
    try:
        listed = json.loads(read_project_config(project).values["delivery:stages"])
        return {str(stage["name"]): tuple(map(str, stage.get("after", ()))) for stage in listed}
    except (StackFilesError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = error if isinstance(error, StackFilesError) else type(error).__name__
        raise ValueError(f"Pulumi.yaml has no readable list delivery:stages ({why}): see README.md") from None


def qualified(stack: str, environ: Mapping[str, str]) -> str:
    """The stack as the CLI finds it: with its organisation on Pulumi Cloud, where `PULUMI_ORGANIZATION` names one."""
    organization = environ.get("PULUMI_ORGANIZATION", "")
    return f"{organization}/{stack}" if organization else stack


def main() -> int:
    """The command. Returns its exit status: 0, or 1 when there is no pipeline to read."""
    try:
        names = json.dumps(list(stages(PROJECT)))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(names)
    if output := os.environ.get("GITHUB_OUTPUT"):
        with Path(output).open("a", encoding="utf-8") as file:
            file.write(f"stages={names}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
