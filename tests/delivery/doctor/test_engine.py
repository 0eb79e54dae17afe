import pytest

from delivery.config.files import own_names, read_stack_config
from delivery.config.reader import parse
from delivery.doctor.check import Check
from delivery.doctor.engine import committed_engine, engine
from delivery.doctor.redaction import presentable
from delivery.model.stack import StackConfiguration
from tests.delivery.doctor.surroundings import Project


def configuration(project: Project, stack: str) -> StackConfiguration:
    values = read_stack_config(project.folder, stack).values
    texts = {key.removeprefix("delivery:"): text for key, text in values.items()}
    return parse(texts, stack, (), lambda other: own_names(project.folder, other))


def checks(project: Project, stack: str) -> list[Check]:
    read = configuration(project, stack)
    found = engine(project.folder, read, committed_engine(project.folder, read))
    return [presentable(each, stack, ()) for each in found]


def everywhere(project: Project, value: str) -> None:
    file = project.folder / "Pulumi.yaml"
    file.write_text(f"{file.read_text()}  delivery:promotionEngine:\n    value: {value}\n")


def test_stacks_that_have_the_same_engine_are_fine(project: Project) -> None:
    everywhere(project, "pulumi")
    assert checks(project, "production") == [Check("promotion engine", "ok", "pulumi, as in dev")]
    assert checks(project, "dev") == []


def test_an_engine_that_one_stack_alone_has_is_wrong_and_the_mend_takes_it_away(project: Project) -> None:
    project.configure("production", promotionEngine="pulumi")
    assert checks(project, "production") == [
        Check(
            "promotion engine",
            "wrong",
            "production has pulumi, but the workflow is committed by dev, which has promoter",
            "pulumi config rm -s production delivery:promotionEngine # or set pulumi in Pulumi.yaml, for every stack",
        )
    ]
    assert checks(project, "dev") == []


def test_an_engine_that_the_first_stage_s_stack_alone_has_is_wrong_in_the_others(project: Project) -> None:
    project.configure("dev", promotionEngine="pulumi")
    (found,) = checks(project, "production")
    assert found.detail == "production has promoter, but the workflow is committed by dev, which has pulumi"
    assert found.mend == (
        "pulumi config set -s production delivery:promotionEngine pulumi # or in Pulumi.yaml, for every stack"
    )


@pytest.mark.parametrize(("first", "shared"), [("promoter", "promoter"), ("promoter", "pulumi"), ("pulumi", "pulumi")])
def test_the_mend_makes_both_the_same(project: Project, first: str, shared: str) -> None:
    everywhere(project, shared)
    project.configure("dev", promotionEngine=first)
    project.configure("production", promotionEngine="pulumi" if first == "promoter" else "promoter")
    (found,) = checks(project, "production")
    command, _, _ = found.mend.partition(" #")
    assert found.status == "wrong"
    if command == "pulumi config rm -s production delivery:promotionEngine":
        file = project.folder / "Pulumi.production.yaml"
        kept = [line for line in file.read_text().splitlines(keepends=True) if "promotionEngine" not in line]
        file.write_text("".join(kept))
    else:
        _, _, value = command.partition("pulumi config set -s production delivery:promotionEngine ")
        project.configure("production", promotionEngine=value)
    assert checks(project, "production") == [Check("promotion engine", "ok", f"{first}, as in dev")]


@pytest.mark.parametrize("value", ["nonsense", {"secure": "v1:abc"}])
def test_what_the_first_stage_s_stack_does_not_tell_is_not_judged(project: Project, value: object) -> None:
    project.configure("dev", promotionEngine=value)
    assert checks(project, "production") == []


def test_a_first_stage_s_file_that_cannot_be_read_tells_nothing(project: Project) -> None:
    (project.folder / "Pulumi.dev.yaml").write_text("config: [")
    assert committed_engine(project.folder, configuration(project, "production")) is None
