"""The demo as a person runs it: to its end, and never into a folder that is not its own."""

import os
import re
import subprocess
import threading
from pathlib import Path

import pytest

from lab.demo import MARKER, main
from lab.example import example_names


def demo(folder: Path, *options: str) -> int:
    return main(["--embedded", "--folder", str(folder), *options])


def running() -> set[object]:
    """The threads of this process, and the processes that it has started."""
    listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True)
    return {*threading.enumerate(), *(line for line in listed.stdout.splitlines() if " ps -o" not in line)}


def test_it_runs_to_its_end_in_the_folder_of_an_earlier_demo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "demo"
    (folder / "forge").mkdir(parents=True)
    (folder / "forge" / "old").write_text("of the demo before")
    (folder / MARKER).write_text("")
    before = running()
    assert demo(folder) == 0
    printed = capsys.readouterr().out
    assert "#1  Promote podtato-head v0.3.1 to production" in printed
    assert "+serviceVersion: v0.3.1" in printed
    assert "spanLinks:" in printed
    assert "Waterfall" in printed
    assert "\x1b" not in printed, "no colour where the output is no terminal"
    assert running() <= before, "nothing is left running"
    left = {path.name for path in folder.iterdir()}
    assert left == {MARKER, "forge", "manifests", "traces.jsonl", "trace.html"}
    assert not (folder / "forge" / "old").exists()


def test_with_argocd_hooks_verify_a_lost_dispatch_is_made_good_and_a_failed_check_is_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = running()
    assert demo(tmp_path / "demo", "--verification", "argocd") == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    assert "Keptn" not in printed.split("Files that the demo leaves")[0]
    assert re.findall(r"#\d+  Promote podtato-head (\S+) to production", printed)[:2] == ["v0.3.1", "v0.3.2"]
    hooks = re.findall(r"│ (\w+) +(?:wave (\d+))? +([\w-]+)  ", printed)
    assert hooks[:5] == [
        ("PreSync", "0", "schema-migration"),
        ("Sync", "", "podtato-head-frontend"),
        ("PostSync", "0", "post-deployment"),
        ("PostSync", "1", "error-rate"),
        ("PostSync", "2", "promote"),
    ]
    assert [hook for hook in hooks if hook[0] == "SyncFail"] == [("SyncFail", "0", "record-failure")]
    boards = re.findall(r"│ (dev|production) +(\S+) +\w{7} +(success|failure) +argocd", printed)
    assert boards[:2] == [("dev", "v0.3.1", "success"), ("production", "v0.3.1", "success")]
    assert boards[-2:] == [("dev", "v0.3.3", "failure"), ("production", "v0.3.2", "success")]
    assert "Waterfall" in printed
    assert running() <= before, "nothing is left running"


@pytest.mark.parametrize(
    ("example", "deployed", "promotions"),
    [
        ("helm", ["shop-web  v1.4.{}  ghcr.io/example-org/shop-web:v1.4.{}", "shop-worker  v2.0."], ["production"]),
        ("kustomize", ["shop  v1.4.{}  ghcr.io/example-org/shop:v1.4.{}@sha256:"], ["production"]),
        ("argocd-alone", ["shop  v1.4.{}  ghcr.io/example-org/shop:v1.4.{}"], ["production", "production"]),
        ("central-argocd", ["shop  v1.4.{}  ghcr.io/example-org/shop:v1.4.{}"], ["production"]),
        (
            "monorepo",
            ["cart  v1.0.{}  ghcr.io/example-org/cart:v1.0.{}@sha256:"],
            ["load", "security", "staging", "production"],
        ),
    ],
)
def test_an_example_is_promoted_through_all_its_stages_and_rolled_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], example: str, deployed: list[str], promotions: list[str]
) -> None:
    assert demo(tmp_path / "demo", "--example", example) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    assert re.findall(r"#\d+  Promote \w+ \S+ to (\w+)", printed) == promotions
    assert re.findall(r"#\d+  Roll back \w+ to \S+ in (\w+)", printed) == ["production"]
    once, again = printed.split("What is deployed:")[1:]
    for line in deployed:
        assert line.replace("{}", "1") in once
        assert line.replace("{}", str(promotions.count("production") - 1)) in again


def test_an_example_that_is_none_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["--example", "kustomise"])
    said = capsys.readouterr().err
    assert all(name in said for name in example_names())


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("precious")
    assert demo(tmp_path) == demo(mine) == 1
    assert mine.read_text() == "precious"
    assert capsys.readouterr().err.count("--folder") == 2


def test_without_git_it_stops_before_it_writes_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert demo(tmp_path / "demo") == 1
    assert "git is not on PATH" in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()
