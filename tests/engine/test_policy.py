"""The policy pack in the real engine: every rule's cases in two previews, and what the engine makes of a violation."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from delivery.config.errors import Json
from delivery.policy.resources import Declared
from lab.forge import Forge
from tests.delivery.policy.cases import CASES, Case
from tests.engine.languages import OtherTeam, missing
from tests.engine.policy import HOW_TO_GET, PACK, is_ready, judged

pytestmark = pytest.mark.skipif(not is_ready(), reason=HOW_TO_GET)
PROGRAM = """
import json, pulumi
for name, kind, properties in json.load(open("resources.json")):
    pulumi.CustomResource(kind, name, properties)
"""


@dataclass(frozen=True)
class Judged:
    """How a preview ended: its exit status, and each violation as the number of its case, its rule and what it says."""

    status: int
    text: str
    violations: frozenset[tuple[int, str, str]]

    def found(self) -> set[tuple[int, str]]:
        """Which case has broken which rule."""
        return {(number, rule) for number, rule, _ in self.violations}


def judge(folder: Path, resources: Sequence[Sequence[Declared]], config: Mapping[str, Json] | None = None) -> Judged:
    """Preview a program that declares these resources, of each case its own."""
    named = [
        (f"case-{number}-{index}", found.type, apart(found, number))
        for number, several in enumerate(resources)
        for index, found in enumerate(several)
    ]
    (folder / "state").mkdir()
    (folder / "resources.json").write_text(json.dumps(named))
    (folder / "__main__.py").write_text(PROGRAM)
    virtualenv = Path(sys.prefix)
    runtime = {"name": "python", "options": {"toolchain": "pip", "virtualenv": str(virtualenv)}}
    (folder / "Pulumi.yaml").write_text(json.dumps({"name": "judged", "runtime": runtime}))
    (folder / "config.json").write_text(json.dumps(config or {}))
    variables = os.environ | {
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "nothing here is worth one",
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DEBUG_COMMANDS": "true",
        "KUBECONFIG": str(folder / "no-kubeconfig"),
    }
    subprocess.run(["pulumi", "stack", "init", "judged"], cwd=folder, env=variables, check=True, capture_output=True)
    pack = [f"--policy-pack={PACK}", f"--policy-pack-config={folder / 'config.json'}"]
    command = ["pulumi", "preview", "--non-interactive", "--color=never", "--stack=judged", "--event-log=events", *pack]
    done = subprocess.run(command, cwd=folder, env=variables, check=False, capture_output=True, text=True)
    events = [json.loads(line) for line in (folder / "events").read_text().splitlines()]
    broken = [event["policyEvent"] for event in events if "policyEvent" in event]
    violations = {
        (int(re.findall(r"case-(\d+)-", event["resourceUrn"])[0]), event["policyName"], event["message"])
        for event in broken
    }
    return Judged(done.returncode, done.stdout + done.stderr, frozenset(violations))


def apart(found: Declared, number: int) -> Json:
    """The resource's properties with a repository and an application of the case's own."""
    text = json.dumps(dict(found.properties)).replace("gitops", f"gitops-{number}").replace("shop", f"shop{number}")
    properties: Json = json.loads(text)
    return properties


def test_what_breaks_a_rule_is_found_where_it_is_declared_and_stops_a_preview(tmp_path: Path) -> None:
    judged = judge(tmp_path, [case.failing for case in CASES])
    assert judged.found() == {(number, case.rule) for number, case in enumerate(CASES)}, judged.text
    assert judged.status != 0


def test_what_keeps_the_rules_passes_and_so_does_what_is_allowed(tmp_path: Path) -> None:
    allowed = {case.rule: case for case in CASES}
    config: dict[str, Json] = {rule: {"allow": [exception(case)]} for rule, case in allowed.items()}
    judged = judge(tmp_path, [*(case.passing for case in CASES), *(case.failing for case in allowed.values())], config)
    assert judged.violations == frozenset(), judged.text
    assert judged.status == 0, judged.text


def exception(case: Case) -> str:
    """A pattern of what the rule finds, whatever the case's number is."""
    return case.subject.replace("shop", "shop*")


def test_a_rule_may_warn_or_be_left_out(tmp_path: Path) -> None:
    broken = [next(case for case in CASES if case.rule == rule).failing for rule in ("mutable-tag", "plain-secret")]
    judged = judge(tmp_path, broken, {"mutable-tag": "advisory", "plain-secret": "disabled"})
    assert judged.found() == {(0, "mutable-tag")}, judged.text
    assert judged.status == 0, judged.text


@pytest.mark.skipif(bool(missing("yaml")), reason=missing("yaml"))
def test_a_program_that_uses_the_component_package_is_judged_in_the_same_way(tmp_path: Path, forge: Forge) -> None:
    team = OtherTeam(tmp_path, forge, "yaml")
    team.edit("firstVersion: v0.3.0", "firstVersion: latest")
    broken = team.preview("dev", *judged())
    assert broken.status != 0
    assert re.findall(r"\[mandatory\] +([\w-]+)", broken.text) == ["mutable-tag"]
