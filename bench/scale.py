"""How work and requests grow with the applications of a project: five stages, a stack for each, in the real engine.

The stages of a size are the runs of a figure. Work is processor time, of the CLI and all that it starts, which other
programs on the machine hardly move. Pulumi's own states are written as a whole after every step: what that costs is
measured in the first stage, beside an update that writes its state once, at the end.
"""

import json
import resource
import tempfile
from pathlib import Path

from bench.engine import Site
from bench.figures import Report
from bench.timing import Samples
from lab.forge import Forge
from lab.pulumi_cli import missing_programs

SIZES = (1, 10, 25, 50)
STAGES = ("dev", "test", "acceptance", "staging", "production")
WITH_CHECKPOINTS = 10
"""The greatest size that is measured with them: a stage of 25 takes minutes."""
LINEAR = 1.5
"""How much more work an application may be among the most than among ten."""
ONCE = {"PULUMI_SKIP_CHECKPOINTS": "true"}
UP = ("up", "--yes", "--skip-preview")


def settings(applications: int) -> dict[str, str]:
    """The pipeline of one project with that many applications."""
    stages = [{"name": name, **({"after": [STAGES[at - 1]]} if at else {})} for at, name in enumerate(STAGES)]
    delivered = [{"name": f"shop-{number}", "image": "ghcr.io/acme/shop"} for number in range(applications)]
    return {
        "applications": json.dumps(delivered),
        "stages": json.dumps(stages),
        "pathPattern": "{application}/{stage}",
    }


def measure(report: Report, rounds: int) -> None:
    """Take this part's figures once, whatever `rounds` says; without the CLI, report why there are none."""
    del rounds
    if missing := missing_programs():
        report.skip(f"not measured, not on PATH: {', '.join(missing)}")
        return
    work: dict[tuple[str, int], float] = {}
    for size in SIZES:
        ups, previews, empty, asked = [], [], [], []
        with tempfile.TemporaryDirectory() as folder, Forge(Path(folder) / "forge") as forge:
            site = Site(forge, Path(folder), settings(size), ONCE)
            for stage in STAGES:
                programs = site.select(stage)
                forge.forget_requests()
                ups.append(_work(site, programs["stack"], *UP, "--stack", stage))
                asked.append(float(sum(request.kind == "rest" for request in forge.requests)))
                previews.append(_work(site, programs["stack"], "preview", "--stack", stage))
                empty.append(_work(site, programs["empty"], "preview", "--stack", stage))
                report.say(f"applications: {size} of {SIZES}; {stage} of {', '.join(STAGES)}")
        name = f"{size} application{'s' if size > 1 else ''}"
        up, preview = Samples(tuple(ups)), Samples(tuple(previews))
        report.add(f"{name}: first up of a stage, state written once", up, "s")
        report.add(f"{name}: preview of a stage without changes", preview, "s")
        report.add("the same : an empty program", preview.over(Samples(tuple(empty))), "×")
        report.add(f"{name}: REST requests of a first up", Samples(tuple(asked)), "")
        work |= {("first up", size): up.median, ("preview", size): preview.median}
        if size <= WITH_CHECKPOINTS:
            with tempfile.TemporaryDirectory() as folder, Forge(Path(folder) / "forge") as forge:
                site = Site(forge, Path(folder), settings(size))
                whole = _work(site, site.select(STAGES[0])["stack"], *UP, "--stack", STAGES[0])
            report.add(f"{name}: first up of {STAGES[0]}, state written at each step", Samples((whole,)), "s")
            report.add("the same : written once", Samples((whole / ups[0],)), "×")
    few, many = SIZES[1], SIZES[-1]
    for what in ("first up", "preview"):
        each = [(work[what, size] - work[what, 1]) / (size - 1) for size in (few, many)]
        report.add(f"{what}, one application more: of {many} : of {few}", Samples((each[1] / each[0],)), "×", LINEAR)


def _work(site: Site, program: Path, *command: str) -> float:
    """The processor seconds of a `pulumi` command and of what it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    site.run(program, *command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
