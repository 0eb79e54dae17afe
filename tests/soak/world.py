"""Plays histories: a repository on the lab's forge, what people do in it, and the promoter's runs in this process.

Everything that is done here is told to the oracle, which says whether the promoter may have done what it did.
"""

import contextlib
import io
import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery.model.settings import PromotionSettings
from delivery.promotion import cli
from lab.forge import ApiError, Forge
from tests.soak.actions import (
    PIPELINES,
    VERSIONS,
    Close,
    Commit,
    Deliver,
    Edit,
    History,
    Lag,
    Merge,
    Noise,
    Reopen,
    Rollback,
    Ship,
    Trouble,
    Verify,
    Work,
)
from tests.soak.layouts import LAYOUTS, with_value
from tests.soak.network import Attempt, Killed, Network
from tests.soak.oracle import Event, Oracle, Ran, View

TOKEN = "token-that-nobody-may-see"
_PERSON = ("-c", "user.name=Alex", "-c", "user.email=alex@delivery.invalid")


@dataclass
class Site:
    """What histories share: a forge, the network between it and the promoter, and a folder. Each has a repository."""

    forge: Forge
    network: Network
    folder: Path
    histories: int = 0
    runs: int = 0

    def play(self, history: History) -> None:
        """Play a history to its end. `InvariantError` when something happened that must not."""
        self.histories += 1
        name = f"acme/history-{self.histories}"
        world = World(self, name, history.pipeline, history.layout)
        try:
            for action in history.actions:
                world.play(action)
            world.finish(history.order)
        finally:
            self.forge.delete_repository(name)
            self.forge.forget_faults()
            self.forge.forget_requests()
            shutil.rmtree(self.folder / "forge" / f"{name}.git", ignore_errors=True)


@contextlib.contextmanager
def site(folder: Path) -> Any:
    """A site in `folder`."""
    with Forge(folder / "forge") as forge, Network() as network:
        forge.add_token(TOKEN, {"contents": "write", "pull_requests": "write", "issues": "write"}, actions=True)
        yield Site(forge, network, folder)


