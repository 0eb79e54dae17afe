import pytest

from delivery.doctor.check import Check
from delivery.doctor.forge import Answer
from delivery.doctor.forge import Forge as View
from delivery.doctor.repository import repository, workflow
from delivery.model.stack import StackConfiguration
from lab.forge import Forge
from tests.delivery.doctor.surroundings import REPOSITORY, on, view


def checks(
    forge: Forge,
    found: View | None = None,
    configuration: StackConfiguration | None = None,
    engine: str | None = "promoter",
) -> dict[str, Check]:
    seen, dispatching = found or view(forge), view(forge, "promotionToken")
    return {each.name: each for each in repository(seen, configuration or on(forge), dispatching, engine)}


@pytest.mark.parametrize("stack", ["dev", "production"])
def test_a_repository_as_declared_is_fine_for_every_stack(forge: Forge, stack: str) -> None:
    found = checks(forge, configuration=on(forge, stack))
    assert {name for name, each in found.items() if each.status != "ok"} == set()
    assert list(found) == [
        "repository",
        "default branch",
        "branch protection",
        "Actions may open pull requests",
        "workflow and charts",
        "workflow",
    ]


def test_it_only_reads_and_asks_little(forge: Forge) -> None:
    seen = view(forge)
    forge.forget_requests()
    checks(forge, seen)
    assert all(each.method == "GET" for each in forge.requests)
    assert len(forge.requests) == 7


def test_a_repository_that_is_not_there_is_wrong_and_nothing_else_is_asked(forge: Forge) -> None:
    (check,) = checks(forge, view(forge, repositoryName="another")).values()
    assert check.status == "wrong"
    assert check.mend.startswith("create it (gh repo create acme/another --private --add-readme)")


def test_a_forge_that_does_not_answer_leaves_the_repository_unknown(forge: Forge) -> None:
    seen = view(forge)
    forge.stop()
    (check,) = checks(forge, seen).values()
    assert check.status == "unknown"


def test_an_answer_without_a_reason_is_told_by_its_status(forge: Forge) -> None:
    seen = view(forge)
    forge.fail_next("GET", f"/repos/{REPOSITORY}$", status=502, body="<html></html>")
    (check,) = checks(forge, seen).values()
    assert check.status == "unknown"
    assert check.detail.endswith(": 502: Bad Gateway")


def test_an_archived_repository_is_wrong(forge: Forge) -> None:
    forge.settings(REPOSITORY).archived = True
    check = checks(forge)["repository"]
    assert (check.status, check.mend) == ("wrong", f"gh repo unarchive {REPOSITORY}")


def test_a_repository_that_has_moved_is_wrong_and_the_mend_follows_it(forge: Forge) -> None:
    seen = view(forge)
    seen._answers[""] = Answer(200, {"full_name": "umbrella/gitops"}, {})
    (check,) = checks(forge, seen).values()
    assert check.status == "wrong"
    assert check.mend == (
        "pulumi config set delivery:repositoryOwner umbrella && pulumi config set delivery:repositoryName gitops"
        "  # or in Pulumi.yaml, for every stack"
    )


def test_a_name_in_other_capitals_is_the_same_repository(forge: Forge) -> None:
    seen = view(forge)
    seen._answers[""] = Answer(200, {"full_name": "Acme/Podtato-Head-GitOps"}, {})
    assert checks(forge, seen)["repository"].status == "ok"


def test_an_address_that_is_not_github_s_api_is_wrong(forge: Forge) -> None:
    seen = view(forge)
    seen._answers[""] = Answer(200, None, {})
    (check,) = checks(forge, seen).values()
    assert "does not answer like GitHub" in check.detail


def test_an_empty_repository_has_no_default_branch(forge: Forge) -> None:
    forge.create_repository("acme/empty")
    check = checks(forge, view(forge, repositoryName="empty"))["default branch"]
    assert check.status == "wrong"
    assert check.detail == "main has no commit yet"


def test_a_default_branch_that_is_not_there_is_wrong_and_the_mend_is_the_repository_s_own(forge: Forge) -> None:
    check = checks(forge, view(forge, defaultBranch="trunk"))["default branch"]
    assert check.detail.startswith("there is no branch trunk, the repository's own is main;")
    assert "`pulumi refresh` each stack before you set it" in check.detail
    assert check.mend == "pulumi config set delivery:defaultBranch main  # or in Pulumi.yaml, for every stack"


def test_another_branch_than_the_repository_s_own_is_wrong(forge: Forge) -> None:
    forge.commit(REPOSITORY, {"README.md": "x"}, "Begin", branch="trunk")
    check = checks(forge, view(forge, defaultBranch="trunk"))["default branch"]
    assert check.status == "wrong"
    assert "no workflow can be dispatched there" in check.detail


def test_contents_that_the_token_may_not_read_leave_branch_and_files_unknown(forge: Forge) -> None:
    found = checks(forge, view(forge, permissions={}))
    for name in ("default branch", "branch protection", "Actions may open pull requests", "workflow and charts"):
        assert found[name].status == "unknown", name
        assert "needs" in found[name].detail


def test_a_branch_with_slashes_in_its_name_is_read_as_well(forge: Forge) -> None:
    forge.create_repository("acme/slashes", default_branch="release/1.x", files={"README.md": "x"})
    seen = view(forge, repositoryName="slashes", defaultBranch="release/1.x")
    check = checks(forge, seen)["workflow and charts"]
    assert check.status == "wrong"
    assert check.detail.startswith("missing ")


