"""The command: which checks of a whole stack it shows, its exit status, its JSON, and that it shows no secret."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from delivery.doctor.__main__ import main
from delivery.doctor.inspection import Look
from delivery.doctor.tokens import needed_permissions
from delivery.doctor.toolchain import locked_versions
from lab.engine import PROGRAM
from lab.forge import Forge
from tests.delivery.cluster.kubernetes_api import CONTEXT, TOKEN, KubernetesApi
from tests.delivery.doctor.surroundings import REPOSITORY, TOKENS, Project, on


@pytest.fixture
def stack(project: Project, forge: Forge, api: KubernetesApi, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose two stacks have everything."""
    for name in ("dev", "production"):
        project.configure(name, repositoryOwner="acme", githubApiUrl=forge.api_url, kubeContext=CONTEXT)
    secrets = {**TOKENS, "kubeconfig": api.kubeconfig().reveal()}
    for key in secrets:
        project.configure(**{key: {"secure": "v1:abc"}})
    for key in ("githubToken", "kubeconfig"):
        project.configure("production", **{key: {"secure": "v1:abc"}})
    decrypt(project, **secrets)
    for variable in ("GITHUB_TOKEN", "DELIVERY_PROMOTION_TOKEN", "KUBECONFIG"):
        monkeypatch.delenv(variable, raising=False)
    # The forge runs git, in this process.
    (project.programs / "git").symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", str(project.programs))
    return project


def decrypt(project: Project, **secrets: str) -> None:
    """Let the CLI decrypt these."""
    answer = project.folder / "secrets.json"
    answer.write_text(json.dumps({f"delivery:{key}": {"value": value} for key, value in secrets.items()}))
    locked = locked_versions(project.folder)
    plugins = [{"name": name, "kind": "resource", "version": locked[f"pulumi-{name}"]} for name in Look.providers]
    project.cli(plugins=plugins, config=f"/bin/cat {answer}")


def run(project: Project, *options: str, stack: str = "dev") -> int:
    return main(["--project", str(project.folder), "--stack", stack, *options])


def shown(captured: pytest.CaptureFixture[str], status: str) -> list[str]:
    """The names of the checks with that status."""
    lines = captured.readouterr().out.splitlines()
    return [line.split(":")[0].split(maxsplit=1)[1] for line in lines if line.startswith(status)]


@pytest.mark.parametrize(
    ("name", "unknown"),
    [
        # What GitHub tells nobody is whether a fine-grained token may write.
        ("dev", ["githubToken", "promotionToken"]),
        ("production", ["githubToken", "Actions may open pull requests"]),
    ],
)
def test_with_the_tokens_that_it_needs_a_healthy_stack_is_exit_status_0(
    stack: Project, forge: Forge, capsys: pytest.CaptureFixture[str], name: str, unknown: list[str]
) -> None:
    forge.add_token(TOKENS["githubToken"], needed_permissions(on(forge, name), "githubToken"))
    assert run(stack, stack=name) == 0
    assert shown(capsys, "unknown") == unknown


def test_anything_wrong_is_exit_status_1_and_its_line_has_the_fix(
    stack: Project, api: KubernetesApi, capsys: pytest.CaptureFixture[str]
) -> None:
    del api.objects["/apis/lifecycle.keptn.sh/v1"]
    assert run(stack) == 1
    (line,) = [text for text in capsys.readouterr().out.splitlines() if text.startswith("wrong")]
    assert "; fix: pulumi -C platform up -s laptop " in line


def test_json_holds_the_same_checks_each_with_its_fix_under_both_names(
    stack: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(stack) == 0
    *lines, summary = capsys.readouterr().out.splitlines()
    assert run(stack, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    checks = document["checks"]
    assert [f"{check['status']:<8} {check['name']}: {check['detail']}" for check in checks] == [
        line.partition("; fix: ")[0] for line in lines
    ]
    assert all(check["mend"] == check["fix"] for check in checks)
    assert summary == f"dev: {document['ok']} ok, {document['wrong']} wrong, {document['unknown']} unknown"


def test_a_token_that_can_be_none_is_wrong_and_sent_nowhere(
    stack: Project, forge: Forge, capsys: pytest.CaptureFixture[str]
) -> None:
    decrypt(stack, **dict.fromkeys(TOKENS, "ghp_with_a_second\nline"))
    forge.forget_requests()
    assert run(stack) == 1
    captured = capsys.readouterr().out
    assert [line.split(":")[0] for line in captured.splitlines() if line.startswith("wrong")] == [
        "wrong    githubToken",
        "wrong    promotionToken",
    ]
    assert "ghp_with_a_second" not in captured
    assert forge.requests == []


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_no_secret_is_in_the_output_whatever_the_servers_say(
    stack: Project, forge: Forge, api: KubernetesApi, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    for path in list(api.objects):
        api.objects[path] = 403  # the stand-in quotes the login in its refusals
    words = {"message": f"I know you,\n{TOKENS['githubToken']} and {TOKENS['promotionToken']}"}
    forge.fail_next("GET", rf"/repos/{REPOSITORY}", status=500, body=words, times=2)
    run(stack, *options)
    captured = capsys.readouterr()
    for secret in (*TOKENS.values(), TOKEN):
        assert secret not in captured.out + captured.err
    assert captured.out.count("[secret]") > 2


def test_a_wrong_configuration_asks_nobody(
    stack: Project, forge: Forge, api: KubernetesApi, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.configure(repositoryOwner="a b")
    forge.forget_requests()
    assert run(stack) == 1
    assert shown(capsys, "wrong") == ["configuration"]
    assert forge.requests == []
    assert api.requests == []


def test_with_secrets_that_stay_closed_nobody_is_asked_instead(
    stack: Project, forge: Forge, api: KubernetesApi, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.cli(config="exit 255")
    forge.forget_requests()
    run(stack)
    assert {"secrets", "cluster", "githubToken", "promotionToken", "repository"} <= set(shown(capsys, "unknown"))
    assert forge.requests == []
    assert api.requests == []


@pytest.mark.parametrize(
    "arguments", [[], ["--stack"], ["--stack", "dev", "--loud"], ["--stack", "dev", "--project", "/no"]]
)
def test_a_command_that_is_not_understood_is_exit_status_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_reader_who_closes_the_pipe_ends_it_without_a_traceback(project: Project, options: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "delivery.doctor", "--stack", "dev", "--project", str(project.folder), *options]
    # What is still in Python's buffer at the end counts too.
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"} | project.environ
    done = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False, cwd=PROGRAM, env=environ
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")
