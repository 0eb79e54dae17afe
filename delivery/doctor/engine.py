"""Which engine promotes, as the stack sees it whose workflow all promotions run: the first stage's.

`promotionEngine` is meant for every stack alike, but a stack's own file can say something else. Then the workflow
runs one engine and the stack is prepared for the other.
"""

from collections.abc import Iterator
from pathlib import Path

from delivery.config.errors import set_mend
from delivery.config.files import PROJECT, StackFilesError, read_project_config, read_stack_config
from delivery.doctor.check import Check, ok, wrong
from delivery.model.pipeline import ENGINES
from delivery.model.stack import StackConfiguration

_KEY = f"{PROJECT}:promotionEngine"


def committed_engine(project: Path, configuration: StackConfiguration) -> str | None:
    """The engine of the workflow that the first stage's stack commits; None when its files do not tell."""
    if configuration.owns_repository:
        return configuration.pipeline.promotions.engine
    try:
        values = read_stack_config(project, configuration.pipeline.first_stage.name).values
    except StackFilesError:
        return None
    found = values.get(_KEY, ENGINES[0])
    return found if found in ENGINES else None


def engine(project: Path, configuration: StackConfiguration, committed: str | None) -> Iterator[Check]:
    """This stack has the same engine as the first stage's; nothing is said where that is itself, or unknown."""
    if configuration.owns_repository or committed is None:
        return
    stack, first = configuration.stage.name, configuration.pipeline.first_stage.name
    own = configuration.pipeline.promotions.engine
    if own == committed:
        yield ok("promotion engine", f"{own}, as in {first}")
        return
    mend = set_mend("promotionEngine", committed)
    if read_project_config(project).values.get(_KEY, ENGINES[0]) == committed:
        mend = f"pulumi config rm {_KEY}  # or set {own} in Pulumi.yaml, for every stack"
    detail = f"{stack} has {own}, but the workflow is committed by {first}, which has {committed}"
    yield wrong("promotion engine", detail, mend)
