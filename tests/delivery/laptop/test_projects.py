"""The configuration of the laptop's stacks: the checkout's, with another cluster and another repository."""

import os
from pathlib import Path

import pytest
import yaml

from delivery.laptop.projects import Place, configuration, stage_names, write_pipeline, write_platform
from delivery.laptop.workspace import Answers
from lab.project import set_keys
from tests.delivery.cluster.kubernetes_api import Body
from tests.delivery.laptop.machine import Laptop

PLACE = Place("acme", "podtato-head-gitops", "trunk", "kind-delivery")


@pytest.fixture
def written(laptop: Laptop) -> Laptop:
    laptop.workspace.prepare(Answers("acme/podtato-head-gitops", "delivery", "kind"))
    return laptop


def config(path: Path) -> Body:
    return dict(yaml.safe_load(path.read_text())["config"])


def test_each_stage_is_valid_and_is_delivered_to_the_local_cluster_from_the_named_repository(written: Laptop) -> None:
    write_pipeline(written.workspace, PLACE)
    stages = [configuration(written.workspace, name) for name in stage_names(written.workspace.folder)]
    assert [stage.stage.name for stage in stages] == ["dev", "production"]
    for stage in stages:
        repository = stage.pipeline.repository
        assert (repository.owner, repository.name, repository.default_branch) == (
            "acme",
            "podtato-head-gitops",
            "trunk",
        )
        assert (stage.cluster.mode, stage.cluster.context) == ("deploy", "kind-delivery")


def test_what_the_checkout_configures_is_taken_over(written: Laptop) -> None:
    set_keys(written.program, "production", {"metadata": {"team": "shop"}})
    write_pipeline(written.workspace, PLACE)
    production = configuration(written.workspace, "production")
    assert production.metadata == {"team": "shop"}
    assert production.stage_applications[0].argocd_application == "podtato-head-prod"


def test_clusters_and_logins_of_the_checkout_are_not(written: Laptop) -> None:
    elsewhere: dict[str, object] = {
        "kubeContext": "production-cluster",
        "argocdContext": "central",
        "destinationName": "production",
        "argocdNamespace": "gitops",
        "githubAppId": "1",
        "cluster": "render",
        "githubToken": {"secure": "v1:abc"},
        "metadata": {"key": {"secure": "v1:abc"}},
    }
    set_keys(written.program, "production", elsewhere)
    write_pipeline(written.workspace, PLACE)
    production = configuration(written.workspace, "production")
    assert (production.cluster.context, production.cluster.mode) == ("kind-delivery", "deploy")
    assert production.cluster.argocd_context == ""
    assert production.argocd.namespace == "argocd"
    assert production.destination == {"server": "https://kubernetes.default.svc"}
    assert "secure" not in (written.workspace.folder / "Pulumi.production.yaml").read_text()


def test_both_projects_run_the_programs_of_the_checkout_with_its_packages(written: Laptop) -> None:
    write_pipeline(written.workspace, PLACE)
    write_platform(written.workspace, PLACE)
    folder = written.workspace.folder
    for project, main in ((folder, written.program), (folder / "platform", written.program / "platform")):
        document = yaml.safe_load((project / "Pulumi.yaml").read_text())
        assert Path(os.path.normpath(project / document["main"])) == main
        packages = document["runtime"]["options"]["virtualenv"]
        assert Path(os.path.normpath(project / packages)) == written.program / ".venv"


def test_the_platform_is_in_the_same_cluster_and_reads_the_repository_of_the_project_above(written: Laptop) -> None:
    write_platform(written.workspace, PLACE)
    found = config(written.workspace.platform / "Pulumi.laptop.yaml")
    assert found["platform:kubeContext"] == "kind-delivery"
    assert found["platform:kubeconfig"] == str(written.workspace.kubeconfig)
    assert "platform:repositoryURL" not in found


def test_the_platforms_own_settings_are_taken_over_without_what_is_encrypted(written: Laptop) -> None:
    source = written.program / "platform"
    source.mkdir(exist_ok=True)
    settings = {
        "platform:jaegerValues": {"a": 1},
        "platform:githubToken": {"secure": "v1:abc"},
        "platform:repositoryURL": "https://github.com/acme/another",
    }
    (source / "Pulumi.laptop.yaml").write_text(yaml.safe_dump({"config": settings, "encryptionsalt": "v1:x"}))
    write_platform(written.workspace, PLACE)
    found = yaml.safe_load((written.workspace.platform / "Pulumi.laptop.yaml").read_text())
    assert found["config"].pop("platform:jaegerValues") == {"a": 1}
    assert found["config"].keys() == {"platform:kubeContext", "platform:kubeconfig"}
    assert "encryptionsalt" not in found


def test_the_state_and_its_passphrase_are_the_folders_own_whatever_the_person_has_set(written: Laptop) -> None:
    theirs = {"PULUMI_BACKEND_URL": "s3://theirs", "PULUMI_CONFIG_PASSPHRASE": "theirs", "PULUMI_STACK": "theirs"}
    found = written.workspace.surroundings({**theirs, "KUBECONFIG": "theirs", "HOME": "/home/me"})
    assert found["PULUMI_BACKEND_URL"] == f"file://{written.workspace.folder}/state"
    assert Path(found["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text()
    assert "theirs" not in found.values()
    assert found["HOME"] == "/home/me"
