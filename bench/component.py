"""Previewing production with the Promotion component and without it: seconds, and questions to the forge.

The same stack either way; only `delivery:promotionEngine` differs. With nothing due and with a promotion due.
"""

import tempfile
from pathlib import Path

import yaml

from bench.figures import Report
from bench.site import OWNER, STACK, Site, requests
from bench.timing import Samples, side_by_side, timed
from lab.forge import Forge
from lab.pulumi_cli import missing_programs
from lab.updates import EmbeddedEngine

READS = 2.0
ENGINES = {"without the component": "promoter", "with it": "pulumi"}


def measure(report: Report, rounds: int) -> None:
    """Take this part's figures: without the CLI, and with it where it is there."""
    missing = missing_programs()
    with tempfile.TemporaryDirectory() as folder, Forge(Path(folder) / "forge") as forge:
        site = Site(forge, Path(folder))
        committing = EmbeddedEngine(forge, f"{OWNER}/{STACK}", Path(folder) / "committed")
        for stage in ("dev", "production"):
            committing.up(stage, site.settings(stage), {"githubToken": "", "promotionToken": ""})
        if not missing:
            site.select("production")
        for due in (False, True):
            if due:
                values = forge.read(f"{OWNER}/{STACK}", "dev/values.yaml") or b""
                newer = values.replace(b"v0.3.0", b"v0.3.1")
                forge.commit(f"{OWNER}/{STACK}", {"dev/values.yaml": newer}, "Deploy v0.3.1 to dev")
            case = "a promotion due" if due else "nothing due"
            _compare(report, site, f"without the CLI, {case}", rounds * 2, engine=False)
            if not missing:
                _compare(report, site, f"pulumi preview, {case}", rounds, engine=True)
    if missing:
        report.skip(f"with the CLI: not measured, not on PATH: {', '.join(missing)}")


def _compare(report: Report, site: Site, case: str, rounds: int, *, engine: bool) -> None:
    asked: dict[str, list[float]] = {name: [] for name in ENGINES}

    def run(name: str) -> float:
        before = requests(site.forge)
        if engine:
            _set_engine(site.project / "Pulumi.production.yaml", ENGINES[name])
            seconds = site.seconds(site.project, "production", "preview")
        else:
            seconds = timed(lambda: site.declared("production", promotionEngine=ENGINES[name]))
        asked[name].append(float(requests(site.forge) - before))
        return seconds

    for name in ENGINES:
        run(name)  # warm
        asked[name].clear()
    taken = side_by_side(
        {name: lambda name=name: run(name) for name in ENGINES},  # type: ignore[misc]
        rounds,
        lambda line: report.say(f"production, {case}: {line}"),
    )
    before, after = (taken[name] for name in ENGINES)
    reads = [Samples(tuple(asked[name])) for name in ENGINES]
    report.add(f"{case}: without the component", before, "s")
    report.add(f"{case}: with it", after, "s")
    report.add(f"{case}: what it adds, pair by pair", after.less(before), "s")
    report.add(f"{case}: reads of the forge that it adds", reads[1].less(reads[0]), "", READS)


def _set_engine(file: Path, engine: str) -> None:
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    document["config"]["delivery:promotionEngine"] = engine
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
