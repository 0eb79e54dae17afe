"""Rendering without the CLI: `make render`, and the program's own part of it.

"Own" is everything but starting Python and importing the SDKs: the configuration, the components, the lab's engine,
and what the SDK does with each declared resource. It is processor time, which other programs on the machine do not
move much. Imports happen once a process: hence one for each run, which prints one JSON object.
"""

import contextlib
import importlib
import io
import json
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from bench.figures import Report
from bench.timing import Samples, python, timed

WALL_SECONDS, OWN_MILLISECONDS = 1.5, 100.0
SDKS = ("pulumi", "pulumi_github", "pulumi_kubernetes")


def measure(report: Report, rounds: int) -> None:
    """Take this part's figures. The runs are short: three of each make a round."""
    for stack in ("dev", "production"):
        walls, own = [], []
        with tempfile.TemporaryDirectory() as folder:
            modules = Path(folder) / "modules.json"
            modules.write_text(python("-m", "bench.render", "modules", stack, folder), encoding="utf-8")  # and warms up
            for _ in range(3 * rounds):
                walls.append(timed(partial(python, "-m", "lab.render", "--stack", stack, "--out", folder)))
                own.append(json.loads(python("-m", "bench.render", "own", stack, folder, str(modules))))
        report.add(f"make render STACK={stack}", Samples(tuple(walls)), "s", WALL_SECONDS)
        report.add("of that, the program's own work", Samples(tuple(own)).scaled(1000), "ms", OWN_MILLISECONDS)


def sdk_modules(stack: str, folder: str) -> list[str]:
    """The SDKs' modules that rendering `stack` loads; the providers' SDKs load theirs only when they are asked for."""
    _render(stack, folder)
    loaded = [name for name in sys.modules if name.partition(".")[0] in SDKS]
    # A module named like the class in it comes with its package; imported by itself it would hide the class.
    return [name for name in loaded if not name.rpartition(".")[2][0].isupper()]


def own_work(stack: str, folder: str, modules: str) -> float:
    """The processor seconds of everything that `make render` does once the SDKs' modules are imported."""
    for name in json.loads(Path(modules).read_text(encoding="utf-8")):
        dir(importlib.import_module(name))
    started = time.process_time()
    _render(stack, folder)
    return time.process_time() - started


def _render(stack: str, folder: str) -> None:
    from lab import render

    with contextlib.redirect_stdout(io.StringIO()):
        status = render.main(["--stack", stack, "--out", folder])
    if status:
        sys.exit(status)


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    print(json.dumps(own_work(*arguments) if what == "own" else sdk_modules(*arguments)))
