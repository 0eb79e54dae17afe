"""`python -m ci.render --base B --head H --out OUT`: renders every stack of both sides of a pull request.

Each side is rendered by its own `make render`, in its own environment, since the program is what may have changed.
What differs then is `ci.rendered`'s matter.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ci.rendered import SIDES, differences
from ci.stacks import StagesError, stages


def render(project: Path, out: Path) -> None:
    """Render every stack of `project` to `out/STACK`; why one could not be rendered goes to `out/STACK.error`."""
    out.mkdir(parents=True, exist_ok=True)
    try:
        names = list(stages(project))
    except StagesError as error:
        names = []
        (out / "Pulumi.yaml.error").write_text(str(error), encoding="utf-8")
    for name in names:
        command = ["make", "--silent", "--no-print-directory", "-C", str(project), "render", f"STACK={name}"]
        done = subprocess.run([*command, f"OUT={out.resolve()}"], capture_output=True, text=True, check=False)
        if done.returncode:
            lines = done.stderr.splitlines()[-25:]
            (out / f"{name}.error").write_text("\n".join(lines), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit status: 0, or 1 when a stack of the head cannot be rendered."""
    parser = argparse.ArgumentParser(prog="python -m ci.render", description=__doc__.split("\n")[0])
    for side in SIDES:
        parser.add_argument(f"--{side}", type=Path, required=True, help=f"the checkout of the {side}")
    parser.add_argument("--out", type=Path, required=True, help="the folder for base/ and head/")
    options = parser.parse_args(arguments)
    for side in SIDES:
        render(getattr(options, side), options.out / side)
    found = differences(options.out)
    for stack in found:
        print(
            f"error: {stack.stack}: {stack.failure}" if stack.failure else f"{stack.stack}: {len(stack.changes)} differ"
        )
    return 1 if any(stack.failure for stack in found) else 0


if __name__ == "__main__":
    sys.exit(main())
