"""Where something is missing the tier says what, and how to get it."""

from pathlib import Path

import pytest

from lab.pulumi_cli import ON_PATH
from tests.cluster.prerequisites import SERVERS, Prerequisites, find


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
        ("DELIVERY_CRDS", "bin", "no custom resource definitions: set DELIVERY_CRDS"),
        ("DELIVERY_CRDS", "", "no custom resource definitions: set DELIVERY_CRDS"),
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


def test_definitions_lie_beside_the_checkout_by_default(machine: dict[str, str], tmp_path: Path) -> None:
    beside = tmp_path / "shared" / "crds"
    beside.mkdir(parents=True)
    (beside / "applications.yaml").touch()
    del machine["DELIVERY_CRDS"]

    assert find(machine, tmp_path / "checkout") == Prerequisites(tmp_path / "assets", beside)
