"""A declared promotion's run as hooks tell it, without an engine: what its span says, what its pull request gets."""

from typing import Any

import pytest

from delivery.git.commits import File
from delivery.git.repository import ConcurrentPushError, Repository
from delivery.github.client import GitHub, PullRequest
from delivery.promotion.declared_run import DeclaredRun, ProviderError
from delivery.promotion.desired import DesiredPromotion
from delivery.promotion.metadata import PromotionMetadata
from delivery.promotion.pull_request import Rendered
from delivery.tracing.otlp import TRACE_FILE
from delivery.tracing.run import start_run
from tests.delivery.promotion.story import EDGE, NAME, TOKEN, Story, spans

BRANCH = EDGE.branch
REFUSED = "1 error occurred:\n\t* POST http://127.0.0.1:1/repos/acme/gitops/pulls: 403 Resource not accessible []\n\n"
METADATA = PromotionMetadata("promotion", "podtato-head", "dev", "production", "a" * 40, "v0.3.1")


class Started:
    """A run of a promotion on a forge, whose pull request 1 is open already when `open_number` says so."""

    def __init__(self, told: Story) -> None:
        self.forge, self.file, self.said = told.forge, told.folder / "traces.jsonl", list[str]()
        self.forge.commit(NAME, {"production/values.yaml": "a: b\n"}, "Promote", branch=BRANCH)
        self.settings = told.settings
        self.github = GitHub(self.settings.api_url, "acme", "gitops", TOKEN)
        self.number = self.github.create_pull_request(BRANCH, "main", "Promote", METADATA.to_comment()).number

    def run(
        self, *, open_number: int = 0, labels: tuple[str, ...] = (), unchanged: bool = False, stale_head: str = ""
    ) -> DeclaredRun:
        environ = {TRACE_FILE: str(self.file)}
        self.span = start_run(EDGE, self.settings, environ=environ)
        opened = None
        if open_number:
            opened = PullRequest(open_number, "", "Promote", "", "open", BRANCH, "b" * 40, "", labels)
        files = {"production/values.yaml": File(b"a: b\n", "100644")}
        desired = DesiredPromotion(
            edge=EDGE,
            branch=BRANCH,
            base="main",
            files=files,
            message="Promote",
            author="",
            parent="",
            append=False,
            up_to_date=False,
            observed=None,
            present=files if unchanged else {},
            undeclared=False,
            rendered=Rendered("Promote", "", "Promote", METADATA),
            labels=("promotion",),
            reviewers=(),
            teams=(),
            open=opened,
            text_up_to_date=unchanged,
            previous_pull_request=0,
            stale_head=stale_head,
        )
        return DeclaredRun(desired, self.settings.web_url, self.span, self.github, self._connect, self.said.append)

    def _connect(self) -> Repository:
        return Repository(f"{self.settings.web_url}.git", TOKEN)

    def spans(self) -> dict[str, dict[str, Any]]:
        """The attributes of each exported span, by its name, after the end of the process."""
        self.span.end()
        found = {}
        for span in spans(self.file):
            pairs = {pair["key"]: next(iter(pair["value"].values())) for pair in span["attributes"]}
            found[span["name"].partition(" ")[0]] = pairs
        return found


@pytest.fixture
def started(told: Story) -> Started:
    return Started(told)


@pytest.mark.parametrize(
    ("errors", "text", "status"),
    [
        ([REFUSED], "POST http://127.0.0.1:1/repos/acme/gitops/pulls: 403 Resource not accessible []", 403),
        (["creating failed\n", REFUSED], "creating failed", 0),
        (["2 errors occurred:\n\t* first 404\n\t* second\n"], "first 404", 0),
        (["  \n"], "the provider gave no reason", 0),
        ([], "the provider gave no reason", 0),
    ],
)
def test_an_error_is_the_line_that_tells_of_the_newest(errors: list[str], text: str, status: int) -> None:
    error = ProviderError(errors)
    assert (str(error), error.status) == (text, status)


def test_a_branch_that_a_finished_promotion_left_behind_is_rebuilt_before_it_is_used(started: Started) -> None:
    started.run(stale_head=started.forge.branch(NAME, BRANCH) or "").branching()
    assert started.forge.branch(NAME, BRANCH) == started.forge.branch(NAME, "main")


def test_a_branch_that_somebody_has_pushed_to_since_stays_and_the_run_fails(started: Started) -> None:
    run = started.run(stale_head=started.forge.branch(NAME, BRANCH) or "")
    theirs = started.forge.commit(NAME, {"production/notes.md": "careful"}, "Add notes", branch=BRANCH)
    with pytest.raises(ConcurrentPushError):
        run.branching()
    assert started.forge.branch(NAME, BRANCH) == theirs
    assert started.spans()["promote"]["cicd.pipeline.result"] == "failure"


def test_a_step_that_fails_ends_the_run_as_a_failure(started: Started) -> None:
    run = started.run(open_number=1, unchanged=True)
    run.begin("push")
    run.failed([REFUSED])
    found = started.spans()
    assert found["promote"]["cicd.pipeline.result"] == found["push"]["cicd.pipeline.task.run.result"] == "failure"
    assert found["promote"]["error.type"] == found["push"]["error.type"] == "403"


def test_a_run_that_is_cut_off_between_push_and_open_claims_no_result(started: Started) -> None:
    run = started.run()
    run.branching()
    run.pushed()
    found = started.spans()
    assert found["push"]["cicd.pipeline.task.run.result"] == "success"
    assert "cicd.pipeline.result" not in found["promote"]


def test_a_pull_request_that_stays_as_it_is_is_an_update_when_a_commit_was_pushed(started: Started) -> None:
    run = started.run(open_number=1)
    run.begin("push")
    run.pushed()
    said = started.spans()["promote"]
    assert (said["cicd.pipeline.result"], said["delivery.promotion.outcome"]) == ("success", "updated")
    assert said["vcs.change.id"] == "1"


@pytest.mark.parametrize(
    ("created", "labels", "gets_them"),
    [(True, (), True), (False, (), True), (False, ("promotion",), False)],
    ids=["new", "older, without labels", "older, with one of them"],
)
def test_labels_are_added_where_they_were_not_yet(
    started: Started, created: bool, labels: tuple[str, ...], gets_them: bool
) -> None:
    run = started.run(open_number=0 if created else started.number, labels=labels)
    run.begin("open")
    run.opened(started.number, created=created)
    assert started.forge.pull_requests(NAME)[0].labels == (["promotion"] if gets_them else [])
    said = started.spans()["promote"]
    assert said["delivery.promotion.outcome"] == ("created" if created else "updated")


@pytest.mark.parametrize("what", ["branch", "text", "state"])
def test_what_somebody_changed_meanwhile_is_a_line_and_a_failure(started: Started, what: str) -> None:
    if what == "branch":
        started.forge.commit(NAME, {"production/values.yaml": "a: c\n"}, "Rather this", branch=BRANCH)
    else:
        started.github.update_pull_request(
            started.number, "Promote", "" if what == "text" else METADATA.to_comment(), close=what == "state"
        )
    started.run().opened(started.number, created=True)
    assert len(started.said) == 1
    assert started.spans()["promote"]["cicd.pipeline.result"] == "failure"


def test_labels_that_do_not_work_are_a_line_and_no_failure(started: Started) -> None:
    started.forge.fail_next("POST", "/labels$", status=422, body={"message": "no such label"})
    started.run().opened(started.number, created=True)
    assert len(started.said) == 1
    assert started.spans()["promote"]["cicd.pipeline.result"] == "success"
