"""The command's exit status and its JSON, with parts that measure nothing."""

import json

import pytest

from bench import __main__ as command
from bench.figures import Report
from bench.timing import MeasurementError, Samples


def slow(report: Report, rounds: int) -> None:
    report.add("seconds", Samples((3.0,) * rounds), "s", 2.0)


def absent(_: Report, rounds: int) -> None:
    raise MeasurementError(f"no forge in {rounds} rounds")


@pytest.fixture(autouse=True)
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "PARTS", {"slow": ("Slow", slow), "absent": ("Absent", absent)})


def test_a_broken_bound_is_shown_and_fails_only_who_asks_for_a_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--only", "slow"]) == 0
    assert "BROKEN" in capsys.readouterr().out
    assert command.main(["--only", "slow", "--check"]) == 1


def test_scripts_get_every_figure_and_why_one_could_not_be_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--json", "--rounds", "2"]) == 2
    parts = json.loads(capsys.readouterr().out)["parts"]
    [figure] = parts["slow"]["figures"]
    assert (figure["median"], figure["samples"], figure["bound"], figure["holds"]) == (3.0, 2, 2.0, False)
    [reason] = parts["absent"]["skipped"]
    assert reason.endswith("no forge in 2 rounds")


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        command.main(["--only", "fast"])
    assert refused.value.code == 2
    assert "'fast'" in capsys.readouterr().err
