import json
import os
import re
import socket
import subprocess
import sys
import time

import pytest

from delivery.doctor.__main__ import main
from lab.engine import PROGRAM
from lab.forge import Forge
from tests.delivery.cluster.kubernetes_api import CONTEXT, TOKEN, KubernetesApi
from tests.delivery.doctor.surroundings import (
    FOR_GITHUB,
    FOR_PROMOTIONS,
    GITHUB_TOKEN,
    PROMOTION_TOKEN,
    REPOSITORY,
    Project,
    view,
)
from tests.slow_server import HEAD, trickling

README = (PROGRAM / "README.md").read_text(encoding="utf-8")
SECRETS = {"githubToken": GITHUB_TOKEN, "promotionToken": PROMOTION_TOKEN}


@pytest.fixture
def stack(project: Project, forge: Forge, api: KubernetesApi, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose two stacks have everything."""
    forge.add_token(GITHUB_TOKEN, FOR_GITHUB)
    forge.add_token(PROMOTION_TOKEN, FOR_PROMOTIONS)
    for name in ("dev", "production"):
        project.configure(name, repositoryOwner="acme", githubApiUrl=forge.api_url, kubeContext=CONTEXT)
    secrets = SECRETS | {"kubeconfig": api.kubeconfig().reveal()}
    for key in secrets:
        project.configure(**{key: {"secure": "v1:abc"}})
    for key in ("githubToken", "kubeconfig"):
        project.configure("production", **{key: {"secure": "v1:abc"}})
    answer = project.folder / "secrets.json"
    answer.write_text(json.dumps({f"delivery:{key}": {"value": value} for key, value in secrets.items()}))
    plugins = [{"name": name, "kind": "resource", "version": version} for name, version in _locked(project).items()]
    project.cli(plugins=json.dumps(plugins), config=f"/bin/cat {answer}")
    for variable in ("GITHUB_TOKEN", "DELIVERY_PROMOTION_TOKEN", "KUBECONFIG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", str(project.programs))
    return project


def _locked(project: Project) -> dict[str, str]:
    lines = (project.folder / "requirements.txt").read_text().splitlines()
    pins = [line.split("==") for line in lines if line.startswith(("pulumi-kubernetes==", "pulumi-github=="))]
    return {name.removeprefix("pulumi-"): version.split()[0] for name, version in pins}


def permissions_in_the_readme(token: str) -> dict[str, str]:
    """What the rows that begin like this give the token, as GitHub's API names it."""
    rows = [line.split(" | ")[-1] for line in README.splitlines() if line.strip().startswith(f"| {token}")]
    read = [re.findall(r"((?:[A-Z][a-z ]+, )*[A-Z][a-z ]+): (?:read and )?(read|write)", row) for row in rows]
    first, *others = [
        {each.lower().replace(" ", "_"): level for names, level in row for each in names.split(", ")} for row in read
    ]
    assert all(other == first for other in others)
    return first


def run(project: Project, *options: str, stack: str = "dev") -> int:
    return main(["--project", str(project.folder), "--stack", stack, *options])


@pytest.mark.parametrize(
    ("name", "token", "unknown"),
    [
        # What GitHub tells nobody is whether a fine-grained token may write.
        ("dev", "`delivery:githubToken` (or", ["githubToken", "promotionToken"]),
        ("dev", "`delivery:githubToken` of the first stage", ["githubToken", "promotionToken"]),
        ("production", "`delivery:githubToken` (or", ["githubToken"]),
        ("production", "`delivery:githubToken` of other stages", ["githubToken", "Actions may open pull requests"]),
    ],
)
def test_with_the_tokens_of_the_readme_a_healthy_stack_is_exit_status_0_and_a_line_for_each_check(
    stack: Project, forge: Forge, capsys: pytest.CaptureFixture[str], name: str, token: str, unknown: list[str]
) -> None:
    forge.add_token(GITHUB_TOKEN, permissions_in_the_readme(token))
    forge.add_token(PROMOTION_TOKEN, permissions_in_the_readme("`delivery:promotionToken`"))
    status = run(stack, stack=name)
    *lines, summary = capsys.readouterr().out.splitlines()
    assert status == 0, lines
    assert not [line for line in lines if line.startswith("wrong")]
    assert all(line.split()[0] in ("ok", "unknown") for line in lines)
    assert [line.split(":")[0].split(maxsplit=1)[1] for line in lines if line.startswith("unknown")] == unknown
    assert summary == f"{name}: {len(lines) - len(unknown)} ok, 0 wrong, {len(unknown)} unknown"


def test_anything_wrong_is_exit_status_1_and_its_line_has_the_mend(
    stack: Project, api: KubernetesApi, capsys: pytest.CaptureFixture[str]
) -> None:
    del api.objects["/apis/lifecycle.keptn.sh/v1"]
    assert run(stack) == 1
    (line,) = [each for each in capsys.readouterr().out.splitlines() if each.startswith("wrong")]
    assert "; mend: helm upgrade --install keptn " in line


def test_an_engine_that_one_stack_alone_has_is_one_wrong_line_and_its_mend_mends_it(
    stack: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.configure("production", promotionEngine="pulumi")
    assert run(stack, stack="production") == 1
    (line,) = [each for each in capsys.readouterr().out.splitlines() if each.startswith("wrong")]
    assert line.startswith("wrong    promotion engine: production has pulumi")
    assert "; mend: pulumi config rm -s production delivery:promotionEngine " in line


def test_a_token_that_can_be_none_is_wrong_and_sent_nowhere(
    stack: Project, forge: Forge, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = json.loads((stack.folder / "secrets.json").read_text())
    for key in SECRETS:
        secrets[f"delivery:{key}"] = {"value": "ghp_with_a_second\nline"}
    (stack.folder / "secrets.json").write_text(json.dumps(secrets))
    asked = len(forge.requests)
    assert run(stack) == 1
    shown = capsys.readouterr().out
    wrong = [line for line in shown.splitlines() if line.startswith("wrong")]
    assert [line.split(":")[0].split(maxsplit=1)[1] for line in wrong] == ["githubToken", "promotionToken"]
    assert "ghp_with_a_second" not in shown
    assert len(forge.requests) == asked


def test_json_holds_the_same_checks(stack: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(stack) == 0
    *lines, _ = capsys.readouterr().out.splitlines()
    assert run(stack, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["stack"] == "dev"
    assert (document["wrong"], document["unknown"]) == (0, 2)
    assert [f"{each['status']:<8} {each['name']}: {each['detail']}" for each in document["checks"]] == [
        line.partition("; mend: ")[0] for line in lines
    ]


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_no_secret_is_in_the_output_whatever_the_servers_say(
    stack: Project, forge: Forge, api: KubernetesApi, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    for path in list(api.objects):
        api.objects[path] = 403  # the stand-in quotes the login in its refusals
    words = {"message": f"I know you, {GITHUB_TOKEN} and {PROMOTION_TOKEN}"}
    forge.fail_next("GET", rf"/repos/{REPOSITORY}", status=500, body=words, times=2)
    run(stack, *options)
    captured = capsys.readouterr()
    for secret in (GITHUB_TOKEN, PROMOTION_TOKEN, TOKEN):
        assert secret not in captured.out + captured.err
    assert captured.out.count("[secret]") > 2


def test_a_wrong_configuration_ends_in_lines_and_asks_nobody(
    stack: Project, forge: Forge, api: KubernetesApi, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.configure(repositoryOwner="a b")
    forge.forget_requests()
    assert run(stack) == 1
    assert "wrong    configuration: delivery:repositoryOwner: found" in capsys.readouterr().out
    assert forge.requests == []
    assert api.requests == []


def test_with_secrets_that_stay_closed_nobody_is_asked_instead(
    stack: Project, forge: Forge, api: KubernetesApi, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.cli(config="exit 255")
    forge.forget_requests()
    run(stack)
    assert forge.requests == []
    assert api.requests == []
    lines = capsys.readouterr().out
    for line in (
        "unknown  cluster: not asked: delivery:kubeconfig cannot be decrypted",
        "unknown  githubToken: not asked: there is no token to ask with",
        "unknown  promotionToken: not asked: there is no token to ask with",
        "unknown  repository: not asked: there is no githubToken to ask with",
    ):
        assert line in lines


def test_the_example_s_owner_is_not_asked_for(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "a-real-token")
    monkeypatch.setenv("PATH", str(project.programs))
    assert run(project) == 1
    assert "unknown  repository: not asked: delivery:repositoryOwner is still the example's" in capsys.readouterr().out


@pytest.mark.parametrize("head", [HEAD, b"", b"HTTP/1.1 200 OK\r\nX-Waiting: "])
def test_a_forge_whose_answer_does_not_end_is_asked_once_and_leaves_all_of_it_unknown(
    stack: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    monkeypatch.setattr("delivery.doctor.forge.ANSWER_SECONDS", 0.5)
    asked: list[str] = []
    with trickling(head, asked) as server:
        stack.configure(githubApiUrl=f"{server}/api/v3")
        before = time.monotonic()
        assert run(stack) == 0
        assert time.monotonic() - before < 10
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3:-1] == [
        f"unknown  repository: no answer: not complete within 0.5 s from {server}/api/v3",
        "unknown  tokens and promotions: not asked: the forge gave no answer",
    ]
    assert len(asked) == 1


def test_a_forge_that_falls_silent_is_not_asked_again(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delivery.doctor.forge.TIMEOUT", (1, 0.3))
    seen = view(forge)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        seen._base = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert {seen.get(path).said.split()[0] for path in ("", "/branches/main", "/hooks")} == {"ReadTimeout"}
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()


@pytest.mark.parametrize(
    "arguments", [[], ["--stack"], ["--stack", "dev", "--loud"], ["--stack", "dev", "--project", "/no"]]
)
def test_a_command_that_is_not_understood_is_exit_status_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_reader_who_has_seen_enough_ends_it_without_a_traceback(project: Project, options: list[str]) -> None:
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
