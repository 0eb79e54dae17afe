"""A stand-in for GitHub Actions: it carries out the one step of the promotion workflow that runs the promoter.

The step's environment is the workflow file's own, as the default branch has it, and the run's token has the job's
permissions. In the place of the steps before it stand a local clone and the Python that runs this. Nothing else of
Actions is played: no concurrency groups, conditions or time-outs, and of expressions only `a.b`, `!a.b` and
`a.b || c.d`. Without inputs it is what the schedule starts.
"""

import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.forge import Forge
from lab.forge.objects import git_environment

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")
_PATH = re.compile(r"\s*!?(inputs|github|secrets|vars)\.(\w+)\s*")
_SCRIPT = re.compile(r"python (\.github/promoter/\S+)")


@dataclass(frozen=True)
class PromoterRun:
    """How a run ended, everything that it printed, and the token that it had."""

    exit_code: int
    log: str
    token: str


def run_promoter(
    forge: Forge,
    repository: str,
    workflow: str,
    inputs: Mapping[str, str],
    environ: Mapping[str, str],
    stored: Mapping[str, str] | None = None,
) -> PromoterRun:
    """Run the promoter as `.github/workflows/<workflow>` of `repository` (`owner/name`) does for these inputs.

    `environ` is added to the environment of the step, as on a self-hosted runner; `stored` are the job's secrets.
    """
    settings = forge.settings(repository)
    content = forge.read(repository, f".github/workflows/{workflow}", settings.default_branch)
    if content is None:
        raise LookupError(f"{repository} has no workflow {workflow}")
    [job] = yaml.safe_load(content)["jobs"].values()
    script, variables = promoter_step(job)
    token = f"lab-token-{secrets.token_hex(8)}"
    permissions = {name.replace("-", "_"): level for name, level in job["permissions"].items()}
    forge.add_token(token, permissions, repositories=[repository], actions=True)
    contexts = {"inputs": inputs, "github": {"token": token}, "secrets": stored or {}}
    with tempfile.TemporaryDirectory(prefix="lab-runner-") as folder:
        workspace = Path(folder) / "workspace"
        clone = ["git", "clone", "--quiet", f"--branch={settings.default_branch}", str(settings.path), str(workspace)]
        subprocess.run(clone, check=True, env=git_environment())
        environment = {
            "PATH": git_environment()["PATH"],
            "HOME": folder,
            "GITHUB_REPOSITORY": repository,
            "GITHUB_SERVER_URL": forge.url,
            "GITHUB_API_URL": forge.api_url,
            "GITHUB_RUN_ID": "1",
            **environ,
            **{name: resolve(str(value), contexts) for name, value in variables.items()},
        }
        done = subprocess.run(
            [sys.executable, script],
            cwd=workspace,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
    return PromoterRun(done.returncode, done.stdout, token)


def promoter_step(job: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The path of the script and the `env` of the job's step that runs the promoter."""
    for step in job["steps"]:
        if script := _SCRIPT.fullmatch(step.get("run", "")):
            return script[1], step["env"]
    raise LookupError("the workflow has no step that runs the promoter")


def resolve(text: str, contexts: Mapping[str, Mapping[str, str]]) -> str:
    """`text` with every expression replaced: the first of its alternatives that `contexts` has a value for, or ""."""
    return _EXPRESSION.sub(lambda match: _first(match[1], contexts), text)


def _first(expression: str, contexts: Mapping[str, Mapping[str, str]]) -> str:
    for alternative in expression.split("||"):
        path = _PATH.fullmatch(alternative)
        if path is None:
            raise LookupError(f"the stand-in for Actions does not know the expression {expression.strip()!r}")
        if alternative.strip().startswith("!"):
            return str(not contexts.get(path[1], {}).get(path[2])).lower()
        if value := contexts.get(path[1], {}).get(path[2]):
            return value
    return ""
