"""Offers a person the Pulumi CLI where there is none and its site can be reached; the demo goes on either way.

The SDK's own installer does the work and puts it below `~/.pulumi`. Without a terminal, where nobody could answer,
nothing is asked and nothing installed.
"""

import sys
from collections.abc import Callable

import requests
from pulumi.automation import PulumiCommand

from lab.terminal import Terminal

SITE = "https://get.pulumi.com"
HOW = (
    "the Pulumi CLI is not on PATH, so the lab carries the previews out itself; to have it: "
    "brew install pulumi, the official installer, or pulumi/actions in CI"
)


def reachable() -> bool:
    """Whether the site that the CLI comes from answers within two seconds."""
    try:
        return requests.head(SITE, timeout=2).ok
    except requests.RequestException:
        return False


def offer(
    terminal: Terminal,
    *,
    somebody_there: Callable[[], bool] = sys.stdin.isatty,
    ask: Callable[[str], str] = input,
    can_reach: Callable[[], bool] = reachable,
    install: Callable[[], PulumiCommand] = PulumiCommand.install,
) -> PulumiCommand | None:
    """The CLI, freshly installed, when somebody is there and wants it; None to go on without."""
    terminal.note(HOW)
    if not somebody_there() or not can_reach():
        return None
    if ask("  install it now, below ~/.pulumi? [y/N] ").strip().lower() not in ("y", "yes"):
        return None
    with terminal.step("the Pulumi CLI is downloaded"):
        return install()
