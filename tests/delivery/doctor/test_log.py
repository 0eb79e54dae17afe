"""The CLI's whole log in a file that can be handed on, or no log at all."""

import json
from pathlib import Path

import pytest

from delivery.doctor import log
from tests.delivery.doctor.surroundings import Project

ENTRIES = {
    "delivery:githubToken": {"value": "token-of-the-stack", "secret": True},
    "aws:secretKey": {"value": "key-of-the-cloud", "secret": True},
    "delivery:repositoryOwner": {"value": "podtato-team", "secret": False},
}
TALKS = (
    'echo "previewing with token-of-the-stack: $*"; '
    'echo "I1 properties: token-of-the-stack, key-of-the-cloud, podtato-team, $GITHUB_TOKEN" >&2; '
    "exit 3"
)


@pytest.fixture
def cli(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A CLI that says its secrets, and ends with status 3."""
    project.program("pulumi", f"case \"$*\" in config*) echo '{json.dumps(ENTRIES)}';; *) {TALKS};; esac")
    monkeypatch.setenv("PATH", str(project.programs), prepend=":")
    monkeypatch.setenv("GITHUB_TOKEN", "token-of-the-environment")
    return project


def run(project: Project, *command: str) -> tuple[int, Path]:
    file = project.folder / "logs" / "dev.log"
    return log.main(["--stack", "dev", "--project", str(project.folder), "--log", str(file), *command]), file


def test_what_is_printed_and_what_is_logged_hold_no_secret(cli: Project, capsys: pytest.CaptureFixture[str]) -> None:
    status, file = run(cli)
    printed = capsys.readouterr().out
    assert status == 3
    assert file.read_text("utf-8") == "I1 properties: [secret], [secret], podtato-team, [secret]\n"
    assert "previewing with [secret]: preview --stack dev" in printed
    assert f"{file}: the log at -v=9, 2 of the stack's secrets masked" in printed


def test_what_the_environment_hides_behind_other_names_than_token_is_masked_too(
    cli: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = {
        "PULUMI_BACKEND_URL": "postgres://u:password@host/state",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-key=of-the-collector",
        "AZURE_STORAGE_KEY": "key-of-the-storage",
    }
    for name, value in hidden.items():
        monkeypatch.setenv(name, value)
    cli.program("pulumi", "case \"$*\" in config*) echo '{}';; *) env >&2;; esac")
    _, file = run(cli)
    lines = file.read_text("utf-8").splitlines()
    assert {f"{name}=[secret]" for name in hidden} <= set(lines)


def test_any_command_of_the_cli_can_be_run(cli: Project, capsys: pytest.CaptureFixture[str]) -> None:
    run(cli, "--", "up", "--yes")
    assert "up --yes --stack dev --non-interactive --color=never -v=9 --logtostderr" in capsys.readouterr().out


def test_nothing_is_run_while_the_secrets_are_not_known(cli: Project, capsys: pytest.CaptureFixture[str]) -> None:
    cli.cli(config="echo error: incorrect passphrase >&2; exit 255")
    status, file = run(cli)
    captured = capsys.readouterr()
    assert (status, captured.out) == (2, "")
    assert captured.err == "nothing was run: what is secret in dev is not known: error: incorrect passphrase\n"
    assert not file.exists()


def test_a_file_that_cannot_be_written_is_said_before_anything_runs(
    cli: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    (cli.folder / "logs").write_text("a file, not a folder")
    status, _ = run(cli)
    captured = capsys.readouterr()
    assert (status, captured.out) == (2, "")
    assert "choose another file with --log" in captured.err
