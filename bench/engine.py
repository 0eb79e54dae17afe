"""`preview` and `up` with the real CLI: each stack beside an empty program, which starts no provider.

Everything lies in one temporary folder, state and home included; nothing of the checkout is changed.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.figures import Report
from bench.timing import Samples, command, timed
from lab.forge import Forge
from lab.pulumi_cli import PulumiEngine, missing_programs

TIMES = 2.0
"""How much longer than an empty program a stack may take: two providers have to start, and files to be committed."""
REQUESTS = {"dev": 60.0, "production": 36.0}
"""How often the first update may ask the forge: REST calls, and a fetch or push as one."""
COMMANDS = {
    "preview of a new stack": ("preview",),
    "first up": ("up", "--yes", "--skip-preview"),
    "preview without changes": ("preview",),
}
REPOSITORY = "bench-team/gitops"
SECRETS = {"githubToken": "token-of-the-bench", "promotionToken": "token-of-the-task"}
_EMPTY = "name: empty\nruntime:\n  name: python\n  options:\n    toolchain: pip\n    virtualenv: .venv\n"


class Site:
    """The stacks of a pipeline, and an empty program, on a forge of their own.

    `settings` are the pipeline's where it is not the shipped one, `environment` what else Pulumi gets.
    """

    def __init__(
        self,
        forge: Forge,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.forge, self._settings = forge, dict(settings or {})
        forge.add_token(SECRETS["githubToken"])
        forge.create_repository(REPOSITORY, files={"README.md": "# Bench\n"}, organization=True)
        self._engine = PulumiEngine(folder / "pulumi", folder / "manifests")
        self._engine.environment |= environment or {}
        self._empty = folder / "empty"
        self._empty.mkdir()
        (self._empty / ".venv").symlink_to(self._engine.project / ".venv")
        (self._empty / "Pulumi.yaml").write_text(_EMPTY, encoding="utf-8")
        (self._empty / "__main__.py").touch()

    def select(self, stage: str) -> dict[str, Path]:
        """Make the stack and the empty one; the folders of their programs come back."""
        owner, _, name = REPOSITORY.partition("/")
        settings = {"repositoryOwner": owner, "repositoryName": name, "githubApiUrl": self.forge.api_url}
        self._engine.select(stage, settings | self._settings | self._engine.rendering(stage), SECRETS)
        self.run(self._empty, "stack", "init", stage)
        return {"empty": self._empty, "stack": self._engine.project}

    def run(self, program: Path, *arguments: str) -> float:
        """How long a `pulumi` command takes. `MeasurementError` when it fails."""
        given = ["pulumi", "--non-interactive", "--color=never", *arguments]
        return timed(lambda: command(given, environ=self._engine.environment, folder=program))


def measure(report: Report, rounds: int) -> None:
    """Take this part's figures; without the CLI, report why there are none."""
    if missing := missing_programs():
        report.skip(f"not measured, not on PATH: {', '.join(missing)}")
        return
    for stage, most in REQUESTS.items():
        taken: dict[tuple[str, str], list[float]] = {
            (name, what): [] for what in COMMANDS for name in ("empty", "stack")
        }
        asked: list[float] = []
        for number in range(rounds):
            with tempfile.TemporaryDirectory() as folder, Forge(Path(folder) / "forge") as forge:
                site = Site(forge, Path(folder))
                programs = site.select(stage)
                for what, arguments in COMMANDS.items():
                    forge.forget_requests()
                    for name in list(programs)[:: 1 if number % 2 == 0 else -1]:
                        taken[name, what].append(site.run(programs[name], *arguments, "--stack", stage))
                    if what == "first up":
                        rest = sum(request.kind == "rest" or "info/refs" in request.path for request in forge.requests)
                        asked.append(float(rest))
            report.say(f"{stage} with the real engine: round {number + 1} of {rounds}")
        for what in COMMANDS:
            empty, stack = (Samples(tuple(taken[name, what])) for name in ("empty", "stack"))
            report.add(f"{stage}, {what}", stack, "s")
            report.add("the same : an empty program", stack.over(empty), "×", TIMES)
        report.add(f"{stage}, first up: requests to the forge", Samples(tuple(asked)), "", most)
