"""Offers a person the Pulumi CLI where there is none and its site can be reached; the demo goes on either way.

The SDK's own installer does the work and puts it below `~/.pulumi`. Without a terminal nothing is asked and nothing
installed.
"""

import sys
from collections.abc import Callable, Sequence

import requests
from pulumi.automation import PulumiCommand

from lab.terminal import Terminal

SITE = "https://get.pulumi.com"
HOW = "To use the Pulumi CLI: brew install pulumi, the installer at https://pulumi.com, or pulumi/actions in CI."


def reachable() -> bool:
    """Whether the site that the CLI comes from answers within two seconds."""
    try:
        return requests.head(SITE, timeout=2).ok
    except requests.RequestException:
        return False


def offer(
    terminal: Terminal,
    missing: Sequence[str],
    *,
    somebody_there: Callable[[], bool] = sys.stdin.isatty,
    ask: Callable[[str], str] = input,
    can_reach: Callable[[], bool] = reachable,
    install: Callable[[], PulumiCommand] = PulumiCommand.install,
) -> PulumiCommand | None:
    """The CLI, freshly installed, when it is `missing` and a person wants it; None to go on without."""
    terminal.note(f"Not on PATH: {', '.join(missing)}. The demo runs the program without the Pulumi CLI.")
    if "pulumi" not in missing:
        return None
    terminal.note(HOW)
    if not somebody_there() or not can_reach():
        return None
    if ask("  install it now, below ~/.pulumi? [y/N] ").strip().lower() not in ("y", "yes"):
        return None
    with terminal.step("the Pulumi CLI is downloaded"):
        return install()
