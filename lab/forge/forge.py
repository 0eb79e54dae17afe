"""The lab's forge: a small stand-in for GitHub on loopback, over real bare git repositories.

It answers git clients over smart HTTP, and those REST calls (in GitHub Enterprise's form, below `/api/v3`) that
this project's program, task and promoter and the official github provider make, and of GraphQL one kind of query
(`lab.forge.graphql`). It has no pages, and no webhooks, forks, reviews, checks or merge queues, and it runs no workflow
itself.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from lab.forge.model import INSTALLATION_TOKEN, App, PullRequest, Record, Run, Token
from lab.forge.pulls import follow, merge, reopen
from lab.forge.repositories import ZERO, Repository, person
from lab.forge.server import Server
from lab.forge.state import DispatchCallback, Fault, Hold, State

EVERYTHING = dict.fromkeys(
    ("actions", "administration", "contents", "deployments", "issues", "pull_requests", "statuses", "workflows"),
    "write",
)


class Forge:
    """A forge that serves from its creation until `stop`, or for a `with` block.

    `root` is the folder for the repositories (`<root>/<owner>/<name>.git`); `port` 0 takes a free one.
    """

    def __init__(self, root: Path, port: int = 0) -> None:
        self._state = State(root)
        self._server = Server(self._state, port)
        self._state.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Forge":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Finish the runs, release held answers, close every connection and process."""
        self._state.release()
        self._state.runs.stop()
        self._server.stop()
        for repository in self._state.repositories.values():
            repository.objects.close()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>`; git repositories are at `<url>/<owner>/<name>.git`."""
        return self._state.url

    @property
    def api_url(self) -> str:
        """The base of the REST API."""
        return f"{self._state.url}/api/v3"

    @property
    def requests(self) -> list[Record]:
        """Every request so far, oldest first (a copy)."""
        with self._state.lock:
            return list(self._state.records)

    def forget_requests(self) -> None:
        """Empty the record of requests."""
        with self._state.lock:
            self._state.records.clear()

    def create_repository(
        self,
        full_name: str,
        default_branch: str = "main",
        *,
        organization: bool = False,
        files: Mapping[str, str | bytes] | None = None,
    ) -> Path:
        """Create a bare repository `owner/name`, with a first commit when there are `files`; give its folder.

        `FileExistsError` when the folder is there already. `organization` makes the owner one.
        """
        path = self._state.root / f"{full_name}.git"
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._state.lock:
            number = self._state.identifiers()
            repository = Repository(number, full_name, path, default_branch, organization=organization)
            repository.create()
            self._state.repositories[full_name.lower()] = repository
            self._state.pulls[full_name] = {}
            repository.listeners.append(lambda branch, new: follow(self._state, repository, branch, new))
        if files:
            self.commit(full_name, dict(files), "Begin")
        return path

    def delete_repository(self, full_name: str) -> None:
        """Forget a repository and its pull requests; its folder stays."""
        with self._state.lock:
            self._state.repositories.pop(full_name.lower()).objects.close()
            del self._state.pulls[full_name]

    def add_token(
        self,
        secret: str,
        permissions: Mapping[str, str] | None = None,
        login: str = "octocat",
        *,
        repositories: list[str] | None = None,
        actions: bool = False,
    ) -> None:
        """Make a token valid. Without `permissions` it may do everything; without `repositories` it sees all.

        `actions` marks a workflow's own `GITHUB_TOKEN`; a `login` that ends in `[bot]` is a GitHub App's.
        """
        seen = None if repositories is None else frozenset(name.lower() for name in repositories)
        granted = EVERYTHING if permissions is None else permissions
        who = "github-actions[bot]" if actions else login
        self._state.tokens[secret] = Token(who, dict(granted), seen, actions)

    def add_app(
        self,
        identifier: str,
        public_key: str,
        installation: str,
        repositories: list[str],
        permissions: Mapping[str, str] | None = None,
    ) -> None:
        """Make a GitHub App known: its id, its public key as PEM, and its one installation with what that may do."""
        seen = frozenset(name.lower() for name in repositories)
        granted = EVERYTHING if permissions is None else permissions
        self._state.apps[identifier] = App(f"app-{identifier}", public_key, installation, dict(granted), seen)

    def expire_installation_tokens(self) -> None:
        """Let an hour go by for the tokens that Apps have made."""
        for secret in [secret for secret in self._state.tokens if secret.startswith(INSTALLATION_TOKEN)]:
            self.remove_token(secret)

    def remove_token(self, secret: str) -> None:
        """Revoke a token."""
        self._state.tokens.pop(secret, None)

    def settings(self, full_name: str) -> Repository:
        """The repository with its settings (`actions_may_open_pull_requests`, `collaborators`, …) to change."""
        return self._state.repository(full_name, None)

    def protect(self, full_name: str, branch: str = "main", *, reviews: int = 0) -> None:
        """Protect a branch: only merged pull requests change it, with `reviews` approvals when that is not 0."""
        self.settings(full_name).protections[branch] = reviews

    def unprotect(self, full_name: str, branch: str = "main") -> None:
        """Lift the protection."""
        self.settings(full_name).protections.pop(branch, None)

    def demand_signatures(self, full_name: str, *branches: str) -> None:
        """Let verified commits alone onto branches that match one of these patterns; without any, lift that rule."""
        self.settings(full_name).signed_branches = branches

    def commit(
        self,
        full_name: str,
        files: Mapping[str, str | bytes | None],
        message: str,
        *,
        branch: str | None = None,
        author: str = "octocat",
    ) -> str:
        """Commit files (None removes one) to a branch, the default one unless named, as somebody's push would.

        A branch that is not there starts at the default branch. Protection does not apply. Gives the commit.
        """
        who = person(author)
        with self._state.lock:
            return self.settings(full_name).commit_files(files, message, who, branch=branch, committer=who)

    def read(self, full_name: str, path: str, ref: str = "HEAD") -> bytes | None:
        """A file's bytes at a branch, commit or HEAD; None when it is not there."""
        return self.settings(full_name).read(path, ref)

    def branch(self, full_name: str, name: str) -> str | None:
        """The commit at the tip of a branch, None when there is no such branch."""
        return self.settings(full_name).branch(name)

    def delete_branch(self, full_name: str, name: str) -> None:
        """Delete a branch, as a person would on the web page; its open pull request closes."""
        with self._state.lock:
            self.settings(full_name).update_ref(f"refs/heads/{name}", ZERO)

    def pull_requests(self, full_name: str) -> list[PullRequest]:
        """All pull requests, oldest first. They are the forge's own objects: do not change them."""
        with self._state.lock:
            return self._state.pull_requests(self.settings(full_name))

    def merge(
        self, full_name: str, number: int, method: str = "merge", delete_branch: bool = False, *, login: str = "octocat"
    ) -> str:
        """Merge (or `squash`) a pull request, as a person would; gives the new commit. `ApiError` as over REST."""
        with self._state.lock:
            repository = self.settings(full_name)
            pull = self._state.pull_request(repository, number)
            commit = merge(repository, pull, login=login, method=method)
            if delete_branch and repository.branch(pull.head):
                repository.update_ref(f"refs/heads/{pull.head}", ZERO)
            return commit

    def close(self, full_name: str, number: int) -> None:
        """Close a pull request without merging, as a person would."""
        with self._state.lock:
            self._state.pull_request(self.settings(full_name), number).close(self._state.actor)

    def reopen(self, full_name: str, number: int) -> None:
        """Open a closed pull request again, as a person would. `ApiError` as over REST."""
        with self._state.lock:
            repository = self.settings(full_name)
            pull = self._state.pull_request(repository, number)
            reopen(self._state, repository, pull)
            pull.reopen()

    def edit(self, full_name: str, number: int, *, title: str | None = None, body: str | None = None) -> None:
        """Give a pull request another title or body, as a person would; None leaves what is there."""
        with self._state.lock:
            pull = self._state.pull_request(self.settings(full_name), number)
            pull.title, pull.body = title or pull.title, pull.body if body is None else body
            pull.change()

    def on_dispatch(self, callback: DispatchCallback) -> None:
        """Have `callback(repository, workflow_file, ref, inputs)` carry out each dispatched run, in its own thread.

        It gives the conclusion; None means `success`. `inputs` have their defaults filled in.
        """
        self._state.runs.callback = callback

    def wait_for_runs(self) -> list[Run]:
        """Wait until every dispatched run has ended; gives all runs and raises what a callback raised."""
        return self._state.runs.wait()

    def fail_next(
        self,
        method: str,
        path: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, object] | str | None = None,
        times: int | None = 1,
        after_commit: bool = False,
    ) -> None:
        """Answer the next `times` requests of `method` (`*`: any) whose path and query match the pattern with `status`.

        Without a status the connection is reset. With `after_commit` the request takes effect first. `times` None
        lasts until `forget_faults`: `fail_next("*", "/actions/", status=503, times=None)` is Actions that are down.
        Paths are as in `requests`: `/repos/o/n/pulls?state=open`, `/o/n.git/git-receive-pack`, `/api/graphql`.
        """
        fault = Fault(method, re.compile(path), status, dict(headers or {}), body, times, after_commit)
        with self._state.lock:
            self._state.faults.append(fault)

    def hold_next(self, method: str, path: str) -> Hold:
        """Hold the answer to the next matching request until the event given back is set (or the forge stops)."""
        hold = Hold()
        with self._state.lock:
            self._state.held.append(hold)
            self._state.faults.append(Fault(method, re.compile(path), hold=hold))
        return hold

    def lag_pull_request_lists(self, times: int = 1) -> None:
        """Let the next lists of pull requests miss the newest one, as GitHub's may for some seconds."""
        self._state.lagging_lists += times

    @property
    def lagging(self) -> int:
        """How many lists of pull requests will miss the newest one."""
        return self._state.lagging_lists

    def forget_faults(self) -> None:
        """No fault and no lag happens any more that has not happened so far."""
        with self._state.lock:
            self._state.faults.clear()
            self._state.lagging_lists = 0

    @property
    def pending_faults(self) -> int:
        """How many faults have not met their requests: 0 at the end of a test that asked for them."""
        return len(self._state.faults)
