"""What the tests of promotions begin with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery.promotion.story import Story, story


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Story]:
    """A story of the test's own."""
    with story(tmp_path) as begun:
        yield begun
