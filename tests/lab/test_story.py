"""The guide's story on the lab, each step held against the forge's and git's own state."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from delivery.config.files import read_stack_config
from lab.cluster import Cluster
from lab.engine import PROGRAM, Value, preview
from lab.forge import Forge
from lab.forge.issues_model import PullRequest
from lab.story import NAME, OWNER, REPOSITORY, TASK_TOKEN, UPDATE_TOKEN, Story
from lab.updates import EmbeddedEngine

BRANCH = "promote/podtato-head/dev/production"


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    with Forge(tmp_path / "forge") as forge, Cluster() as cluster:
        yield Story(forge, cluster, tmp_path)


def git(story: Story, *arguments: str) -> str:
    command = ["git", f"--git-dir={story.forge.settings(REPOSITORY).path}", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def up(story: Story) -> EmbeddedEngine:
    """Both stages, up, synced and verified."""
    engine = EmbeddedEngine(story.forge, REPOSITORY, story.folder / "manifests")
    for stage in ("dev", "production"):
        story.bring_up(engine, stage)
    for stage in ("production", "dev"):
        story.sync(stage)
        story.verify(stage)
    return engine


def released(story: Story, version: str) -> str:
    """The context with which dev's promotion task runs for a new version there."""
    story.release(version)
    story.sync("dev")
    return story.verify("dev")


def promoted(story: Story, context: str) -> PullRequest:
    """The one open pull request after the task and its workflow have run."""
    done = story.promote(context)
    assert done.returncode == 0, done.stderr
    assert story.runs[-1].exit_code == 0, story.runs[-1].log
    [pull] = story.open_pull_requests()
    return pull


def on_the_forge(story: Story) -> object:
    """Everything that a promotion could change there."""
    pulls = [
        (each.number, each.state, each.title, each.body, each.head_sha)
        for each in story.forge.pull_requests(REPOSITORY)
    ]
    return pulls, git(story, "for-each-ref")


def values(story: Story, stage: str, ref: str = "main") -> dict[str, Value]:
    found: dict[str, Value] = yaml.safe_load(git(story, "show", f"{ref}:{stage}/values.yaml"))
    return found


def test_both_updates_leave_exactly_what_is_declared(story: Story) -> None:
    engine = up(story)
    declared = {"README.md": "# What Argo CD reads\n"}
    for stage in ("dev", "production"):
        from_files = {"repositoryOwner": OWNER, "repositoryName": NAME, "githubApiUrl": story.forge.api_url}
        result = preview(stage, read_stack_config(PROGRAM, stage).override(from_files, {}))
        declared |= {
            str(each.inputs["file"]): str(each.inputs["content"]) for each in result.of_type(":RepositoryFile")
        }
    paths = git(story, "ls-tree", "-r", "--name-only", "main").splitlines()
    assert set(paths) == declared.keys()
    for path in paths:
        assert story.forge.read(REPOSITORY, path) == declared[path].encode(), path
    assert values(story, "dev") == {"serviceVersion": "v0.3.0", "commitID": ""}
    assert values(story, "production") == {"serviceVersion": "v0.3.0", "commitID": "", "traceParent": ""}
    assert git(story, "for-each-ref", "--format=%(refname)") == "refs/heads/main\n"
    assert story.forge.settings(REPOSITORY).actions_may_open_pull_requests

    tip = git(story, "rev-parse", "main")
    for stage in ("dev", "production"):
        story.bring_up(engine, stage)
    assert git(story, "rev-parse", "main") == tip, "a second update has nothing to commit"


