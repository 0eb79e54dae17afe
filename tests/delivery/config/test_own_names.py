"""Names that two stacks set for their own stages, each in its own file: they must not be one and the same."""

import json
from functools import partial
from pathlib import Path

import pytest
import yaml

from delivery.config.errors import ConfigurationError, Problem
from delivery.config.files import own_names
from delivery.config.reader import parse
from delivery.model.stack import StackConfiguration

PIPELINE = {
    "applications": [{"name": "web", "image": "a/b"}],
    "repositoryName": "gitops",
    "repositoryOwner": "acme",
    "stages": [{"name": "dev"}, {"name": "staging", "after": ["dev"]}, {"name": "production", "after": ["staging"]}],
}


def write(folder: Path, stack: str, config: dict[str, object]) -> None:
    text = yaml.safe_dump({"config": {f"delivery:{key}": value for key, value in config.items()}})
    (folder / f"Pulumi.{stack}.yaml").write_text(text, encoding="utf-8")


def read(folder: Path, stack: str, **own: str) -> StackConfiguration:
    """`stack` as it would be read with these keys of its own, beside the other stacks' files in `folder`."""
    raw = {key: value if isinstance(value, str) else json.dumps(value) for key, value in PIPELINE.items()}
    return parse(raw | own, stack, (), partial(own_names, folder))


def problem(folder: Path, stack: str, **own: str) -> Problem:
    with pytest.raises(ConfigurationError) as caught:
        read(folder, stack, **own)
    [found] = caught.value.problems
    return found


@pytest.mark.parametrize("key", ["argocdApplication", "namespace"])
def test_two_stacks_that_take_one_name_are_refused_and_the_mend_is_this_stacks(tmp_path: Path, key: str) -> None:
    write(tmp_path, "production", {key: "{application}"})

    found = problem(tmp_path, "dev", **{key: "{application}"})

    assert "web in dev and web in production meet at 'web'" in found.allowed
    assert found.mend == f"pulumi config set delivery:{key} '{{application}}-{{stage}}'"
    read(tmp_path, "dev", **{key: "{application}-{stage}"})


def test_a_name_that_another_stack_gave_up_is_free(tmp_path: Path) -> None:
    assert "web-production" in problem(tmp_path, "dev", argocdApplication="web-production").allowed
    write(tmp_path, "production", {"argocdApplication": "{application}-prod"})

    [stage_application] = read(tmp_path, "dev", argocdApplication="web-production").stage_applications

    assert stage_application.argocd_application == "web-production"


def test_two_other_stacks_that_meet_are_told_with_the_stack_to_change(tmp_path: Path) -> None:
    write(tmp_path, "production", {"namespace": "web-staging"})

    found = problem(tmp_path, "dev")

    assert found.where == "delivery:namespace"
    assert found.found == "'web-staging' in Pulumi.production.yaml"
    assert "web in staging and web in production meet at 'web-staging'" in found.allowed
    assert found.mend == "pulumi config set --stack production delivery:namespace '{application}-{stage}'"


@pytest.mark.parametrize(
    "text",
    [
        "config:\n  delivery:namespace: {secure: abc}\n",
        "config:\n  delivery:namespace: '{unknown}'\n",
        "config:\n  delivery:namespace: [web-dev]\n",
        "config:\n  delivery:namespace: kube-system\n",
        "namespace: [\n",
        "namespace\n",
        "",
    ],
)
def test_what_is_wrong_with_another_stacks_file_is_for_that_stack_to_say(tmp_path: Path, text: str) -> None:
    (tmp_path / "Pulumi.production.yaml").write_text(text, encoding="utf-8")

    assert read(tmp_path, "dev").stage.name == "dev"


def test_a_stage_whose_name_leads_out_of_the_folder_reads_nothing(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.x").mkdir()
    (tmp_path / "secret.yaml").write_text("config: {delivery:namespace: x}\n", encoding="utf-8")

    assert own_names(tmp_path, "x/../secret") == {}
