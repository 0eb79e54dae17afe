"""Changes of configuration, tokens and releases: exactly what should change does, and what git owns never."""

import json
from collections.abc import Iterator

import pytest

from lab.forge import Forge
from tests.engine.outcome import Outcome
from tests.engine.team import BRANCH, REFRESH_RENDERED, REPOSITORY, Team

STAGES = [{"name": "dev"}, {"name": "production", "after": ["dev"]}]


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A team whose stack `dev` is deployed. Its tests only preview."""
    folder = tmp_path_factory.mktemp("changes")
    with Forge(folder / "forge") as forge:
        team = Team(folder, forge)
        done = team.up("dev")
        assert done.status == 0, done.text
        yield team


def previewed(team: Team, stack: str = "dev", **settings: object) -> Outcome:
    """A preview with these settings on top, which are taken back afterwards."""
    before = dict(team.settings)
    team.settings |= {key: value if isinstance(value, str) else json.dumps(value) for key, value in settings.items()}
    try:
        outcome = team.preview(stack)
    finally:
        team.settings = before
        team.configure(stack)
    assert outcome.status == 0, outcome.text
    return outcome


def test_a_stage_that_is_added_changes_what_tells_where_to_promote_and_nothing_else(dev: Team) -> None:
    stages = [*STAGES, {"name": "staging", "after": ["dev"]}]

    shown = previewed(dev, stages=stages)

    assert shown.changes == {
        "RepositoryFile repository/.github/promoter/settings.json": "update",
        "KeptnTaskDefinition podtato-head/promote": "update",
    }


def test_a_renamed_namespace_replaces_what_lives_in_it_and_no_file(team: Team) -> None:
    assert team.up("dev").status == 0
    team.settings["namespacePattern"] = "{stage}-{application}"

    shown, done = team.preview("dev"), team.up("dev")

    assert (shown.status, done.status) == (0, 0), done.text
    assert done.changes == shown.changes
    assert done.changes == {
        "Namespace podtato-head": "replace",
        "Secret podtato-head": "replace",
        "ServiceAccount podtato-head": "replace",
        "Role podtato-head": "replace",
        "RoleBinding podtato-head": "replace",
        "KeptnTaskDefinition podtato-head/post-deployment": "replace",
        "KeptnTaskDefinition podtato-head/promote": "replace",
        "Application podtato-head": "update",
    }
    assert [name for name in team.manifests("dev") if name.startswith("Namespace")] == ["Namespace dev-podtato-head"]
    assert team.up("dev", "--expect-no-changes").status == 0


def test_a_task_that_is_added_is_created_and_named_in_the_chart(dev: Team) -> None:
    tasks = {"post-deployment": 'print("deployment verified")\n', "smoke-test": "print('it runs')\n"}

    shown = previewed(dev, tasks=tasks, postDeploymentTasks=["post-deployment", "smoke-test"])

    assert shown.changes == {
        "KeptnTaskDefinition podtato-head/smoke-test": "create",
        "RepositoryFile podtato-head/dev/platform.yaml": "update",
    }


def test_a_rotated_token_changes_its_secret_alone_and_the_forges_changes_its_provider_alone(team: Team) -> None:
    assert team.up("dev").status == 0

    team.secrets["promotionToken"] = "token-of-the-task-rotated"
    task = [team.preview("dev"), team.up("dev")]
    team.rotate()
    platform = [team.preview("dev"), team.up("dev")]

    assert [(done.status, done.changes) for done in task] == [(0, {"Secret podtato-head": "update"})] * 2
    assert [(done.status, done.changes) for done in platform] == [(0, {"github github": "update"})] * 2
    assert team.up("dev", "--expect-no-changes").status == 0


def test_after_the_forges_token_was_replaced_refresh_update_and_destroy_go_on_with_the_new_one(team: Team) -> None:
    team.seed("dev")
    assert team.up("production").status == 0
    # What a refresh finds of the rendered cluster is not what this is about.
    team.environment |= REFRESH_RENDERED

    team.rotate()
    refreshed = team.refresh("production", "--run-program")
    unchanged = team.preview("production", "--expect-no-changes")
    team.forge.commit(REPOSITORY, {"production/Chart.yaml": "name: mine\n"}, "By hand")
    team.rotate()
    updated = team.up("production", "--refresh", "--run-program")
    team.rotate()
    destroyed = team.destroy("production", "--run-program")

    assert refreshed.status == 0, refreshed.text
    assert unchanged.status == 0, unchanged.text
    assert updated.status == 0, updated.text
    assert updated.changes == {
        "github github": "update",
        "RepositoryFile podtato-head/production/Chart.yaml": "update",
    }
    assert destroyed.status == 0, destroyed.text
    assert team.files("production/") == ["production/values.yaml"]
    assert team.manifests("production") == []


def test_no_update_and_no_refresh_touches_the_values_that_git_has_by_now(team: Team) -> None:
    team.seed("dev", "production")
    team.up("production")
    team.release("v0.3.1", "production")
    values = team.read("production/values.yaml")
    team.settings["applications"] = json.dumps(
        [{"name": "podtato-head", "image": "ghcr.io/podtato-head/other", "workload": "podtato-head-frontend"}]
    )

    updated = team.up("production")
    refreshed = team.refresh("production")
    again = team.up("production")

    assert updated.changes == {"RepositoryFile podtato-head/production/platform.yaml": "update"}
    assert refreshed.status == 0, refreshed.text
    assert again.changes == {}
    assert team.read("production/values.yaml") == values
    assert team.preview("production", "--expect-no-changes").status == 0


def test_a_stage_that_changes_its_verification_and_back_keeps_values_promotions_and_namespace(team: Team) -> None:
    team.opened()
    head, values, there = team.tip(BRANCH), team.read("production/values.yaml"), team.manifests("production")

    team.verified_by(production="argocd")
    shown, alone = team.preview("production"), team.up("production")
    without = team.manifests("production")
    unchanged = team.preview("production", "--expect-no-changes")
    team.verified_by(production="keptn")
    back = team.up("production")

    assert [done.status for done in (shown, alone, unchanged, back)] == [0] * 4, alone.text + back.text
    # The chart is committed before anything is deleted that the chart of before refers to.
    files = [
        f"RepositoryFile podtato-head/production/{name}" for name in ("templates/application.yaml", "platform.yaml")
    ]
    hook, task = "RepositoryFile podtato-head/production/tasks/promote.py", "KeptnTaskDefinition podtato-head/promote"
    updated = dict.fromkeys(
        ("Namespace podtato-head", "Role podtato-head", "Application podtato-head", *files), "update"
    )
    assert (
        shown.changes
        == alone.changes
        == updated | {hook: "create", "KeptnTasks podtato-head": "delete", task: "delete"}
    )
    assert [name for name in alone.changes if name in (hook, task, *files)] == [hook, *files, task]
    assert back.changes == updated | {hook: "delete", "KeptnTasks podtato-head": "create", task: "create"}
    assert list(back.changes)[-1] == hook
    assert set(there) - set(without) == {"KeptnTaskDefinition promote"}
    assert team.manifests("production") == there
    assert (team.tip(BRANCH), team.states(), team.read("production/values.yaml")) == (head, ["open"], values)


def test_a_stage_that_gets_another_folder_keeps_its_version_and_its_own_keys(team: Team) -> None:
    team.seed("dev")
    assert team.up("production").status == 0
    values = 'serviceVersion: v0.3.3\ncommitID: ""\ntraceParent: ""\n\nreplicas: 5  # for the fair\n'
    team.forge.commit(REPOSITORY, {"production/values.yaml": values, "production/extra.yaml": "ours\n"}, "By hand")
    team.settings["pathPattern"] = "{stage}/{application}"

    shown, moved = team.preview("production"), team.up("production")

    assert (shown.status, moved.status) == (0, 0), moved.text
    assert moved.changes == shown.changes
    names = ("Chart.yaml", "platform.yaml", "templates/application.yaml", "values.schema.json")
    assert moved.changes == {
        **{f"RepositoryFile podtato-head/production/{name}": "delete" for name in (*names, "values.yaml")},
        **{f"RepositoryFile podtato-head/production/podtato-head/{name}": "create" for name in (*names, "values.yaml")},
        "Application podtato-head": "update",
    }
    assert team.read("production/podtato-head/values.yaml") == values
    # What is the team's own stays where it is.
    beside = [path for path in team.files("production/") if not path.startswith("production/podtato-head/")]
    assert beside == ["production/extra.yaml", "production/values.yaml"]
    assert team.preview("production", "--expect-no-changes").status == 0
    team.release("v0.3.4", "production/podtato-head")
    assert team.up("production", "--expect-no-changes").status == 0
    assert "v0.3.4" in team.read("production/podtato-head/values.yaml")
