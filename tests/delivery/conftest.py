"""What the tests of several folders begin with: a story of promotions, a stand-in for the Kubernetes API."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery.cluster.kubernetes_api import KubernetesApi, kubernetes_api
from tests.delivery.promotion.story import Story, story


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Story]:
    """A story of the test's own."""
    with story(tmp_path) as begun:
        yield begun


@pytest.fixture
def api() -> Iterator[KubernetesApi]:
    """An API server of the test's own."""
    with kubernetes_api() as api:
        yield api
