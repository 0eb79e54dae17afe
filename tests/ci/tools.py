"""A stand-in for the CLI: a script named `pulumi` that notes its arguments, and answers as a test has it."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

_SCRIPT = """#!{python}
import json, pathlib, sys
folder = pathlib.Path({folder!r})
calls = folder / "calls.json"
noted = json.loads(calls.read_text()) if calls.exists() else []
answers = json.loads((folder / "answers.json").read_text())
status, output, errors = answers[min(len(noted), len(answers) - 1)]
calls.write_text(json.dumps([*noted, sys.argv[1:]]))
sys.stdout.write(output)
sys.stderr.write(errors)
sys.exit(status)
"""


class FakePulumi:
    """Each answer is (status, stdout, stderr); the last one is given again and again."""

    def __init__(self, folder: Path, *answers: tuple[int, str, str]) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        script = folder / "pulumi"
        script.write_text(_SCRIPT.format(python=sys.executable, folder=str(folder)))
        script.chmod(0o755)
        (folder / "answers.json").write_text(json.dumps(answers))

    @property
    def calls(self) -> list[list[str]]:
        """The arguments of each call."""
        path = self._folder / "calls.json"
        return json.loads(path.read_text()) if path.exists() else []

    def environment(self, **more: str) -> Mapping[str, str]:
        """An environment in which this is the CLI."""
        return {"PATH": f"{self._folder}{os.pathsep}{os.environ['PATH']}", "HOME": str(self._folder), **more}
