"""`make render`: a fresh clone as files, secrets masked; a refusal writes nothing."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from delivery.platform.charts import OPERATOR_CHART
from lab import render
from lab.project import set_keys

ROOT = Path(__file__).resolve().parents[2]


def project(folder: Path, **stacks: str | bytes) -> Path:
    """A project of this program with configuration files of its own."""
    (folder / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text("utf-8"), encoding="utf-8")
    for stack, text in stacks.items():
        (folder / f"Pulumi.{stack}.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_command_renders_a_fresh_clone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lab.render", "--stack", "dev", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "dev/manifests: 8 files, secrets masked" in done.stdout
    assert done.stderr == ""
    files = tree(tmp_path / "dev")
    assert "manifests/secret_podtato-head-dev_github-token.yaml" in files
    assert "repository/.github/workflows/promote.yaml" in files
    assert yaml.safe_load(files["repository/dev/values.yaml"])["serviceVersion"] == "v0.3.0"


def test_with_a_central_argo_cd_each_cluster_has_its_manifests_in_a_folder(tmp_path: Path) -> None:
    text = "config:\n  delivery:argocdContext: hub\n  delivery:destinationName: dev\n"
    folder = project(tmp_path, dev=text)
    assert render.main(["--project", str(folder), "--out", str(tmp_path / "out")]) == 0
    manifests = tmp_path / "out" / "dev" / "manifests"
    assert [path.name for path in (manifests / "argocd").iterdir()] == ["application_argocd_podtato-head-dev.yaml"]
    assert {path.name.partition("_")[0] for path in (manifests / "cluster").iterdir()} > {"namespace", "secret"}
    assert sorted(path.name for path in manifests.iterdir()) == ["argocd", "cluster"]


def test_what_is_stale_goes_and_what_is_not_rendered_stays(tmp_path: Path) -> None:
    for path in ("dev/manifests/old.yaml", "dev/repository/old/values.yaml", "dev/notes.txt", "other/manifests/a.yaml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("old", encoding="utf-8")
    assert render.main(["--out", str(tmp_path)]) == 0
    files = tree(tmp_path)
    assert {path for path in files if "old" in path} == set()
    assert files["dev/notes.txt"] == files["other/manifests/a.yaml"] == b"old"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "config:\n  delivery:argocdProject: a b\n  delivery:cluster: kind\n",
            ("argocdProject", "cluster"),
        ),
        (
            "config:\n  delivery:promotionToken: plain-text-token\n",
            ("delivery:promotionToken: found a secret in plain",),
        ),
        (
            "config:\n  delivery:githubToken: plain-text-token\n",
            ("delivery:githubToken: found a secret in plain",),
        ),
        ("config:\n\tx: y\n", ("Pulumi.dev.yaml, line 2",)),
        (b"\xff\xfe", ("not UTF-8",)),
    ],
    ids=["mistakes", "a token in plain text", "the program's own token in plain text", "no YAML", "not UTF-8"],
)
def test_a_refusal_ends_with_1_says_why_and_writes_nothing(
    tmp_path: Path, text: str | bytes, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert render.main(["--project", str(project(tmp_path, dev=text)), "--out", str(out)]) == 1
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert said.out == ""
    assert len(lines) == len(words)
    assert all(word in line for word, line in zip(words, lines, strict=True))
    assert "plain-text-token" not in said.err
    assert not out.exists()


def test_a_stack_that_is_no_stage_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for stack in ("test", "../dev", "dev\n", ""):
        assert render.main(["--stack", stack, "--out", str(tmp_path / "out")]) == 1
        assert capsys.readouterr().err.startswith("delivery:stages: found")
    assert not (tmp_path / "out").exists()


def test_encrypted_tokens_stay_masked_and_nobody_is_asked_for_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_of_the_machine")
    text = (
        "encryptionsalt: v1:x\nconfig:\n"
        "  delivery:promotionToken:\n    secure: AAABcipher\n  delivery:githubToken:\n    secure: AAABcipher\n"
    )
    folder = project(tmp_path, dev=text)
    # Where nothing listens: whoever asks is refused.
    set_keys(folder, "dev", {"repositoryOwner": "acme", "githubApiUrl": "http://127.0.0.1:9/api/v3"})
    assert render.main(["--project", str(folder), "--out", str(tmp_path / "out")]) == 0
    files = tree(tmp_path / "out")
    assert b"SECURE_DATA: '[secret]'" in files["dev/manifests/secret_podtato-head-dev_github-token.yaml"]
    everything = b"".join(files.values())
    assert b"AAAB" not in everything
    assert b"ghp_of" not in everything


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").write_text("a file", encoding="utf-8")
    assert render.main(["--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith("cannot write to ")


def test_the_platforms_stack_is_rendered_with_its_charts_and_their_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DELIVERY_CHARTS", raising=False)
    assert render.main(["--stack", "platform", "--out", str(tmp_path)]) == 0
    files = tree(tmp_path / "platform")
    chart = yaml.safe_load(files["charts/keptn-lifecycle-operator.yaml"])

    assert chart["version"] == OPERATOR_CHART.version
    assert chart["values"]["promotionTasksEnabled"] is True
    assert b"auth: '[secret]'" in files["manifests/secret_argocd_argocd-redis.yaml"]
    assert "5 files, each chart with its values" in capsys.readouterr().out


def test_the_platforms_stack_is_refused_like_any_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "platform").mkdir()
    (tmp_path / "platform" / "Pulumi.yaml").write_text("name: platform\nruntime: python\n", encoding="utf-8")

    assert render.main(["--stack", "platform", "--project", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith("platform:kubeContext: found nothing")
