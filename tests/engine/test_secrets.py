"""What previews, states and logs must never say, and mistakes that end in one line each."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

from tests.engine.team import TASK_TOKEN, TOKEN, Team


def readable_forms(secret: str) -> Iterator[str]:
    """The secret itself, and what base64 makes of it wherever it stands in a longer text."""
    yield secret
    for shift in range(3):
        encoded = base64.b64encode(b"." * shift + secret.encode() + b"." * 3).decode()
        # The characters at both ends depend on what stands beside it.
        yield encoded[4:-8]


def leaks(text: str) -> list[str]:
    """Those forms of both tokens that `text` holds."""
    return [form for secret in (TOKEN, TASK_TOKEN) for form in readable_forms(secret) if form in text]


def test_the_check_finds_what_is_encoded() -> None:
    secret = base64.b64encode(json.dumps({"githubRepo": "any", "apiToken": TASK_TOKEN}).encode()).decode()

    assert leaks(f"data: {secret}")
    assert leaks(f"Bearer {TOKEN}")
    assert not leaks("nothing of the kind")


def test_previews_logs_and_state_hold_no_token(team: Team) -> None:
    shown = team.preview("dev", "--json", "--diff")
    update = team.up("dev", "-v=9", "--logtostderr", "--logflow")
    state = team.pulumi("stack", "export", "--stack", "dev")
    stored = "".join(path.read_text("utf-8") for path in (team.folder / "pulumi" / "state").rglob("*.json"))

    assert shown.status == 0, shown.text
    assert update.status == 0
    assert "podtato-head" in shown.text
    assert "RegisterResource" in update.text
    assert leaks(shown.text) == []
    # At this level the engine prints every property that it passes on, secrets too; nobody else may print one.
    ours = [line for line in update.text.splitlines() if "arshaling property for RPC[" not in line]
    assert leaks("\n".join(ours)) == []
    assert leaks(state) == []
    assert leaks(stored) == []
    assert leaks("".join(team.read(path) for path in team.files())) == []


def test_mistakes_in_the_configuration_end_in_one_line_each_without_a_traceback(team: Team) -> None:
    team.settings |= {"repositoryOwner": "no/owner", "stages": '[{"name": "dev", "after": ["prod"]}]', "namspace": "x"}
    team.configure("dev")
    team.pulumi("config", "set", "--stack", "dev", "delivery:pathPattern", "apps/{stage}")

    shown = team.preview("dev")

    assert shown.status != 0
    assert "Traceback" not in shown.text
    # What describes the pipeline is refused in a stack's own file, where `pulumi config set` has put it.
    keys = ("pathPattern", "namspace", "repositoryOwner", "stages[0].after[0]")
    assert [line.partition(": ")[0] for line in shown.errors[: len(keys)]] == [f"delivery:{key}" for key in keys]


def test_a_token_in_plain_text_is_refused_and_not_repeated(team: Team) -> None:
    team.settings["githubToken"] = team.secrets.pop("githubToken")

    shown = team.preview("dev")

    assert shown.status != 0
    assert "Traceback" not in shown.text
    assert leaks(shown.text) == []
    [error] = shown.errors
    assert error.startswith("delivery:githubToken: ")


def test_an_update_as_the_project_ships_is_refused_before_anything_is_written(team: Team, tmp_path: Path) -> None:
    del team.settings["repositoryOwner"]
    team.secrets.clear()

    done = team.up("dev")

    assert done.status != 0
    assert "Traceback" not in done.text
    assert "delivery:repositoryOwner" in done.text
    assert "delivery:githubToken" in done.text
    assert team.forge.requests == []
    assert not (tmp_path / "manifests" / "dev").exists()
