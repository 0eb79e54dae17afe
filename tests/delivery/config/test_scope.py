"""Keys of the pipeline stand in `Pulumi.yaml` alone: in a stack's own file each is refused, by the program itself."""

import shutil
from pathlib import Path

import pytest

from delivery.config.files import StackFilesError, misplaced_keys, other_names, read_stack_config
from delivery.config.keys import OWN_NAMES, PIPELINE
from lab.engine import ProgramError, preview
from lab.project import set_keys
from tests.delivery.config.configurations import ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project's configuration files."""
    for path in ROOT.glob("Pulumi*.yaml"):
        shutil.copy(path, tmp_path)
    return tmp_path


def add(project: Path, stack: str, text: str) -> None:
    """Add lines to the configuration in a stack's own file."""
    with (project / f"Pulumi.{stack}.yaml").open("a", encoding="utf-8") as file:
        file.write(text)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("pathPattern", '"clusters/{stage}/{application}"'),
        ("promotionReviewers", "[rita]"),
        ("promotionLabels", "[production]"),
        ("defaultBranch", "production"),
        ("applications", "[{name: podtato-head, image: a/b, promotedKeys: [image.tag]}]"),
        ("stages", "[{name: production}]"),
        ("repositoryOwner", "acme"),
        ("promotionEngine", "pulumi"),
    ],
)
def test_a_key_of_the_pipeline_in_a_stacks_own_file_is_refused(project: Path, key: str, value: str) -> None:
    add(project, "production", f"  delivery:{key}: {value}\n")
    with pytest.raises(ProgramError) as refused:
        preview("production", read_stack_config(project, "production"))
    [line] = str(refused.value).splitlines()
    assert line.startswith(f"delivery:{key}: ")
    assert f"pulumi config rm -s production delivery:{key}" in line
    assert f"Pulumi.yaml: config: delivery:{key}: value: " in line
    assert preview("dev", read_stack_config(project, "dev")).outputs["stage"] == "dev"


def test_where_it_belongs_it_is_read_for_every_stack(project: Path) -> None:
    set_keys(project, "production", {"pathPattern": "clusters/{stage}", "kubeContext": "own"})
    for stack in ("dev", "production"):
        outputs = preview(stack, read_stack_config(project, stack)).outputs
        assert outputs["applications"]["podtato-head"]["path"] == f"clusters/{stack}"  # type: ignore[call-overload, index]
    assert "own" not in (project / "Pulumi.dev.yaml").read_text(encoding="utf-8")


def test_no_key_of_the_pipeline_stands_where_nothing_of_it_is_written(project: Path) -> None:
    assert misplaced_keys(project, "production") == frozenset()
    assert misplaced_keys(project, "staging") == frozenset()
    add(project, "production", "  # no stages here\n  delivery:kubeContext: stages\n")
    assert misplaced_keys(project, "production") == frozenset()


@pytest.mark.parametrize("key", sorted(PIPELINE))
def test_every_key_of_the_pipeline_is_found_with_its_namespace_or_without(project: Path, key: str) -> None:
    add(project, "production", f"  delivery:{key}: x\n")
    add(project, "dev", f"  {key}: x\n")
    assert misplaced_keys(project, "production") == misplaced_keys(project, "dev") == {key}


def test_a_file_that_may_set_one_and_cannot_be_read_is_said_so(project: Path) -> None:
    add(project, "production", "  delivery:stages: [\n")
    with pytest.raises(StackFilesError):
        misplaced_keys(project, "production")


def test_the_names_that_other_stacks_set_are_read_as_far_as_they_can_be(project: Path) -> None:
    add(project, "dev", "  delivery:namespace: live\n")
    (project / "Pulumi.eu.yaml").write_text("config: {delivery:namespace: [web]}", encoding="utf-8")
    (project / "Pulumi.us.yaml").write_text("config: {delivery:namespace: ", encoding="utf-8")
    assert other_names(project, "production", OWN_NAMES) == {"dev": {"namespace": "live"}, "eu": {}}
    assert other_names(project, "dev", OWN_NAMES)["production"] == {"argocdApplication": "{application}-prod"}
    assert other_names(project, "production", ()) == {}


def test_two_stacks_with_one_name_of_their_own_are_refused_by_both(project: Path) -> None:
    for stack in ("dev", "production"):
        add(project, stack, "  delivery:namespace: live\n")
    for stack in ("dev", "production"):
        with pytest.raises(ProgramError, match="podtato-head in production both resolve to"):
            preview(stack, read_stack_config(project, stack))
