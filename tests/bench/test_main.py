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


def test_what_could_not_be_measured_says_why_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 2
    out = capsys.readouterr().out
    assert "could not be measured: no forge in 3 rounds" in out
    assert "seconds" in out


def test_scripts_get_every_figure_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    command.main(["--only", "slow", "--json", "--rounds", "2"])
    figure = json.loads(capsys.readouterr().out)["parts"]["slow"]["figures"][0]
    assert (figure["median"], figure["samples"], figure["bound"], figure["holds"]) == (3.0, 2, 2.0, False)


def test_an_unknown_part_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--only", "fast"])
    assert "no part 'fast'; there are slow, absent" in capsys.readouterr().err
