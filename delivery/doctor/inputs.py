"""What the stack is given: its configuration from the files, its secrets from the CLI or the environment.

The configuration is read as `make render` reads it; secrets only the CLI can decrypt. None is ever shown.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from delivery.config.errors import ConfigurationError, Problem
from delivery.config.files import (
    PROJECT,
    StackConfig,
    StackFilesError,
    own_names,
    read_stack_config,
    shared_texts,
)
from delivery.config.reader import SECRETS, parse
from delivery.config.readiness import TOKENS, in_plain_text, missing_for_update, wrong_tokens
from delivery.doctor.check import Check, ok, unknown, wrong
from delivery.model.secret import SecretText
from delivery.model.stack import StackConfiguration

ENVIRONMENT = {"githubToken": "GITHUB_TOKEN", "promotionToken": "DELIVERY_PROMOTION_TOKEN"}
"""Where else a token may come from, when the stack has none or it cannot be decrypted."""


@dataclass
class StackInputs:
    """What is known of the stack so far. `set_keys` are the secrets that are configured, decrypted or not."""

    configuration: StackConfiguration | None = None
    secrets: dict[str, SecretText] = field(default_factory=dict)
    set_keys: frozenset[str] = frozenset()

    @property
    def tokens(self) -> dict[str, SecretText]:
        """What the forge can be asked with."""
        wrongs = wrong_tokens(self.secrets)
        return {key: self.secrets[key] for key in TOKENS if key in self.secrets and key not in wrongs}


def read_inputs(inputs: StackInputs, project: Path, stack: str, environ: Mapping[str, str]) -> Iterator[Check]:
    """Fill `inputs`, and check what is found on the way."""
    try:
        files = read_stack_config(project, stack)
    except StackFilesError as error:
        yield wrong("configuration", str(error), f"python -m delivery.doctor --project FOLDER --stack {stack}")
        return
    prefix = f"{PROJECT}:"
    texts = {key.removeprefix(prefix): text for key, text in files.values.items() if key.startswith(prefix)}
    inputs.set_keys = frozenset(key for key in SECRETS if texts.get(key))
    encrypted = {key.removeprefix(prefix) for key in files.secret_keys}
    problems = in_plain_text({key: SecretText(texts[key]) for key in inputs.set_keys - encrypted})
    more = 0
    try:
        inputs.configuration = parse(
            texts, stack, encrypted, partial(own_names, project), partial(shared_texts, project)
        )
    except ConfigurationError as error:
        problems += error.problems
        more = error.more
    for problem in problems:
        yield _of(problem, "configuration")
    if more:
        yield unknown("configuration", f"{more} more, which are told when these are mended")
    if not problems:
        yield ok("configuration", "valid")
    yield secrets(inputs, files, project, stack, environ)
    for key, problem in wrong_tokens(inputs.secrets).items():
        yield _of(problem, key)
    if inputs.configuration:
        # An update takes this one token from the environment, and no other.
        from_environment = {"githubToken"} if environ.get(ENVIRONMENT["githubToken"]) else set()
        yield from readiness(inputs.configuration, inputs.set_keys | from_environment)


def secrets(inputs: StackInputs, files: StackConfig, project: Path, stack: str, environ: Mapping[str, str]) -> Check:
    """Decrypt the stack's secrets into `inputs`; what the environment holds stands in for what is missing."""
    encrypted = {key for key in inputs.set_keys if f"{PROJECT}:{key}" in files.secret_keys}
    plain = inputs.set_keys - encrypted
    inputs.secrets |= {key: SecretText(files.values[f"{PROJECT}:{key}"]) for key in plain}
    readable, reason = decrypted(project, stack, environ) if encrypted else ({}, "")
    found = {key: text for key in encrypted if (text := (readable or {}).get(f"{PROJECT}:{key}"))}
    inputs.secrets |= found
    for key, variable in ENVIRONMENT.items():
        if environ.get(variable):
            inputs.secrets.setdefault(key, SecretText(environ[variable]))
    closed = sorted(encrypted - inputs.secrets.keys())
    if closed:
        mend = "log in and give the passphrase as for pulumi preview, or set GITHUB_TOKEN and DELIVERY_PROMOTION_TOKEN"
        why = reason or "the stack has no such value"
        return unknown("secrets", f"{', '.join(closed)} cannot be decrypted: {why}", mend)
    known = ", ".join(sorted(inputs.secrets)) or "none is set"
    return ok("secrets", f"{known}{' (from the environment)' if encrypted - found.keys() else ''}")


def readiness(configuration: StackConfiguration, present: frozenset[str]) -> Iterator[Check]:
    """Nothing is missing that only an update asks for."""
    problems = missing_for_update(configuration, present)
    for problem in problems:
        yield _of(problem, "ready for an update")
    if not problems:
        yield ok("ready for an update", "nothing is missing from the configuration")


def _of(problem: Problem, name: str) -> Check:
    return wrong(name, f"{problem.where}: found {problem.found}; allowed: {problem.allowed}", problem.mend)


def decrypted(project: Path, stack: str, environ: Mapping[str, str]) -> tuple[dict[str, SecretText] | None, str]:
    """Every secret of the stack's configuration by its full key, as the CLI decrypts it; or None, and why."""
    found = shutil.which("pulumi", path=environ.get("PATH"))
    if found is None:
        return None, "the pulumi CLI is not on PATH"
    command = [found, "config", "--show-secrets", "--json", "--non-interactive", "--stack", stack]
    quiet = {**environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        done = subprocess.run(
            command,
            cwd=project,
            env=quiet,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            return None, lines[-1].strip() if lines else "the pulumi CLI does not say why"
        entries = json.loads(done.stdout).items()
        return {key: SecretText(str(entry["value"])) for key, entry in entries if entry.get("secret", True)}, ""
    except (OSError, subprocess.TimeoutExpired):
        return None, "the pulumi CLI does not answer"
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, "the pulumi CLI answers something else than its configuration"
