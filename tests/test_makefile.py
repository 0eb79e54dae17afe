"""What `make` itself adds to a command: where its own words go, and which exit status is left."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PYTHON = """#!/bin/sh
mkdir -p .venv/bin
echo '#!/bin/sh' > .venv/bin/pip
cp doctor .venv/bin/python
chmod +x .venv/bin/*
"""


def make(folder: Path, doctor: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`make` in a fresh clone; `doctor` is what a shell does in place of the doctor, with its arguments as `$*`."""
    if shutil.which("make") is None:
        pytest.skip("make is not on PATH")
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, folder)
    (folder / "python").write_text(PYTHON)
    (folder / "python").chmod(0o755)
    (folder / "doctor").write_text(f"#!/bin/sh\n{doctor}\n")
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "PYTHON=./python", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environ)


def test_the_doctor_s_json_is_all_there_is_on_standard_output_even_the_first_time(tmp_path: Path) -> None:
    done = make(tmp_path, 'echo "[\\"$*\\"]"', "doctor", "STACK=production", "JSON=1")
    assert json.loads(done.stdout) == ["-m delivery.doctor --stack production --json"]
    assert done.stderr.startswith("making .venv from requirements.txt")
    assert done.returncode == 0


def test_make_s_own_exit_status_is_2_where_the_doctor_s_is_1(tmp_path: Path) -> None:
    assert make(tmp_path, "exit 1", "doctor").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("up",), "-m delivery.laptop up"),
        (("up", "REPOSITORY=acme/shop", "CLUSTER=mine"), "-m delivery.laptop up --repository acme/shop --cluster mine"),
        (("down", "YES=1"), "-m delivery.laptop down --yes"),
        (("down", "YES=0"), "-m delivery.laptop down"),
    ],
)
def test_a_laptop_is_told_what_a_person_named_and_no_clone_of_the_demo(
    tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    (tmp_path / ".demo/forge/podtato-team/podtato-head-gitops.git").mkdir(parents=True)
    assert make(tmp_path, "echo $*", *arguments).stdout.strip() == expected
