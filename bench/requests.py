"""What a promotion asks of GitHub, case by case: REST requests, and git transfers (a fetch or a push counts as one).

Both are counted by the lab's forge, in a repository of the case's own. They cost time, and rate limits are made of
them, so each is held to what it was when this table was made, plus `MORE`.
"""

import contextlib
import io
import itertools
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from bench.figures import Report
from bench.timing import MeasurementError, Samples
from delivery.model.edges import Edge
from delivery.model.promoted_keys import in_values
from delivery.model.settings import PromotionSettings
from delivery.promotion import cli
from lab.forge import Forge

MORE = 1
"""How much more than when the table was made a case may ask: one request, and one transfer."""
TOKEN = "token-of-the-bench"  # noqa: S105 - good for the lab's forge alone
EDGE = Edge("podtato-head", "dev", "production", "dev", "production", in_values("serviceVersion"))
BRANCH = EDGE.branch
PLATFORM = "versionKey: serviceVersion\napplication:\n  name: podtato-head\n  stage: production\n"
PRODUCTION = 'serviceVersion: {}\nreplicas: 3\ntraceParent: ""\n'


class Desk:
    """A repository on the lab's forge, with dev and production at v0.3.0, and promotions in it."""

    def __init__(self, forge: Forge, name: str, folder: Path) -> None:
        self.forge, self.name, self._folder = forge, name, folder
        files = {"dev/values.yaml": "serviceVersion: v0.3.0\n", "production/values.yaml": PRODUCTION.format("v0.3.0")}
        forge.create_repository(name, files={**files, "production/platform.yaml": PLATFORM})
        forge.settings(name).actions_may_open_pull_requests = True
        self.settings = PromotionSettings(
            owner="acme",
            repository=name.removeprefix("acme/"),
            default_branch="main",
            api_url=forge.api_url,
            web_url=f"{forge.url}/{name}",
            stages={"dev": (), "production": ("dev",)},
            edges=(EDGE,),
        )

    def release(self, version: str) -> str:
        """A commit to dev."""
        return self.forge.commit(self.name, {"dev/values.yaml": f"serviceVersion: {version}\n"}, f"Release {version}")

    def by_hand(self, version: str) -> None:
        """A person sets production's version."""
        self.forge.commit(self.name, {"production/values.yaml": PRODUCTION.format(version)}, "By hand")

    def promote(self, commit: str = "", **environ: str) -> str:
        """A run of the promoter; its result. `MeasurementError` when it fails."""
        file = self._folder / "settings.json"
        file.write_text(self.settings.to_json(), encoding="utf-8")
        inputs = {"APPLICATION": EDGE.application, "FROM": EDGE.source, "TO": EDGE.target, "COMMIT_ID": commit}
        inputs |= {"GITHUB_TOKEN": TOKEN, "DELIVERY_WRITE_INTERVAL": "0", "PATH": "/usr/bin:/bin:/usr/local/bin"}
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = cli.main(["--settings", str(file), "--json"], inputs | environ, lambda _: None)
        if status:
            raise MeasurementError(err.getvalue().strip().splitlines()[-1])
        return str(json.loads(out.getvalue())["result"])

    def proposed(self) -> str:
        """v0.3.1 is proposed; the commit that has it."""
        commit = self.release("v0.3.1")
        self.promote(commit)
        return commit

    def merged(self) -> str:
        """v0.3.1 is in production."""
        commit = self.proposed()
        self.forge.merge(self.name, 1)
        return commit

    def closed(self) -> str:
        """A person closed the pull request of v0.3.1."""
        commit = self.proposed()
        self.forge.close(self.name, 1)
        return commit


def _created_with_reviews(desk: Desk) -> str:
    desk.forge.settings(desk.name).collaborators.add("alex")
    desk.settings = replace(desk.settings, labels=("promotion",), reviewers=("alex",))
    return desk.promote(desk.release("v0.3.1"))


def _signed(desk: Desk) -> str:
    desk.settings = replace(desk.settings, sign_commits=True)
    desk.forge.demand_signatures(desk.name, BRANCH)
    return desk.promote(desk.release("v0.3.1"))


def _updated(desk: Desk) -> str:
    desk.proposed()
    return desk.promote(desk.release("v0.3.2"))


def _same_values(desk: Desk) -> str:
    desk.proposed()
    commit = desk.forge.commit(desk.name, {"dev/notes.md": "the same values"}, "Notes")
    return desk.promote(commit)


def _behind(desk: Desk) -> str:
    commit = desk.proposed()
    production = PRODUCTION.format("v0.3.0").replace("3\n", "5\n", 1)
    desk.forge.commit(desk.name, {"production/values.yaml": production}, "More replicas")
    return desk.promote(commit)


def _by_others(desk: Desk) -> str:
    desk.proposed()
    desk.forge.commit(desk.name, {"production/notes.md": "careful"}, "Notes", branch=BRANCH)
    return desk.promote(desk.release("v0.3.2"))


