import pytest

from delivery.doctor.check import Check
from delivery.doctor.traces import traces
from tests.delivery.cluster.kubernetes_api import configured

LOCAL = "http://127.0.0.1:8080/api/v3"


def test_traces_on_each_readers_own_machine_are_told_with_the_mend() -> None:
    assert list(traces(configured())) == [
        Check(
            "trace links",
            "unknown",
            "localhost:16686 is each reader's own machine: pull requests name the trace only",
            "pulumi config set delivery:traceUrl 'https://…/{trace_id}'  # or in Pulumi.yaml, for every stack",
        )
    ]


@pytest.mark.parametrize(
    ("keys", "detail"),
    [
        ({"githubApiUrl": LOCAL}, "lead to localhost:16686"),
        ({"traceUrl": "https://jaeger.example/trace/{trace_id}"}, "lead to jaeger.example"),
        ({"traceUrl": ""}, "none: delivery:traceUrl is empty"),
    ],
)
def test_an_address_that_its_readers_can_open_and_none_at_all_are_fine(keys: dict[str, str], detail: str) -> None:
    assert list(traces(configured(**keys))) == [Check("trace links", "ok", detail)]


@pytest.mark.parametrize(
    ("stack", "engine", "told"),
    [("dev", "promoter", 1), ("dev", "pulumi", 1), ("production", "promoter", 0), ("production", "pulumi", 1)],
)
def test_it_is_told_in_the_stacks_whose_address_pull_requests_have(stack: str, engine: str, told: int) -> None:
    assert len(list(traces(configured(stack, promotionEngine=engine)))) == told
