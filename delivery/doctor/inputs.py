"""Checks of what the stack is given: its configuration from the files, its secrets from the CLI or the environment.

The configuration is read as `make render` reads it. Only the CLI can decrypt secrets; none is ever shown.
"""

import json
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from delivery.config.errors import ConfigError, Problem, set_fix
from delivery.config.files import PROJECT, StackFilesError, misplaced_keys, other_names, read_stack_config
from delivery.config.keys import OWN_NAMES, SECRETS
from delivery.config.reader import parse
from delivery.config.readiness import (
    PRIVATE_KEY_VARIABLE,
    contradictory,
    in_plain_text,
    missing_for_update,
    wrong_tokens,
)
from delivery.doctor.check import Check, ok, unknown, wrong
from delivery.doctor.inspection import BlockedError, Inspection, Look
from delivery.doctor.pulumi_cli import PulumiError, run_pulumi
from delivery.model.secret import SecretText

ENVIRONMENT = {
    "githubToken": "GITHUB_TOKEN",
    "promotionToken": "DELIVERY_PROMOTION_TOKEN",
    "githubAppPrivateKey": PRIVATE_KEY_VARIABLE,
}
"""Where else a secret may come from, when the stack has none or it cannot be decrypted."""


def configuration(name: str, inspection: Inspection) -> Iterator[Check]:
    """The stack's files are valid. Gives `inspection` the configuration, and the secrets that are in plain text."""
    project, stack = inspection.project, inspection.stack
    try:
        files = read_stack_config(project, stack)
    except StackFilesError as error:
        fix = f"python -m delivery.doctor --project FOLDER --stack {stack}"
        raise BlockedError(wrong(name, str(error), fix)) from None
    prefix = f"{PROJECT}:"
    texts = {key.removeprefix(prefix): text for key, text in files.values.items() if key.startswith(prefix)}
    encrypted = {key.removeprefix(prefix) for key in files.secret_keys}
    inspection.set_keys = frozenset(key for key in SECRETS if texts.get(key))
    plain = {key: SecretText(texts[key]) for key in inspection.set_keys - encrypted}
    inspection.add_secrets(plain)
    problems = in_plain_text(stack, plain)
    more = 0
    try:
        taken = other_names(project, stack, OWN_NAMES & texts.keys())
        inspection.parsed = parse(texts, stack, encrypted, misplaced_keys(project, stack), taken)
    except ConfigError as error:
        problems += error.problems
        more = error.more
    yield from checks_of(name, problems, "valid")
    if more:
        yield unknown(name, f"and {more} more: fix these first")


def secrets(name: str, inspection: Inspection) -> Check:
    """The stack's secrets can be decrypted; what the environment holds stands in for what is missing."""
    encrypted = inspection.set_keys - inspection.secrets.keys()
    reason = decrypt(inspection, PROJECT)
    lacking = encrypted - inspection.secrets.keys()
    for key in ENVIRONMENT.keys() - inspection.secrets.keys():
        if inspection.environ.get(ENVIRONMENT[key]):
            inspection.add_secrets({key: SecretText(inspection.environ[ENVIRONMENT[key]])})
    fix = "log in and give the passphrase as for pulumi preview, or set GITHUB_TOKEN and DELIVERY_PROMOTION_TOKEN"
    check = known_secrets(name, inspection, reason, fix)
    return ok(name, f"{check.detail} (from the environment)") if lacking and check.status == "ok" else check


def decrypt(look: Look, namespace: str) -> str:
    """Let `look` know the secrets of the stack that the CLI can decrypt; why it cannot, for what stays closed."""
    encrypted = look.set_keys - look.secrets.keys()
    try:
        decrypted = _decrypted(look) if encrypted else {}
    except PulumiError as error:
        return str(error)
    look.add_secrets({key: text for key in encrypted if (text := decrypted.get(f"{namespace}:{key}"))})
    return "the stack has no such value"


def known_secrets(name: str, look: Look, reason: str, fix: str) -> Check:
    """Which secrets are known, or which stay closed for this `reason`."""
    closed = sorted(look.set_keys - look.secrets.keys())
    if closed:
        return unknown(name, f"{', '.join(closed)} cannot be decrypted: {reason}", fix)
    return ok(name, ", ".join(sorted(look.secrets)) or "none is set")


def unusable_tokens(_: str, inspection: Inspection) -> Iterator[Check]:
    """A text that cannot be a token is none, and is sent nowhere: a check under the token's own name."""
    for key, problem in wrong_tokens(inspection.stack, inspection.secrets).items():
        yield from checks_of(key, [problem])


def ready(name: str, inspection: Inspection) -> Iterator[Check]:
    """Nothing is missing that only an update asks for."""
    # An update takes these from the environment, and no other.
    own = ("githubToken", "githubAppPrivateKey")
    from_environment = {key for key in own if inspection.environ.get(ENVIRONMENT[key])}
    missing = contradictory(inspection.configuration, inspection.set_keys)
    missing += missing_for_update(inspection.configuration, inspection.set_keys | from_environment)
    yield from checks_of(name, missing, "nothing is missing from the configuration")


def trace_links(name: str, inspection: Inspection) -> Iterator[Check]:
    """Who reads a pull request can open its link to the trace: in the stacks whose `traceUrl` gets into one."""
    stack = inspection.configuration
    settings = stack.pipeline.promotion_settings()
    if not (stack.owns_repository or (stack.declares_promotions and stack.incoming)):
        return
    host = urlsplit(settings.trace_url).netloc
    if not settings.trace_url:
        yield ok(name, "none: delivery:traceUrl is empty")
    elif settings.traces_are_local:
        detail = f"{host} is a different machine for each reader: pull requests name the trace without a link"
        yield unknown(name, detail, set_fix(inspection.stack, "traceUrl", "https://…/{trace_id}"))
    else:
        yield ok(name, f"lead to {host}")


def _decrypted(look: Look) -> dict[str, SecretText]:
    """Every secret of the stack's configuration by its full key, as the CLI decrypts it. Raises `PulumiError`."""
    command = ("config", "--show-secrets", "--json", "--non-interactive", "--stack", look.stack)
    printed = run_pulumi(look.environ, *command, folder=look.project)
    try:
        entries = json.loads(printed).items()
        return {key: SecretText(str(entry["value"])) for key, entry in entries if entry.get("secret", True)}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise PulumiError("the pulumi CLI answers something else than its configuration") from None


def checks_of(name: str, problems: Iterable[Problem], otherwise: str = "") -> list[Check]:
    """One check for each problem, or that there is none."""
    found = [wrong(name, f"{it.where}: found {it.found}; allowed: {it.allowed}", it.fix) for it in problems]
    return found or ([ok(name, otherwise)] if otherwise else [])
