import json

import pytest

from delivery.config.files import read_stack_config
from delivery.doctor import inputs
from delivery.doctor.check import Check
from delivery.doctor.inspection import Inspection
from delivery.doctor.registry import run
from lab.engine import PROGRAM, ProgramError, preview
from tests.delivery.cluster.kubernetes_api import configured
from tests.delivery.doctor.surroundings import Project, assert_told, named

ENCRYPTED = {"secure": "v1:abc"}


def looked(project: Project, stack: str = "dev", **environ: str) -> tuple[Inspection, dict[str, Check]]:
    inspection = project.inspection(stack, **environ)
    return inspection, named(inspection, "inputs")


def wrong(project: Project, name: str = "configuration", **environ: str) -> list[Check]:
    found = run(project.inspection(**environ), "inputs")
    return [check for check in found if check.status == "wrong" and check.name == name]


def answering(**values: str) -> str:
    entries = {f"delivery:{key}": {"value": value, "secret": True} for key, value in values.items()}
    return f"echo '{json.dumps(entries)}'"


def refused(project: Project, **secrets: str) -> list[str]:
    """The lines with which the program refuses the same configuration."""
    with pytest.raises(ProgramError) as raised:
        preview("dev", read_stack_config(project.folder, "dev").override({}, secrets))
    return str(raised.value).splitlines()


def assert_in_the_program_s_words(project: Project, name: str = "configuration", **secrets: str) -> list[Check]:
    found = wrong(project, name)
    told = refused(project, **secrets)
    assert [check.detail in line and check.fix in line for check, line in zip(found, told, strict=True)]
    return found


def test_a_configuration_that_lacks_nothing_is_ready(project: Project) -> None:
    project.cli(config=answering(githubToken="one-token", promotionToken="another-token"))
    project.configure(repositoryOwner="acme", kubeContext="kind-dev")
    project.configure(githubToken=ENCRYPTED, promotionToken=ENCRYPTED)
    inspection, checks = looked(project)
    assert {name: checks[name].status for name in ("configuration", "secrets", "ready for an update")} == {
        "configuration": "ok",
        "secrets": "ok",
        "ready for an update": "ok",
    }
    assert inspection.parsed is not None
    assert {key: text.reveal() for key, text in inspection.secrets.items()} == {
        "githubToken": "one-token",
        "promotionToken": "another-token",
    }


def test_every_mistake_is_told_in_the_program_s_words(project: Project) -> None:
    project.configure(repositoryOwner="a b", kubeContex="kind-dev", destinationServer=ENCRYPTED)
    assert len(assert_in_the_program_s_words(project)) == 3


def test_an_unreadable_file_is_wrong_and_ends_it(project: Project) -> None:
    (project.folder / "Pulumi.dev.yaml").write_text("config: [")
    inspection, checks = looked(project)
    assert {name: check.status for name, check in checks.items()} == {"configuration": "wrong"}
    assert inspection.parsed is None


def test_a_stack_without_a_stage_is_wrong_and_what_follows_from_it_is_not_asked(project: Project) -> None:
    found = named(project.inspection("staging"), "inputs", "cluster", "repository", "promotions")
    assert found["configuration"].status == "wrong"
    assert_told("not_asked", found["cluster and repository"])


def test_a_token_in_plain_text_is_wrong_and_masked(project: Project) -> None:
    project.configure(githubToken="ghp_in_plain_text")
    inspection, checks = looked(project)
    assert_told("plain_text", checks["configuration"])
    assert inspection.secrets["githubToken"].reveal() == "ghp_in_plain_text"
    assert "ghp_in_plain_text" in inspection.hidden


def test_the_path_of_a_kubeconfig_may_be_in_plain_text_and_a_kubeconfig_may_not(project: Project) -> None:
    project.configure(kubeconfig="/home/me/.kube/config")
    inspection, checks = looked(project)
    assert checks["configuration"].status == "ok"
    assert inspection.secrets["kubeconfig"].reveal() == "/home/me/.kube/config"
    project.configure(kubeconfig="apiVersion: v1\nkind: Config\n")
    assert len(assert_in_the_program_s_words(project)) == 1


