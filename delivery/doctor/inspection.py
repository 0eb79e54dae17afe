"""What the checks of one stack may look at: its machine, its inputs, its cluster and its GitOps repository.

`Look` is what every stack has, `Inspection` what a stage's has.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from delivery.cluster import Connection, connect
from delivery.cluster.kubeconfig import logins
from delivery.cluster.needs import Target, targets
from delivery.config.files import PROJECT
from delivery.config.readiness import is_path, unusable_private_key, wrong_tokens
from delivery.doctor.check import Check, ok, unknown, wrong
from delivery.doctor.github import GitHubView
from delivery.github.client import GitHubError
from delivery.model.secret import SecretText
from delivery.model.stack import StackConfiguration

if TYPE_CHECKING:
    # It imports cryptography, which takes long, for the stacks that have an App.
    from delivery.github.app import InstallationToken

APP = "GitHub App"
"""The name of the check of a stack's App."""


class BlockedError(Exception):
    """What a check needs is not there: `checks` say so in its place, and in that of all others of its group."""

    def __init__(self, *checks: Check) -> None:
        super().__init__(*checks)
        self.checks = checks


class Look:
    """One look at one stack. `project` has its Pulumi.yaml, `program` the locked packages.

    `secrets` are empty until the checks of the inputs have filled them. `set_keys` are the secrets that are
    configured, decrypted or not; `hidden` is what has to be masked wherever it appears; `silent` are the clusters that
    gave no answer.
    """

    providers: tuple[str, ...] = ("kubernetes", "github")
    """The plugins that an update runs."""

    def __init__(self, project: Path, stack: str, environ: Mapping[str, str]) -> None:
        self.project = self.program = project
        self.stack = stack
        self.environ = environ
        self.secrets: dict[str, SecretText] = {}
        self.set_keys: frozenset[str] = frozenset()
        self.hidden: list[str] = []
        self.silent: set[str] = set()

    @property
    def has_central_argocd(self) -> bool:
        """Whether Argo CD runs in another cluster than the stack's."""
        return False

    def add_secrets(self, secrets: Mapping[str, SecretText]) -> None:
        """Know these secrets from now on, by their configuration keys, and mask them and the logins inside."""
        self.secrets |= secrets
        self.hidden += [secret.reveal() for secret in secrets.values()]
        for key in secrets.keys() & {"kubeconfig", "argocdKubeconfig"}:
            self.hidden += logins(secrets[key].reveal())

    def _reach(self, mode: str, context: str, keys: tuple[str, str], namespace: str = PROJECT) -> Connection:
        """The cluster of `context`, which these keys of `namespace` set. Raises as `Inspection.connection` does."""
        of_context, kubeconfig = keys
        if kubeconfig in self.set_keys - self.secrets.keys():
            raise BlockedError(unknown("cluster", f"not checked: {namespace}:{kubeconfig} cannot be decrypted"))
        if mode != "deploy":
            detail = f"not checked: {namespace}:cluster is {mode}, this stack deploys to none"
            raise BlockedError(ok("cluster", detail))
        if not context:
            raise BlockedError(unknown("cluster", f"not checked: {namespace}:{of_context} is not set"))
        return connect(
            context, self.secrets.get(kubeconfig), (f"{namespace}:{of_context}", f"{namespace}:{kubeconfig}")
        )


class Inspection(Look):
    """A look at a stage's stack. What needs the network is asked when it is needed first, and once.

    `parsed` is empty until the checks of the inputs have filled it.
    """

    def __init__(self, project: Path, stack: str, environ: Mapping[str, str]) -> None:
        super().__init__(project, stack, environ)
        self.parsed: StackConfiguration | None = None
        self._views: dict[str, GitHubView] = {}

    @property
    def configuration(self) -> StackConfiguration:
        """The stack's configuration. Raises `BlockedError` when it is not valid."""
        if self.parsed is None:
            raise BlockedError(unknown("cluster and repository", "not checked: they follow from the configuration"))
        return self.parsed

    @cached_property
    def connection(self) -> Connection:
        """The stage's cluster. Raises `BlockedError` where there is none to ask, and `ClusterError`."""
        return self._connect(targets(self.configuration, self.set_keys)[0])

    @cached_property
    def argocd_connection(self) -> Connection:
        """Argo CD's cluster, which may be the stage's. Raises as `connection` does."""
        target = targets(self.configuration, self.set_keys)[-1]
        return self._connect(target) if self.has_central_argocd else self.connection

    @property
    def has_central_argocd(self) -> bool:
        """Whether Argo CD runs in another cluster than the stage's."""
        return self.parsed is not None and bool(self.parsed.cluster.argocd_context)

    def _connect(self, target: Target) -> Connection:
        return self._reach(self.configuration.cluster.mode, target.context, target.keys)

    @cached_property
    def installation(self) -> "InstallationToken":
        """A token of the stack's GitHub App, for this look and with all that the App may do. Raises `BlockedError`."""
        from delivery.github.app import PrivateKeyError, installation_token, read_private_key

        repository, app = self.configuration.pipeline.repository, self.configuration.github_app
        if app is None or "githubAppPrivateKey" not in self.secrets:
            raise BlockedError(unknown(APP, "not checked: there is no githubAppPrivateKey"))
        where = (repository.owner, repository.name)
        try:
            key = read_private_key(self.secrets["githubAppPrivateKey"], is_path=is_path)
            made = installation_token(repository.api_url, where, (app.id, app.installation_id), key, attempts=1)
        except PrivateKeyError as error:
            problem = unusable_private_key(self.stack, str(error))
            raise BlockedError(wrong(APP, f"found {problem.found}; allowed: {problem.allowed}", problem.fix)) from None
        except GitHubError as error:
            if not error.refused:
                raise BlockedError(unknown(APP, str(error))) from None
            fix = f"compare both ids and the key with {repository.server_url}/settings/apps and its installations"
            raise BlockedError(wrong(APP, str(error), fix)) from None
        self.hidden.append(made.token.reveal())
        return made

    def has_token(self, key: str) -> bool:
        """Whether there is a token of this configuration key that can be sent to GitHub, or can be made."""
        if key == "githubToken" and self.parsed is not None and self.parsed.github_app:
            return "githubAppPrivateKey" in self.secrets
        return key in self.secrets and key not in wrong_tokens(self.stack, self.secrets)

    def require_repository(self) -> None:
        """Raise `BlockedError` while the GitOps repository is not configured."""
        if self.configuration.pipeline.repository.is_example:
            raise BlockedError(unknown("repository", "not checked: delivery:repositoryOwner is still the example's"))

    def github(self, key: str = "githubToken") -> GitHubView:
        """The GitOps repository as the token `key` sees it. Raises `BlockedError` where it cannot be asked."""
        self.require_repository()
        if not self.has_token(key):
            raise BlockedError(unknown("repository", f"not checked: there is no {key}"))
        if key not in self._views:
            as_app = key == "githubToken" and self.configuration.github_app
            token = self.installation.token if as_app else self.secrets[key]
            self._views[key] = GitHubView(self.configuration.pipeline.repository, key, token)
        # One that gave no answer is not asked again with the other token.
        first = next(iter(self._views.values())).get()
        if first.status == 0:
            rest = unknown("tokens and promotions", "not checked: no answer from GitHub")
            raise BlockedError(unknown("repository", first.why), rest)
        return self._views[key]
