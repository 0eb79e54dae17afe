"""What every workflow file of this project has to keep: those that it runs, and those that it commits elsewhere."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from delivery.model.identifiers import is_commit

ROOT = Path(__file__).resolve().parents[1]
ACTIONLINT = shutil.which("actionlint")
NO_ACTIONLINT = "actionlint is not on PATH: go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"


def read(path: Path) -> dict[str, Any]:
    """The file as YAML has it, the key `on` under its own name."""
    document: dict[Any, Any] = yaml.safe_load(path.read_text())
    # YAML 1.1, which this parser reads, takes `on` for a boolean; GitHub does not.
    return {"on" if key is True else str(key): value for key, value in document.items()}


def steps(path: Path) -> Iterator[dict[str, Any]]:
    """Every step of every job, or of a composite action."""
    document = read(path)
    for holder in document["jobs"].values() if "jobs" in document else [document["runs"]]:
        yield from holder.get("steps", ())


def check_zizmor(path: Path, *, ignored: int = 0) -> None:
    """zizmor, as for an auditor, finds nothing, and has been told to ignore so many findings in the file itself."""
    zizmor = Path(sys.executable).with_name("zizmor")
    quiet = ["--no-progress", "--color=never"]
    config = f"--config={ROOT / '.github' / 'zizmor.yml'}"
    command = [str(zizmor), "--offline", config, "--persona=auditor", *quiet, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No findings to report" in done.stdout
    assert (f"{ignored} ignored" in done.stdout) if ignored else ("ignored" not in done.stdout)


def check_actionlint(path: Path, *, plain: bool = False) -> None:
    """actionlint finds nothing; `plain`: not even without the one message that the project ignores."""
    config = [] if plain else ["-config-file", str(ROOT / ".github" / "actionlint.yaml")]
    command = [str(ACTIONLINT), *config, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def check_pins(path: Path) -> None:
    """Actions of others are pinned by commit, with the release beside it."""
    for line in re.findall(r"\buses: (?!\./)(.*)", path.read_text()):
        action, _, release = line.partition(" # ")
        assert is_commit(action.partition("@")[2]), line
        assert re.fullmatch(r"v\d+\.\d+\.\d+", release), line


def check_scripts(path: Path) -> None:
    """A script is one command, and no expression stands in it: what comes from outside comes as environment."""
    for script in [str(step["run"]) for step in steps(path) if "run" in step]:
        assert "${{" not in script
        assert len(script.strip().splitlines()) == 1
        assert not re.search(r"[;|&]", script)


def check_grants(path: Path) -> None:
    """Nothing is granted but by each job for itself, no job has all the time, and no token stays in a checkout."""
    workflow = read(path)
    assert workflow["permissions"] == {}
    assert all("permissions" in job for job in workflow["jobs"].values())
    assert all("timeout-minutes" in job or "uses" in job for job in workflow["jobs"].values())
    checkouts = [step for step in steps(path) if "actions/checkout@" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def check_queues(path: Path) -> None:
    """A group that queues its runs does so with a value that GitHub knows: actionlint's word on the key is ignored."""
    workflow = read(path)
    for holder in (workflow, *workflow["jobs"].values()):
        concurrency = holder.get("concurrency", {})
        if "queue" in concurrency:
            assert (concurrency["queue"], concurrency["cancel-in-progress"]) == ("max", False)
