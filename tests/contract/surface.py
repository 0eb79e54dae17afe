"""The surfaces that users see, and the one place that knows where they are in the code.

When modules move, this file is adapted and no golden file changes. A program is its command line, a stack what the
program declares, a forge the lab's.
"""

import contextlib
import io
import os
import runpy
import subprocess
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from delivery.config.files import read_stack_config
from delivery.stack.task_source import task_source
from lab.engine import Declared, Preview, Value
from lab.engine import preview as run_program
from lab.forge import Forge
from lab.project import set_keys
from lab.render import main as render
from tests.delivery.cluster.kubernetes_api import CONTEXT, KubernetesApi, kubernetes_api
from tests.delivery.tracing.builder import guide

__all__ = [
    "CONTEXT",
    "Declared",
    "Forge",
    "KubernetesApi",
    "Preview",
    "Value",
    "guide",
    "kubernetes_api",
    "render",
    "set_keys",
    "task_source",
]

ROOT = Path(__file__).resolve().parents[2]
TEAM = Path(__file__).parent / "team"
ALONE = ROOT / "examples" / "argocd-alone"
PROMOTER = ".github/promoter/promoter.py"
WORKFLOW = ".github/workflows/promote.yaml"
VERBATIM = {
    ".github/promoter/requirements.txt": ROOT / "gitops/promoter/requirements.txt",
    WORKFLOW: ROOT / "gitops/workflows/promote.yaml",
}
"""What is committed as it stands in this repository, and what from."""
COMMANDS = {
    "bench": "bench",
    "ci.preview_comment": "ci.preview_comment",
    "ci.render": "ci.render",
    "ci.update": "ci.update",
    "demo": "lab.demo",
    "doctor": "delivery.doctor",
    "promoter": "delivery.promotion.cli",
    "render": "lab.render",
    "trace": "delivery.tracing",
}
"""The module that `python -m` runs for each command."""


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    status: int
    out: str
    err: str


def command(name: str, *arguments: str, **environ: str) -> Done:
    """Run one of `COMMANDS` in this project, in surroundings that hold nothing but these variables and PATH."""
    return python(["-m", COMMANDS[name], *arguments], ROOT, environ)


def help_of(name: str) -> str:
    """What one of `COMMANDS` prints for `--help`, on lines as long as they want; in this process, for speed."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # runpy's, that the module may have been imported before
        patch.setattr(sys, "argv", [name, "--help"])
        patch.setenv("COLUMNS", "500")
        with pytest.raises(SystemExit, match=r"^0$"):
            runpy.run_module(COMMANDS[name], run_name="__main__", alter_sys=True)
    return said.getvalue()


def python(arguments: list[str], folder: Path, environ: Mapping[str, str]) -> Done:
    """Run Python there, its output as wide as it wants."""
    surroundings = {"PATH": os.environ["PATH"], "COLUMNS": "500", "GIT_CONFIG_GLOBAL": os.devnull, **environ}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=surroundings,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def preview(project: Path, stack: str, secrets: Mapping[str, str] | None = None, **settings: str) -> Preview:
    """What the stack of the project in that folder declares, with these keys of `delivery:` set."""
    config = read_stack_config(project, stack).override(settings, dict(secrets or {}))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GITHUB_TOKEN", raising=False)
        return run_program(stack, config)


def repository_files(result: Preview) -> dict[str, str]:
    """What a stack commits to the GitOps repository, by path."""
    return {str(each.inputs["file"]): str(each.inputs["content"]) for each in result.of_type(":RepositoryFile")}
