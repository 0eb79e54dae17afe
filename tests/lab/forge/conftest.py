"""A forge with one repository, a REST session and a git client, for the tests in this folder."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from lab.forge import Forge

NAME = "acme/gitops"
WORKFLOW = """\
on:
  workflow_dispatch:
    inputs:
      application: {required: true}
      stage: {type: choice, options: [dev, production], default: dev}
      again: {type: boolean, default: false}
"""


class Rest:
    """REST calls below the repository, with a token."""

    def __init__(self, forge: Forge, token: str = "token", name: str = NAME) -> None:
        self._base = f"{forge.api_url}/repos/{name}"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {token}"

    def __call__(self, method: str, path: str, json: object = None, **headers: str) -> requests.Response:
        return self.session.request(method, self._base + path, json=json, headers=headers, timeout=10)


class Git:
    """The git client in a home of its own, so that nothing of the machine's configuration matters."""

    def __init__(self, home: Path, forge: Forge, token: str = "token") -> None:
        self.home = home
        self.url = f"{forge.url.replace('//', f'//x-access-token:{token}@')}/{NAME}.git"
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


@pytest.fixture()
def forge(tmp_path: Path) -> Iterator[Forge]:
    with Forge(tmp_path / "forge") as forge:
        forge.create_repository(
            NAME,
            files={
                "dev/values.yaml": "serviceVersion: v1\n",
                "production/values.yaml": "serviceVersion: v0\n",
                ".github/workflows/promote.yaml": WORKFLOW,
            },
        )
        forge.add_token("token")
        yield forge


@pytest.fixture()
def rest(forge: Forge) -> Rest:
    return Rest(forge)


@pytest.fixture()
def as_token(forge: Forge) -> Callable[..., Rest]:
    """Give REST with a token that has only these permissions."""

    def make(actions: bool = False, **permissions: str) -> Rest:
        forge.add_token("narrow", permissions, actions=actions)
        return Rest(forge, "narrow")

    return make


@pytest.fixture()
def git(forge: Forge, tmp_path: Path) -> Git:
    home = tmp_path / "home"
    home.mkdir()
    return Git(home, forge)


@pytest.fixture()
def proposed(forge: Forge, rest: Rest) -> int:
    """An open pull request from `promote` into `main`; its number."""
    forge.commit(NAME, {"production/values.yaml": "serviceVersion: v1\n"}, "Promote v1", branch="promote")
    answer = rest("POST", "/pulls", {"title": "Promote v1", "head": "promote", "base": "main", "body": "why"})
    assert answer.status_code == 201, answer.text
    number: int = answer.json()["number"]
    return number
