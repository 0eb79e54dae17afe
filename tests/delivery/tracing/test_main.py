"""The command: what it prints where, and its exit status."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from delivery.tracing.__main__ import commit_times, main
from delivery.tracing.otlp import TRACE_FILE
from tests.delivery.tracing.builder import COMMIT, guide
from tests.messages import assert_message

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "traces.jsonl"
    path.write_text("".join(guide(200).lines), encoding="utf-8")
    return str(path)


def test_the_file_of_the_environment_is_drawn(file: str, capsys: Captured) -> None:
    assert main([], {TRACE_FILE: file}) == 0
    assert capsys.readouterr().out.startswith("podtato-head v0.3.1   dev → production\n6 min 48 s from commit")


def test_several_files_and_standard_input_are_one_export(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = guide(200).lines
    (tmp_path / "a").write_text("".join(lines[::2]))
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(lines[1::2]) + lines[0]))
    assert main(["--file", str(tmp_path / "a"), "--file", "-"], {}) == 0
    assert "6 min 48 s" in capsys.readouterr().out


def test_json_has_the_same_numbers(file: str, capsys: Captured) -> None:
    assert main(["--file", file, "--json"], {}) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["complete"], document["failed"], document["leadTimeSeconds"]) == (True, False, 408)
    assert [section["seconds"] for section in document["sections"]] == [75, 60, 13, 200, 60]
    assert document["commitTime"] == "2026-08-01T11:58:45.000+00:00"
    assert [(change["number"], change["merged"]) for change in document["pullRequests"]] == [("7", None)]
    assert len(document["notes"]) == 1


def test_the_page_is_written_beside_the_drawing(file: str, tmp_path: Path, capsys: Captured) -> None:
    assert main(["--file", file, "--html", str(tmp_path / "out.html")], {}) == 0
    assert (tmp_path / "out.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "6 min 48 s" in capsys.readouterr().out


def test_broken_lines_are_named_up_to_five_and_the_rest_is_drawn(file: str, capsys: Captured) -> None:
    with Path(file).open("a") as more:
        more.write('{"resourceSpans": [\n' * 7)
    assert main(["--file", file], {}) == 0
    captured = capsys.readouterr()
    assert_message("tracing.broken-lines", captured.err.replace(file, "FILE").strip())
    assert "6 min 48 s" in captured.out


def test_a_version_that_is_not_there_is_said_with_those_that_are(file: str, capsys: Captured) -> None:
    assert main(["--file", file, "--version", "v9"], {}) == 1
    assert_message("tracing.no-such-delivery", capsys.readouterr().err.strip())


def test_an_export_without_any_delivery_is_said(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "empty").write_text("")
    assert main(["--file", str(tmp_path / "empty")], {}) == 1
    assert_message("tracing.no-delivery", capsys.readouterr().err.strip())


def test_a_file_or_a_repository_that_is_not_there_is_said(file: str, tmp_path: Path, capsys: Captured) -> None:
    nowhere = str(tmp_path / "nowhere")
    assert main(["--file", nowhere], {}) == 2
    assert main(["--file", file, "--html", f"{nowhere}/page.html"], {}) == 2
    assert main(["--file", file, "--repository", nowhere], {}) == 2
    assert_message("tracing.not-there", capsys.readouterr().err.replace(nowhere, "NOWHERE").strip())


def test_no_file_at_all_is_a_wrong_option() -> None:
    with pytest.raises(SystemExit, match="2"):
        main([], {})


def test_into_a_pipe_there_is_no_colour_and_without_utf8_there_is_ascii(file: str) -> None:
    command = [sys.executable, "-m", "delivery.tracing", "--file", file]
    root = Path(__file__).resolve().parents[3]
    environ = {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=root, env=environ, capture_output=True, check=True, text=True)
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout


def test_a_commit_has_the_time_at_which_it_was_committed_and_others_are_left_out(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        dates = {"GIT_AUTHOR_DATE": "1000000000 +0000", "GIT_COMMITTER_DATE": "1785585600 +0200"}
        given = ["git", "-C", str(tmp_path), *arguments]
        done = subprocess.run(
            given, env={**os.environ, **identity, **dates}, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "--message", "first")
    head = git("rev-parse", "HEAD")
    assert commit_times(str(tmp_path), [head, COMMIT, "--output=x", "HEAD"]) == {head: 1_785_585_600 * 10**9}
