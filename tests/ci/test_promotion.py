"""The promotion alone: which command, and what happens while another update holds the stack."""

from pathlib import Path

import pytest

from ci import promotion
from ci.promotion import TARGETS, promote
from tests.ci.tools import FakePulumi

DIY = (255, "", "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end\n")
CLOUD = (255, "", "error: [409] Conflict: Another update is currently in progress.\n")
DONE = (0, "Resources: 3 created\n", "")


class Clock:
    """Time passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("organization", ["", "acme"])
def test_it_updates_the_promotions_with_their_provider_and_nothing_else(tmp_path: Path, organization: str) -> None:
    pulumi = FakePulumi(tmp_path, DONE)
    assert promote(pulumi.environment(TO="production", PULUMI_ORGANIZATION=organization)) == 0
    [[update, *options]] = pulumi.calls
    assert update == "up"
    stack = "acme/production" if organization else "production"
    assert {f"--stack={stack}", *(f"--target={target}" for target in TARGETS)} < set(options)


@pytest.mark.parametrize("locked", [DIY, CLOUD], ids=["a backend of one's own", "Pulumi Cloud"])
def test_a_locked_stack_is_waited_for(tmp_path: Path, locked: tuple[int, str, str]) -> None:
    pulumi, clock = FakePulumi(tmp_path, locked, locked, DONE), Clock()
    assert promote(pulumi.environment(TO="production"), clock.sleep, clock) == 0
    assert len(pulumi.calls) == 3


def test_a_lock_without_end_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promotion, "PATIENCE", 70.0)
    pulumi, clock = FakePulumi(tmp_path, DIY), Clock()
    assert promote(pulumi.environment(TO="production"), clock.sleep, clock) == 255
    assert clock.now == 60.0


def test_any_other_failure_ends_the_run_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pulumi = FakePulumi(tmp_path, (255, "", "error: no version v9 in dev\n"))
    assert promote(pulumi.environment(TO="production"), lambda _: pytest.fail("slept")) == 255
    assert "no version v9" in capsys.readouterr().err


@pytest.mark.parametrize("stage", ["", "--target-dependents", "a b", "prod\n", "$(id)"])
def test_what_is_no_stage_never_reaches_the_command_line(tmp_path: Path, stage: str) -> None:
    pulumi = FakePulumi(tmp_path, DONE)
    assert promote(pulumi.environment(TO=stage)) == 2
    assert pulumi.calls == []
