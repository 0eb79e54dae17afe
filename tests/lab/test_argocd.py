"""The stand-in for Argo CD: which commit makes it sync an Application again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.argocd import is_out_of_sync, sync
from lab.engine import Value
from lab.forge import Forge
from lab.manifests import manifest
from tests.components.stacks import files, of, team

REPOSITORY = "acme/gitops"
Applications = dict[str, dict[str, Value]]


@pytest.fixture(scope="module")
def applications() -> Applications:
    """The Argo CD Applications of two applications in one repository, as the program declares them."""
    found = (manifest(each) for each in team("dev").of_type(":Application"))
    return {str(of(body, "metadata", "name")): body for body in found if body}


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with Forge(tmp_path) as forge:
        forge.create_repository(REPOSITORY)
        declared = {
            str(each.inputs["file"]): str(each.inputs["content"]) for each in team("dev").of_type(":RepositoryFile")
        }
        assert declared.keys() == set(files(team("dev")))
        forge.commit(REPOSITORY, declared, "Declare")
        yield forge


def synced(forge: Forge, application: dict[str, Value]) -> str:
    return sync(forge, REPOSITORY, application).commit


def test_a_commit_to_one_application_leaves_the_other_synced(forge: Forge, applications: Applications) -> None:
    before = {name: synced(forge, body) for name, body in applications.items()}
    forge.commit(REPOSITORY, {"web/dev/values.yaml": "serviceVersion: v2\n"}, "Deploy v2")
    found = {name: is_out_of_sync(forge, REPOSITORY, body, before[name]) for name, body in applications.items()}
    assert found == {"web-dev": True, "api-dev": False}


def test_without_the_annotation_the_other_would_be_synced_too(forge: Forge, applications: Applications) -> None:
    body = applications["api-dev"]
    before = synced(forge, body)
    forge.commit(REPOSITORY, {"docs/a.md": "a"}, "Explain")
    bare = body | {"metadata": {"name": "api-dev"}}
    assert (is_out_of_sync(forge, REPOSITORY, body, before), is_out_of_sync(forge, REPOSITORY, bare, before)) == (
        False,
        True,
    )


def test_without_a_new_commit_nothing_is_out_of_sync(forge: Forge, applications: Applications) -> None:
    for body in applications.values():
        assert not is_out_of_sync(forge, REPOSITORY, body | {"metadata": {}}, synced(forge, body))


@pytest.mark.parametrize(
    ("paths", "changed", "expected"),
    [
        (".", "apps/shop/dev/a/b.yaml", True),
        (".", "apps/shop/development/a.yaml", False),
        ("../base", "apps/shop/base/a.yaml", True),
        ("../base", "apps/shop/dev/a.yaml", False),
        (".;/lib", "lib/a.yaml", True),
        (" . ; /lib ;", "other/lib/a.yaml", False),
        ("/", "any/file", True),
        ("/apps/*/values.yaml", "apps/shop/values.yaml", True),
        ("/apps/*/values.yaml", "apps/shop/dev/values.yaml", False),
        (".", ".delivery/shop/dev/values.yaml", True),
    ],
)
def test_paths_are_relative_to_each_source_or_to_the_root(
    forge: Forge, paths: str, changed: str, expected: bool
) -> None:
    before = forge.branch(REPOSITORY, "main")
    sources: list[Value] = [
        {"path": path, "targetRevision": "main"} for path in ("apps/shop/dev", ".delivery/shop/dev")
    ]
    annotations: Value = {"argocd.argoproj.io/manifest-generate-paths": paths}
    body: dict[str, Value] = {"metadata": {"annotations": annotations}, "spec": {"sources": sources}}
    forge.commit(REPOSITORY, {changed: "a"}, "Change")
    assert is_out_of_sync(forge, REPOSITORY, body, str(before)) is expected
