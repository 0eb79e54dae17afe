"""What this stack was given: its configuration, valid as a whole, and its secrets.

The only place where the program reads Pulumi's configuration. What must not wait for the engine is
refused here: mistakes, tokens in plain text, and an update that still lacks something.
"""

import os
from dataclasses import dataclass

import pulumi
from pulumi.runtime import config as runtime_config

from delivery.configuration import SECRETS, parse
from delivery.pipeline import StackConfiguration
from delivery.problems import ConfigurationError, Problem
from delivery.readiness import missing_for_update
from delivery.secret_text import SecretText

NAMESPACE = "delivery:"


@dataclass(frozen=True)
class Secrets:
    """A stack's secrets: `github` writes the repository, `promotion` goes into the cluster's Secret."""

    github: SecretText | None
    promotion: SecretText | None
    kubeconfig: SecretText | None


def read_stack() -> tuple[StackConfiguration, Secrets]:
    """This stack's configuration and secrets. Raises `pulumi.RunError`, one line for each mistake."""
    given = runtime_config.CONFIG.get() or runtime_config.get_config_env()
    ours = {key.removeprefix(NAMESPACE): value for key, value in given.items() if key.startswith(NAMESPACE)}
    secrets = {key: SecretText(ours.pop(key)) for key in SECRETS & ours.keys()}
    problems = [_in_plain_text(key) for key in sorted(secrets) if not runtime_config.is_config_secret(NAMESPACE + key)]
    if "GITHUB_TOKEN" in os.environ:
        secrets.setdefault("githubToken", SecretText(os.environ["GITHUB_TOKEN"]))
    try:
        configuration = parse(ours, pulumi.get_stack())
    except ConfigurationError as error:
        raise _refused([*problems, *error.problems]) from None
    if not pulumi.runtime.is_dry_run():
        problems += missing_for_update(configuration, secrets)
    if problems:
        raise _refused(problems)
    return configuration, Secrets(secrets.get("githubToken"), secrets.get("promotionToken"), secrets.get("kubeconfig"))


def secret_output(secret: SecretText | None) -> pulumi.Output[str] | None:
    """The secret as Pulumi carries one: encrypted in the state, masked in every log."""
    return pulumi.Output.secret(secret.reveal()) if secret else None


def _in_plain_text(key: str) -> Problem:
    where = NAMESPACE + key
    mend = f"revoke it, then pulumi config set --secret {where}"
    return Problem(where, "a secret in plain text", "an encrypted value", mend)


def _refused(problems: list[Problem]) -> pulumi.RunError:
    return pulumi.RunError("\n".join(str(problem) for problem in problems))
