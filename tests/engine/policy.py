"""The policy pack as the engine runs it, where its environment is there."""

from tests.workflow_files import ROOT

PACK = ROOT / "policy"
HOW_TO_GET = "the policy pack's environment is not there: run `make policy`"


def is_ready() -> bool:
    """Whether the pack can be started."""
    return (PACK / ".venv" / "bin" / "python").exists()


def judged() -> tuple[str, ...]:
    """The options of a command that the pack judges, with the exceptions that this project makes."""
    return ("--policy-pack", str(PACK), "--policy-pack-config", str(PACK / "config.json")) if is_ready() else ()
