"""The command over a real clone: what it prints where, its exit status, and that it writes nothing."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from delivery.adopt.__main__ import main
from delivery.config.errors import Json
from delivery.config.files import read_stack_config
from delivery.config.reader import parse
from tests.delivery.adopt.layouts import branches, monorepo
from tests.messages import assert_message


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@localhost", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def committed(folder: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", "files")


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """The repository as its server has it."""
    folder = tmp_path / "server"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    return folder


def written(folder: Path, applications: list[dict[str, Json]]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "applications.yaml").write_text(json.dumps({"kind": "List", "items": applications}))
    return folder


def deployed(tmp_path: Path, server: Path) -> Path:
    """The monorepo in the repository, and the folder with its Applications."""
    files, applications = monorepo()
    committed(server, files)
    return written(tmp_path / "argocd", applications)


def test_it_prints_files_that_the_program_reads_and_says_the_rest_on_standard_error(
    tmp_path: Path, server: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = deployed(tmp_path, server)
    status = main(["--applications", str(given), "--repository", str(server)], {})
    out, err = capsys.readouterr()
    assert status == 0
    for part in out.split("---\n"):
        name = part.splitlines()[0].removeprefix("# ")
        (tmp_path / name).write_text(part)
    for stage in ("dev", "staging", "production"):
        found = read_stack_config(tmp_path, stage)
        raw = {key.partition(":")[2]: value for key, value in found.values.items()}
        assert parse(raw, stage).cluster.adopt_existing
    assert {line.partition(":")[0] for line in err.splitlines()} == {"expected", "decide"}
    assert git(server, "status", "--porcelain") == ""


def test_what_the_projects_own_files_would_add_is_named(
    tmp_path: Path, server: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = deployed(tmp_path, server)
    (tmp_path / "Pulumi.yaml").write_text(
        "config:\n  delivery:namespacePattern:\n    value: '{stage}'\n  delivery:argocdProject:\n    value: default\n"
    )
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  delivery:argocdApplication: other\n")
    command = ["--applications", str(given), "--repository", str(server), "--project", str(tmp_path), "--json"]
    assert main(command, {}) == 0
    found = json.loads(capsys.readouterr().out)["findings"]
    left = {each["about"]: each["text"] for each in found if each["about"].endswith(".yaml")}
    assert left.keys() == {"Pulumi.yaml", "Pulumi.dev.yaml"}
    assert "namespacePattern" in left["Pulumi.yaml"]
    assert_message("adopt.left-over", left["Pulumi.dev.yaml"])


def test_the_branches_of_a_clone_are_those_of_its_server(
    tmp_path: Path, server: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    by_branch, applications = branches()
    for branch, files in by_branch.items():
        git(server, "checkout", "-q", "-B", branch)
        committed(server, files)
    git(server, "checkout", "-q", "main")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(server), str(clone)], check=True)
    git(clone, "checkout", "-q", "-b", "feature")
    given = written(tmp_path / "argocd", applications)
    status = main(["--applications", str(given), "--repository", str(clone), "--json"], {})
    document = json.loads(capsys.readouterr().out)
    assert status == 0
    stages = yaml.safe_load(document["files"]["Pulumi.yaml"])["config"]["delivery:stages"]["value"]
    assert [stage.get("revision") for stage in stages] == [None, "env/staging", "env/production"]
    assert {each["kind"] for each in document["findings"]} == {"expected", "decide"}


def test_the_status_tells_whether_all_is_described(
    tmp_path: Path, server: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = deployed(tmp_path, server)
    command = ["--applications", str(given), "--repository", str(server)]
    (given / "broken.yaml").write_text("a: [")
    assert main(command, {}) == 3
    assert "left out: broken.yaml" in capsys.readouterr().err
    (given / "applications.yaml").unlink()
    assert main(command, {}) == 1
    (given / "broken.yaml").unlink()
    assert main(command, {}) == 1
    assert "no Argo CD Application" in capsys.readouterr().err


@pytest.mark.parametrize(
    "more", [[], ["--key", "shop"], ["--key", "shop=f.yaml:a..b"], ["--key", "shop=../x y:a"], ["--context", "c"]]
)
def test_what_is_not_understood_is_status_2(tmp_path: Path, more: list[str]) -> None:
    given = ["--applications", str(tmp_path), "--repository", "r"] if more else []
    with pytest.raises(SystemExit) as caught:
        main([*given, *more], {})
    assert caught.value.code == 2


def test_a_repository_that_is_not_there_is_one_line_without_a_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = written(tmp_path / "argocd", monorepo()[1])
    status = main(["--applications", str(given), "--repository", "https://bot:hunter22@127.0.0.1:9/acme/gitops"], {})
    err = capsys.readouterr().err
    assert status == 1
    assert err.count("\n") == 1
    assert "hunter22" not in err


def test_files_that_cannot_be_text_are_left_out_and_a_path_that_is_not_there_is_an_error(
    tmp_path: Path, server: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = deployed(tmp_path, server)
    (given / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    assert main(["--applications", str(given), "--repository", str(server)], {}) == 3
    assert "left out: binary.yaml: not UTF-8" in capsys.readouterr().err
    assert main(["--applications", str(tmp_path / "nothing.yaml"), "--repository", str(server)], {}) == 1
