"""The story of the guide on the lab, played once; each test compares one chapter with git's and the forge's state."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import yaml

from delivery.config.files import read_stack_config
from lab.cluster import Cluster
from lab.engine import PROGRAM, Value, preview
from lab.forge import Forge
from lab.story import OWNER, TASK_TOKEN, UPDATE_TOKEN, Story
from lab.updates import EmbeddedEngine

BRANCH = "promote/podtato-head/dev/production"


@dataclass
class Chapter:
    """What the repository and the forge held at one moment of the story."""

    refs: dict[str, str]
    dev: dict[str, Value]
    production: dict[str, Value]
    proposed: dict[str, Value]
    pulls: list[tuple[object, ...]]


@dataclass
class Told:
    """The story after its end, with its chapters by name."""

    story: Story
    chapters: dict[str, Chapter] = field(default_factory=dict)
    contexts: list[str] = field(default_factory=list)
    commits: dict[str, str] = field(default_factory=dict)
    said: str = ""

    def chapter(self, name: str) -> None:
        """Keep what the repository holds now."""
        listed = self.story.git("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads")
        refs = dict(line.split(" ") for line in listed.splitlines())
        pulls: list[tuple[object, ...]] = [
            (pull.number, pull.state, pull.title, pull.body, pull.head_sha)
            for pull in self.story.forge.pull_requests(self.story.repository)
        ]
        held = [self.values(stage, "main") for stage in ("dev", "production")]
        proposed = self.values("production", BRANCH) if BRANCH in refs else {}
        self.chapters[name] = Chapter(refs, held[0], held[1], proposed, pulls)

    def values(self, stage: str, ref: str) -> dict[str, Value]:
        found: dict[str, Value] = yaml.safe_load(self.story.git("show", f"{ref}:{stage}/values.yaml"))
        return found

    def release(self, version: str) -> None:
        """Deploy a version to dev, have it verified and promoted; the pull request for it is open then."""
        self.commits[version] = self.story.release(version)
        self.story.sync("dev")
        self.contexts.append(self.story.verify("dev"))
        done = self.story.promote(self.contexts[-1])
        assert done.returncode == 0, done.stderr
        assert self.story.runs[-1].exit_code == 0, self.story.runs[-1].log
        self.said += done.stdout + done.stderr
        self.chapter(version)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("story")
    with Forge(folder / "forge") as forge, Cluster() as cluster:
        story = Story(forge, cluster, folder)
        told = Told(story)
        engine = EmbeddedEngine(forge, story.repository, folder / "manifests")
        for stage in ("dev", "production"):
            story.update(engine, stage)
        told.chapter("deployed")
        for stage in ("production", "dev"):
            story.update(engine, stage)
            story.sync(stage)
            story.verify(stage)
        told.chapter("updated again")
        told.release("v0.3.1")
        told.release("v0.3.2")
        late = story.promote(told.contexts[0])
        assert late.returncode == 0, late.stderr
        told.chapter("late")
        told.commits["merge"] = story.merge(story.open_pull_requests()[0])
        story.sync("production")
        told.chapter("merged")
        story.promote(told.contexts[1])
        told.chapter("replayed")
        story.update(engine, "production")
        told.chapter("updated after the merge")
        yield told


def test_the_updates_commit_exactly_what_is_declared(told: Told) -> None:
    declared = {"README.md": "# What Argo CD reads\n"}
    for stage in ("dev", "production"):
        given = {"repositoryOwner": OWNER, "repositoryName": told.story.name, "githubApiUrl": told.story.forge.api_url}
        result = preview(stage, read_stack_config(PROGRAM, stage).override(given, {"promotionToken": "its-token"}))
        declared |= {
            str(file.inputs["file"]): str(file.inputs["content"]) for file in result.of_type(":RepositoryFile")
        }
    deployed = told.chapters["deployed"]
    tip = deployed.refs["main"]
    assert set(told.story.git("ls-tree", "-r", "--name-only", tip).splitlines()) == declared.keys()
    for path, content in declared.items():
        assert told.story.forge.read(told.story.repository, path, tip) == content.encode(), path
    assert deployed.dev == {"serviceVersion": "v0.3.0", "commitID": ""}
    assert deployed.production == {"serviceVersion": "v0.3.0", "commitID": "", "traceParent": ""}
    assert deployed.refs.keys() == {"main"}
    assert told.story.forge.settings(told.story.repository).actions_may_open_pull_requests
    assert told.chapters["updated again"] == deployed, "a second update has nothing to commit"


def test_a_verified_version_is_proposed_with_its_commit_and_trace_and_not_yet_deployed(told: Told) -> None:
    opened, commit = told.chapters["v0.3.1"], told.commits["v0.3.1"]
    assert told.story.git("diff", "--name-only", f"{commit}~1", commit) == "dev/values.yaml\n"
    metadata = json.loads(told.contexts[0])["metadata"]
    assert metadata["commitID"] == commit
    assert opened.refs.keys() == {"main", BRANCH}
    [(number, state, _, body, head)] = opened.pulls
    assert (number, state, head) == (1, "open", opened.refs[BRANCH])
    assert commit in str(body)
    assert opened.proposed == {
        "serviceVersion": "v0.3.1",
        "commitID": "",
        "traceParent": metadata["traceparent"],
    }
    assert opened.production["serviceVersion"] == "v0.3.0"
    changed = told.story.git("diff", "--name-only", f"{commit}...{opened.refs[BRANCH]}")
    assert changed == "production/values.yaml\n"


def test_the_next_version_updates_the_open_pull_request_and_a_late_task_starts_nothing(told: Told) -> None:
    updated = told.chapters["v0.3.2"]
    [(number, state, title, *_)] = updated.pulls
    assert (number, state) == (1, "open")
    assert "v0.3.2" in str(title)
    assert updated.proposed["serviceVersion"] == "v0.3.2"
    assert updated.proposed["traceParent"] == json.loads(told.contexts[1])["metadata"]["traceparent"]
    assert told.chapters["late"] == updated
    assert len(told.story.runs) == 3, "one run for each version and one for the replay"


def test_a_merge_deploys_what_was_verified_linked_to_its_trace(told: Told) -> None:
    production, metadata = told.story.synced["production"], json.loads(told.contexts[1])["metadata"]
    assert (production.commit, production.version) == (told.commits["merge"], "v0.3.2")
    assert production.context["spec"]["spanLinks"] == [metadata["traceparent"]]
    assert production.context["spec"]["metadata"]["commitID"] == told.commits["merge"]


def test_neither_a_replay_nor_an_update_changes_anything_after_the_merge(told: Told) -> None:
    assert told.chapters["replayed"] == told.chapters["merged"]
    assert told.chapters["updated after the merge"] == told.chapters["merged"]


def test_no_token_is_in_git_a_manifest_a_span_or_a_log(told: Told) -> None:
    said = told.said + "".join(run.log for run in told.story.runs) + repr(told.chapters)
    said += told.story.git("log", "--all", "-p") + told.story.trace_file.read_text("utf-8")
    said += "".join(path.read_text("utf-8") for path in (told.story.folder / "manifests").rglob("*.yaml"))
    tokens = [UPDATE_TOKEN, TASK_TOKEN, *(run.token for run in told.story.runs)]
    assert [token for token in tokens if token in said] == []
