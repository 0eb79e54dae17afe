"""Times of commits, from a real repository."""

import os
import subprocess
from pathlib import Path

import pytest

from delivery.tracing.commits import CommitsError, commit_times


def git(folder: Path, *arguments: str) -> str:
    identity = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environ = {
        **os.environ,
        **identity,
        "GIT_AUTHOR_DATE": "1000000000 +0000",
        "GIT_COMMITTER_DATE": "1785585600 +0200",
    }
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], env=environ, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_commit_has_the_time_at_which_it_was_committed_and_others_are_left_out(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "first")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert commit_times(tmp_path, [head, "d1" * 20, "--output=x", "HEAD"]) == {head: 1_785_585_600 * 10**9}


def test_a_folder_that_is_no_repository_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(CommitsError, match="is no git repository; give a clone"):
        commit_times(tmp_path, [])
