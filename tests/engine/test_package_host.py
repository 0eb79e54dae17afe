"""The package in the real engine: a program that is not this one declares stages by it."""

import json
import os
import shutil
import subprocess
from typing import Any

from lab.engine import PROGRAM
from program.package.host import package
from tests.engine.languages import checkout_to_install, server, with_providers
from tests.engine.outcome import Outcome, read_outcome
from tests.engine.team import BRANCH, EDGE, NAME, OWNER, TASK_TOKEN, TOKEN, Team

LANGUAGES = ("nodejs", "python", "go", "dotnet", "java")
APPLICATION = {
    "name": "podtato-head",
    "image": "ghcr.io/podtato-head/podtato-server",
    "firstVersion": "v0.3.0",
    "promotedKeys": [{"key": "serviceVersion"}],
}
PROGRAM_TEXT = """
import json
import pulumi


class Component(pulumi.ComponentResource):
    def __init__(self, kind, name, inputs, outputs):
        for output in outputs:
            inputs.setdefault(output, None)
        super().__init__(f"delivery:index:{kind}", name, inputs, remote=True)


config = pulumi.Config()
inputs = json.loads(config.require("inputs"))
for key in ("githubToken", "promotionToken"):
    if config.get(key):
        inputs[key] = config.require_secret(key)
kind = config.require("kind")
outputs = ("stages",) if kind == "Pipeline" else ("applications", "promotions")
component = Component(kind, config.require("name"), inputs, outputs)
for output in outputs:
    pulumi.export(output, getattr(component, output))
"""


class Caller:
    """A program of somebody else's that declares one component of the package, which is a plugin on its PATH.

    `inputs` and `secrets` are what it gives to the component; they may be changed before each command.
    """

    def __init__(self, team: Team, kind: str, name: str, **inputs: object) -> None:
        self.folder, self._log = team.folder / "caller", team.folder / "events"
        (self.folder / "bin").mkdir(parents=True)
        plugin = server(self.folder / "bin")
        runtime = {"name": "python", "options": {"toolchain": "pip", "virtualenv": str(PROGRAM / ".venv")}}
        (self.folder / "Pulumi.yaml").write_text(json.dumps({"name": "shop", "runtime": runtime}), encoding="utf-8")
        (self.folder / "__main__.py").write_text(PROGRAM_TEXT, encoding="utf-8")
        variables = team.engine.environment | team.environment | {"PULUMI_DEBUG_COMMANDS": "true"}
        self.environment = os.environ | variables | {"PATH": f"{plugin.parent}:{os.environ['PATH']}"}
        self.component = {"kind": kind, "name": name}
        self.inputs: dict[str, Any] = {
            "repositoryOwner": OWNER,
            "repositoryName": NAME,
            "githubApiUrl": team.forge.api_url,
            "applications": [APPLICATION],
            "stages": [{"name": "dev"}, {"name": "production", "after": ["dev"]}],
            "cluster": "render",
            "renderManifestsTo": str(team.folder / "rendered"),
            **inputs,
        }
        self.secrets = {"githubToken": TOKEN, "promotionToken": TASK_TOKEN}
        self.pulumi("stack", "init", "all")

    def pulumi(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """A command of the CLI."""
        return subprocess.run(
            ["pulumi", *command, "--non-interactive"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def run(self, *command: str) -> Outcome:
        """A command on the stack, with what the component is given now."""
        plain = {"inputs": json.dumps(self.inputs), **self.component}
        options = [f"--plaintext=shop:{key}={value}" for key, value in plain.items()]
        options += [f"--secret=shop:{key}={value}" for key, value in self.secrets.items()]
        configured = self.pulumi("config", "set-all", "--stack=all", *options)
        assert configured.returncode == 0, configured.stderr
        self._log.unlink(missing_ok=True)
        done = self.pulumi(*command, "--stack=all", "--color=never", f"--event-log={self._log}")
        return read_outcome(done.returncode, f"{done.stdout}\n{done.stderr}", self._log)


UP = ("up", "--yes", "--skip-preview")


def test_a_program_of_somebody_else_declares_the_whole_pipeline_and_takes_it_away_again(team: Team) -> None:
    caller = Caller(team, "Pipeline", "shop")

    shown, up = caller.run("preview"), caller.run(*UP)

    assert (shown.status, up.status) == (0, 0), shown.text + up.text
    assert shown.changes == up.changes
    assert {f"{stage}/values.yaml" for stage in ("dev", "production")} <= set(team.files())
    assert up.outputs["stages"]["dev"]["promotesTo"] == ["production"]
    assert caller.run("preview", "--expect-no-changes").status == 0
    state = caller.pulumi("stack", "export", "--stack=all").stdout
    assert [token for token in (TOKEN, TASK_TOKEN) if token in state + shown.text + up.text] == []
    down = caller.run("destroy", "--yes", "--skip-preview")
    assert down.status == 0, down.text
    assert sorted(team.files()) == ["README.md", "dev/values.yaml", "production/values.yaml"]


def test_a_stage_of_the_package_promotes_by_itself(team: Team) -> None:
    team.promoting().release("v0.3.1")
    caller = Caller(team, "Stage", "production", promotionEngine="pulumi")

    up = caller.run(*UP)

    assert up.status == 0, up.text
    assert team.states() == ["open"]
    assert team.version(ref=BRANCH) == "v0.3.1"
    assert up.outputs["promotions"].keys() == {EDGE}
    assert caller.run("preview", "--expect-no-changes").status == 0


def test_what_is_wrong_with_the_inputs_the_calling_program_is_told_in_one_message(team: Team) -> None:
    caller = Caller(team, "Stage", "dev", promotionRetires=3, repositoryOwner="a b")
    caller.secrets["githubToken"] = "not a token"

    refused = caller.run("preview")

    assert refused.status != 0
    # What comes after it is the SDK of this calling program.
    told = refused.text.partition("Diagnostics:")[2].partition("error: ")[2].partition("error: ")[0]
    assert [line.strip().partition(": found ")[0] for line in told.splitlines()[1:] if line.strip()] == [
        "githubToken",
        "promotionRetires",
        "repositoryOwner",
    ]
    assert "Traceback" not in told
    assert "not a token" not in refused.text


def test_the_cli_finds_installs_and_runs_the_package_by_its_folder(team: Team) -> None:
    copied, home = checkout_to_install(team.folder / "delivery"), team.folder / "home"
    with_providers(home)
    environment = os.environ | team.engine.environment | {"PULUMI_HOME": str(home), "PIP_NO_INDEX": "1"}

    done = subprocess.run(
        ["pulumi", "package", "get-schema", "./package"], cwd=copied, env=environment, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    schema, ours = json.loads(done.stdout), json.loads(package().schema or "")
    for token, each in ours["resources"].items():
        told, meant = (
            {key: (value["description"], value.get("secret")) for key, value in of["inputProperties"].items()}
            for of in (schema["resources"][token], each)
        )
        assert told == meant
    file = team.folder / "schema.json"
    file.write_text(done.stdout, encoding="utf-8")
    for language in filter(lambda name: shutil.which(f"pulumi-language-{name}"), LANGUAGES):
        made = subprocess.run(
            ["pulumi", "package", "gen-sdk", str(file), "--language", language, "--out", str(team.folder / "sdk")],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert made.returncode == 0, made.stderr
    # Each SDK encrypts a secret by itself.
    args = (team.folder / "sdk" / "python" / "pulumi_delivery" / "stage.py").read_text("utf-8")
    assert "pulumi.Output.secret(github_token)" in args
