"""`python -m ci.providers`: installs the two providers at the locked versions, and puts them on the job's PATH.

The engine tier runs each test in a Pulumi home of its own, where no plugin is installed; what is on PATH it finds.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ci.stacks import PROJECT
from delivery.doctor.toolchain import PROVIDERS, locked_versions


def install(environ: Mapping[str, str]) -> list[Path]:
    """Install each provider, and give the folders that they lie in. Raises `CalledProcessError` and `KeyError`."""
    locked = locked_versions(PROJECT)
    home = Path(environ.get("PULUMI_HOME") or Path(environ["HOME"]) / ".pulumi")
    folders: list[Path] = []
    for name in PROVIDERS:
        version = locked[f"pulumi-{name}"]
        command = ["pulumi", "plugin", "install", "resource", name, version]
        subprocess.run(command, env=dict(environ), check=True)
        folders.append(home / "plugins" / f"resource-{name}-v{version}")
    return folders


def main(environ: Mapping[str, str] = os.environ) -> int:
    """The command. Returns its exit status: 0 installed, 1 not."""
    try:
        folders = install(environ)
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        print(f"error: the providers were not installed ({type(error).__name__}): {error}", file=sys.stderr)
        return 1
    lines = "".join(f"{folder}\n" for folder in folders)
    print(lines, end="")
    if path := environ.get("GITHUB_PATH"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
