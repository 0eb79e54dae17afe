"""One job on the lab's runner: its steps one after another, in a workspace and environment of their own.

bash runs the `run:` steps as they are written. The two actions that this project uses have stand-ins, and the log
says so: checkout is a real `git clone`, setup-python is the interpreter that runs the lab.
"""

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.workflow import Context, Step, Workflow, WorkflowError, evaluate

_ACTION = re.compile(r"(?P<name>[\w.-]+/[\w.-]+)@[0-9a-f]{40}")
_SHELLS = {"": ["bash", "-e"], "bash": ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail"]}
_FILES = ("GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
_ASSIGNMENT = re.compile(
    r"(?P<key>[^=<\n]+)(?:<<(?P<end>[^\n]+)\n(?P<block>(?:.*\n)*?)(?P=end)|=(?P<value>.*))(?:\n|\Z)"
)


@dataclass(frozen=True)
class StepResult:
    """What a step did: its exit code, what it printed, what it wrote to GITHUB_OUTPUT, and how long it took."""

    name: str
    exit_code: int
    output: str
    outputs: Mapping[str, str]
    seconds: float


@dataclass(frozen=True)
class Clone:
    """Runs git against one repository of the forge. The token is in its environment, never in arguments or files."""

    url: str
    token: str
    home: Path

    def read(self, folder: Path, branch: str, path: str) -> tuple[str, str]:
        """The text of one file at the tip of `branch`, and that tip's commit."""
        self.git("clone", "--quiet", "--no-checkout", "--no-tags", "--depth=1", f"--branch={branch}", self.url, folder)
        try:
            return self.git("-C", folder, "show", f"HEAD:{path}"), self.git("-C", folder, "rev-parse", "HEAD").strip()
        except WorkflowError as error:
            raise WorkflowError(f"{path} is not on {branch}: {error}") from error

    def git(self, *arguments: str | Path) -> str:
        """What git prints; `WorkflowError` with its last line when it fails."""
        credentials = base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
        environ = {
            "PATH": tool_path(),
            "HOME": str(self.home),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {credentials}",
        }
        done = subprocess.run(["git", *arguments], env=environ, capture_output=True, encoding="utf-8", check=False)
        if done.returncode:
            raise WorkflowError((done.stderr.strip().splitlines() or ["git failed"])[-1])
        return done.stdout


@dataclass
class Job:
    """One run under way: its environment grows by what the steps write to GITHUB_ENV and GITHUB_PATH."""

    workflow: Workflow
    root: Path
    contexts: Mapping[str, Context]
    clone: Clone
    hidden: list[str]
    environment: dict[str, str]
    log: list[str] = field(default_factory=list)
    summary: str = ""
    masked: int = 0

    def run(self) -> tuple[StepResult, ...]:
        """Run the steps one after another until one fails or the job's time is over."""
        self.hidden += [base64.b64encode(f"x-access-token:{value}".encode()).decode() for value in self.hidden if value]
        deadline = time.monotonic() + self.workflow.timeout
        steps: list[StepResult] = []
        for number, step in enumerate(self.workflow.steps, start=1):
            self.log.append(f"▶ {step.name}")
            started = time.monotonic()
            files = {key: self.root / "temp" / f"{number}-{key.lower()}" for key in _FILES}
            for file in files.values():
                file.touch()
            code, output = self._stand_in(step) if step.uses else self._bash(step, number, files, deadline)
            output = self._mask(output)
            self.log += [f"  {line}" for line in output.splitlines()]
            if code:
                self.log.append(f"  Error: Process completed with exit code {code}.")
            self.environment |= _assignments(files["GITHUB_ENV"].read_text(encoding="utf-8"))
            for folder in files["GITHUB_PATH"].read_text(encoding="utf-8").splitlines():
                self.environment["PATH"] = f"{folder}{os.pathsep}{self.environment['PATH']}"
            self.summary += self._mask(files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8"))
            outputs = _assignments(files["GITHUB_OUTPUT"].read_text(encoding="utf-8"))
            steps.append(StepResult(step.name, code, output, outputs, time.monotonic() - started))
            if code:
                break
        return tuple(steps)

    def _bash(self, step: Step, number: int, files: Mapping[str, Path], deadline: float) -> tuple[int, str]:
        if step.shell not in _SHELLS:
            raise WorkflowError(f"{step.name}: the lab knows the shell bash, found {step.shell}")
        declared = {**self.workflow.environment, **step.environment}
        environ = {key: evaluate(value, self.contexts) for key, value in declared.items()}
        script = self.root / "temp" / f"{number}.sh"
        script.write_text(evaluate(step.run, self.contexts), encoding="utf-8")
        process = subprocess.Popen(
            [*_SHELLS[step.shell], script],
            cwd=self.root / "workspace",
            env={**self.environment, **{key: str(file) for key, file in files.items()}, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            output += f"\nThe job has exceeded the maximum execution time of {self.workflow.timeout:g} s".encode()
        return process.returncode, output.decode(errors="replace")

    def _stand_in(self, step: Step) -> tuple[int, str]:
        action = _ACTION.fullmatch(step.uses)
        arguments = {key: evaluate(value, self.contexts) for key, value in step.arguments.items()}
        match action["name"] if action else None:
            case "actions/checkout":
                return self._checkout(arguments)
            case "actions/setup-python":
                return self._setup_python(arguments)
        raise WorkflowError(f"{step.name}: the lab has no stand-in for {step.uses}")

    def _checkout(self, arguments: dict[str, str]) -> tuple[int, str]:
        branch = arguments.pop("ref", str(self.contexts["github"]["ref_name"]))
        sparse = arguments.pop("sparse-checkout", "").split()
        if arguments.pop("persist-credentials", "true") != "false" or arguments:
            raise WorkflowError("actions/checkout: the lab knows ref, sparse-checkout and persist-credentials: false")
        workspace = self.root / "workspace"
        options = ["--quiet", "--no-tags", "--depth=1", f"--branch={branch}", *(["--sparse"] if sparse else [])]
        try:
            self.clone.git("clone", *options, self.clone.url, workspace)
            if sparse:
                self.clone.git("-C", workspace, "sparse-checkout", "set", *sparse)
        except WorkflowError as error:
            return 1, str(error)
        what = f"{branch}, only {' '.join(sparse)}" if sparse else branch
        return 0, f"the lab stands in for actions/checkout: a real clone of {what}"

    def _setup_python(self, arguments: dict[str, str]) -> tuple[int, str]:
        wanted = arguments.pop("python-version", "")
        if arguments:
            raise WorkflowError("actions/setup-python: the lab knows python-version")
        self.environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{self.environment['PATH']}"
        have = ".".join(str(part) for part in sys.version_info[:3])
        # The interpreter has everything that requirements.txt asks for, so pip has nothing to fetch.
        self.environment["PIP_NO_INDEX"] = "1"
        return 0, f"the lab stands in for actions/setup-python {wanted}: the lab's own Python {have}, no package index"

    def _mask(self, text: str) -> str:
        for value in self.hidden:
            if value:
                self.masked += text.count(value)
                text = text.replace(value, "***")
        return text


def base_environment(root: Path, github: Context) -> dict[str, str]:
    """The environment of every step: variables that GitHub documents, and nothing of the caller's environment."""
    names = (
        "repository repository_owner sha ref ref_name run_id run_number run_attempt actor triggering_actor workflow"
        " job event_name server_url api_url graphql_url"
    )
    return {
        "PATH": tool_path(),
        "HOME": str(root / "home"),
        "LANG": "C.UTF-8",
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(root / "workspace"),
        "GITHUB_EVENT_PATH": str(root / "temp" / "event.json"),
        "RUNNER_OS": "Linux",
        "RUNNER_TEMP": str(root / "temp"),
        **{f"GITHUB_{name.upper()}": str(github[name]) for name in names.split()},
    }


def tool_path() -> str:
    """A PATH with git, bash and the system's own tools, and nothing of the caller's environment."""
    found = (shutil.which(tool) for tool in ("git", "bash"))
    folders = [str(Path(tool).parent) for tool in found if tool is not None]
    return os.pathsep.join(dict.fromkeys([*folders, "/usr/bin", "/bin"]))


def _assignments(text: str) -> dict[str, str]:
    """`name=value` lines and `name<<END` blocks, as steps write them to GITHUB_ENV and GITHUB_OUTPUT."""
    found = {}
    position = 0
    while position < len(text):
        match = _ASSIGNMENT.match(text, position)
        if match is None:
            raise WorkflowError(f"GITHUB_ENV or GITHUB_OUTPUT: not an assignment: {text[position:].splitlines()[0]!r}")
        found[match["key"]] = match["value"] if match["end"] is None else match["block"].removesuffix("\n")
        position = match.end()
    return found
