"""What this stack was given: its configuration, valid as a whole, and its secrets.

The only place where the program reads Pulumi's configuration. What must not wait for the engine is
refused here: mistakes, tokens in plain text, and an update that still lacks something.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pulumi
from pulumi.runtime import config as runtime_config

from delivery.config.errors import ConfigError, Problem
from delivery.config.files import StackFilesError, misplaced_keys, other_names
from delivery.config.keys import OWN_NAMES, SECRETS
from delivery.config.reader import parse
from delivery.config.readiness import (
    PRIVATE_KEY_VARIABLE,
    contradictory,
    in_plain_text,
    is_path,
    missing_for_update,
    unusable_private_key,
    wrong_tokens,
)
from delivery.model.secret import SecretText
from delivery.model.stack import StackConfiguration

NAMESPACE = "delivery:"
PROMOTE_VARIABLE = "DELIVERY_PROMOTE"
"""In CI: what `delivery:promote` would be, as JSON. A workflow hands its inputs over with `toJSON(inputs)`."""
PROMOTE_ONLY_VARIABLE = "DELIVERY_PROMOTE_ONLY"
"""`true` for an update that targets promotions alone and may not reach the cluster: nobody asks it then."""


@dataclass(frozen=True)
class Secrets:
    """A stack's secrets: `github` writes the repository, `promotion` goes into the cluster's Secret.

    With a GitHub App there is its key, as the provider takes it, and `github` is a token that is made for this run.
    """

    github: SecretText | None
    app_key: SecretText | None
    promotion: SecretText | None
    kubeconfig: SecretText | None
    argocd_kubeconfig: SecretText | None


@dataclass(frozen=True)
class Given:
    """What a stage was given, before anything of it is checked: texts by key, as Pulumi's configuration has them.

    `encrypted` are the keys whose value is a secret, `problems` what is wrong with the secrets that were not. See
    `parse` for the rest. Who `has_cluster` has a provider for the cluster, which is not asked then.
    """

    stage: str
    values: Mapping[str, str]
    secrets: Mapping[str, SecretText]
    encrypted: Collection[str] = ()
    misplaced: Collection[str] = ()
    other_names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    problems: Sequence[Problem] = ()
    has_cluster: bool = False


def read_stack() -> tuple[StackConfiguration, Secrets]:
    """This stack's configuration and secrets. Raises `pulumi.RunError`, one line for each error."""
    ours, encrypted = own_configuration(NAMESPACE)
    secrets = {key: SecretText(text) for key in SECRETS & ours.keys() if (text := ours.pop(key))}
    stack, project = pulumi.get_stack(), Path(pulumi.get_root_directory())
    problems = in_plain_text(stack, {key: secret for key, secret in secrets.items() if key not in encrypted})
    if os.environ.get(PROMOTE_VARIABLE):
        ours["promote"] = os.environ[PROMOTE_VARIABLE]
    try:
        # The engine does not tell which file sets a key.
        taken = other_names(project, stack, OWN_NAMES & ours.keys())
        misplaced = misplaced_keys(project, stack)
        return checked(Given(stack, ours, secrets, encrypted, misplaced, taken, problems))
    except (StackFilesError, ConfigError) as error:
        raise pulumi.RunError(str(error)) from None


def own_configuration(namespace: str) -> tuple[dict[str, str], set[str]]:
    """The stack's texts by their keys without the `namespace` (`delivery:`), and which of them are secrets."""
    # `pulumi.Config` reads single keys; to refuse unknown ones, all of them are needed. They are in `CONFIG` where
    # they were set in this process (by the lab), else in the environment that the engine gave it.
    given = runtime_config.CONFIG.get() or runtime_config.get_config_env()
    ours = {key.removeprefix(namespace): value for key, value in given.items() if key.startswith(namespace)}
    return ours, {key for key in ours if runtime_config.is_config_secret(namespace + key)}


def checked(given: Given) -> tuple[StackConfiguration, Secrets]:
    """The configuration and the secrets, those of the environment among them. Raises `ConfigError` with all mistakes.

    What an update needs is refused in an update alone.
    """
    secrets = dict(given.secrets)
    for key, variable in (("githubToken", "GITHUB_TOKEN"), ("githubAppPrivateKey", PRIVATE_KEY_VARIABLE)):
        if os.environ.get(variable):
            secrets.setdefault(key, SecretText(os.environ[variable]))
    problems = [*given.problems, *wrong_tokens(given.stage, secrets).values()]
    try:
        configuration = parse(given.values, given.stage, given.encrypted, given.misplaced, given.other_names)
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems], error.more) from None
    problems += contradictory(configuration, given.secrets.keys())
    app_key = secrets.get("githubAppPrivateKey") if configuration.github_app and not problems else None
    if app_key:
        # Imported for an App alone: cryptography takes long to load.
        from delivery.github.app import PrivateKeyError, read_private_key

        try:
            app_key = read_private_key(app_key, is_path=is_path)
        except PrivateKeyError as error:
            problems.append(unusable_private_key(given.stage, str(error)))
    if not pulumi.runtime.is_dry_run():
        problems += missing_for_update(configuration, secrets, has_cluster=given.has_cluster)
        if not problems and not given.has_cluster and os.environ.get(PROMOTE_ONLY_VARIABLE) != "true":
            problems += _in_the_cluster(configuration, secrets)
    if problems:
        raise ConfigError(problems)
    token = None if configuration.github_app else secrets.get("githubToken")
    kubeconfigs = (secrets.get("kubeconfig"), secrets.get("argocdKubeconfig"))
    return configuration, Secrets(token, app_key, secrets.get("promotionToken"), *kubeconfigs)


def secret_output(secret: SecretText | None) -> pulumi.Output[str] | None:
    """The secret as Pulumi carries one: encrypted in the state, masked in every log."""
    return pulumi.Output.secret(secret.reveal()) if secret else None


def _in_the_cluster(configuration: StackConfiguration, secrets: Mapping[str, SecretText]) -> list[Problem]:
    # Imported for an update alone: the Kubernetes client takes longer to load than a preview may cost.
    from delivery.cluster import cluster_problems

    return cluster_problems(configuration, secrets)
