"""What a stack still lacks before it may change anything: a preview goes on without, an update does not.

And what stops both: a secret in plain text, a text that is no token. The program and the doctor get at them in
different ways and say the same.
"""

import re
from collections.abc import Collection, Mapping

from delivery.config.errors import Problem, set_mend
from delivery.model.pipeline import EXAMPLE_OWNER
from delivery.model.secret import SecretText
from delivery.model.stack import StackConfiguration

TOKENS = ("githubToken", "promotionToken")
"""The secrets that are sent to the forge."""
_TOKEN = re.compile(r"[!-~]+")
_LONGEST_PATH = 250


def missing_for_update(configuration: StackConfiguration, given: Collection[str]) -> list[Problem]:
    """One problem for each thing an update needs and has not got; `given` are the secrets that are set."""
    problems: list[Problem] = []
    cluster = configuration.cluster
    if configuration.pipeline.repository.is_example:
        problems.append(
            Problem(
                "delivery:repositoryOwner",
                f"the example {EXAMPLE_OWNER!r}",
                "the owner of your GitOps repository",
                set_mend("repositoryOwner", "your-github-owner"),
            )
        )
    if "githubToken" not in given:
        problems.append(_token("githubToken", "a token that may write the GitOps repository, or GITHUB_TOKEN"))
    if configuration.promotes_to and "promotionToken" not in given:
        problems.append(_token("promotionToken", "a token that may dispatch workflows there (Actions: write)"))
    if cluster.mode == "deploy" and not cluster.context:
        problems.append(
            Problem(
                "delivery:kubeContext",
                "nothing",
                "the context of this stage's cluster; the one that happens to be current is never used",
                set_mend("kubeContext", "your-context"),
            )
        )
    return problems


def in_plain_text(plain: Mapping[str, SecretText]) -> list[Problem]:
    """The problem of each secret that stands in the stack's file for everybody to read; none is shown again.

    The path of a kubeconfig is no secret.
    """
    problems: list[Problem] = []
    for key in sorted(plain):
        allowed, file = "an encrypted value", ""
        if key == "kubeconfig":
            if _is_path(plain[key].reveal()):
                continue
            allowed, file = "an encrypted value, or the path of a kubeconfig", " < FILE"
        mend = f"revoke it, then pulumi config set --secret delivery:{key}{file}"
        problems.append(Problem(f"delivery:{key}", "a secret in plain text", allowed, mend))
    return problems


def _is_path(text: str) -> bool:
    """Whether a kubeconfig is given by its path. In doubt it is not: a login is one line too, and so is base64."""
    said = len(text) <= _LONGEST_PATH and text.isprintable() and "apiVersion" not in text
    return said and re.search(r"[/\\.]", text) is not None and not re.match(r"\s*[{\[]|ey[JA]", text)


def wrong_tokens(secrets: Mapping[str, SecretText]) -> dict[str, Problem]:
    """The problem of each token that cannot be one, by its key; nobody should send it anywhere."""
    return {
        key: Problem(
            f"delivery:{key}",
            "a text that is no token",
            "one line without spaces",
            f"pulumi config set --secret delivery:{key}",
        )
        for key in TOKENS
        if key in secrets and not _TOKEN.fullmatch(secrets[key].reveal())
    }


def _token(key: str, allowed: str) -> Problem:
    return Problem(f"delivery:{key}", "nothing", allowed, f"pulumi config set --secret delivery:{key}")
