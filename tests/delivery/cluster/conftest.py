"""A stand-in for the Kubernetes API, for the tests in this folder."""

from collections.abc import Iterator

import pytest

from tests.delivery.cluster.kubernetes_api import KubernetesApi, kubernetes_api


@pytest.fixture
def api() -> Iterator[KubernetesApi]:
    with kubernetes_api() as api:
        yield api
