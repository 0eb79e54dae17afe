"""The log of what a stage has verified: what is kept of it, and whose word counts."""

import subprocess
from pathlib import Path

import pytest

from delivery.git.repository import Repository
from delivery.promotion.verified import KEPT, Verification, VerificationLog, read_log, ref_of
from tests.delivery.promotion.story import EDGE, TRACEPARENT


def entry(number: int, **given: str) -> Verification:
    return Verification("dev", f"{number:040x}", **given)


def read_back(tmp_path: Path, log: VerificationLog, added: Verification | None, closes: int = 0) -> VerificationLog:
    """The log as it is read after `added` was written."""
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", str(remote)], check=True)
    with Repository(remote.as_uri()) as repository:
        repository.push([log.extended(repository, added, closes)])
        repository.fetch([f"+{ref_of(EDGE)}:{ref_of(EDGE)}"], 1)
        return read_log(repository, EDGE)


def test_the_newest_entries_are_kept_with_all_that_they_say(tmp_path: Path) -> None:
    newest = entry(99, version="v0.3.1", traceparent=TRACEPARENT, actor="octocat")
    log = VerificationLog(EDGE, None, tuple(map(entry, range(2 * KEPT))), frozenset({3}))

    found = read_back(tmp_path, log, newest, closes=7)

    assert found.entries == (newest, *log.entries[: KEPT - 1])
    assert found.closed == {3, 7}


def test_what_somebody_else_wrote_there_counts_for_nothing(tmp_path: Path) -> None:
    strange = (Verification("qa", "a" * 40), Verification("dev", "main"), entry(1, version="no version!"))

    found = read_back(tmp_path, VerificationLog(EDGE, None, strange), None)

    assert found.entries == (entry(1),)


@pytest.mark.parametrize("first", [{}, {"version": "v1"}])
def test_a_tasks_word_counts_more_than_an_earlier_one_and_the_first_of_equals_stays(first: dict[str, str]) -> None:
    task = entry(1, version="v1", traceparent=TRACEPARENT, actor="bot")
    log = VerificationLog(EDGE, None, (entry(1, **first),))

    assert log.adds(task)
    assert not VerificationLog(EDGE, None, (task,)).adds(entry(1, version="v1", traceparent=TRACEPARENT, actor="other"))
    assert VerificationLog(EDGE, None, (entry(1), task, entry(1))).find(task.commit) == task
