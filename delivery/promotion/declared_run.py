"""What a declared promotion does besides its resources: its span, a stale branch, labels and reviewers.

The component's hooks call this when Pulumi's engine runs them. What is read beforehand is `pending.py`'s part.
"""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager

from delivery.git.repository import GitError, Repository
from delivery.github.client import GitHub, GitHubError
from delivery.promotion.desired import DesiredPromotion
from delivery.promotion.pending import reset_stale_branch
from delivery.promotion.publish import ForgeChangedError, add_labels_and_reviewers, compare
from delivery.tracing.run import PromotionSpan, Step

_STATUS = re.compile(r"\b(?:DELETE|GET|PATCH|POST|PUT) \S+ ([45]\d\d)\b")


class ProviderError(Exception):
    """A provider could not do what the engine asked; the text is one line, `status` GitHub's answer or 0.

    `errors` are what an error hook is given, newest first. A provider begins its own with a line that counts them, so
    the text is the first line with a bullet, or else the first line.
    """

    def __init__(self, errors: list[str]) -> None:
        lines = [line.strip() for line in "\n".join(errors[:1]).splitlines() if line.strip()]
        bullets = (line.removeprefix("* ") for line in lines if line.startswith("* "))
        text = next(bullets, lines[0] if lines else "the provider gave no reason")
        super().__init__(text)
        found = _STATUS.search(text)
        self.status = int(found[1]) if found else 0


class DeclaredRun:
    """The run of one desired promotion, with the steps that the promoter has: `push`, then `open`.

    A step has a span only when the engine has something to do in it. `web_url` is the repository's address, `say`
    shows people a line.
    """

    def __init__(
        self,
        desired: DesiredPromotion,
        web_url: str,
        span: PromotionSpan,
        github: GitHub,
        connect: Callable[[], Repository],
        say: Callable[[str], None],
    ) -> None:
        self._desired, self._web_url, self._span = desired, web_url, span
        self._github, self._connect, self._say = github, connect, say
        self._name: Step | None = None
        self._step: AbstractContextManager[None] | None = None
        if desired.open is not None:
            self._set_pull_request(desired.open.number)
        if desired.unchanged:
            # No hook runs for a resource that stays unchanged, so the outcome is set here; a hook that does run sets
            # its own.
            span.set_result("success", "unchanged")

    def branching(self) -> None:
        """The branch is about to be created. Raises `GitError` when a stale one cannot be reset."""
        self.begin("push")
        try:
            reset_stale_branch(self._desired, self._connect)
        except Exception as error:
            self._fail(error)
            raise

    def begin(self, name: Step) -> None:
        """The engine is about to do something that belongs to the step `name`."""
        if self._name != name:
            self._finish(None)
            self._name, self._step = name, self._span.step(name)
            self._step.__enter__()

    def pushed(self) -> None:
        """Everything is on the branch."""
        self._finish(None)
        if self._desired.open:
            # When the pull request itself stays unchanged, no hook of it runs after this.
            self._span.set_result("success", "updated")

    def opened(self, number: int, *, created: bool) -> None:
        """The pull request is up to date: it gets its labels and reviewers, and the run is over.

        For a label or reviewer that GitHub refuses there is a line to `say`, and so there is for a pull request that
        a person or another run has changed meanwhile; then the run has failed.
        """
        self._set_pull_request(number)
        try:
            self._compare(number)
        except (ForgeChangedError, GitHubError, GitError) as error:
            # The engine only warns of what a hook raises after a resource is there.
            self._say(f"{error} (`pulumi up` again)")
            self._fail(error)
            return
        if self._desired.lacks_labels(self._desired.open, created=created):
            for note in add_labels_and_reviewers(self._github, self._desired, number):
                self._say(f"pull request {number}: {note}")
        self._finish(None)
        self._span.set_result("success", "created" if created else "updated")
        self._span.end()

    def _compare(self, number: int) -> None:
        """Make sure that the pull request says and brings what was declared, whoever has changed it meanwhile.

        Raises `ForgeChangedError`, `GitHubError` or `GitError`.
        """
        desired = self._desired
        with self._connect() as repository:
            head = repository.fetch_tip(desired.branch)
            found = self._github.get_pull_request(number)
            brought = repository.read_all(head, tuple(desired.files)) if head is not None else {}
        compare(found, desired, head)
        if not desired.is_on(brought):
            raise ForgeChangedError(f"pull request #{number} brings other values than it says: run again")

    def failed(self, errors: list[str]) -> None:
        """One of the resources failed, as an error hook was told; the run is over."""
        self._fail(ProviderError(errors))

    def _fail(self, error: Exception) -> None:
        self._finish(error)
        self._span.fail(error)
        self._span.end()

    def _finish(self, error: Exception | None) -> None:
        step, self._step, self._name = self._step, None, None
        if step is not None:
            step.__exit__(type(error) if error else None, error, None)

    def _set_pull_request(self, number: int) -> None:
        self._span.set_pull_request(number, f"{self._web_url}/pull/{number}", self._desired.title, "open")
