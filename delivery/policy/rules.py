"""The rules of the policy pack, in one table: what each is called, says, and how an exception names what it allows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from delivery.policy import branches, images, secrets, skips, verification, workflows
from delivery.policy.resources import Declared, Finding

ALLOW = "allow"
"""The one key of a rule's configuration: patterns of what it lets pass."""


@dataclass(frozen=True)
class Rule:
    """One rule. `whole_stack`: it compares resources, so it is asked once, when all are declared.

    `entry` says what an entry of `allow` names, with an example.
    """

    name: str
    about: str
    fix: str
    entry: str
    check: Callable[[Sequence[Declared]], Iterable[Finding]]
    whole_stack: bool = False


RULES = (
    Rule(
        "application-branch",
        "An Argo CD Application follows the branch that is configured for its stage.",
        "Set its targetRevision to that branch, or `revision` of the stage to the branch that is meant.",
        "Application and branch: `shop-dev: develop`",
        branches.check,
        whole_stack=True,
    ),
    Rule(
        "skipped-stage",
        "A promotion edge leaves no stage out without saying so.",
        "Take the source from `after`, set `requires: all`, or allow the edge.",
        "the edge: `dev -> production`",
        skips.check,
    ),
    Rule(
        "unverified-stage",
        "A stage that promotes onward verifies what it promotes.",
        "Give it postDeploymentTasks, evaluations or `checks`, or set `requireRecord` for the stages after it.",
        "the stage: `dev`",
        verification.check,
        whole_stack=True,
    ),
    Rule(
        "plain-secret",
        "No secret stands in plain text in a committed file, an object or its values.",
        "Revoke it, and refer to a Secret, which the cluster or `pulumi config set --secret` has.",
        "file or object and place: `dev/values.yaml: env.PASSWORD`",
        secrets.check,
    ),
    Rule(
        "workflow-rights",
        "A committed workflow names its permissions, and its actions by their commits.",
        "Set `permissions` to what a job needs, and `uses: OWNER/NAME@COMMIT # VERSION`.",
        "file and action, `write-all` or `permissions`: `.github/workflows/ci.yaml: acme/build@main`",
        workflows.check,
    ),
    Rule(
        "mutable-tag",
        "An image, or a chart of a registry, is named by a version or digest, and by no tag that moves.",
        "Name the version, with its digest if it may be pushed again.",
        "the image or chart: `ghcr.io/acme/tool:main`",
        images.check,
        whole_stack=True,
    ),
)
"""All rules."""


def findings(rule: Rule, resources: Sequence[Declared], allow: Iterable[str] = ()) -> Iterator[Finding]:
    """What the rule finds, each once, but what `allow` lets pass: by its subject, or a pattern of `fnmatch` for it."""
    patterns = tuple(allow)
    for found in dict.fromkeys(rule.check(resources)):
        if not any(found.subject == pattern or fnmatchcase(found.subject, pattern) for pattern in patterns):
            yield found
