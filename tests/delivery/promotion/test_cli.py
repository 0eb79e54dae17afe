"""The command: what goes in, what is shown, and the exit status."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from delivery.model.settings import SettingsError
from delivery.promotion import cli as promote
from delivery.stack.repository_files import promoter
from delivery.timeouts import Deadline
from delivery.tracing.otlp import TRACE_FILE
from tests.delivery.promotion.story import NAME, TOKEN, TRACEPARENT, Story, spans
from tests.slow_server import trickling


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"VERSION": "v0.3.1\nname=x"}, "version"),
        ({"VERSION": "${{ github.token }}"}, "version"),
        ({"VERSION": 'v"1'}, "version"),
        ({"COMMIT_ID": "main"}, "commitID"),
        ({"COMMIT_ID": "AB" * 20}, "commitID"),
        ({"APPLICATION": "other"}, "no edge"),
        ({"TO": "dev"}, "no edge"),
        ({"FROM": ""}, "--from is missing"),
        ({"GITHUB_TOKEN": ""}, "GITHUB_TOKEN is not set"),
        ({"GITHUB_REPOSITORY": "gitops"}, "owner/name"),
        ({"GITHUB_TOKEN": "x\ny"}, "GITHUB_TOKEN holds"),
        ({"ROLLBACK": "  "}, "--rollback is blank"),
        ({"DELIVERY_WRITE_INTERVAL": "soon"}, "DELIVERY_WRITE_INTERVAL"),
    ],
)
def test_wrong_input_is_one_line_and_status_2_before_anything_is_asked(
    told: Story, inputs: dict[str, str], said: str
) -> None:
    run = told.promote(**inputs)

    assert run.status == 2
    [line] = run.errors.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert (run.requests, run.fetches) == ([], 0)


SECRETS = ["https://me:hunter22@host", "https://:hunter22@host/api/v3", "https://host/api/v3?access_token=hunter22"]


@pytest.mark.parametrize("address", [*SECRETS, "https://hunter22@host"])
@pytest.mark.parametrize("name", ["GITHUB_API_URL", "GITHUB_SERVER_URL", "DELIVERY_REMOTE", "GITHUB_REPOSITORY"])
def test_an_address_with_a_credential_is_refused_without_showing_it(told: Story, name: str, address: str) -> None:
    run = told.promote(**{name: address})

    assert (run.status, run.requests, run.fetches) == (2, [], 0)
    assert "hunter22" not in run.errors + run.outputs + run.summary


@pytest.mark.parametrize("address", SECRETS)
@pytest.mark.parametrize("key", ["api_url", "web_url", "trace_url"])
def test_settings_with_a_credential_in_an_address_are_refused_without_showing_it(
    told: Story, key: str, address: str
) -> None:
    told.settings = replace(told.settings, **{key: address})  # type: ignore[arg-type]

    run = told.promote()

    assert (run.status, type(run.error), run.requests, run.fetches) == (2, SettingsError, [], 0)
    assert "hunter22" not in run.errors + run.outputs + run.summary


@pytest.mark.parametrize("content", [None, b"{}", b"\xff", b"[]", b"[" * 100_000])
def test_settings_that_cannot_be_read_are_status_2(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "settings.json"
    if content is not None:
        path.write_bytes(content)

    options = ["--settings", str(path), "--application", "a", "--from", "b", "--to", "c"]
    assert promote.main(options, {"GITHUB_TOKEN": "x"}) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("stage", ['production"]; click s0 "x', "Production", "a.b", ""])
def test_settings_with_a_name_that_no_stage_can_have_are_status_2(told: Story, stage: str) -> None:
    told.configure(stages={"dev": (), "production": ("dev",), stage: ("dev",)})

    run = told.promote()

    assert (run.status, type(run.error)) == (2, SettingsError)
    assert (run.requests, run.fetches) == ([], 0)


def test_outputs_and_summary_are_written_for_the_workflow(told: Story) -> None:
    run = told.promote(told.release("v0.3.1"))

    name, result, end = run.outputs.splitlines()[:3]
    delimiter = name.removeprefix("result<<")
    assert (result, end) == ("created", delimiter)
    assert len(delimiter) > 30
    assert f"{told.forge.url}/{NAME}/pull/1" in run.outputs
    assert "created" in run.summary
    assert TOKEN not in run.outputs + run.summary + run.errors


def test_a_failure_is_in_the_summary_too(told: Story) -> None:
    run = told.promote(token="wrong")

    assert (run.status, run.outputs.splitlines()[1]) == (1, "failed")
    assert run.summary


@pytest.mark.parametrize(("token", "status"), [(TOKEN, 0), ("wrong", 1)])
def test_outputs_that_cannot_be_written_are_a_note(told: Story, token: str, status: int) -> None:
    run = told.promote(token=token, GITHUB_STEP_SUMMARY=str(told.folder / "missing" / "summary"))

    assert run.status == status
    assert run.errors.splitlines()[-1].startswith("note: the workflow's outputs were not written (No such file")


def test_a_terminal_without_the_letters_gets_them_as_escapes(told: Story) -> None:
    commit = told.release("v0.3.1")
    settings = told.folder / "s.json"
    settings.write_text(told.settings.to_json())
    command = [sys.executable, "-m", "delivery.promotion.cli", "--application", "podtato-head", "--from", "dev"]
    command += ["--to", "production", "--commit", commit, "--settings", str(settings), "--dry-run"]

    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "GITHUB_TOKEN": TOKEN, "PYTHONIOENCODING": "cp1252"},
    )

    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0)
    assert "serviceVersion: v0.3.0 \\u2192 v0.3.1" in done.stdout


def test_options_do_what_the_environment_does(told: Story, capsys: pytest.CaptureFixture[str]) -> None:
    commit = told.release("v0.3.1")
    settings = told.folder / "s.json"
    settings.write_text(told.settings.to_json())
    options = ["--application", "podtato-head", "--from", "dev", "--to", "production", "--commit", commit]
    options += ["--version", "v0.3.1", "--traceparent", TRACEPARENT, "--settings", str(settings)]

    assert promote.main(options, {"GITHUB_TOKEN": TOKEN}) == 0

    assert ": created: " in capsys.readouterr().out


def test_the_remote_may_be_another_one_than_the_forges_own_address(told: Story) -> None:
    path = told.folder / "forge" / f"{NAME}.git"

    run = told.promote(told.release("v0.3.1"), "", "--remote", path.as_uri())

    assert (run.status, run.fetches) == (0, 0)
    assert told.version("promote/podtato-head/dev/production") == "v0.3.1"


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_workflows_own_idea_of_the_repository_counts(told: Story, slash: str) -> None:
    told.configure(owner="example", web_url="https://github.com/example/gitops", api_url="https://api.github.com")
    url = told.forge.url

    run = told.promote(
        told.release("v0.3.1"), GITHUB_REPOSITORY=NAME, GITHUB_SERVER_URL=url + slash, GITHUB_API_URL=f"{url}/api/v3"
    )

    assert run.result == "created"
    assert f"]({url}/{NAME}/commit/" in (told.pull_requests[0].body or "")


def test_the_run_is_a_trace_and_its_span_is_in_the_metadata(told: Story) -> None:
    told.environ["DELIVERY_TRACE_FILE"] = str(told.folder / "trace.jsonl")
    commit = told.release("v0.3.1")

    assert told.promote(commit).result == "created"
    first = told.pull_requests[0].body
    assert told.promote(commit).result == "unchanged"

    written = spans(told.folder / "trace.jsonl")
    run = next(span for span in written if not span["parentSpanId"])
    assert {span["name"] for span in written} == {run["name"], "read", "plan", "push", "open"}
    assert told.metadata().run_traceparent.split("-")[1:3] == [run["traceId"], run["spanId"]]
    assert told.pull_requests[0].body == first


def test_the_span_tells_a_run_that_did_something_from_one_that_had_nothing_to_do(told: Story) -> None:
    file = told.folder / "trace.jsonl"
    told.environ["DELIVERY_TRACE_FILE"] = str(file)
    older, newer = told.release("v0.3.1"), told.release("v0.3.2")
    for commit in (newer, newer, older):
        told.promote(commit)
    told.forge.commit(NAME, {"production/values.yaml": told.production().replace("v0.3.0", "v0.3.2")}, "By hand")
    told.promote(newer)
    told.promote(newer)

    runs = [
        {attribute["key"]: attribute["value"].get("stringValue") for attribute in span["attributes"]}
        for span in spans(file)
        if not span["parentSpanId"]
    ]
    assert [(run["cicd.pipeline.result"], run["delivery.promotion.outcome"]) for run in runs] == [
        ("success", "created"),
        ("success", "unchanged"),
        ("skip", "superseded"),
        ("success", "closed"),
        ("skip", "nothing"),
    ]


LIMITS = ("ATTRIBUTE_COUNT", "SPAN_ATTRIBUTE_COUNT", "SPAN_EVENT_COUNT", "SPAN_LINK_COUNT", "ATTRIBUTE_VALUE_LENGTH")


@pytest.mark.parametrize(
    "variables",
    [
        {"BAGGAGE": "a\udcff=b", "TRACESTATE": "a\udcff=b"},
        *({f"OTEL_{name}_LIMIT": value for name in LIMITS} for value in ("-5", "unlimited", "\udcff")),
        {"OTEL_TRACES_SAMPLER": "x", "OTEL_TRACES_SAMPLER_ARG": "x", "OTEL_PROPAGATORS": "x"},
        {"OTEL_PYTHON_CONTEXT": "x", "OTEL_PYTHON_TRACER_PROVIDER": "x", "OTEL_PYTHON_ID_GENERATOR": "x"},
        {"OTEL_RESOURCE_ATTRIBUTES": "\udcff", "OTEL_SERVICE_NAME": "\udcff", "GITHUB_RUN_ID": "\udcff"},
        {"OTEL_BSP_SCHEDULE_DELAY": "0", "OTEL_BSP_MAX_QUEUE_SIZE": "-1", "OTEL_BSP_EXPORT_TIMEOUT": "99999999"},
    ],
    ids=["baggage", "negative limits", "no numbers", "other bytes", "sampler", "components", "resource", "batches"],
)
def test_nothing_in_the_environment_of_the_process_fails_a_promotion_by_its_telemetry(
    told: Story, variables: dict[str, str]
) -> None:
    settings, script = told.folder / "settings.json", told.folder / "promoter.py"
    settings.write_text(told.settings.to_json())
    script.write_text(promoter())
    inputs = {"APPLICATION": "podtato-head", "FROM": "dev", "TO": "production", "COMMIT_ID": told.release("v0.3.1")}
    environ = inputs | {"GITHUB_TOKEN": TOKEN, "PATH": os.environ["PATH"], TRACE_FILE: str(told.folder / "spans")}
    environ |= {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"} if "OTEL_BSP_SCHEDULE_DELAY" in variables else {}

    command = [sys.executable, str(script), "--settings", str(settings)]
    done = subprocess.run(command, env=environ | variables, capture_output=True, check=False, timeout=60)

    said = done.stderr.decode(errors="replace")
    assert (done.returncode, [found.state for found in told.pull_requests]) == (0, ["open"]), said
    assert "Traceback" not in said
    assert sum(line.startswith("telemetry: ") for line in said.splitlines()) <= 1


@pytest.mark.parametrize("dripping", ["api", "git"])
def test_a_server_that_drips_ends_the_run_at_its_deadline(
    told: Story, dripping: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promote, "Deadline", lambda **options: Deadline(1.0, **options))
    commit = told.release("v0.3.1")
    began = time.monotonic()
    with trickling() as url:
        run = told.promote(commit, **{"GITHUB_API_URL" if dripping == "api" else "DELIVERY_REMOTE": url})
    assert time.monotonic() - began < 15
    assert (run.status, told.pull_requests) == (1, [])
    assert run.errors.splitlines()[-1].startswith("error: ")
