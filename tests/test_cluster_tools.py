"""`tools/cluster-tools.sh` with a stand-in for Go: what it builds, gets, says, and leaves behind."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("actionlint", "etcd", "helm", "kube-apiserver", "kustomize")
ARGOCD = ("argoproj.io_applications.yaml", "argoproj.io_applicationsets.yaml", "argoproj.io_appprojects.yaml")
KEPTN = ("lifecycle.keptn.sh_keptnapps.yaml", "options.keptn.sh_keptnconfigs.yaml")
OPERATOR = ("auto.pulumi.com_workspaces.yaml", "pulumi.com_stacks.yaml")

# A slow build takes until `sleep` is called for the third time; by `date`, each call is 65 seconds.
GO = """#!/bin/sh
case "$1 $2" in
"build "*)
  while [ "$1" != -o ]; do shift; done
  case " $BROKEN " in *" ${PWD##*/} "*) echo "no such package" >&2; exit 1 ;; esac
  if [ -n "$SLOW" ]; then until [ "$(wc -c <"$FOLDER/slept")" -ge 3 ]; do /bin/sleep 0.05; done; fi
  echo "${PWD##*/}" >"$2" && chmod +x "$2" ;;
"mod download")
  case $4 in
  *argo-cd*) dir=$FOLDER/argocd ;;
  *keptn*) dir=$FOLDER/keptn ;;
  *operator*) dir=$FOLDER/operator ;;
  *) dir=$FOLDER/other ;;
  esac
  [ -d "$dir" ] || { printf '{\\n\\t"Error": "403 Forbidden"\\n}\\n'; exit 1; }
  printf '{\\n\\t"GoMod": "%s/go.mod",\\n\\t"Dir": "%s"\\n}\\n' "$dir" "$dir" ;;
esac
"""
SLEEP = """#!/bin/sh
printf . >>"$FOLDER/slept"
[ -n "$SLOW" ] && [ "$(wc -c <"$FOLDER/slept")" -lt 3 ] || exec /bin/sleep 1
"""
DATE = """#!/bin/sh
echo $((65 * $(wc -c <"$FOLDER/slept")))
"""


@dataclass(frozen=True)
class Checkout:
    """A fresh clone on a machine whose Go is a stand-in; `modules` are the folders of what its proxy serves."""

    folder: Path

    def run(self, **environ: str) -> subprocess.CompletedProcess[str]:
        """What the script prints, and its exit status."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        variables = os.environ | {"PATH": path, "FOLDER": str(self.folder)} | environ
        return subprocess.run(
            [self.folder / "tools" / "cluster-tools.sh"], env=variables, capture_output=True, text=True, check=False
        )

    def got(self, folder: str) -> list[str]:
        """The names below `.tools`."""
        return sorted(path.name for path in (self.folder / ".tools" / folder).iterdir())


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "cluster-tools.sh", tmp_path / "tools")
    (tmp_path / "bin").mkdir()
    for name, text in (("go", GO), ("sleep", SLEEP), ("date", DATE)):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "slept").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "go.mod").write_text("")
    crds = tmp_path / "argocd" / "manifests" / "crds"
    crds.mkdir(parents=True)
    for kind in ("application", "applicationset", "appproject"):
        (crds / f"{kind}-crd.yaml").write_text(kind)
        (crds / f"{kind}-crd.yaml").chmod(0o444)
    return Checkout(tmp_path)


def serve(checkout: Checkout, module: str, below: str, names: tuple[str, ...]) -> None:
    folder = checkout.folder / module / below
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text(name)


def serve_everything(checkout: Checkout) -> None:
    serve(checkout, "keptn", "config/crd/bases", KEPTN)
    serve(checkout, "operator", "deploy/crds", OPERATOR)


def test_a_fresh_clone_gets_every_tool_and_every_definition(checkout: Checkout) -> None:
    serve_everything(checkout)

    done = checkout.run()

    assert (done.returncode, done.stderr) == (0, "")
    assert checkout.got("bin") == [*TOOLS]
    assert checkout.got("crds") == sorted([*ARGOCD, *KEPTN, *OPERATOR])
    assert (checkout.folder / ".tools" / "crds" / ARGOCD[0]).read_text() == "application"
    assert sorted(path.name for path in (checkout.folder / ".tools").iterdir()) == ["bin", "crds"]


def test_a_second_run_does_nothing(checkout: Checkout) -> None:
    serve_everything(checkout)
    checkout.run()

    done = checkout.run(BROKEN=" ".join(TOOLS))

    assert done.returncode == 0
    assert done.stdout.startswith("nothing to do: ")


@pytest.mark.parametrize(("product", "module"), [("Keptn", "keptn"), ("Pulumi Kubernetes Operator", "operator")])
def test_where_a_module_is_not_served_one_line_says_so_and_all_else_is_there(
    checkout: Checkout, product: str, module: str
) -> None:
    serve_everything(checkout)
    shutil.rmtree(checkout.folder / module)

    done = checkout.run()

    assert (done.returncode, done.stderr) == (0, "")
    left = OPERATOR if module == "keptn" else KEPTN
    assert checkout.got("crds") == sorted([*ARGOCD, *left])
    [line] = [line for line in done.stdout.splitlines() if product in line and "without" in line]
    assert "DELIVERY_CRDS" in line


def test_where_argo_cds_module_cannot_be_had_the_error_says_why_and_what_was_built_stays(checkout: Checkout) -> None:
    shutil.rmtree(checkout.folder / "argocd")

    done = checkout.run()

    assert done.returncode == 1
    assert "403 Forbidden" in done.stderr
    assert checkout.got("bin") == [*TOOLS]


def test_a_failed_build_shows_its_errors_and_leaves_what_was_built_before(checkout: Checkout) -> None:
    done = checkout.run(BROKEN="helm")

    assert done.returncode == 1
    assert "no such package" in done.stderr
    assert checkout.got("bin") == ["actionlint", "etcd"]
    assert sorted(path.name for path in (checkout.folder / ".tools").iterdir()) == ["bin", "crds"]


def test_a_long_build_says_how_long_it_has_taken_so_far(checkout: Checkout) -> None:
    done = checkout.run(SLOW="yes")

    assert done.returncode == 0
    assert [line for line in done.stdout.splitlines() if "so far" in line] == [
        "building actionlint: 1 min 05 s so far",
        "building actionlint: 2 min 10 s so far",
    ]
