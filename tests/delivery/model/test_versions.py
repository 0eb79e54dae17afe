"""What the names of versions tell."""

import pytest

from delivery.model.versions import is_mutable, is_older

DIGEST = f"@sha256:{'0' * 64}"


@pytest.mark.parametrize(
    "version", ["latest", "main", "Master", "edge", "stable", "dev", "nightly", "latest-alpine", "main-arm-slim"]
)
def test_a_tag_that_is_named_after_a_branch_or_a_channel_moves(version: str) -> None:
    assert is_mutable(version)


@pytest.mark.parametrize(
    "version",
    ["v0.3.1", "1", "2026-11-28", "main-4f2a9c1", "nightly-20261128", "v2-latest", "mainframe", f"latest{DIGEST}", ""],
)
def test_a_tag_that_is_one_of_many_or_has_a_digest_does_not_move(version: str) -> None:
    assert not is_mutable(version)


def test_a_digest_tells_nothing_about_the_order_of_versions() -> None:
    assert is_older(f"v1.9.0{DIGEST}", f"v1.10.0@sha256:{'f' * 64}") is True
    assert is_older(f"v1.10.0{DIGEST}", "v1.9.0") is False
