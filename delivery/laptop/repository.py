"""The GitOps repository that a person names, as the token sees it: usable, or what to do so that it is."""

from collections.abc import Iterator
from dataclasses import dataclass

from delivery.doctor.check import Check, ok, wrong
from delivery.doctor.github import GitHubView
from delivery.laptop.errors import LaptopError
from delivery.laptop.programs import Programs
from delivery.model.pipeline import Repository
from delivery.model.secret import SecretText

SETTINGS = "/contents/.github/promoter/settings.json"
"""What the first stage's stack commits, whoever's it is."""


@dataclass(frozen=True)
class Token:
    """A token for GitHub, and where it is from, for people."""

    secret: SecretText
    source: str


def find_token(programs: Programs, server: str) -> Token:
    """The token of `GITHUB_TOKEN`, else that of the GitHub CLI for the host `server`. Raises `LaptopError`."""
    login = f"gh auth login --hostname {server} --scopes workflow, or set GITHUB_TOKEN"
    if given := programs.environ.get("GITHUB_TOKEN"):
        return Token(SecretText(given), "GITHUB_TOKEN")
    if not programs.has("gh"):
        raise LaptopError("there is no token for GitHub: GITHUB_TOKEN is not set, and gh is not on PATH", login)
    try:
        found = programs.ask("gh", "auth", "token", "--hostname", server).strip()
    except LaptopError:
        raise LaptopError("there is no token for GitHub: GITHUB_TOKEN is not set, and gh has none", login) from None
    return Token(SecretText(found), "gh auth token")


class GitOpsRepository:
    """The repository as the token sees it. Asked once; `problems` first, the rest only where there are none."""

    def __init__(self, repository: Repository, token: Token) -> None:
        self.repository = repository
        self._view = GitHubView(repository, "githubToken", token.secret)

    @property
    def exists(self) -> bool:
        """Whether the token sees it. Raises `LaptopError` where that is not known."""
        found = self._view.get()
        if not found.ok and found.status != 404:
            raise LaptopError(f"{self.repository.url}: {found.why}", "check the token and the network")
        return found.ok

    @property
    def is_private(self) -> bool:
        """Whether Argo CD needs a credential to read it."""
        return self._view.get().field("private") is not False

    @property
    def default_branch(self) -> str:
        """The branch that Argo CD reads."""
        return str(self._view.get().field("default_branch") or "main")

    def checks(self, *, ours: bool) -> Iterator[Check]:
        """One check if all is well, else those that are wrong. `ours`: what is in it may be of an earlier `make up`."""
        name, found, where = f"repository {self.repository.gh_name}", self._view.get(), self.repository
        create = f"gh repo create {where.gh_name} --private --add-readme"
        if found.status == 404:
            yield wrong(name, "does not exist, or the token does not see it", f"{create}; or another token")
            return
        if not found.ok:
            yield wrong(name, found.why, "check the token and the network: gh auth status")
            return
        problems = list(self._unusable(name, ours=ours))
        yield from problems or [ok(name, f"{'private' if self.is_private else 'public'}, {self.default_branch}")]

    def _unusable(self, name: str, *, ours: bool) -> Iterator[Check]:
        found, url = self._view.get(), self.repository.url
        if found.field("archived") is True:
            yield wrong(name, "is archived", f"name another one, or unarchive it: {url}/settings")
        elif found.field("permissions", "push") is False:
            yield wrong(name, "the token may not write it", "name one of your own, or take another token")
        elif found.field("permissions", "admin") is False:
            detail = "the token may not administer it, and the first stage lets Actions open pull requests"
            yield wrong(name, detail, "name one of your own, or take another token")
        scopes = {scope.strip() for scope in found.headers.get("x-oauth-scopes", "").split(",") if scope.strip()}
        if scopes and "workflow" not in scopes:
            fix = "gh auth refresh --scopes workflow, or another token"
            yield wrong(name, "the token lacks the scope workflow: a workflow is committed", fix)
        if self._view.branch(self.default_branch).status == 404:
            yield wrong(name, "has no commit", f"commit something: {url}/new/{self.default_branch}?filename=README.md")
        elif not ours and self._view.get(SETTINGS).ok:
            detail = "has a pipeline already, which these stacks would take over"
            yield wrong(name, detail, f"name another one; where nobody uses it, delete .github/promoter: {url}")
