"""Promotions by the workflow: what `--json` says of every way to end, and the pull requests for it."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.golden import apart, keep
from tests.contract.story import NAME, TOKEN, Story, story
from tests.contract.surface import Done

PROSE = frozenset({"why", "notes", "title"})
PULL_REQUESTS = {"created": 1, "updated": 1, "closed as pointless": 1, "rollback": 2}
"""Which pull request is kept as well, by the run after which it is looked at."""
Runs = Iterator[tuple[str, Done]]


def one_that_stays_open_until_it_is_pointless(told: Story) -> Runs:
    first = told.commit("dev at v0.3.1", dev="v0.3.1")
    yield "created", told.promote(first, VERSION="v0.3.1")
    yield "unchanged", told.promote(first)
    yield "updated", told.promote(told.commit("dev at v0.3.2", dev="v0.3.2"))
    yield "superseded", told.promote(first)
    yield "closed as pointless", told.promote(told.commit("dev at v0.3.0 again", dev="v0.3.0"))


def one_that_a_person_declines(told: Story) -> Runs:
    yield "wrong input", told.promote(FROM="nowhere")
    commit = told.commit("dev at v0.3.1", dev="v0.3.1")
    yield "planned", told.promote(commit, "--dry-run")
    told.forge.fail_next("POST", r"/labels", status=403, body={"message": "Resource not accessible by integration"})
    yield "created with a note", told.promote(commit)
    told.forge.close(NAME, 1)
    yield "declined", told.promote(commit)
    told.forge.remove_token(TOKEN)
    yield "failed", told.promote(commit)


def one_that_is_rolled_back(told: Story) -> Runs:
    yield "nothing to change", told.promote()
    told.promote(told.commit("dev at v0.3.1", dev="v0.3.1"))
    told.merge(1)
    yield "rollback", told.promote(ROLLBACK="it returns 500", TRACEPARENT="")
    told.merge(2)
    yield "taken back", told.promote()


STORIES = (one_that_stays_open_until_it_is_pointless, one_that_a_person_declines, one_that_is_rolled_back)


@pytest.mark.parametrize("play", STORIES, ids=lambda play: play.__name__)
def test_every_run_has_the_same_outcome_exit_status_and_pull_request(
    play: Callable[[Story], Runs], tmp_path: Path
) -> None:
    with story(tmp_path, promotionLabels='["promotion"]', promotionReviewers='["hubot"]') as told:
        for name, done in play(told):
            told.know_branches()
            where = f"promotions/{name.replace(' ', '_')}"
            outcome, prose = apart(json.loads(done.out) if done.out else None, PROSE)
            outputs = dict(re.findall(r"^(\w+)<<\S+\n(.*)\nend-", told.outputs, re.MULTILINE))
            keep(f"{where}/outcome.json", {"exit": done.status, "json": outcome, "outputs": outputs}, told.words)
            if name in PULL_REQUESTS:
                metadata, text = told.pull_request(PULL_REQUESTS[name])
                keep(f"{where}/pull_request.metadata.json", metadata, told.words)
                keep(f"{where}/pull_request.body.md", text, told.words)
            keep(f"{where}/outcome.prose.yaml", prose | {"stderr": done.err, "summary": told.summary}, told.words)