def _left_over(desk: Desk) -> str:
    desk.merged()
    return desk.promote(desk.release("v0.3.2"))


def _edited(desk: Desk) -> str:
    commit = desk.proposed()
    desk.forge.edit(desk.name, 1, title="A better title", body="without what the promoter wrote")
    return desk.promote(commit)


def _closed(desk: Desk) -> str:
    desk.proposed()
    return desk.promote(desk.release("v0.3.0"))


def _superseded(desk: Desk) -> str:
    older = desk.release("v0.3.1")
    desk.promote(desk.release("v0.3.2"))
    return desk.promote(older)


def _reverted(desk: Desk) -> str:
    commit = desk.merged()
    desk.by_hand("v0.3.0")
    return desk.promote(commit)


def _lagging(desk: Desk) -> str:
    commit = desk.proposed()
    desk.forge.lag_pull_request_lists()
    return desk.promote(commit)


def _rollback(desk: Desk) -> str:
    desk.merged()
    return desk.promote(ROLLBACK="it returns 500")


def _rollback_again(desk: Desk) -> str:
    _rollback(desk)
    return desk.promote(ROLLBACK="it returns 500")


def _rolled_back(desk: Desk) -> str:
    commit = desk.merged()
    desk.promote(ROLLBACK="it returns 500")
    desk.forge.merge(desk.name, 2)
    return desk.promote(commit)


CASES: Mapping[str, tuple[Callable[[Desk], str], str, int, int]] = {
    # What happens, how its last run ends (empty: either way), and what that run asked: requests, transfers.
    "created": (lambda desk: desk.promote(desk.release("v0.3.1")), "created", 3, 2),
    "created, with a label and a reviewer": (_created_with_reviews, "created", 5, 2),
    "created, signed by GitHub": (_signed, "created", 5, 3),
    "created, nobody names a commit": (lambda desk: [desk.release("v0.3.1"), desk.promote()][1], "created", 3, 2),
    "created, on the branch of a merged one": (_left_over, "created", 3, 2),
    "created again, after a person closed it": (
        lambda desk: desk.promote(desk.closed(), AGAIN="true"),
        "created",
        3,
        1,
    ),
    "updated": (_updated, "updated", 3, 2),
    "updated, a newer commit, the same values": (_same_values, "updated", 3, 2),
    "updated, a person edited the text": (_edited, "updated", 3, 1),
    "updated, the target's file has changed": (_behind, "updated", 2, 2),
    "updated, others have worked on the branch": (_by_others, "updated", 3, 2),
    "unchanged": (lambda desk: desk.promote(desk.proposed()), "unchanged", 2, 1),
    "a list that lags": (_lagging, "", 4, 1),
    "nothing to change": (lambda desk: desk.promote(desk.release("v0.3.0")), "nothing to change", 2, 1),
    "nothing to change, after the merge": (lambda desk: desk.promote(desk.merged()), "nothing to change", 2, 1),
    "closed": (_closed, "closed as pointless", 4, 1),
    "superseded": (_superseded, "superseded", 2, 1),
    "declined": (lambda desk: desk.promote(desk.closed()), "declined", 2, 1),
    "reverted by hand": (_reverted, "taken back", 2, 1),
    "reverted by a rollback": (_rolled_back, "taken back", 2, 1),
    "rollback": (_rollback, "created", 3, 2),
    "rollback, asked twice": (_rollback_again, "unchanged", 2, 1),
}


def count(forge: Forge, case: str, name: str, folder: Path) -> tuple[int, int]:
    """The REST requests and git transfers of the case's last run, in a new repository. `MeasurementError`."""
    play, expected, _, _ = CASES[case]
    desk = Desk(forge, name, folder)
    promote, since = desk.promote, [0]

    def counted(commit: str = "", **environ: str) -> str:
        since[0] = len(forge.requests)
        return promote(commit, **environ)

    desk.promote = counted  # type: ignore[method-assign]
    ended = play(desk)
    if ended != (expected or ended):
        raise MeasurementError(f"the case {case!r} ended as {ended!r}")
    asked = forge.requests[since[0] :]
    return sum(request.kind == "rest" for request in asked), sum("info/refs" in request.path for request in asked)


def measure(report: Report, rounds: int) -> None:
    """Take this part's figures."""
    numbers = itertools.count(1)
    with tempfile.TemporaryDirectory() as folder, Forge(Path(folder) / "forge") as forge:
        forge.add_token(TOKEN, {"contents": "write", "pull_requests": "write", "issues": "write"}, actions=True)
        for case, (_, _, requests, transfers) in CASES.items():
            taken = [count(forge, case, f"acme/gitops-{next(numbers)}", Path(folder)) for _ in range(rounds)]
            for what, place, before in (("requests", 0, requests), ("git transfers", 1, transfers)):
                samples = Samples(tuple(float(counted[place]) for counted in taken))
                report.add(f"{case}: {what}", samples, "", float(before + MORE))
