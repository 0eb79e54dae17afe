"""What the checks of the platform's stack may look at, and the checks of what it is given."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from delivery.cluster import Connection
from delivery.cluster.kubeconfig import KEYS
from delivery.cluster.preflight import platform_command
from delivery.config.errors import ConfigError, Problem, set_fix
from delivery.config.files import StackFilesError, read_project_config, read_stack_config
from delivery.doctor.check import Check, unknown, wrong
from delivery.doctor.inputs import checks_of, decrypt, known_secrets
from delivery.doctor.inspection import BlockedError, Look
from delivery.doctor.pulumi_cli import PulumiError, declared_objects
from delivery.model.pipeline import Pipeline
from delivery.model.secret import SecretText
from delivery.platform.charts import PARTS, ChartPin
from delivery.platform.configuration import PlatformConfiguration, parse_platform
from delivery.platform.keys import CHARTS_VARIABLE, PLATFORM, SECRETS
from delivery.platform.pipeline import read_pipeline
from delivery.platform.plan import PlatformPlan, plan_platform


class PlatformInspection(Look):
    """A look at the platform's stack. `root` has the platform's folder; `parsed` is empty until the inputs are read."""

    providers = ("kubernetes",)

    def __init__(self, root: Path, stack: str, environ: Mapping[str, str]) -> None:
        super().__init__(root / PLATFORM.name, stack, environ)
        self.program = root
        self.parsed: PlatformConfiguration | None = None
        self.stateless = ""

    @property
    def configuration(self) -> PlatformConfiguration:
        """The stack's configuration. Raises `BlockedError` when it is not valid."""
        if self.parsed is None:
            raise BlockedError(unknown("cluster", "not checked: it follows from the configuration"))
        return self.parsed

    @cached_property
    def plan(self) -> PlatformPlan:
        """What the stack declares."""
        return plan_platform(self.configuration)

    @property
    def pins(self) -> tuple[ChartPin, ...]:
        """The charts of the parts that the configuration wants."""
        return tuple(chart.pin for chart in self.plan.charts)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The parts that it does not want."""
        return tuple(part for part in PARTS if part not in self.configuration.parts)

    @cached_property
    def connection(self) -> Connection:
        """The platform's cluster. Raises `BlockedError` where there is none to ask, and `ClusterError`."""
        return self._reach("deploy", self.configuration.context, KEYS, PLATFORM.name)

    @cached_property
    def state(self) -> frozenset[tuple[str, str]] | None:
        """What this stack has in the cluster, as `Installed.id` names it; None where the CLI does not tell."""
        try:
            return declared_objects(self.environ, self.project, self.stack)
        except PulumiError as error:
            self.stateless = str(error)
            return None

    @property
    def update_command(self) -> str:
        """The command that brings what is missing; after the first update also what was removed outside of Pulumi."""
        return platform_command("up --refresh --run-program" if self.state else "up", self.stack)

    def leave_out(self, part: str) -> str:
        """The command that leaves a part to whoever has installed it."""
        return set_fix(self.stack, part, "false", project=PLATFORM)


def configuration(name: str, inspection: PlatformInspection) -> Iterator[Check]:
    """The stack's files are valid. Gives `inspection` the configuration, and a kubeconfig that is in plain text."""
    stack, prefix = inspection.stack, f"{PLATFORM.name}:"
    try:
        files = read_stack_config(inspection.project, stack)
    except StackFilesError as error:
        fix = f"python -m delivery.doctor --project FOLDER --stack {PLATFORM.name}"
        raise BlockedError(wrong(name, f"{PLATFORM.name}/{error}", fix)) from None
    texts = {key.removeprefix(prefix): text for key, text in files.values.items() if key.startswith(prefix)}
    encrypted = {key.removeprefix(prefix) for key in files.secret_keys}
    inspection.set_keys = SECRETS & texts.keys()
    # Also one that must not be in plain text is masked from here on.
    inspection.add_secrets({key: SecretText(texts[key]) for key in inspection.set_keys - encrypted})
    problems: tuple[Problem, ...] = ()
    try:
        charts = inspection.environ.get(CHARTS_VARIABLE, "")
        pipeline = _pipeline(inspection.program)
        inspection.parsed = parse_platform(texts, stack, encrypted, pipeline, charts)
    except ConfigError as error:
        problems = error.problems
    yield from checks_of(name, problems, "valid")


def _pipeline(root: Path) -> Pipeline | None:
    """The pipeline whose stages the platform is for, None where it cannot be read: the doctor of a stage says why."""
    try:
        return read_pipeline(read_project_config(root))
    except (StackFilesError, ConfigError):
        return None


def secrets(name: str, inspection: PlatformInspection) -> Check:
    """The stack's secrets can be decrypted."""
    reason = decrypt(inspection, PLATFORM.name)
    return known_secrets(name, inspection, reason, "log in and give the passphrase as for pulumi preview")
