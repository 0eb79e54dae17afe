"""The command: what it prints where, and its exit status."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from delivery.tracing.__main__ import main
from tests.delivery.tracing.builder import guide

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "traces.jsonl"
    path.write_text("".join(guide(200).lines), encoding="utf-8")
    return str(path)


def test_a_file_is_drawn(file: str, capsys: Captured) -> None:
    assert main(["--file", file], {}) == 0
    assert capsys.readouterr().out.startswith("podtato-head v0.3.1   dev → production\n6 min 48 s from commit")


def test_the_file_of_the_environment_is_the_default(file: str, capsys: Captured) -> None:
    assert main([], {"DELIVERY_TRACE_FILE": file}) == 0
    assert "6 min 48 s" in capsys.readouterr().out


def test_several_files_are_one_export(tmp_path: Path, capsys: Captured) -> None:
    lines = guide(200).lines
    (tmp_path / "a").write_text("".join(lines[::2]))
    (tmp_path / "b").write_text("".join(lines[1::2]) + lines[0])
    assert main(["--file", str(tmp_path / "a"), "--file", str(tmp_path / "b")], {}) == 0
    assert "6 min 48 s" in capsys.readouterr().out


def test_standard_input_is_a_file(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(guide(200).lines)))
    assert main(["--file", "-"], {}) == 0
    assert "6 min 48 s" in capsys.readouterr().out


def test_json_has_the_same_numbers(file: str, capsys: Captured) -> None:
    assert main(["--file", file, "--json"], {}) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["leadTimeSeconds"] == 408
    assert [(each["name"], each["seconds"]) for each in document["sections"]][:2] == [
        ("wait for dev's sync", 75),
        ("dev deployment", 60),
    ]
    assert document["commitTime"] == "2026-08-01T11:58:45.000+00:00"
    assert document["pullRequests"][0]["number"] == "7"
    assert document["notes"] == ["no commit tells when it was merged: the review of #7 lasts until production began"]


def test_the_page_is_written_beside_the_drawing(file: str, tmp_path: Path, capsys: Captured) -> None:
    assert main(["--file", file, "--html", str(tmp_path / "out.html")], {}) == 0
    assert (tmp_path / "out.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "Waterfall" in capsys.readouterr().out


def test_broken_lines_are_named_and_the_rest_is_drawn(file: str, capsys: Captured) -> None:
    with Path(file).open("a") as more:
        more.write('{"resourceSpans": [\n' * 7)
    assert main(["--file", file], {}) == 0
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == 6
    assert captured.err.splitlines()[-1] == "and 2 more like these"
    assert "6 min 48 s" in captured.out


def test_a_version_that_is_not_there_is_said_with_those_that_are(file: str, capsys: Captured) -> None:
    assert main(["--file", file, "--version", "v9"], {}) == 1
    assert capsys.readouterr().err == "no such delivery; there are: podtato-head v0.3.1\n"


def test_an_export_without_any_delivery_is_said(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "empty").write_text("")
    assert main(["--file", str(tmp_path / "empty")], {}) == 1
    assert capsys.readouterr().err == "none of 0 spans is Keptn's or a promotion's; is this the collector's file?\n"


def test_a_file_that_is_not_there_is_said(tmp_path: Path, capsys: Captured) -> None:
    assert main(["--file", str(tmp_path / "nowhere")], {}) == 2
    assert capsys.readouterr().err.endswith("nowhere: No such file or directory\n")


def test_a_repository_that_is_none_is_said(file: str, tmp_path: Path, capsys: Captured) -> None:
    assert main(["--file", file, "--repository", str(tmp_path / "nowhere")], {}) == 2
    assert "give a clone of the GitOps repository" in capsys.readouterr().err


def test_no_file_at_all_is_a_wrong_option(capsys: Captured) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([], {})
    assert "give --file, or set DELIVERY_TRACE_FILE" in capsys.readouterr().err


def test_into_a_pipe_there_is_no_colour_and_without_utf8_there_is_ascii(file: str) -> None:
    command = [sys.executable, "-m", "delivery.tracing", "--file", file]
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        command, cwd=root, env={"PYTHONIOENCODING": "ascii"}, capture_output=True, check=True, text=True
    )
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout
