"""What the values of a stage begin with: what git has for it in another folder, and nothing that is in doubt."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivery.config.errors import ConfigError, Json
from delivery.config.reader import parse
from delivery.git.repository import Repository
from delivery.model.settings import SETTINGS_PATH
from delivery.model.stack import StackConfiguration
from delivery.stack.initial_values import InitialValuesError, read_initial_values
from delivery.stack.repository_files import PROMOTER, InitialValues, repository_files, stage_files
from lab.forge import Forge
from tests.delivery.config.configurations import applications, raw
from tests.messages import assert_message

NAME = "acme/gitops"
TOKEN = "token-of-the-platform"
OWN = '# ours\r\nserviceVersion: "v0.3.3"\r\nreplicas: 5  # for the fair\r\ntraceParent: ""'
MOVED = "{stage}/{application}"
VALUES, SCHEMA = "production/values.yaml", "production/values.schema.json"
NEW = "production/podtato-head/values.yaml"


class Repo:
    """The GitOps repository on the lab's forge."""

    def __init__(self, forge: Forge) -> None:
        self.forge = forge
        forge.add_token(TOKEN)
        forge.create_repository(NAME, files={"README.md": "# Ours\n"})

    def configured(self, stack: str, **changes: Json) -> StackConfiguration:
        """A stack's configuration for this repository."""
        given = {"repositoryOwner": "acme", "repositoryName": "gitops", "githubApiUrl": self.forge.api_url}
        return parse(raw("production" if stack == "production" else "dev", **given, **changes), stack)

    def up(self, stack: str, values: str, **changes: Json) -> None:
        """What the stack has committed, its values changed since."""
        configuration = self.configured(stack, **changes)
        for stage_application in configuration.stage_applications:
            files = stage_files(configuration, stage_application)
            self.commit({each.path: values if each.initial else each.content for each in files})

    def commit(self, files: dict[str, str | bytes | None]) -> None:
        self.forge.commit(NAME, files, "Something")

    def refused(self, stack: str, **changes: Json) -> list[str]:
        """The lines with which the stack is refused."""
        with pytest.raises(ConfigError) as caught:
            self.initial_values(stack, **changes)
        return str(caught.value).splitlines()

    def initial_values(self, stack: str, **changes: Json) -> InitialValues:
        """What is read for the stack."""
        connect = partial(Repository, f"{self.forge.url}/{NAME}.git", TOKEN)
        return read_initial_values(connect, self.configured(stack, **changes))


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[Repo]:
    with Forge(tmp_path / "forge") as forge:
        yield Repo(forge)


def test_values_that_are_there_are_adopted_and_begin_with_nothing(repo: Repo) -> None:
    repo.up("production", OWN)
    assert repo.initial_values("production") == InitialValues(frozenset({"production/values.yaml"}), {})


def test_nothing_is_known_of_a_repository_without_this_stage(repo: Repo) -> None:
    assert repo.initial_values("production") == InitialValues()


def test_a_stage_that_moves_takes_its_values_along_byte_for_byte(repo: Repo) -> None:
    repo.up("dev", "serviceVersion: v0.4.0\n")
    repo.up("production", OWN)
    assert repo.initial_values("production", pathPattern=MOVED) == InitialValues(frozenset(), {NEW: OWN})


def test_a_move_that_was_interrupted_before_the_values_goes_on_with_them(repo: Repo) -> None:
    repo.up("production", OWN)
    repo.up("production", OWN, pathPattern=MOVED)
    repo.commit({NEW: None})
    assert repo.initial_values("production", pathPattern=MOVED).texts == {NEW: OWN}


def test_each_application_that_moves_finds_its_own_values(repo: Repo) -> None:
    before = applications({"name": "web", "path": "web/{stage}"}, {"name": "api", "path": "api/{stage}"})
    for name in ("web", "api"):
        alone = applications({"name": name, "path": f"{name}/{{stage}}"})
        repo.up("production", f"serviceVersion: of-{name}\n", applications=alone)
    after = applications({"name": "web", "path": "{stage}/web"}, {"name": "api", "path": "{stage}/api"})

    assert repo.initial_values("production", applications=before).texts == {}
    assert repo.initial_values("production", applications=after).texts == {
        "production/web/values.yaml": "serviceVersion: of-web\n",
        "production/api/values.yaml": "serviceVersion: of-api\n",
    }


def platform(text: str | bytes | None) -> Callable[[Repo], None]:
    return lambda repo: repo.commit({"production/platform.yaml": text})


@pytest.mark.parametrize(
    "change",
    [
        platform(None),
        platform("application:\n  name: podtato-head\n  stage: production\n  <<: *none\n"),
        platform("application: podtato-head in production\n"),
        platform("application: {name: podtato-head}\nstage: production\n"),
        platform("application: {name: podtato-head, stage: production-eu}\n"),
        platform("application: {name: podtato-head, stage: dev}\n# not production\n"),
        platform(b"application: {name: podtato-head, stage: production}\n# \xff\n"),
        lambda repo: repo.commit({"production/values.yaml": None}),
        lambda repo: repo.commit({"production/values.yaml": b"serviceVersion: \xff\n"}),
    ],
)
def test_a_folder_that_does_not_say_readably_whose_it_is_or_has_no_values_is_none(
    repo: Repo, change: Callable[[Repo], None]
) -> None:
    repo.up("production", OWN)
    change(repo)
    assert repo.initial_values("production", pathPattern=MOVED) == InitialValues()


def test_of_two_former_folders_with_the_same_values_nothing_is_in_doubt(repo: Repo) -> None:
    repo.up("production", OWN)
    repo.up("production", OWN, pathPattern="{stage}-before")
    assert repo.initial_values("production", pathPattern=MOVED).texts == {NEW: OWN}


def test_between_two_former_folders_with_other_values_nobody_guesses(repo: Repo) -> None:
    repo.up("production", OWN)
    repo.up("production", "serviceVersion: v0.1.0\n", pathPattern="{stage}-before")
    with pytest.raises(InitialValuesError) as caught:
        repo.initial_values("production", pathPattern=MOVED)
    assert_message("stack.several_former_folders", str(caught.value))


def test_a_move_costs_no_request_more_than_values_that_are_there(repo: Repo) -> None:
    repo.up("production", OWN)
    asked = []
    for pattern in ("{stage}", MOVED):
        repo.forge.forget_requests()
        repo.initial_values("production", pathPattern=pattern)
        asked.append(sorted(each.path for each in repo.forge.requests))
    assert asked[0] == asked[1]


THREE: list[Json] = [
    {"name": "dev"},
    {"name": "staging", "after": ["dev"]},
    {"name": "production", "after": ["staging"]},
]
FIRST = "staging/values.yaml"


def test_a_stage_that_is_put_before_one_that_runs_begins_with_its_version_and_nothing_else_of_it(repo: Repo) -> None:
    repo.up("dev", "serviceVersion: v0.4.1\n")
    repo.up("production", OWN)
    configured = repo.configured("staging", stages=THREE)
    first = stage_files(configured, configured.stage_applications[0])[-1].content

    found = repo.initial_values("staging", stages=THREE)

    assert found == InitialValues(
        frozenset(), {FIRST: first.replace("serviceVersion: v0.3.0", "serviceVersion: v0.3.3")}
    )
    assert found.texts[FIRST] != first


def test_promoted_keys_keep_their_kind_and_those_that_nobody_has_are_left_out(repo: Repo) -> None:
    keyed = applications(
        {"promotedKeys": ["image.tag", "env.FLAG", "replicas", "image.digest", "labels.hidden", "labels.gone"]}
    )
    repo.up(
        "production",
        'image: {tag: "1.10", digest: ~}\nenv:\n  FLAG: "true"\nreplicas: 3\nlabels: {hidden: "a\\u202eb"}\n',
    )
    text = repo.initial_values("staging", stages=THREE, applications=keyed).texts[FIRST]
    assert yaml.safe_load(text) == {
        "image": {"tag": "1.10"},
        "commitID": "",
        "traceParent": "",
        "env": {"FLAG": "true"},
        "replicas": 3,
    }


