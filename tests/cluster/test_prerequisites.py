"""Where something is missing the tier says what, and how to get it."""

from pathlib import Path

import pytest

from lab.pulumi_cli import ON_PATH
from tests.cluster.prerequisites import SERVERS, Prerequisites, find
from tests.definitions import definitions, has_keptn


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine that has everything."""
    for folder, names in {"assets": SERVERS, "bin": ON_PATH}.items():
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).touch(mode=0o755)
    (tmp_path / "crds").mkdir()
    (tmp_path / "crds" / "applications.yaml").touch()
    return {
        "KUBEBUILDER_ASSETS": str(tmp_path / "assets"),
        "DELIVERY_CRDS": str(tmp_path / "crds"),
        "PATH": str(tmp_path / "bin"),
    }


def test_a_machine_that_has_everything_runs_the_tier(machine: dict[str, str], tmp_path: Path) -> None:
    assert find(machine, tmp_path) == Prerequisites(tmp_path / "assets", tmp_path / "crds")


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("KUBEBUILDER_ASSETS", "", "KUBEBUILDER_ASSETS is not set"),
        ("KUBEBUILDER_ASSETS", "bin", "KUBEBUILDER_ASSETS has no kube-apiserver and no etcd"),
        ("DELIVERY_CRDS", "bin", "no custom resource definitions: run `make cluster-tools`"),
        ("DELIVERY_CRDS", "", "no custom resource definitions: run `make cluster-tools`"),
        ("PATH", "crds", "pulumi, pulumi-language-python"),
    ],
)
def test_a_machine_that_lacks_something_is_told_what(
    machine: dict[str, str], tmp_path: Path, variable: str, value: str, reason: str
) -> None:
    machine[variable] = str(tmp_path / value) if value else ""

    found = find(machine, tmp_path / "checkout")

    assert isinstance(found, str)
    assert reason in found
    assert "\n" not in found


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with Argo CD's definitions from `make cluster-tools`, and beside it those of Keptn, too."""
    for folder in ("checkout/.tools/crds", "shared/crds"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "argoproj.io_applications.yaml").touch()
    (tmp_path / "shared" / "crds" / "lifecycle.keptn.sh_keptnapps.yaml").touch()
    return tmp_path / "checkout"


def test_the_definitions_that_the_tools_were_built_with_are_found_without_any_setting(checkout: Path) -> None:
    keptns = checkout / ".tools" / "crds" / "lifecycle.keptn.sh_keptnapps.yaml"
    keptns.touch()

    assert definitions({}, checkout) == keptns.parent


def test_definitions_with_keptns_go_before_those_without(checkout: Path) -> None:
    assert definitions({}, checkout) == checkout.parent / "shared" / "crds"


def test_definitions_of_argo_cd_alone_are_better_than_none(checkout: Path) -> None:
    found = definitions({}, checkout.rename(checkout.parent / "shared" / "elsewhere"))

    assert found is not None
    assert found.match("elsewhere/.tools/crds")
    assert not has_keptn(found)


def test_definitions_that_a_person_names_are_the_ones(machine: dict[str, str], checkout: Path) -> None:
    assert definitions(machine, checkout) == checkout.parent / "crds"