def test_the_guide_from_release_to_production(story: Story) -> None:
    engine = up(story)

    context = released(story, "v0.3.1")
    assert git(story, "diff", "--name-only", "main~1", "main") == "dev/values.yaml\n"
    changed = git(story, "diff", "--unified=0", "main~1", "main").splitlines()[-2:]
    assert changed == ["-serviceVersion: v0.3.0", "+serviceVersion: v0.3.1"]
    verified = git(story, "rev-parse", "main").strip()
    metadata = json.loads(context)["metadata"]
    assert metadata["commitID"] == verified

    pull = promoted(story, context)
    assert git(story, "for-each-ref", "--format=%(refname:short)", "refs/heads").split() == ["main", BRANCH]
    assert (pull.head, pull.base, pull.head_sha) == (BRANCH, "main", git(story, "rev-parse", BRANCH).strip())
    assert git(story, "diff", "--name-only", f"main...{BRANCH}") == "production/values.yaml\n"
    lines = git(story, "diff", "--unified=0", f"main...{BRANCH}").splitlines()
    assert [line for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")] == [
        "-serviceVersion: v0.3.0",
        "+serviceVersion: v0.3.1",
        '-traceParent: ""',
        f'+traceParent: "{metadata["traceparent"]}"',
    ]
    assert verified in (pull.body or "")
    assert values(story, "production")["serviceVersion"] == "v0.3.0", "nothing is deployed before the merge"

    merge = story.merge(pull)
    assert story.forge.pull_requests(REPOSITORY)[0].merged
    production = story.sync("production")
    assert (production.commit, production.version) == (merge, "v0.3.1")
    spec = production.of_kind("KeptnAppContext")["spec"]
    assert spec["spanLinks"] == [metadata["traceparent"]]
    assert spec["metadata"]["commitID"] == merge

    before = on_the_forge(story)
    story.promote(context)
    assert story.runs[-1].exit_code == 0
    assert on_the_forge(story) == before, "a replay after the merge changes nothing"

    story.bring_up(engine, "production")
    assert values(story, "production")["serviceVersion"] == "v0.3.1", "no update undoes a promotion"


def test_a_second_version_while_the_pull_request_is_open_updates_the_same_one(story: Story) -> None:
    up(story)
    first_context = released(story, "v0.3.1")
    first = promoted(story, first_context)
    second_context = released(story, "v0.3.2")
    second = promoted(story, second_context)
    assert second.number == first.number
    assert values(story, "production", BRANCH) == {
        "serviceVersion": "v0.3.2",
        "commitID": "",
        "traceParent": json.loads(second_context)["metadata"]["traceparent"],
    }
    assert "v0.3.2" in second.title

    before = on_the_forge(story)
    runs = len(story.runs)
    late = story.promote(first_context)
    assert (late.returncode, len(story.runs)) == (0, runs), "what dev no longer runs is not dispatched"
    assert on_the_forge(story) == before


def test_no_token_reaches_git_the_task_or_a_log(story: Story) -> None:
    up(story)
    context = released(story, "v0.3.1")
    done = story.promote(context)
    pull = story.open_pull_requests()[0]
    said = done.stdout + done.stderr + "".join(run.log + run.summary for run in story.runs) + (pull.body or "")
    said += git(story, "log", "--all", "-p") + story.trace_file.read_text("utf-8")
    said += "".join(path.read_text("utf-8") for path in (story.folder / "manifests").rglob("*.yaml"))
    for token in (UPDATE_TOKEN, TASK_TOKEN, "lab-token-of-run"):
        assert token not in said
    assert [run.masked for run in story.runs] == [0]


def test_the_story_leaves_nothing_running(tmp_path: Path) -> None:
    threads, processes = set(threading.enumerate()), children()
    with Forge(tmp_path / "forge") as forge, Cluster() as cluster:
        story = Story(forge, cluster, tmp_path)
        up(story)
        promoted(story, released(story, "v0.3.1"))
    assert [thread for thread in threading.enumerate() if thread not in threads and thread.is_alive()] == []
    assert children() == processes


def children() -> set[str]:
    """The processes that this one has started and that are still there, zombies included."""
    listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True)
    return {line for line in listed.stdout.splitlines() if " ps -o" not in line}