def test_the_nearest_stage_with_values_counts_and_one_that_cannot_be_read_counts_as_none(repo: Repo) -> None:
    stages: list[Json] = [
        {"name": "us", "after": ["eu"]},
        {"name": "dev"},
        {"name": "staging", "after": ["dev"]},
        {"name": "load", "after": ["staging"]},
        {"name": "eu", "after": ["load"]},
    ]

    def begins() -> str:
        values = yaml.safe_load(repo.initial_values("staging", stages=stages).texts.get(FIRST, "{}"))
        return str(values.get("serviceVersion", ""))

    assert begins() == ""
    repo.up("us", "serviceVersion: v0.5.0\n", stages=stages)
    assert begins() == "v0.5.0"
    repo.up("eu", "serviceVersion: v0.5.1\n", stages=stages)
    assert begins() == "v0.5.1"
    repo.up("eu", "serviceVersion: v0.5.1\n\tx: 1\n", stages=stages)
    assert begins() == "v0.5.0"
    repo.commit({"us/values.yaml": b"\xff"})
    assert begins() == ""


def test_a_later_stage_is_found_in_its_former_folder_too(repo: Repo) -> None:
    repo.up("production", OWN)
    first = repo.initial_values("staging", stages=THREE, pathPattern=MOVED).texts
    assert yaml.safe_load(first["staging/podtato-head/values.yaml"])["serviceVersion"] == "v0.3.3"


def test_a_stage_that_moves_keeps_its_own_values_whatever_a_later_one_has(repo: Repo) -> None:
    repo.up("staging", "serviceVersion: v0.4.1\n", stages=THREE)
    repo.up("production", OWN, stages=THREE)
    first = repo.initial_values("staging", stages=THREE, pathPattern=MOVED).texts
    assert first == {"staging/podtato-head/values.yaml": "serviceVersion: v0.4.1\n"}


def test_files_that_the_stack_does_not_manage_are_refused_one_line_each_until_the_stack_adopts_them(repo: Repo) -> None:
    repo.commit({"dev/templates/application.yaml": "x", ".github/workflows/promote.yaml": "name: theirs\n"})

    refused = repo.refused("dev")

    places = [line.partition(":")[0] for line in refused]
    assert places == [".github/workflows/promote.yaml", "dev/templates/application.yaml"]
    assert_message("stack.unmanaged_file", refused[-1])
    assert repo.initial_values("production") == InitialValues()
    assert repo.initial_values("dev", adoptExisting="true") == InitialValues()


@pytest.mark.parametrize(("file", "source"), [("Chart.yaml", "helm"), ("kustomization.yaml", "kustomize")])
def test_a_folder_with_manifests_of_the_teams_own_is_not_offered_to_be_overwritten(
    repo: Repo, file: str, source: str
) -> None:
    repo.commit({f"dev/{file}": "theirs: true\n", "dev/templates/application.yaml": "theirs: true\n"})

    [refused] = repo.refused("dev")

    assert refused.startswith(f"dev/{file}: ")
    assert f"value: [0]: source: {source}; make adopt" in refused
    assert "adoptExisting" not in refused
    if source == "helm":
        assert_message("stack.team_owned", refused)


OVERLAYS = [
    {
        "name": "shop",
        "source": "kustomize",
        "path": "apps/shop/overlays/{stage}",
        "promotedKeys": [{"file": "kustomization.yaml", "key": "images.0.newTag"}],
    },
]


@pytest.mark.parametrize(("reads", "missing"), [([], 2), (["../../base"], 1), (["/apps/shop", "/lib"], 0)])
def test_a_folder_that_is_read_and_that_argocd_would_not_look_at_is_refused(
    repo: Repo, reads: list[str], missing: int
) -> None:
    repo.commit(
        {
            "apps/shop/overlays/dev/kustomization.yaml": "resources: [../../base, https://example.org/x?ref=v1, own]\n",
            "apps/shop/overlays/dev/own/kustomization.yaml": "{}\n",
            "apps/shop/base/kustomization.yaml": "components:\n- ../../../lib/probes\n",
            "lib/probes/kustomization.yaml": "kind: Component\n",
        }
    )
    found: Any = {"applications": [{**OVERLAYS[0], "reads": reads}]}
    if missing:
        lines = repo.refused("dev", **found)
        assert len(lines) == missing
        assert_message("stack.unnamed_reads", lines[-1])
    else:
        assert repo.initial_values("dev", **found) == InitialValues()


