import json

import pytest

from delivery.config.files import read_stack_config
from delivery.doctor.check import Check
from delivery.doctor.inputs import StackInputs, read_inputs
from lab.engine import ProgramError, preview
from tests.delivery.doctor.surroundings import Project

ENCRYPTED = {"secure": "v1:abc"}


def given(project: Project, stack: str = "dev", **environ: str) -> tuple[StackInputs, dict[str, Check]]:
    found = StackInputs()
    checks = {each.name: each for each in read_inputs(found, project.folder, stack, project.environ | environ)}
    return found, checks


def answering(**values: str) -> str:
    entries = {f"delivery:{key}": {"value": value, "secret": True} for key, value in values.items()}
    return f"echo '{json.dumps(entries)}'"


def test_a_configuration_that_lacks_nothing_is_ready(project: Project) -> None:
    project.cli(config=answering(githubToken="one-token", promotionToken="another-token"))
    project.configure(repositoryOwner="acme", kubeContext="kind-dev")
    project.configure(githubToken=ENCRYPTED, promotionToken=ENCRYPTED)
    found, checks = given(project)
    assert {name: each.status for name, each in checks.items()} == {
        "configuration": "ok",
        "secrets": "ok",
        "ready for an update": "ok",
    }
    assert found.configuration is not None
    assert {key: text.reveal() for key, text in found.secrets.items()} == {
        "githubToken": "one-token",
        "promotionToken": "another-token",
    }


def test_every_mistake_is_a_line_with_its_command(project: Project) -> None:
    project.configure(repositoryOwner="a b", kubeContex="kind-dev")
    lines = [each for each in read_inputs(StackInputs(), project.folder, "dev", {}) if each.status == "wrong"]
    assert len(lines) == 2
    assert all(each.mend.startswith("pulumi config ") for each in lines)


def test_what_the_project_has_for_every_stack_is_what_a_mend_goes_back_to(project: Project) -> None:
    project.configure(stages="[{", tasks='{"smoke": "print()"}', postDeploymentTasks=["post-deployment"])
    with pytest.raises(ProgramError) as refused:
        preview("dev", read_stack_config(project.folder, "dev"))
    lines = [each for each in read_inputs(StackInputs(), project.folder, "dev", {}) if each.name == "configuration"]
    assert [f"{each.detail}; mend: {each.mend}" for each in lines] == str(refused.value).splitlines()
    assert [each.mend.split(" ")[:4] for each in lines] == [
        ["pulumi", "config", "rm", "delivery:stages"],
        ["pulumi", "config", "set", "delivery:tasks"],
    ]


def test_an_unreadable_file_is_wrong_and_ends_it(project: Project) -> None:
    (project.folder / "Pulumi.dev.yaml").write_text("config: [")
    found, checks = given(project)
    assert checks["configuration"].status == "wrong"
    assert found.configuration is None


def test_a_cli_that_this_machine_cannot_run_leaves_the_secrets_unknown(project: Project) -> None:
    project.program("pulumi").write_bytes(b"\x7fELF for another machine")
    project.configure(githubToken=ENCRYPTED)
    _, checks = given(project)
    assert checks["secrets"].status == "unknown"
    assert checks["secrets"].detail.endswith("cannot be decrypted: the pulumi CLI does not answer")


def test_a_stack_without_a_stage_is_wrong(project: Project) -> None:
    _, checks = given(project, "staging")
    assert checks["configuration"].status == "wrong"
    assert "staging" in checks["configuration"].detail


def test_a_token_in_plain_text_is_wrong_and_is_not_shown(project: Project) -> None:
    project.configure(githubToken="ghp_in_plain_text")
    found, checks = given(project)
    assert checks["configuration"].detail == (
        "delivery:githubToken: found a secret in plain text; allowed: an encrypted value"
    )
    assert "ghp_in_plain_text" not in str(checks)
    assert found.secrets["githubToken"].reveal() == "ghp_in_plain_text"


def test_the_path_of_a_kubeconfig_may_be_in_plain_text_and_a_kubeconfig_may_not(project: Project) -> None:
    project.configure(kubeconfig="/home/me/.kube/config")
    found, checks = given(project)
    assert checks["configuration"].status == "ok"
    assert found.secrets["kubeconfig"].reveal() == "/home/me/.kube/config"
    project.configure(kubeconfig="apiVersion: v1\nkind: Config\n")
    with pytest.raises(ProgramError) as refused:
        preview("dev", read_stack_config(project.folder, "dev"))
    check = given(project)[1]["configuration"]
    assert f"{check.detail}; mend: {check.mend}" == str(refused.value)


