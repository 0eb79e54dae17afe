"""The program without the Pulumi CLI: recorded as declared, secrets masked, failures not swallowed."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from delivery.config.files import StackConfig
from lab.engine import Preview, ProgramError, preview

HEAD = "import pulumi\nfrom pulumi_kubernetes.core.v1 import ConfigMap, Namespace, Secret\n"


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """A run that failed leaves coroutines behind; collected later, amid a compilation, they confuse CPython 3.11."""
    yield
    gc.collect(1)  # what this run made is young: the collector was off


def run(folder: Path, program: str, *secret: str, **values: str) -> Preview:
    (folder / "__main__.py").write_text(HEAD + program, encoding="utf-8")
    config = StackConfig({f"delivery:{key}": value for key, value in values.items()}, frozenset(secret))
    return preview("dev", config, folder)


def test_a_resource_is_recorded_with_its_inputs_in_a_stable_order(tmp_path: Path) -> None:
    program = "ConfigMap('a', metadata={'name': 'a'}, data={key: 'x' for key in 'zyxwvutsrq'}, immutable=True)\n"
    [recorded] = run(tmp_path, program).resources
    assert (recorded.type, recorded.name, recorded.custom) == ("kubernetes:core/v1:ConfigMap", "a", True)
    assert list(recorded.inputs) == ["apiVersion", "data", "immutable", "kind", "metadata"]
    data = recorded.inputs["data"]
    assert isinstance(data, dict)
    assert list(data) == sorted("zyxwvutsrq")


def test_options_that_mocks_do_not_pass_on_are_recorded(tmp_path: Path) -> None:
    program = (
        "one = Namespace('one')\n"
        "Namespace('two', opts=pulumi.ResourceOptions(depends_on=[one], retain_on_delete=True,"
        " ignore_changes=['metadata'], import_='two', aliases=['urn:of-old', pulumi.Alias(name='second')]))\n"
    )
    one, two = sorted(run(tmp_path, program).resources, key=lambda found: found.name)
    assert two.depends_on == {one.urn}
    assert (two.retain_on_delete, two.ignore_changes, two.import_id) == (True, ("metadata",), "two")
    assert two.aliases == ("urn:of-old", "name=second")
    assert (one.retain_on_delete, one.ignore_changes, one.import_id) == (False, (), "")


def test_secrets_are_masked_in_inputs_and_in_exports(tmp_path: Path) -> None:
    program = (
        "token = pulumi.Config('delivery').require_secret('token')\n"
        "Secret('a', string_data={'key': token})\n"
        "ConfigMap('b', data={'open': 'yes', 'deep': token.apply(lambda text: text + '!')})\n"
        "pulumi.export('token', token)\n"
        "pulumi.export('table', {'inside': token})\n"
        "pulumi.export('open', pulumi.Output.from_input('yes'))\n"
    )
    result = run(tmp_path, program, "delivery:token", token="hunter2")
    assert "hunter2" not in repr(result)
    assert {found.name: found.secrets for found in result.resources} == {"a": {"stringData"}, "b": {"data"}}
    assert result.outputs == {"token": "[secret]", "table": "[secret]", "open": "yes"}


def test_what_the_program_refuses_is_said_in_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=r"\Aone line, and what to do\Z"):
        run(tmp_path, "raise pulumi.RunError('one line, and what to do')\n")


@pytest.mark.parametrize(
    "program",
    [
        "1 / 0\n",
        "pulumi.Output.from_input(1).apply(lambda one: one / 0)\n",
        "Namespace('a', metadata=pulumi.Output.from_input(1).apply(lambda one: one / 0))\n",
    ],
    ids=["in the program", "in an output", "in an input"],
)
def test_a_failure_is_never_swallowed(tmp_path: Path, program: str) -> None:
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, program)
    assert run(tmp_path, "Namespace('after')\n").resources[0].name == "after"


def test_one_run_leaves_nothing_to_the_next(tmp_path: Path) -> None:
    reads = "pulumi.export('found', pulumi.Config('delivery').get('key') or 'nothing')\n"
    assert run(tmp_path, reads, key="value").outputs == {"found": "value"}
    assert run(tmp_path, reads, other="value").outputs == {"found": "nothing"}


def test_a_function_of_a_provider_is_refused_with_a_way_out(tmp_path: Path) -> None:
    program = "import pulumi_github as github\ngithub.get_user(username='octocat')\n"
    with pytest.raises(Exception, match=r"needs a provider; run this stack with the Pulumi CLI"):
        run(tmp_path, program)
