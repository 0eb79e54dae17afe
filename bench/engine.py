"""`preview` and `up` with the real CLI: each stack beside an empty program, and beside its own resources as literals.

The empty program is the floor; it starts no provider and declares nothing. The literals tell what the engine, the
providers and the SDKs take for these very resources, so that what is left is the program's own share: reading
configuration and forge, deciding, declaring components.
"""

import json
import math
import tempfile
from pathlib import Path

from bench.figures import Report
from bench.site import Site, requests
from bench.timing import Samples, python
from lab.forge import Forge
from lab.pulumi_cli import missing_programs

PERCENT = 10.0
STAGES = ("dev", "production")
PREVIEWS = 3
"""So often is a preview repeated in a round; its shortest time counts."""
COMMANDS = {
    "preview of a new stack": ("preview",),
    "first up": ("up", "--yes", "--skip-preview"),
    "preview without changes": ("preview",),
}
_IMPORT = """
import importlib, json, sys, time, pulumi
started = time.perf_counter()
for name in json.load(open(sys.argv[1])): dir(importlib.import_module(name))
print(time.perf_counter() - started)
"""
Key = tuple[str, str, str]
"""Program (`empty`, `plain`, `stack`), stage, command."""


def measure(report: Report, rounds: int) -> None:
    """Take this part's figures; without the CLI, report why there are none."""
    missing = missing_programs()
    if missing:
        report.skip(f"skipped: not on PATH: {', '.join(missing)} (https://www.pulumi.com/docs/iac/download-install/)")
        return
    taken: dict[Key, list[float]] = {}
    asked: dict[str, list[float]] = {stage: [] for stage in STAGES}
    files: dict[str, int] = {}
    imports: dict[str, list[float]] = {stage: [] for stage in STAGES}
    with tempfile.TemporaryDirectory() as scratch:
        modules = {stage: _modules(stage, Path(scratch)) for stage in STAGES}
        for number in range(rounds):
            with tempfile.TemporaryDirectory() as folder, Forge(Path(folder) / "forge") as forge:
                site = Site(forge, Path(folder))
                for stage in STAGES:
                    files[stage] = sum(each.type.endswith(":RepositoryFile") for each in site.declared(stage))
                    imports[stage].append(float(python("-c", _IMPORT, str(modules[stage])).stdout))
                    asked[stage].append(_round(site, stage, modules[stage], number, taken))
                    report.say(f"{stage} with the real engine: round {number + 1} of {rounds}")
    samples = {key: Samples(tuple(values)) for key, values in taken.items()}
    for stage in STAGES:
        _tell(report, stage, samples, Samples(tuple(imports[stage])))
    more = files["dev"] - files["production"]
    each_file = samples["stack", "dev", "first up"].less(samples["stack", "production", "first up"]).scaled(1 / more)
    report.add("first up: each repository file", each_file.scaled(1000), "ms", note=f"dev has {files['dev']}")
    for stage in STAGES:
        report.add(f"{stage}: first up, requests to the forge", Samples(tuple(asked[stage])), "")


def _round(site: Site, stage: str, modules: Path, number: int, taken: dict[Key, list[float]]) -> float:
    """Time every command of the three programs, in turns, into `taken`. Returns the requests of the first `up`."""
    names = json.loads(modules.read_text("utf-8"))
    programs = {"empty": site.empty(stage), "plain": site.plain(stage, names), "stack": site.select(stage)}
    asked = 0
    for what, arguments in COMMANDS.items():
        fastest = dict.fromkeys(programs, math.inf)
        # The shortest of several previews: the rest of a longer one is the machine's noise. A first update runs once.
        for turn in range(PREVIEWS if arguments == ("preview",) else 1):
            for name in list(programs)[:: 1 if (number + turn) % 2 == 0 else -1]:
                before = requests(site.forge)
                fastest[name] = min(fastest[name], site.seconds(programs[name], stage, *arguments))
                if (name, what) == ("stack", "first up"):
                    asked = requests(site.forge) - before
        for name, seconds in fastest.items():
            taken.setdefault((name, stage, what), []).append(seconds)
    return float(asked)


def _tell(report: Report, stage: str, samples: dict[Key, Samples], imports: Samples) -> None:
    report.add(f"{stage}: importing the SDKs, beyond pulumi itself", imports, "s")
    for what in COMMANDS:
        floor, plain, total = (samples[name, stage, what] for name in ("empty", "plain", "stack"))
        report.add(f"{stage}, {what}: the stack", total, "s")
        report.add(f"{stage}, {what}: its resources as literals", plain, "s")
        report.add(f"{stage}, {what}: an empty program (the floor)", floor, "s")
        for name, taken in (("the literals", plain), ("the stack", total)):
            above = taken.less(floor).less(imports).over(floor).scaled(100)
            report.add(f"{stage}, {what}: {name} above floor and imports, in % of the floor", above, "%")
        own = total.less(plain).over(floor).scaled(100)
        report.add(f"{stage}, {what}: the program's own share, in % of the floor", own, "%", PERCENT)


def _modules(stage: str, folder: Path) -> Path:
    path = folder / f"{stage}.json"
    path.write_text(python("-m", "bench.render_child", "modules", stage, str(folder)).stdout, encoding="utf-8")
    return path