class World:
    """One history's repository."""

    def __init__(self, shared: Site, name: str, pipeline: str, layout: str) -> None:
        self.site, self.forge, self.network, self.name = shared, shared.forge, shared.network, name
        self.stages, self.layout = PIPELINES[pipeline], LAYOUTS[layout]
        self.network.now, self.network.attempts = 1_800_000_000, []
        files: dict[str, dict[str, str | bytes | None]] = {"main": {"README.md": "Begin"}}
        for stage, after in self.stages.items():
            own = self.layout.files(stage, VERSIONS[0], follows=bool(after))
            files.setdefault(self.layout.branch(stage), {}).update(own)
        self.forge.create_repository(name)
        for branch, committed in files.items():
            self.forge.commit(name, committed, "Begin", branch=branch)
        self.repository = self.forge.settings(name)
        self.repository.actions_may_open_pull_requests = True
        self.network.begin(self.repository)
        self.edges = [(before, stage) for stage, after in self.stages.items() for before in after]
        self.settings = self.site.folder / "settings.json"
        edges = tuple(self.layout.edge(name, *between) for name in self.layout.applications for between in self.edges)
        self.settings.write_text(
            PromotionSettings(
                owner="acme",
                repository=name.partition("/")[2],
                default_branch="main",
                api_url=self.forge.api_url,
                web_url=f"{self.forge.url}/{name}",
                stages=self.stages,
                edges=edges,
                requires={"production": pipeline.rpartition(" ")[2]} if "," in pipeline else {},
                groups=tuple(target for _, target in self.edges) if len(self.layout.applications) > 1 else (),
            ).to_json()
        )
        self.trace = self.site.folder / "traces.jsonl"
        view = View(self.forge, self.repository, self.layout)
        self.oracle = Oracle(view, (TOKEN,), {stage: after for stage, after in self.stages.items() if after}, pipeline)
        self.oracle.moved()

    def play(self, action: Any) -> None:
        """Let `action` happen."""
        self.network.now += 60
        match action:
            case Ship():
                sources = [stage for stage in self.stages if any(stage == one for one, _ in self.edges)]
                stage = sources[action.stage % len(sources)]
                self._set(stage, VERSIONS[action.version], part=action.part)
                events = self._verify(stage, action.part)
                for event in events if action.then != "verify" else ():
                    self._deliver(event, trouble=action.trouble)
                for pull in self.oracle.view.open() if action.then == "merge" else ():
                    if stage in pull.head.split("/")[2].split("+"):
                        self._pull(Merge(0), pull.number)
            case Deliver():
                if events := self.oracle.events:
                    event = events[-1 - action.event % len(events)]
                    self._deliver(event, again=action.again, trouble=action.trouble)
            case Verify():
                self._verify(_choose(action.stage, [*self.stages]), action.part)
            case Commit():
                self._set(_choose(action.stage, [*self.stages]), VERSIONS[action.version], action.skew, action.part)
            case Noise():
                self._noise(action)
            case Rollback():
                source, target = _choose(action.edge, self.edges)
                self._run(source, target, again=action.again, trouble=action.trouble, ROLLBACK="it returns 500")
            case Lag():
                self.forge.lag_pull_request_lists(action.times)
            case Reopen():
                self._reopen(action)
            case Merge() | Close() | Edit() | Work():
                if pulls := self.oracle.view.open():
                    self._pull(action, _choose(action.pull, pulls).number)

    def finish(self, order: int) -> None:
        """Everything works again, and every event is repeated, out of order, and once more."""
        self.forge.forget_faults()
        shuffled = random.Random(order)  # noqa: S311 - an order, no secret
        failed: dict[int, bool] = {}
        for _ in range(2):
            events = [*self.oracle.events]
            shuffled.shuffle(events)
            for event in events:
                self.network.now += 60
                failed[event.number] = self._deliver(event)
        self.oracle.finish({number for number, status in failed.items() if status})
        if self.trace.exists():
            self.oracle.told(self.trace.read_text(encoding="utf-8"))
            self.trace.unlink()

    def _set(self, stage: str, version: str, skew: int = 0, part: int = 0) -> None:
        branch, was = self.layout.branch(stage), self.oracle.view.now(stage)
        paths = [self.layout.path(field, stage) for field in self.layout.part(part)]
        texts = {path: self.oracle.view.file(branch, path) for path in paths}
        files = {path: new for path, text in texts.items() if (new := with_value(text, version)) != text}
        if files:
            self._commit(branch, files, f"{stage} {version}", skew)
            self.oracle.set_by_hand(stage, was, self.oracle.view.now(stage))

    def _noise(self, action: Noise) -> None:
        stage = _choose(action.stage, [*self.stages])
        path = self.layout.path(self.layout.fields[-1], stage)
        for _ in range(action.count):
            self.network.now += 1
            number = str(int(self.network.now))
            files = {"README.md": number}
            if action.what == "folder":
                files = {f"{path.rpartition('/')[0]}/notes.md": number}
            elif action.what == "key":
                path = self.layout.path(self.layout.fields[0], stage)
                content = self.oracle.view.file(self.layout.branch(stage), path).splitlines()
                lines = [f"replicas: {number}" if line.startswith("replicas:") else line for line in content]
                files = {path: "\n".join(lines) + "\n"}
            self._commit(self.layout.branch(stage), files, f"{action.what} {number}", action.skew)

    def _commit(self, branch: str, files: dict[str, str], message: str, skew: int) -> None:
        self.network.now += skew
        self.forge.commit(self.name, files, message, branch=branch)
        self.network.now -= skew
        self.oracle.moved()

    def _verify(self, stage: str, part: int = 0) -> list[Event]:
        events = []
        for application in dict.fromkeys(field.application for field in self.layout.part(part)):
            trace = f"00-{len(self.oracle.events) + 1:032x}-{1:016x}-01"
            follow = [target for source, target in self.edges if source == stage]
            events += [self.oracle.verified(application, stage, target, trace) for target in follow]
        return events

    def _deliver(self, event: Event, *, again: bool = False, trouble: Trouble | None = None) -> bool:
        inputs = {"COMMIT_ID": event.commit, "VERSION": event.values[0], "TRACEPARENT": event.trace}
        return self._run(event.source, event.target, event, again=again, trouble=trouble, **inputs)

    def _run(
        self,
        source: str,
        target: str,
        event: Event | None = None,
        *,
        again: bool = False,
        trouble: Trouble | None = None,
        **inputs: str,
    ) -> bool:
        """Run the promoter; whether it failed."""
        self.site.runs += 1
        self.network.now += 1
        attempt = Attempt()
        if trouble:
            attempt = Attempt(trouble.at, trouble.kind, trouble.lasting, lambda: self.play(trouble.during))
        application = event.application if event else self.layout.applications[0]
        environ = {"APPLICATION": application, "FROM": source, "TO": target, "AGAIN": str(again).lower()}
        environ |= {"GITHUB_TOKEN": TOKEN, "DELIVERY_WRITE_INTERVAL": "0", "PATH": "/usr/bin:/bin:/usr/local/bin"}
        environ |= {"DELIVERY_TRACE_FILE": str(self.trace), **inputs}
        lagged, begun = self.forge.lagging, self.oracle.begin(event, again=again)
        self.network.attempts.append(attempt)
        out, err = io.StringIO(), io.StringIO()
        status, crash = -1, ""
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = cli.main(["--settings", str(self.settings), "--json"], environ, lambda _: None)
        except Killed:
            """Nothing is said."""
        except Exception as error:
            crash = f"{type(error).__name__}: {error}"
        finally:
            self.network.attempts.pop()
        said = out.getvalue() + err.getvalue()
        told = json.loads(out.getvalue()) if status == 0 else {}
        result, decided = str(told.get("result", "")), str(told.get("commitID", ""))
        during = trouble.during if trouble and attempt.disturbed else None
        disturbed, rollback = attempt.disturbed or lagged > 0, "ROLLBACK" in inputs
        ran = Ran(
            source, target, event, begun, again, rollback, status, result, decided, said, crash, disturbed, lagged > 0
        )
        self.oracle.ran(ran, during is not None and not isinstance(during, Deliver))
        return status != 0

    def _pull(self, action: Merge | Close | Edit | Work, number: int) -> None:
        pull = self.oracle.view.pull(number)
        target = pull.head.rpartition("/")[2]
        match action:
            case Merge():
                was = self.oracle.view.now(target)
                self.oracle.merging(number)
                with contextlib.suppress(ApiError):
                    self.forge.merge(self.name, number, action.method, action.delete)
                    self.oracle.moved()
                    self.oracle.merged(number, was)
            case Close():
                self.oracle.closed(number, deleted=action.delete)
                if action.delete:
                    self.forge.delete_branch(self.name, pull.head)
                else:
                    self.forge.close(self.name, number)
            case Edit():
                self.oracle.edited(number)
                body = pull.body or ""
                if action.what == "above":
                    self.forge.edit(self.name, number, body=f"Look here first.\n\n{body}")
                elif action.what == "title":
                    self.forge.edit(self.name, number, title="Something else")
                elif action.what == "all":
                    self.forge.edit(self.name, number, body="")
                else:
                    self.forge.edit(self.name, number, body=body.partition("<!-- delivery-promotion")[0])
            case Work():
                self._work(action.what, pull.head, target)

    def _work(self, what: str, branch: str, target: str) -> None:
        base = self.layout.branch(target)
        if what == "update":
            tree = self.repository.merged_tree(branch, base)
            if tree is not None and not self.repository.is_ancestor(base, branch):
                parents = ("-p", branch, "-p", base, "-m", "Update branch")
                merge = self.repository.git(*_PERSON, "commit-tree", tree, *parents).strip()
                self.repository.update_ref(f"refs/heads/{branch}", merge)
                self.oracle.worked(branch, merge)
            return
        path = self.layout.path(self.layout.fields[0], target)
        content = self.oracle.view.file(branch, path)
        files = {f"{path.rpartition('/')[0]}/notes-{int(self.network.now)}.md": "careful"}
        if what == "replicas":
            files = {path: content.replace('limit: "', f'limit: "{int(self.network.now)} ')}
        elif what == "version":
            files = {path: with_value(content, VERSIONS[-1])}
        self.oracle.worked(branch, self.forge.commit(self.name, files, f"Work: {what}", branch=branch))

    def _reopen(self, action: Reopen) -> None:
        closed = [pull for pull in self.oracle.view.pulls() if pull.state == "closed" and not pull.merged]
        # GitHub opens none whose branch has moved since it was closed.
        closed = [pull for pull in closed if self.forge.branch(self.name, pull.head) == pull.head_sha]
        if closed:
            with contextlib.suppress(ApiError):
                number = _choose(action.pull, closed).number
                self.forge.reopen(self.name, number)
                self.oracle.reopened(number)


def _choose(number: int, things: Sequence[Any]) -> Any:
    return things[number % len(things)]
