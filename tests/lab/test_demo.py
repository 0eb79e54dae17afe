"""The demo as a person runs it: told to the end, twice into one folder, and out of folders that are not its own."""

import threading
from pathlib import Path

import pytest

from lab.demo import MARKER, main


def demo(folder: Path) -> int:
    return main(["--embedded", "--folder", str(folder)])


def test_the_story_is_told_to_its_end_and_again_into_the_same_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {*threading.enumerate()}
    assert demo(tmp_path / "demo") == 0
    told = capsys.readouterr().out
    assert demo(tmp_path / "demo") == 0
    assert "#1  Promote podtato-head v0.3.1 to production" in told
    assert "+serviceVersion: v0.3.1" in told
    assert "spanLinks:" in told
    assert "Where the time was spent" in told
    assert "\x1b" not in told, "no colour where nobody looks at a terminal"
    assert {*threading.enumerate()} <= before, "nothing is left running"
    assert (tmp_path / "demo" / "trace.html").is_file()
    assert (tmp_path / "demo" / "manifests" / "production").is_dir()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("precious")
    assert demo(tmp_path) == 1
    assert mine.read_text() == "precious"
    assert "choose another one with --folder" in capsys.readouterr().err


def test_a_file_in_the_folders_place_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert demo(file) == 1
    assert capsys.readouterr().err.count("\n") == 2


def test_without_git_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert demo(tmp_path / "demo") == 1
    assert "git is not on PATH: install it" in capsys.readouterr().err
    assert not (tmp_path / "demo" / MARKER).exists()