def test_actions_that_may_not_open_pull_requests_are_wrong_and_the_first_stage_mends_it(forge: Forge) -> None:
    forge.settings(REPOSITORY).actions_may_open_pull_requests = False
    check = checks(forge, configuration=on(forge, "production"))["Actions may open pull requests"]
    assert (check.status, check.mend) == ("wrong", "pulumi up --refresh --run-program -s dev")


def test_actions_that_are_switched_off_are_wrong(forge: Forge) -> None:
    seen = view(forge)
    seen._answers["/actions/permissions"] = Answer(200, {"enabled": False}, {})
    check = checks(forge, seen)["Actions may open pull requests"]
    assert check.detail == "Actions are switched off in this repository"


def test_a_changed_workflow_is_wrong_and_the_first_stage_mends_it(forge: Forge) -> None:
    forge.commit(REPOSITORY, {".github/workflows/promote.yaml": "name: another\n"}, "Tinker")
    check = checks(forge, configuration=on(forge, "production"))["workflow and charts"]
    assert check == Check(
        "workflow and charts",
        "wrong",
        "changed .github/workflows/promote.yaml",
        "pulumi up --refresh --run-program -s dev",
    )


def test_the_workflow_is_held_against_what_the_first_stage_s_stack_commits(forge: Forge) -> None:
    differing = on(forge, "production", promotionEngine="pulumi")
    assert checks(forge, configuration=differing)["workflow and charts"].status == "ok"
    other = checks(forge, configuration=on(forge, "production"), engine="pulumi")["workflow and charts"]
    assert (other.detail, other.mend) == (
        "changed .github/workflows/promote.yaml",
        "pulumi up --refresh --run-program -s dev",
    )


def test_a_workflow_of_which_it_is_not_known_what_it_shall_be_is_not_judged(forge: Forge) -> None:
    forge.commit(REPOSITORY, {".github/workflows/promote.yaml": "name: another\n"}, "Tinker")
    found = checks(forge, configuration=on(forge, "production"), engine=None)["workflow and charts"]
    assert found.status == "ok"


def test_missing_files_are_wrong_and_each_stack_mends_its_own(forge: Forge) -> None:
    gone = dict.fromkeys((".github/promoter/promoter.py", "production/Chart.yaml", "production/platform.yaml"))
    forge.commit(REPOSITORY, {**gone, "production/templates/application.yaml": "x"}, "Tidy up")
    check = checks(forge, configuration=on(forge, "production"))["workflow and charts"]
    assert check.detail == (
        "missing .github/promoter/promoter.py, production/Chart.yaml, production/platform.yaml; "
        "changed production/templates/application.yaml"
    )
    assert check.mend == "pulumi up --refresh --run-program -s dev && pulumi up --refresh --run-program -s production"


def test_promoted_values_are_not_drift(forge: Forge) -> None:
    forge.commit(REPOSITORY, {"dev/values.yaml": "serviceVersion: v0.3.1\n"}, "Release v0.3.1")
    assert checks(forge)["workflow and charts"].status == "ok"


def test_settings_that_only_the_first_stage_s_stack_writes_are_checked_there_alone(forge: Forge) -> None:
    forge.commit(REPOSITORY, {".github/promoter/settings.json": "{}"}, "Tinker")
    assert checks(forge)["workflow and charts"].detail == "changed .github/promoter/settings.json"
    assert checks(forge, configuration=on(forge, "production"))["workflow and charts"].status == "ok"


def test_a_list_of_files_that_github_cut_off_says_nothing_of_what_is_not_in_it(forge: Forge) -> None:
    seen = view(forge)
    seen._answers[f"/git/trees/{forge.branch(REPOSITORY, 'main')}?recursive=1"] = Answer(
        200, {"tree": [], "truncated": True}, {}
    )
    assert checks(forge, seen)["workflow and charts"].status == "unknown"


def test_a_workflow_that_was_switched_off_is_wrong(forge: Forge) -> None:
    forge._state.disabled_workflows.add((REPOSITORY, "promote.yaml"))
    check = checks(forge)["workflow"]
    where = f"{forge.url.removeprefix('http://')}/{REPOSITORY}"
    assert (check.status, check.mend) == ("wrong", f"gh workflow enable promote.yaml --repo {where}")


def test_a_token_without_actions_is_not_told_whether_the_workflow_is_on(forge: Forge) -> None:
    check = workflow(view(forge), on(forge))
    assert check.status == "unknown"
    assert "is not told to githubToken (403" in check.detail


def test_a_stage_that_promotes_nowhere_dispatches_no_workflow(forge: Forge) -> None:
    check = workflow(view(forge, permissions={"contents": "write"}), on(forge, "production"))
    assert check == Check("workflow", "ok", "not asked: nothing is promoted from production")


def test_whether_actions_may_open_pull_requests_is_asked_of_the_first_stage_s_stack(forge: Forge) -> None:
    seen = view(forge, permissions={"contents": "write"})
    check = checks(forge, seen, on(forge, "production"))["Actions may open pull requests"]
    assert (check.status, check.mend) == ("unknown", "make doctor STACK=dev")
    assert checks(forge, seen)["Actions may open pull requests"].mend == ""