def test_a_text_that_is_no_token_is_wrong_and_nothing_to_ask_with(project: Project) -> None:
    project.cli(config=answering(githubToken="two words", promotionToken="another-token"))
    project.configure(githubToken=ENCRYPTED, promotionToken=ENCRYPTED)
    assert_in_the_program_s_words(project, "githubToken", githubToken="two words")
    inspection, _ = looked(project)
    assert [inspection.has_token(key) for key in ("githubToken", "promotionToken")] == [False, True]


def test_an_empty_secret_is_none_at_all(project: Project) -> None:
    project.configure(githubToken="")
    inspection, checks = looked(project)
    assert (checks["configuration"].status, inspection.set_keys, inspection.secrets) == ("ok", frozenset(), {})


def test_what_an_update_lacks_is_wrong_one_line_each(project: Project) -> None:
    keys = ["repositoryOwner", "githubToken", "promotionToken", "kubeContext"]
    assert [check.detail.split(":")[1] for check in wrong(project, "ready for an update")] == keys


def test_an_update_takes_the_github_token_from_the_environment_and_no_other(project: Project) -> None:
    environ = {"GITHUB_TOKEN": "one-token", "DELIVERY_PROMOTION_TOKEN": "another-token"}
    lines = [check.detail for check in wrong(project, "ready for an update", **environ)]
    assert not [line for line in lines if "githubToken" in line]
    assert [line for line in lines if "promotionToken" in line]


@pytest.mark.parametrize(
    ("cli", "message"),
    [
        ("echo warning: old >&2; echo error: incorrect passphrase >&2; exit 255", "wrong_passphrase"),
        ("echo '[1]'", "nonsense"),
        ("echo '{}'", "no_value"),
        (None, "no_cli"),
    ],
)
def test_secrets_that_cannot_be_decrypted_are_unknown_with_the_reason(
    project: Project, cli: str | None, message: str
) -> None:
    if cli is not None:
        project.cli(config=cli)
    project.configure(githubToken=ENCRYPTED)
    assert_told(f"secrets.{message}", looked(project)[1]["secrets"])


def test_the_environment_stands_in_for_what_cannot_be_decrypted(project: Project) -> None:
    project.configure(githubToken=ENCRYPTED)
    inspection, checks = looked(project, GITHUB_TOKEN="from-the-environment", DELIVERY_PROMOTION_TOKEN="this-one-too")
    assert_told("secrets.from_environment", checks["secrets"])
    assert inspection.secrets["githubToken"].reveal() == "from-the-environment"


def test_the_stack_s_own_token_goes_before_the_environment_s(project: Project) -> None:
    project.cli(config=answering(githubToken="of-the-stack"))
    project.configure(githubToken=ENCRYPTED)
    inspection, _ = looked(project, GITHUB_TOKEN="from-the-environment")
    assert inspection.secrets["githubToken"].reveal() == "of-the-stack"


# The links to traces.


def trace_links(stack: str = "dev", **keys: str) -> list[Check]:
    inspection = Inspection(PROGRAM, stack, {})
    inspection.parsed = configured(stack, **keys)
    return list(inputs.trace_links("trace links", inspection))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "local"),
        ({"githubApiUrl": "http://127.0.0.1:8080/api/v3"}, "local_with_forge"),
        ({"traceUrl": "https://jaeger.example/trace/{trace_id}"}, "shared"),
        ({"traceUrl": ""}, "none"),
    ],
)
def test_an_address_that_readers_of_pull_requests_cannot_open_is_unknown(keys: dict[str, str], message: str) -> None:
    (check,) = trace_links(**keys)
    assert_told(f"trace_links.{message}", check)


@pytest.mark.parametrize(
    ("stack", "engine", "told"),
    [("dev", "promoter", 1), ("dev", "pulumi", 1), ("production", "promoter", 0), ("production", "pulumi", 1)],
)
def test_it_is_told_in_the_stacks_whose_address_pull_requests_have(stack: str, engine: str, told: int) -> None:
    assert len(trace_links(stack, promotionEngine=engine)) == told
