"""How these tests reach the forge: REST with a token, and the git client in a home of its own."""

import os
import subprocess
from pathlib import Path

import requests

from lab.forge import Forge

NAME = "acme/gitops"
WORKFLOW = """\
on:
  workflow_dispatch:
    inputs:
      application: {required: true}
      stage: {type: string, default: dev}
      again: {type: boolean, default: false}
"""


class Rest:
    """REST calls below the repository, with a token."""

    def __init__(self, forge: Forge, key: str = "token") -> None:
        self._base = f"{forge.api_url}/repos/{NAME}"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {key}"

    def __call__(self, method: str, path: str, json: object = None, **headers: str) -> requests.Response:
        return self.session.request(method, self._base + path, json=json, headers=headers, timeout=10)


class Git:
    """The git client in a home of its own, so that nothing of the machine's configuration matters."""

    def __init__(self, home: Path, forge: Forge, key: str = "token") -> None:
        self.home = home
        self.url = f"{forge.url.replace('//', f'//x-access-token:{key}@')}/{NAME}.git"
        self.folder = home / "clone"
        self._environment = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": "Dev",
            "GIT_AUTHOR_EMAIL": "dev@example.com",
            "GIT_COMMITTER_NAME": "Dev",
            "GIT_COMMITTER_EMAIL": "dev@example.com",
            "LC_ALL": "C",
        }

    def run(self, *arguments: str, folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["git", *arguments],
            cwd=folder or self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def __call__(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def clone(self, *options: str) -> None:
        done = self.run("clone", "-q", *options, self.url, str(self.folder), folder=self.home)
        assert done.returncode == 0, done.stderr

    def commit(self, path: str, text: str, message: str = "Change") -> str:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        self("add", path)
        self("commit", "-q", "-m", message)
        return self("rev-parse", "HEAD")