def test_a_chart_that_a_chart_depends_on_is_read(repo: Repo) -> None:
    chart = "dependencies:\n- name: lib\n  repository: file://../lib\n- name: x\n  repository: https://example.org\n"
    repo.commit({"charts/web/Chart.yaml": chart, "charts/lib/Chart.yaml": "name: lib\n"})
    own = {"valueFiles": ["{stage}.yaml"], "promotedKeys": [{"file": "{stage}.yaml", "key": "tag"}]}
    found: Any = {"applications": [{"name": "web", "source": "helm", "path": "charts/web", **own}]}
    [line] = repo.refused("dev", **found)
    assert '"/charts/lib"' in line


def test_a_platform_yaml_of_somebody_else_is_no_mark_of_the_stack(repo: Repo) -> None:
    repo.commit({"production/platform.yaml": "team: theirs\n"})
    assert [line.partition(":")[0] for line in repo.refused("production")] == ["production/platform.yaml"]


def test_a_first_update_that_was_cut_off_goes_on_at_any_file(repo: Repo) -> None:
    configuration = repo.configured("dev")
    files = (*repository_files(configuration), *stage_files(configuration, configuration.stage_applications[0]))
    for file in files:
        repo.commit({file.path: file.content})
        repo.initial_values("dev")


def test_where_the_stacks_own_mark_is_no_file_is_somebody_elses(repo: Repo) -> None:
    repo.up("dev", OWN)
    settings = {each.path: each.content for each in repository_files(repo.configured("dev"))}[SETTINGS_PATH]
    repo.commit({SETTINGS_PATH: settings, PROMOTER: "# of a release before\n", "dev/Chart.yaml": "name: edited\n"})
    assert repo.initial_values("dev").existing == {"dev/values.yaml"}


def test_very_many_files_of_somebody_else_are_counted(repo: Repo) -> None:
    many = applications(*({"name": f"a{n}", "path": f"{{stage}}/a{n}"} for n in range(30)))
    repo.commit({f"dev/a{n}/Chart.yaml": "name: theirs\n" for n in range(30)})
    lines = repo.refused("dev", applications=many)
    assert (len(lines), lines[-1]) == (26, "and 5 more; fix these first")


class TestTheUpdateThatBringsTheSchema:
    """The chart of before had no schema, and read hardly any key."""

    @staticmethod
    def updated_before(repo: Repo, values: str) -> None:
        repo.up("production", values)
        repo.commit({SCHEMA: None})

    def test_is_refused_where_it_would_stop_a_stages_sync(self, repo: Repo) -> None:
        self.updated_before(repo, "serviceVersion: v0.3.0\nenv: production\nservice: {port: 80}\nours: 1\n")

        refused = repo.refused("production")

        assert [line.rpartition(": found")[0] for line in refused] == [f"{VALUES}: env", f"{VALUES}: service.port"]
        assert_message("initial_values.refused_value", refused[0])

    @pytest.mark.parametrize(
        "values", ["", "serviceVersion: v0.3.0\nours: {env: production}\nreplicas: '2'\nenv:\n", "a: [\n", "text"]
    )
    def test_goes_on_where_every_stage_syncs_as_before(self, repo: Repo, values: str) -> None:
        self.updated_before(repo, values)
        assert repo.initial_values("production").existing == {VALUES}

    def test_is_made_once_so_a_later_mistake_refuses_no_update(self, repo: Repo) -> None:
        repo.up("production", "env: production\n")
        assert repo.initial_values("production").existing == {VALUES}

    def test_does_not_overwrite_a_schema_of_the_teams_own(self, repo: Repo) -> None:
        self.updated_before(repo, "serviceVersion: v0.3.0\n")
        repo.commit({SCHEMA: '{"title": "Ours"}\n'})

        assert [line.partition(":")[0] for line in repo.refused("production")] == [SCHEMA]
        assert repo.initial_values("production", adoptExisting="true").existing == {VALUES}
