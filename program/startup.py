"""What takes long before a stack can be declared, done at the same time.

Reading the GitOps repository, importing the providers' SDKs and starting the providers take a good part of a second
each. Measured with the engine and the shipped `dev` stack: starting the providers while the rest is imported saves
0.35 s of waiting, and switching the garbage collector off 0.45 s of 1.9 s of processor time.
"""

import asyncio
import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

import pulumi

# The language host takes the program's folder off sys.path before `start` runs: of a package that is imported by then,
# the rest is found all the same.
import components  # noqa: F401
from delivery.model.hints import stack_hints
from delivery.model.secret import SecretText
from delivery.model.stack import StackConfiguration
from delivery.stack.repository_files import InitialValues
from program.inputs import Secrets, secret_output

if TYPE_CHECKING:
    from components.stage import Providers

    # Most stacks never import them.
    from delivery.stack.environment import EnvironmentPlan
    from program.promotions import PendingPromotions


@dataclass(frozen=True)
class Started:
    """The providers, registered, and what was read meanwhile."""

    providers: "Providers"
    read: "Read"


@dataclass(frozen=True)
class Read:
    """What the stack's plan needs to know: what git has for its values; the promotions to declare, if any.

    `environment` is what GitHub has, None where the stack declares none or nothing is known of it.
    """

    initial_values: InitialValues
    environment: "EnvironmentPlan | None"
    promotions: "PendingPromotions | None"


async def start(configuration: StackConfiguration, secrets: Secrets) -> Started:
    """Read the repository, register the providers and import what declares the stack.

    Raises `pulumi.RunError`, one line, when the repository cannot be read; then nothing has been declared.
    """
    finish = start_to_read(configuration, secrets)
    # Everything that is imported and declared is in use until the process ends: looking for garbage is wasted.
    gc.disable()
    from program.providers import github_provider, kubernetes_providers

    read = finish()
    app_key = secret_output(secrets.app_key)
    github = github_provider(
        configuration.pipeline.repository, secret_output(secrets.github), configuration.github_app, app_key
    )
    cluster, argocd = kubernetes_providers(
        configuration.cluster, secret_output(secrets.kubeconfig), secret_output(secrets.argocd_kubeconfig)
    )
    # While a thread imports the rest, the event loop registers the providers, and the engine starts them.
    Providers = (await asyncio.to_thread(import_module, "components.stage")).Providers  # noqa: N806 - a class
    # The interpreter looks for garbage once more at its end, also with the collector off, but not in what is frozen.
    gc.freeze()
    return Started(Providers(github, cluster, argocd), read)


def start_to_read(configuration: StackConfiguration, secrets: Secrets) -> Callable[[], Read]:
    """Start to read the repository; the function that is returned reads the rest, and waits.

    Both raise `pulumi.RunError`, one line.
    """
    token = secrets.github or _app_token(configuration, secrets.app_key)
    initial_values = _start_to_read_values(configuration, token)

    def finish() -> Read:
        promotions = None
        if configuration.declares_promotions and token is not None:
            # This imports HTTP, git and telemetry, which most stacks never need.
            from program.promotions import PendingPromotions

            promotions = PendingPromotions(configuration, token)
        environment = _read_environment(configuration, token)
        return Read(initial_values(), environment, promotions)

    return finish


def _app_token(configuration: StackConfiguration, key: SecretText | None) -> SecretText | None:
    """A token for what the program itself asks of GitHub in this run. Raises `pulumi.RunError`, one line."""
    repository, app = configuration.pipeline.repository, configuration.github_app
    if app is None or key is None or repository.is_example:
        return None
    from delivery.github.app import installation_token
    from delivery.github.client import GitHubError
    from delivery.stack.environment import declares_environment

    opens = configuration.declares_promotions and bool(configuration.stage.after)
    permissions = {"contents": "write", "pull_requests": "write"} if opens else {"contents": "read"}
    permissions |= {"actions": "read"} if declares_environment(configuration) else {}
    where = (repository.owner, repository.name)
    try:
        return installation_token(repository.api_url, where, (app.id, app.installation_id), key, permissions).token
    except GitHubError as error:
        raise pulumi.RunError(error.worded(stack_hints(configuration.stage.name))) from None


def _read_environment(configuration: StackConfiguration, token: SecretText | None) -> "EnvironmentPlan | None":
    """The environment as it stands, for a stack that declares it and may ask. Raises `pulumi.RunError`, one line."""
    from delivery.stack.environment import EnvironmentRefusedError, declares_environment, read_environment

    repository = configuration.pipeline.repository
    if token is None or repository.is_example or not declares_environment(configuration):
        return None
    from delivery.github.client import GitHub, GitHubError

    github = GitHub(repository.api_url, repository.owner, repository.name, token.reveal())
    try:
        return read_environment(github, repository)
    except EnvironmentRefusedError as error:
        raise pulumi.RunError(str(error)) from None
    except GitHubError as error:
        line = error.worded(stack_hints(configuration.stage.name))
        if error.permissions and pulumi.runtime.is_dry_run():
            # A preview goes on without; an update would take people's rules away.
            pulumi.log.warn(f"{line}; an update is refused")
            return None
        raise pulumi.RunError(line) from None


def _start_to_read_values(configuration: StackConfiguration, token: SecretText | None) -> Callable[[], InitialValues]:
    """Start to read what git has for this stack's values; the function that is returned waits for it.

    Without a token, or with the example's owner, this is a preview that reads nothing.
    """
    repository = configuration.pipeline.repository
    if token is None or repository.is_example:
        return InitialValues
    # Imported here: without a token no stack reads the repository.
    from delivery.config.errors import ConfigError
    from delivery.git.repository import GitError, Repository
    from delivery.stack.initial_values import InitialValuesError, read_initial_values

    executor = ThreadPoolExecutor(1)
    connect = partial(Repository, f"{repository.url}.git", token.reveal())
    reading = executor.submit(read_initial_values, connect, configuration)
    executor.shutdown(wait=False)

    def wait() -> InitialValues:
        try:
            return reading.result()
        except (InitialValuesError, ConfigError) as error:
            raise pulumi.RunError(str(error)) from None
        except GitError as error:
            raise pulumi.RunError(error.worded(stack_hints(configuration.stage.name))) from None

    return wait
