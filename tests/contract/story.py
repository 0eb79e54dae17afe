"""A GitOps repository on the lab's forge, and the committed promoter run in it as its workflow would."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.contract.golden import Words, without_hidden, without_trailers
from tests.contract.surface import PROMOTER, ROOT, Done, Forge, preview, python, repository_files

NAME = "acme/gitops"
TOKEN = "token-of-the-workflow"
TRACEPARENT = "00-23679963727bf63245f9b55983c73104-b427a6fcfc56cd6a-01"


@dataclass
class Story:
    """The repository as `pulumi up` of dev and production leaves it, both at v0.3.0."""

    forge: Forge
    git_folder: Path
    clone: Path
    words: Words
    settings: dict[str, str]
    outputs: str = ""
    summary: str = ""

    def commit(self, label: str, **versions: str) -> str:
        """A person's commit that gives stages other versions; golden files have `<label>` for its id."""
        files: dict[str, str | bytes | None] = {}
        for stage, version in versions.items():
            values = (self.forge.read(NAME, f"{stage}/values.yaml") or b"").decode()
            files[f"{stage}/values.yaml"] = re.sub(r"(?m)^( *(serviceVersion|tag): ).*", rf"\g<1>{version}", values)
        return self.known(self.forge.commit(NAME, files, f"Release {label}"), label)

    def known(self, commit: str, label: str) -> str:
        """Have golden files call this commit so."""
        self.words.known[commit] = label
        return commit

    def promote(self, commit: str = "", *options: str, **environ: str) -> Done:
        """What the workflow does with a dispatch; `environ` are further inputs."""
        inputs = {"APPLICATION": "podtato-head", "FROM": "dev", "TO": "production", "COMMIT_ID": commit}
        inputs |= {"TRACEPARENT": TRACEPARENT, "GITHUB_TOKEN": TOKEN, "DELIVERY_WRITE_INTERVAL": "0"}
        files = self.clone / "outputs", self.clone / "summary"
        for file in files:
            file.write_text("")
        inputs |= {"GITHUB_OUTPUT": str(files[0]), "GITHUB_STEP_SUMMARY": str(files[1])}
        done = python([PROMOTER, "--json", *options], self.clone, inputs | environ)
        self.outputs, self.summary = (file.read_text() for file in files)
        return done

    def know_branches(self) -> None:
        """Have golden files call the tips of all branches so."""
        for line in self.git("for-each-ref", "--format=%(objectname) %(refname:short)", "refs/heads").splitlines():
            commit, branch = line.split()
            self.words.known.setdefault(commit, f"tip of {branch}")

    def merge(self, number: int) -> None:
        """A release manager merges."""
        self.known(self.forge.merge(NAME, number), f"merge of #{number}")

    def get(self, path: str) -> Any:
        """What the forge's REST API says of the repository."""
        address = f"{self.forge.api_url}/repos/{NAME}{path}"
        answer = requests.get(address, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def git(self, *arguments: str) -> str:
        """What git says of the repository."""
        command = ["git", f"--git-dir={self.git_folder}", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def pull_request(self, number: int) -> tuple[dict[str, Any], str]:
        """What programs read of a pull request and its commit, and what people do."""
        pull = self.get(f"/pulls/{number}")
        body, hidden = without_hidden(pull["body"])
        line, _, rest = self.git("log", "-1", "--format=%an <%ae>|%cn <%ce>|%P%n%B", pull["head"]["sha"]).partition(
            "\n"
        )
        author, committer, parents = line.split("|")
        message, trailers = without_trailers(rest)
        metadata = {
            "state": pull["state"],
            "merged": pull["merged"],
            "opened by": pull["user"]["login"],
            "head": pull["head"]["ref"],
            "base": pull["base"]["ref"],
            "labels": [each["name"] for each in pull["labels"]],
            "reviewers": [each["login"] for each in pull["requested_reviewers"]],
            "hidden": hidden,
            "commits": [{"author": author, "committer": committer, "parents": parents, "trailers": trailers}],
            "files": self.git("diff", "--name-only", f"{parents}", pull["head"]["sha"]).split(),
        }
        text = f"Title: {pull['title']}\n\n{body}\n\n======== the commit's message\n{message}"
        return metadata, text


@contextmanager
def story(
    folder: Path, project: Path = ROOT, stages: tuple[str, ...] = ("dev", "production"), **settings: str
) -> Iterator[Story]:
    """A new story in `folder`, of these stages of a project."""
    with Forge(folder / "forge") as forge:
        forge.add_token(TOKEN, {"contents": "write", "pull_requests": "write", "issues": "write"}, actions=True)
        settings = {"repositoryOwner": "acme", "repositoryName": "gitops", "githubApiUrl": forge.api_url, **settings}
        files: dict[str, str] = {}
        for stage in stages:
            files |= repository_files(preview(project, stage, None, **settings))
        git_folder = forge.create_repository(NAME, files=files, organization=True)
        forge.settings(NAME).actions_may_open_pull_requests = True
        forge.settings(NAME).collaborators.add("hubot")
        for path, text in files.items():
            if path.startswith(".github/promoter/"):
                (folder / "clone" / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / "clone" / path).write_text(text, encoding="utf-8")
        words = Words({forge.url: "forge", str(folder): "folder", TRACEPARENT: "dev's traceparent"})
        traces = TRACEPARENT.split("-")
        words.known |= {traces[1]: "dev's trace", traces[2]: "dev's span"}
        words.known[forge.branch(NAME, "main") or ""] = "first commit"
        yield Story(forge, git_folder, folder / "clone", words, settings)
