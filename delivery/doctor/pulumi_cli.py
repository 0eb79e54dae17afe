"""What the Pulumi CLI tells: an answer of one of its commands, and what a stack has in a cluster."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path


class PulumiError(Exception):
    """The Pulumi CLI did not do what it was asked to: why, in one line."""


def declared_objects(environ: Mapping[str, str], folder: Path, stack: str) -> frozenset[tuple[str, str]]:
    """Kind and `namespace/name` of each object of Kubernetes in the state of `stack`; none before its first update.

    Raises `PulumiError` when the CLI does not tell.
    """
    listed = run_pulumi(environ, "stack", "ls", "--json", "--non-interactive", folder=folder)
    try:
        if stack not in {str(entry["name"]).rpartition("/")[2] for entry in json.loads(listed)}:
            return frozenset()
        exported = run_pulumi(environ, "stack", "export", "--stack", stack, "--non-interactive", folder=folder)
        resources = json.loads(exported)["deployment"].get("resources") or ()
        return frozenset(
            (resource["type"].rpartition(":")[2], resource["id"])
            for resource in resources
            if resource["type"].startswith("kubernetes:") and resource.get("id")
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise PulumiError("the pulumi CLI answers something else than its state") from None


def run_pulumi(environ: Mapping[str, str], *arguments: str, folder: Path | None = None) -> str:
    """What the CLI prints for a command, in `folder` where one is given. Raises `PulumiError`."""
    program = shutil.which("pulumi", path=environ.get("PATH"))
    if program is None:
        raise PulumiError("the pulumi CLI is not on PATH")
    try:
        done = subprocess.run(
            [program, *arguments],
            cwd=folder,
            env={**environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as error:
        raise PulumiError(f"the pulumi CLI does not answer ({type(error).__name__})") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise PulumiError(said[-1] if said else "the pulumi CLI gives no reason")
    return done.stdout
