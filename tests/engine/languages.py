"""The shipped pipeline in the language of an example, on the component package, for one team of a test.

The package is run from this checkout, as a program from a path is; what it needs is in the checkout's virtual
environment, and nothing is installed. TypeScript needs what `make node-modules` gets, too.
"""

import os
import shutil
import subprocess
import venv
from importlib import metadata
from pathlib import Path

import pulumi
from pulumi import automation

from lab.engine import PROGRAM
from lab.example import EXAMPLES, Example
from lab.forge import Forge
from lab.pulumi_cli import installed_cli
from tests.engine.team import OWNER, Team

NODE = PROGRAM / ".tools" / "node"
CLUSTER = {"yaml": "kubeContext: ${kubeContext}", "typescript": 'kubeContext: config.get("kubeContext"),'}
"""The line of each example that names the stage's cluster. The tests have a folder, and a forge of their own."""
HOSTS = {"yaml": ("pulumi-language-yaml",), "typescript": ("pulumi-language-nodejs", "node")}
LANGUAGES = tuple(HOSTS)


def missing(language: str) -> str:
    """Why a language cannot be run on this machine; empty if it can."""
    programs = [name for name in HOSTS[language] if shutil.which(name) is None]
    if programs:
        return f"not on PATH: {', '.join(programs)}, which come with the Pulumi CLI, or with Node.js"
    if language == "typescript":
        locked, got = ((folder / "package-lock.json") for folder in (EXAMPLES / language, NODE))
        if not got.exists() or got.read_bytes() != locked.read_bytes():
            return "the packages that examples/typescript locks are not in .tools/node: `make node-modules`"
    return ""


def server(folder: Path) -> Path:
    """The package as an executable: by the path of its program, commands that read its schema would install it."""
    path = folder / "pulumi-resource-delivery"
    path.write_text(f'#!/bin/sh\nexec {PROGRAM}/.venv/bin/python {PROGRAM}/package "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def checkout_to_install(folder: Path) -> Path:
    """A checkout in which the language host installs as it likes, without finding anything to fetch.

    Its virtual environment sees what is in this checkout's; pip asks there for two packages by name alone.
    """
    folder.mkdir()
    shutil.copytree(PROGRAM / "package", folder / "package")
    for name in ("components", "delivery", "gitops", "program", "requirements.txt"):
        (folder / name).symlink_to(PROGRAM / name)
    venv.create(folder / ".venv")
    [packages] = (folder / ".venv" / "lib").glob("*/site-packages")
    (packages / "shared.pth").write_text(str(Path(pulumi.__file__).parents[1]), encoding="utf-8")
    for name in ("setuptools", "wheel"):
        if not any(metadata.distributions(name=name)):
            described = packages / f"{name}-99.dist-info"
            described.mkdir()
            (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 99\n", encoding="utf-8")
            (described / "RECORD").touch()
    return folder


def with_providers(home: Path) -> None:
    """Put the providers that are on PATH where plugins are looked for in versions: the package's installation does."""
    for name in ("github", "kubernetes"):
        plugin = home / "plugins" / f"resource-{name}-v{metadata.version(f'pulumi-{name}')}"
        plugin.mkdir(parents=True)
        (plugin / f"pulumi-resource-{name}").symlink_to(str(shutil.which(f"pulumi-resource-{name}")))


class OtherTeam(Team):
    """A team whose program is written in another language; its configuration is the example's."""

    def __init__(self, folder: Path, forge: Forge, language: str) -> None:
        super().__init__(folder, forge, Example(EXAMPLES / language))
        self.language = language
        self._sources = [path for name in ("Pulumi.yaml", "index.ts") if (path := self.engine.project / name).exists()]
        if language == "typescript":
            self._install()
        self.edit("example-org", OWNER)
        stack = "${pulumi.stack}" if language == "yaml" else "${pulumi.getStack()}"
        settings = {
            "githubApiUrl": forge.api_url,
            "cluster": "render",
            "renderManifestsTo": f"{self.engine.manifests}/{stack}",
        }
        line = "{}: {}\n      " if language == "yaml" else "{}: `{}`,\n    "
        self.edit(CLUSTER[language], "".join(line.format(key, value) for key, value in settings.items()).rstrip())

    def edit(self, old: str, new: str) -> None:
        """Replace a text of the program, which has to be there."""
        texts = {path: path.read_text(encoding="utf-8") for path in self._sources}
        assert any(old in text for text in texts.values()), f"the {self.language} example has no {old}"
        for path, text in texts.items():
            path.write_text(text.replace(old, new), encoding="utf-8")

    def configure(self, stack: str) -> None:
        """Make the stack and set its secrets, the first time."""
        if stack in self._configured:
            return
        options = automation.LocalWorkspaceOptions(
            work_dir=str(self.engine.project), env_vars=self.engine.environment, pulumi_command=installed_cli()
        )
        made = automation.create_or_select_stack(stack, work_dir=str(self.engine.project), opts=options)
        made.set_all_config({key: automation.ConfigValue(text, secret=True) for key, text in self.secrets.items()})
        self._configured[stack] = {}, frozenset(self.secrets)

    def _install(self) -> None:
        """Put the program, the package's SDK and npm's packages together as `pulumi install` would, without npm."""
        project, sdk = self.engine.project, self.engine.project / "sdks" / "delivery"
        for name in ("index.ts", "package.json", "tsconfig.json"):
            shutil.copy(EXAMPLES / self.language / name, project)
        self._sources = [project / "index.ts"]
        made, package = self.folder / "sdks", str(server(self.folder))
        self.pulumi("package", "gen-sdk", package, "--language", "nodejs", "--local", "--out", str(made))
        sdk.parent.mkdir()
        shutil.move(made / "nodejs", sdk)
        modules, got = project / "node_modules", NODE / "node_modules"
        (modules / "@pulumi").mkdir(parents=True)
        for path in (*got.iterdir(), *got.glob("@pulumi/*")):
            link = modules / path.relative_to(got)
            if not link.exists():
                link.symlink_to(path)
        (modules / "@pulumi" / "delivery").unlink()
        (modules / "@pulumi" / "delivery").symlink_to(sdk)
        binaries = f"{modules / '.bin'}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(["node", "scripts/postinstall.js"], cwd=sdk, env=os.environ | {"PATH": binaries}, check=True)