def test_an_encrypted_value_that_is_public_anyway_is_wrong_in_the_program_s_words(project: Project) -> None:
    project.configure(repositoryName=ENCRYPTED, stages=ENCRYPTED)
    with pytest.raises(ProgramError) as refused:
        preview("dev", read_stack_config(project.folder, "dev"))
    lines = [each for each in read_inputs(StackInputs(), project.folder, "dev", {}) if each.status == "wrong"]
    assert [f"{each.detail}; mend: {each.mend}" for each in lines] == str(refused.value).splitlines()
    assert [each.mend for each in lines] == [
        'value="$(pulumi config get delivery:repositoryName)" && '
        'pulumi config set --plaintext delivery:repositoryName "$value"',
        'value="$(pulumi config get delivery:stages)" && pulumi config set --plaintext delivery:stages "$value"',
    ]


def test_a_text_that_is_no_token_is_wrong_in_the_program_s_words_and_nothing_to_ask_with(project: Project) -> None:
    project.cli(config=answering(githubToken="two words", promotionToken="another-token"))
    project.configure(githubToken=ENCRYPTED, promotionToken=ENCRYPTED)
    with pytest.raises(ProgramError) as refused:
        preview("dev", read_stack_config(project.folder, "dev").override({}, {"githubToken": "two words"}))
    found, checks = given(project)
    assert f"{checks['githubToken'].detail}; mend: {checks['githubToken'].mend}" == str(refused.value)
    assert (list(found.tokens), sorted(found.secrets)) == (["promotionToken"], ["githubToken", "promotionToken"])


def test_an_empty_secret_is_none_at_all(project: Project) -> None:
    project.configure(githubToken="")
    found, checks = given(project)
    assert (checks["configuration"].status, found.set_keys, found.secrets) == ("ok", frozenset(), {})


def test_what_an_update_lacks_is_wrong_one_line_each(project: Project) -> None:
    lines = [
        each for each in read_inputs(StackInputs(), project.folder, "dev", {}) if each.name == "ready for an update"
    ]
    assert [each.detail.partition(":")[2].partition(":")[0] for each in lines] == [
        "repositoryOwner",
        "githubToken",
        "promotionToken",
        "kubeContext",
    ]


def test_an_update_takes_the_github_token_from_the_environment_and_no_other(project: Project) -> None:
    environ = {"GITHUB_TOKEN": "one-token", "DELIVERY_PROMOTION_TOKEN": "another-token"}
    lines = [
        each.detail for each in read_inputs(StackInputs(), project.folder, "dev", environ) if each.status == "wrong"
    ]
    assert not [line for line in lines if "githubToken" in line]
    assert [line for line in lines if "promotionToken" in line]


def test_secrets_that_cannot_be_decrypted_are_unknown_with_the_cli_s_own_reason(project: Project) -> None:
    project.cli(config="echo warning: old >&2; echo error: incorrect passphrase >&2; exit 255")
    project.configure(githubToken=ENCRYPTED)
    _, checks = given(project)
    assert checks["secrets"].status == "unknown"
    assert checks["secrets"].detail == "githubToken cannot be decrypted: error: incorrect passphrase"


def test_without_a_cli_encrypted_secrets_are_unknown(project: Project) -> None:
    project.configure(promotionToken=ENCRYPTED)
    _, checks = given(project)
    assert checks["secrets"].detail == "promotionToken cannot be decrypted: the pulumi CLI is not on PATH"


def test_a_cli_that_answers_nonsense_leaves_them_unknown(project: Project) -> None:
    project.cli(config="echo '[1]'")
    project.configure(promotionToken=ENCRYPTED)
    assert given(project)[1]["secrets"].status == "unknown"


def test_the_environment_stands_in_for_what_cannot_be_decrypted(project: Project) -> None:
    project.configure(githubToken=ENCRYPTED)
    found, checks = given(project, GITHUB_TOKEN="from-the-environment", DELIVERY_PROMOTION_TOKEN="this-one-too")
    assert checks["secrets"] == Check("secrets", "ok", "githubToken, promotionToken (from the environment)")
    assert found.secrets["githubToken"].reveal() == "from-the-environment"


def test_the_stack_s_own_token_goes_before_the_environment_s(project: Project) -> None:
    project.cli(config=answering(githubToken="of-the-stack"))
    project.configure(githubToken=ENCRYPTED)
    found, _ = given(project, GITHUB_TOKEN="from-the-environment")
    assert found.secrets["githubToken"].reveal() == "of-the-stack"
