"""The preview by the CLI: what is asked of it, and what is left for the next job."""

from pathlib import Path

import pytest

from ci import preview
from ci.report import Report
from tests.ci.tools import FakePulumi, preview_json

FILE = "github:index/repositoryFile:RepositoryFile"


def read(folder: Path, stack: str = "dev") -> Report:
    return Report.from_json((folder / f"{stack}.json").read_text())


def test_a_preview_leaves_a_report_and_says_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pulumi = FakePulumi(tmp_path / "bin", (0, preview_json(("update", FILE, "f")), ""))
    status = preview.main(["--stack", "dev", "--out", str(tmp_path / "out")], pulumi.environment())
    assert status == 0
    assert pulumi.calls == [["preview", "--json", "--non-interactive", "--stack", "dev"]]
    assert [change.name for change in read(tmp_path / "out").changes] == ["f"]
    assert capsys.readouterr().out == f"update {FILE} f content\n"


def test_drift_is_looked_for_against_what_is_there_with_the_credentials_of_now(tmp_path: Path) -> None:
    pulumi = FakePulumi(tmp_path / "bin", (0, preview_json(), ""))
    environment = pulumi.environment(PULUMI_ORGANIZATION="acme")
    preview.main(["--stack", "dev", "--out", str(tmp_path / "out"), "--refresh"], environment)
    assert pulumi.calls == [
        ["preview", "--json", "--non-interactive", "--stack", "acme/dev", "--refresh", "--run-program"]
    ]


def test_a_preview_that_fails_leaves_its_reason_without_the_passphrase(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pulumi = FakePulumi(tmp_path / "bin", (255, "", "error: hunter22 is no passphrase\n"))
    environment = pulumi.environment(PULUMI_CONFIG_PASSPHRASE="hunter22")
    assert preview.main(["--stack", "dev", "--out", str(tmp_path / "out")], environment) == 1
    assert read(tmp_path / "out").failures == ("error: [secret] is no passphrase",)
    assert capsys.readouterr().err == "error: [secret] is no passphrase\n"


def test_without_a_cli_the_report_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found = preview.preview("dev", {"PATH": str(tmp_path / "empty")}, refresh=False)
    assert "not on PATH" in found.failures[0]


def test_what_is_secret_is_told_by_its_name() -> None:
    secret = {
        "GITHUB_TOKEN": "a",
        "PULUMI_ACCESS_TOKEN": "b",
        "PULUMI_CONFIG_PASSPHRASE": "c",
        "PULUMI_BACKEND_URL": "d",
        "AWS_SECRET_ACCESS_KEY": "e",
        "OTEL_EXPORTER_OTLP_HEADERS": "f",
    }
    assert preview.secrets_of(secret | {"HOME": "g", "AWS_REGION": "h", "EMPTY_TOKEN": ""}) == list("abcdef")
