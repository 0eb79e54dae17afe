"""What every test starts from, and how tests are spread over pytest-xdist's workers; fixtures are each folder's own."""

import os
import re

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

TOGETHER = (
    "tests/cluster/",
    "tests/engine/test_changes.py",
    "tests/lab/test_mixed_pipelines.py",
    "tests/lab/test_story.py",
)
"""Folders and modules whose tests run in one worker, because each would start an API server, stack or story of its own.

(The marker `xdist_group`, which is meant for this, has no effect with pytest 9.2 and pytest-xdist 3.8.)"""

RUNNERS = re.compile(
    r"(CI|TRACEPARENT|TRACESTATE|BAGGAGE)$|(GITHUB|RUNNER|ACTIONS|OTEL|PULUMI)_|DELIVERY_(?!(CRDS|CHARTS)$)"
)
"""What a workflow's runner says of its own repository, token and trace: code under test would take it for its own.

(DELIVERY_CRDS and DELIVERY_CHARTS stay: they tell the tests where foreign definitions and charts lie.)"""

# When this file is loaded, so in every worker, and before a module or a fixture of any scope reads its surroundings.
for inherited in filter(RUNNERS.match, [*os.environ]):
    del os.environ[inherited]


# A test's time is the machine's matter too, which may be busy.
settings.register_profile("without-deadline", deadline=None)
settings.load_profile("without-deadline")


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each test to the next free worker, and what has to stay together to one."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    """Have pytest-xdist use it, as quietly as its own."""
    return Scheduling(config, log)
