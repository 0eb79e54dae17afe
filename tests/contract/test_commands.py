"""The commands: their options, what they print for scripts, and what the committed workflow and a run's spans name."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.golden import Words, apart, keep
from tests.contract.story import NAME, story
from tests.contract.surface import (
    COMMANDS,
    CONTEXT,
    ROOT,
    WORKFLOW,
    Forge,
    command,
    guide,
    help_of,
    kubernetes_api,
    preview,
    repository_files,
    set_keys,
)

PROSE = frozenset({"description", "detail", "mend", "fix", "notes"})


def test_every_command_has_the_same_options() -> None:
    options = {}
    for name, module in sorted(COMMANDS.items()):
        text = help_of(name)
        usage = text.partition("\n\n")[0]
        options[name] = {
            "options": re.findall(r"\[[^]]+\]|--\S+ [A-Z]+|\S+", usage.partition("[-h]")[2]),
            "environment": sorted({*re.findall(r"(?<=\[)[A-Z]+(?==true|\])|\b[A-Z]+_[A-Z_]+\b", text)}),
        }
        keep(f"help/{name}.txt", text.replace(usage.partition(" [-h]")[0], f"usage: {name}").replace(module, name))
    keep("commands.yaml", options)


def test_make_has_the_same_targets_and_variables() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z][a-z-]*):[^=\n]*(?:## (.*))$", text, re.MULTILINE)
    keep("make.yaml", {"variables": re.findall(r"^([A-Z]+ \?= .*)$", text, re.MULTILINE), "targets": [*dict(targets)]})
    keep("help/make.txt", "".join(f"{name}: {prose}\n" for name, prose in targets))


@pytest.mark.parametrize("engine", ["promoter", "pulumi"])
def test_the_committed_workflow_has_the_same_inputs_jobs_and_steps(engine: str) -> None:
    text = repository_files(preview(ROOT, "dev", promotionEngine=engine))[WORKFLOW]
    document: dict[Any, Any] = yaml.safe_load(text)
    document["on"] = document.pop(True)  # what YAML 1.1 takes the word for
    for job in document["jobs"].values():
        job["steps"] = [{"name": each["name"], "env": sorted(each.get("env", {}))} for each in job["steps"]]
    kept, prose = apart(document, PROSE)
    keep(f"workflows/{engine}.yaml", kept)
    keep(f"workflows/{engine}.prose.yaml", prose)


def test_a_promotion_and_a_rollback_emit_spans_of_the_same_names_and_attributes(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    environ = {"DELIVERY_TRACE_FILE": str(file), "GITHUB_RUN_ID": "7"}
    with story(tmp_path) as told:
        told.promote(told.commit("dev at v0.3.1", dev="v0.3.1"), VERSION="v0.3.1", **environ)
        told.merge(1)
        told.promote(ROLLBACK="it returns 500", **environ)
    spans: list[dict[str, object]] = []
    for resource in [each for line in file.read_text().splitlines() for each in json.loads(line)["resourceSpans"]]:
        spans.append({"resource": sorted(each["key"] for each in resource["resource"]["attributes"])})
        for span in [span for scope in resource["scopeSpans"] for span in scope["spans"]]:
            keys = sorted(each["key"] for each in span["attributes"])
            events = [each["name"] for each in span.get("events", ())]
            spans.append({"name": span["name"], "kind": span["kind"], "attributes": keys, "events": events})
            spans[-1]["links"] = len(span.get("links", ()))
    keep("spans.yaml", spans)


def test_a_trace_is_the_same_json(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    file.write_text("".join(guide(200).lines), encoding="utf-8")
    done = command("trace", "--file", str(file), "--json")
    kept, prose = apart(json.loads(done.out), PROSE)
    keep("trace/trace.json", {"exit": done.status, "json": kept})
    keep("trace/trace.prose.yaml", prose | {"drawn": command("trace", "--file", str(file)).out})
    assert command("trace", "--file", str(file), "--version", "v9", "--json").status == 1
    assert command("trace", "--file", str(tmp_path / "none"), "--json").status == 2


def doctor(where: str, project: Path, stack: str, words: Words, **environ: str) -> None:
    """Keep what the doctor says of a stack."""
    done = command("doctor", "--project", str(project), "--stack", stack, "--json", **environ)
    kept, prose = apart(json.loads(done.out), PROSE)
    keep(f"doctor/{where}.json", {"exit": done.status, "json": kept}, words)
    keep(f"doctor/{where}.prose.yaml", prose, words)


def copied(tmp_path: Path, **keys: object) -> Path:
    """The project as it ships, with these keys of `delivery:` set for every stack."""
    project = tmp_path / "project"
    project.mkdir()
    for path in (*ROOT.glob("Pulumi*.yaml"), ROOT / "requirements.txt"):
        shutil.copy(path, project)
    for stack in ("dev", "production"):
        set_keys(project, stack, keys)
    return project


def test_the_doctor_has_the_same_checks_of_a_stack_with_nothing_set(tmp_path: Path) -> None:
    words = Words({str(tmp_path): "folder", **locked()})
    doctor("bare_dev", copied(tmp_path), "dev", words, PATH=str(tmp_path))


@pytest.mark.parametrize("stack", ["dev", "production"])
def test_the_doctor_has_the_same_checks_of_a_healthy_stack(stack: str, tmp_path: Path) -> None:
    with story(tmp_path) as told, kubernetes_api() as api:
        secret = {"secure": "v1:abc"}
        names = ("githubToken", "kubeconfig", *(["promotionToken"] if stack == "dev" else []))
        settings: dict[str, object] = {"kubeContext": CONTEXT, **told.settings, **dict.fromkeys(names, secret)}
        project = copied(tmp_path, **settings)
        grant(told.forge)
        texts = {"githubToken": "g" * 30, "promotionToken": "p" * 30, "kubeconfig": api.kubeconfig().reveal()}
        answer = {f"delivery:{name}": {"value": texts[name]} for name in names}
        (tmp_path / "secrets.json").write_text(json.dumps(answer))
        pins = [(version, words.split("'")[0]) for version, words in locked().items()]
        plugins = json.dumps([{"name": name, "kind": "resource", "version": version} for version, name in pins])
        for name in ("pulumi", "pulumi-language-python"):
            cases = f"version) echo v3.300.1;; plugin*) echo '{plugins}';; config*) /bin/cat {tmp_path}/secrets.json;;"
            (tmp_path / name).write_text(f'#!/bin/sh\ncase "$*" in {cases} *) exit 1;; esac\n')
            (tmp_path / name).chmod(0o755)
        told.words.known |= {api.url: "cluster", **locked()}
        doctor(f"healthy_{stack}", project, stack, told.words, PATH=str(tmp_path))


def locked() -> dict[str, str]:
    """The locked versions of the providers, and how golden files call them."""
    text = (ROOT / "requirements.txt").read_text()
    return {
        version: f"{name}'s version" for name, version in re.findall(r"(?m)^pulumi-(kubernetes|github)==(\S+)", text)
    }


def grant(forge: Forge) -> None:
    """The two tokens with the permissions that they need."""
    everything = {"contents": "write", "pull_requests": "read", "workflows": "write", "administration": "write"}
    forge.add_token("g" * 30, everything, repositories=[NAME])
    forge.add_token("p" * 30, {"actions": "write", "deployments": "write"}, repositories=[NAME])
