"""`python -m ci.render --base B --head H --out OUT`: renders every stack of both sides of a pull request, and compares.

Each side is rendered by its own `make render`, in its own environment, since the program is what may have changed. What
differs is written to `OUT/rendered.diff`, after the reasons why a stack of the head cannot be rendered.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ci import DIFFERENCE
from ci.stacks import StagesError, stages


def render(project: Path, out: Path) -> dict[str, str]:
    """Render every stack of `project` to `out/STACK`. Returns why not, for each that could not be rendered."""
    out.mkdir(parents=True, exist_ok=True)
    failures: dict[str, str] = {}
    try:
        names = list(stages(project))
    except StagesError as error:
        return {"Pulumi.yaml": str(error)}
    for name in names:
        command = ["make", "--silent", "--no-print-directory", "-C", str(project), "render", f"STACK={name}"]
        done = subprocess.run([*command, f"OUT={out.resolve()}"], capture_output=True, text=True, check=False)
        if done.returncode:
            failures[name] = "\n".join(done.stderr.splitlines()[-25:])
    return failures


def difference(base: Path, head: Path, out: Path) -> tuple[str, bool]:
    """What differs between two projects, as `git diff` shows it, and whether all of the head can be rendered."""
    render(base, out / "base")
    failures = render(head, out / "head")
    for name in failures:
        # Else its files would be shown as deleted.
        shutil.rmtree(out / "base" / name, ignore_errors=True)
        shutil.rmtree(out / "head" / name, ignore_errors=True)
    diff = ["git", "diff", "--no-index", "--no-color", "--no-ext-diff", "--no-prefix", "base", "head"]
    done = subprocess.run(diff, cwd=out, capture_output=True, text=True, errors="replace", check=False)
    reasons = [f"{name} cannot be rendered:\n{reason}\n" for name, reason in failures.items()]
    return "\n".join([*reasons, done.stdout]), not failures


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit status: 0, or 1 when a stack of the head cannot be rendered."""
    parser = argparse.ArgumentParser(prog="python -m ci.render", description=__doc__.split("\n")[0])
    for side in ("base", "head"):
        parser.add_argument(f"--{side}", type=Path, required=True, help=f"the checkout of the {side}")
    parser.add_argument("--out", type=Path, required=True, help=f"the folder for base/, head/ and {DIFFERENCE}")
    options = parser.parse_args(arguments)
    text, complete = difference(options.base, options.head, options.out)
    (options.out / DIFFERENCE).write_text(text, encoding="utf-8")
    print(text)
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
