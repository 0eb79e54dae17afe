"""The table of what promotions ask of GitHub: `make bench` measures the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.requests import CASES, MORE, TOKEN, count
from lab.forge import Forge


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    with Forge(tmp_path_factory.mktemp("bench") / "forge") as served:
        served.add_token(TOKEN, {"contents": "write", "pull_requests": "write", "issues": "write"}, actions=True)
        yield served


@pytest.mark.parametrize("case", CASES)
def test_a_promotion_asks_for_at_most_one_thing_more_than_it_did(case: str, forge: Forge, tmp_path: Path) -> None:
    _, _, requests, transfers = CASES[case]
    asked, transferred = count(forge, case, f"acme/gitops-{[*CASES].index(case)}", tmp_path)
    assert asked <= requests + MORE
    assert transferred <= transfers + MORE
