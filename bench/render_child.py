"""What `bench.render` runs in a process of its own, because imports and the SDK's settings happen once a process.

Prints one JSON object. Seconds are by the clock (`wall`) or of the processor, all threads together (`cpu`).
"""

import contextlib
import importlib
import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

SDKS = ("pulumi", "pulumi_github", "pulumi_kubernetes")
STAGES: dict[str, list[str]] = {
    "dev": [],
    "test": ["dev"],
    "staging": ["test"],
    "europe": ["staging"],
    "america": ["staging"],
}


def sdk_modules(stack: str, folder: str) -> list[str]:
    """The SDKs' modules that rendering `stack` loads; both providers' SDKs load theirs only when they are asked for."""
    _render(stack, folder)
    loaded = [name for name in sys.modules if name.partition(".")[0] in SDKS]
    # A module named like the class in it comes with its package; imported by itself it would hide the class.
    return [name for name in loaded if not name.rpartition(".")[2][0].isupper()]


def own_work(stack: str, folder: str, modules: list[str]) -> dict[str, float]:
    """What importing the SDKs takes, and then everything else that `make render` does, its own imports included."""
    sdks = _measured(lambda: [dir(importlib.import_module(name)) for name in modules])
    own = _measured(lambda: _render(stack, folder))
    return {"sdks": sdks["wall"], **own}


def scale(counts: list[int]) -> dict[int, float]:
    """Processor seconds for rendering every stage of that many applications, by their number."""
    from delivery.config.files import read_stack_config
    from lab.engine import PROGRAM, preview
    from lab.render import files_of

    def render(count: int) -> None:
        applications = [{"name": f"app-{number:02}", "image": "ghcr.io/example/app"} for number in range(count)]
        settings = {
            "applications": json.dumps(applications),
            "stages": json.dumps([{"name": name, "after": after} for name, after in STAGES.items()]),
            "pathPattern": "{application}/{stage}",
            "argocdApplication": "{application}-{stage}",
        }
        for stage in STAGES:
            files_of(preview(stage, read_stack_config(PROGRAM, stage).override(settings, {})))

    render(1)  # imports everything
    return {count: _measured(lambda count=count: render(count))["cpu"] for count in counts}  # type: ignore[misc]


def _render(stack: str, folder: str) -> None:
    from lab import render

    with contextlib.redirect_stdout(io.StringIO()):
        status = render.main(["--stack", stack, "--out", folder])
    if status:
        sys.exit(status)


def _measured(run: Callable[[], object]) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def main(arguments: list[str]) -> None:
    """`modules STACK FOLDER`, `own STACK FOLDER MODULES` or `scale COUNT…`."""
    match arguments:
        case ["modules", stack, folder]:
            print(json.dumps(sdk_modules(stack, folder)))
        case ["own", stack, folder, modules]:
            print(json.dumps(own_work(stack, folder, json.loads(Path(modules).read_text(encoding="utf-8")))))
        case ["scale", *counts]:
            print(json.dumps(scale([int(count) for count in counts])))
        case _:
            sys.exit(main.__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
