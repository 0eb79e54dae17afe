"""The arithmetic of `docs/explanation/many-teams.md`: computed from what this project asks, and GitHub's limits."""

import math
import re

from bench.requests import CASES
from bench.scale import STAGES, settings
from delivery.config.files import StackConfig
from lab.engine import preview
from tests.definitions import ROOT
from tests.test_docs import table

TEAMS = 50
DOCUMENT = "docs/explanation/many-teams.md"

# Of GitHub: the date is in the document.
REQUESTS, IN_ENTERPRISE, OF_A_REPOSITORY = 5_000, 15_000, 1_000
CONTENT, CONTENT_A_MINUTE, POINTS_A_MINUTE = 500, 80, 900
JOBS = {"Free": 20, "Pro": 40, "Team": 60, "Enterprise": 500}
MINUTES = {"Free": 2_000, "Team": 3_000, "Enterprise": 50_000}
READ, WRITE = 1, 5

# Of this project: `tests/engine/test_requests.py` holds the first three, `bench/requests.py` those of a promotion.
READS_OF_A_COMMIT, COMMIT = 5, 1
REFRESHED_FILE = 2
OF_A_STACK = 1
RECORD_READS, RECORD_WRITES = 1, 3
PROMOTION = max(requests for _, _, requests, _ in CASES.values())


def files(stage: str, applications: int = 1) -> int:
    """The files that a stage's stack commits, each by a commit of its own."""
    values = {"repositoryOwner": "acme", "repositoryName": "gitops", **settings(applications)}
    config = StackConfig({f"delivery:{key}": value for key, value in values.items()}, frozenset())
    return len(preview(stage, config).of_type(":RepositoryFile"))


def arithmetic() -> dict[str, int]:
    """Each amount of the document's table, by its name there."""
    of_a_team = sum(files(stage) for stage in STAGES)
    committed, stacks = TEAMS * of_a_team, TEAMS * len(STAGES)
    sweeps = 24 * 60 // 15
    verified = TEAMS * len(STAGES)
    promoted = TEAMS * (len(STAGES) - 1)
    return {
        "commits of the first updates": committed,
        "minutes of the provider's pauses": committed // 60,
        "teams an hour, by content": CONTENT // of_a_team,
        "requests of the first updates": committed * (READS_OF_A_COMMIT + COMMIT) + stacks * OF_A_STACK,
        "points a minute of one update": 60 * (READS_OF_A_COMMIT * READ + COMMIT * WRITE),
        "writes a minute of two updates": 2 * 60,
        "requests of previews": stacks * OF_A_STACK,
        "requests of a drift check": committed * REFRESHED_FILE + stacks * OF_A_STACK,
        "requests of the records": verified * (RECORD_READS + RECORD_WRITES),
        "content of the records": verified * RECORD_WRITES,
        "requests of the promotions": promoted * PROMOTION,
        "runs of the sweep a day": TEAMS * sweeps,
        "minutes of the sweeps a month": TEAMS * sweeps * 30,
        "minutes of one repository's": sweeps * 30,
        "minutes of hourly sweeps": TEAMS * 24 * 30,
        "repositories in Enterprise's minutes": MINUTES["Enterprise"] // (sweeps * 30),
        "jobs at once of the sweeps": math.ceil(TEAMS * sweeps / (24 * 60)),
    }


def test_every_amount_in_the_document_is_computed() -> None:
    shown = {}
    for row in table(DOCUMENT, "amount"):
        shown[row[0]] = int(re.sub(r"\D", "", row[1]))
    assert shown == arithmetic()


def test_the_limits_in_the_document_are_those_that_are_reckoned_with() -> None:
    text = (ROOT / DOCUMENT).read_text(encoding="utf-8")
    rows = {row[0]: row[1] for row in table(DOCUMENT, "limit")}
    numbers = {
        name: [int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", cell)] for name, cell in rows.items()
    }
    assert numbers == {
        "requests an hour": [REQUESTS, IN_ENTERPRISE, OF_A_REPOSITORY, IN_ENTERPRISE],
        "points a minute": [POINTS_A_MINUTE, READ, WRITE],
        "content-creating requests": [CONTENT_A_MINUTE, CONTENT],
        "GraphQL points an hour": [REQUESTS, OF_A_REPOSITORY],
        "jobs at once": [*JOBS.values()],
        "minutes of Actions a month": [*MINUTES.values()],
    }
    assert "November 2026" in text


def test_two_first_updates_at_once_by_one_identity_are_too_many_and_one_is_not() -> None:
    of_one = arithmetic()["points a minute of one update"]
    assert of_one <= POINTS_A_MINUTE < 2 * of_one
    assert 60 <= CONTENT_A_MINUTE < 120


def test_what_bites_first() -> None:
    counted = arithmetic()
    assert counted["content of the records"] > CONTENT
    assert counted["requests of a drift check"] < REQUESTS
    assert counted["requests of the promotions"] <= OF_A_REPOSITORY
    assert MINUTES["Free"] < counted["minutes of one repository's"] < MINUTES["Team"]
    assert counted["minutes of hourly sweeps"] < MINUTES["Enterprise"] < counted["minutes of the sweeps a month"]
    assert counted["jobs at once of the sweeps"] < JOBS["Free"]
