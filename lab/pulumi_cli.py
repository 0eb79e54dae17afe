"""The real Pulumi CLI, language host and providers, in a folder of their own: state, home, project, manifests.

The project in that folder consists of links to this one and copies of its configuration files, so that settings made
there never reach the checkout. An example stands in it where it does here, for its `main` leads from there to the
program. Engine tests use the same class.
"""

import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path

import yaml
from pulumi import automation

from delivery.config.keys import PIPELINE, PROJECT
from lab.engine import PROGRAM
from lab.project import set_keys
from lab.updates import Settings, Update

ON_PATH = ("pulumi", "pulumi-language-python", "pulumi-resource-github", "pulumi-resource-kubernetes")
"""The programs that have to be on PATH for the engine to run without a download."""
_LINKED = ("__main__.py", "components", "delivery", "gitops", "package", "program", "requirements.txt", ".venv")


def missing_programs() -> tuple[str, ...]:
    """Those programs of `ON_PATH` that are not there."""
    return tuple(name for name in ON_PATH if shutil.which(name) is None)


@cache
def installed_cli() -> automation.PulumiCommand:
    """The CLI on PATH, which is asked for its version once and not for each stack."""
    return automation.PulumiCommand()


class PulumiEngine:
    """Updates stacks with the real engine. `folder` is its own; manifests go to `manifests/<stack>`.

    `command` is a CLI that is not on PATH; it fetches the language host and providers that it lacks. `project` is the
    folder of the configuration's files, below `program` or the same.
    """

    describes = "with the Pulumi CLI and the official providers; manifests go to files, not to a cluster"

    def __init__(
        self,
        folder: Path,
        manifests: Path,
        program: Path = PROGRAM,
        command: automation.PulumiCommand | None = None,
        project: Path | None = None,
    ) -> None:
        self._command = command
        self._beside = ThreadPoolExecutor(1)
        self._prepared: dict[str, Future[automation.Workspace]] = {}
        copied = folder / "project"
        self.project = copied / (project or program).relative_to(program)
        self.manifests = manifests
        self.environment = {
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "nothing here is worth one",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # This file does not exist, so that nobody's cluster is ever asked for anything.
            "KUBECONFIG": str(folder / "no-kubeconfig"),
        }
        self.project.mkdir(parents=True)
        (folder / "state").mkdir()
        for name in _LINKED:
            if (program / name).exists():
                (copied / name).symlink_to(program / name)
        for path in (project or program).glob("Pulumi*.yaml"):
            shutil.copy(path, self.project)

    def select(self, stack: str, settings: Settings, secrets: Settings) -> automation.Stack:
        """The stack, created if necessary, with these keys of `delivery:` set where they belong."""
        set_keys(self.project, stack, {key: value for key, value in settings.items() if key in PIPELINE})
        options = automation.LocalWorkspaceOptions(
            work_dir=str(self.project),
            env_vars=self.environment,
            pulumi_command=self._command or installed_cli(),
        )
        selected = automation.create_or_select_stack(stack, work_dir=str(self.project), opts=options)
        values = {key: automation.ConfigValue(value) for key, value in settings.items() if key not in PIPELINE}
        values |= {key: automation.ConfigValue(value, secret=True) for key, value in secrets.items()}
        selected.set_all_config({f"{PROJECT}:{key}": value for key, value in values.items()})
        return selected

    def rendering(self, stack: str) -> dict[str, str]:
        """The settings with which `stack` writes its manifests into a folder instead of a cluster."""
        return {"cluster": "render", "renderManifestsTo": str(self.manifests / stack)}

    def prepare(self, stack: str, settings: Settings, secrets: Settings) -> None:
        """Select `stack` in a thread of its own: the CLI takes a second for that, in which it mostly waits."""
        self._prepared[stack] = self._beside.submit(self._select_rendering, stack, settings, secrets)

    def _select_rendering(self, stack: str, settings: Settings, secrets: Settings) -> automation.Workspace:
        return self.select(stack, settings | self.rendering(stack), secrets).workspace

    def up(self, stack: str, settings: Settings, secrets: Settings) -> Update:
        """See `Engine`. The Kubernetes provider writes manifests into a folder instead of deploying."""
        folder = self.manifests / stack
        prepared = self._prepared.pop(stack, None)
        workspace = prepared.result() if prepared else self._select_rendering(stack, settings, secrets)
        # `Stack.up` would run the CLI three more times, for outputs and history that nobody reads here.
        update = ["up", "--yes", "--skip-preview", "--color=never", f"--stack={stack}"]
        workspace.pulumi_command.run(update, str(self.project), self.environment)
        bodies = [
            body for path in sorted(folder.rglob("*.yaml")) for body in yaml.safe_load_all(path.read_text("utf-8"))
        ]
        return Update(folder, tuple(bodies))
