"""The folder of `make up`: what was answered, two Pulumi projects, their state, its passphrase, the kubeconfig.

Pulumi's state is here and never in the backend that a person is logged in to: a stack `dev` may be there already, and
this one lives no longer than its cluster.
"""

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from delivery.laptop.errors import LaptopError

_NOT_OURS = (
    "PULUMI_CONFIG_PASSPHRASE",  # it comes before the file
    "PULUMI_STACK",
    "DELIVERY_PROMOTE",
    "DELIVERY_PROMOTE_ONLY",
)
_ENVIRONMENT = """\
# For commands of your own, from the folder above: . {folder}/environment, then pulumi -C {folder} preview -s dev
export PULUMI_BACKEND_URL='{state}'
export PULUMI_CONFIG_PASSPHRASE_FILE='{passphrase}'
export KUBECONFIG='{kubeconfig}'
export GITHUB_TOKEN="${{GITHUB_TOKEN:-$(gh auth token)}}"
"""


@dataclass(frozen=True)
class Answers:
    """What a person has agreed to: the GitOps repository (`owner/name`), the cluster's name, and the tool for it."""

    repository: str
    cluster: str
    tool: str


class Workspace:
    """`folder` is that of `make up`, `program` the checkout that it is in."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program, self.folder = program.resolve(), folder.resolve()
        self.platform = self.folder / "platform"
        self.kubeconfig = self.folder / "kubeconfig"
        self.logs = self.folder / "logs"
        self._passphrase = self.folder / "passphrase"
        self._answers = self.folder / "answers.json"

    def answers(self) -> Answers | None:
        """What was answered before; None where nothing was. Raises `LaptopError`."""
        try:
            return Answers(**json.loads(self._answers.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError):
            found = f"{self._answers} cannot be read"
            raise LaptopError(found, 'write it again: {"repository": "OWNER/NAME", "cluster": …, "tool": …}') from None

    def prepare(self, answers: Answers) -> None:
        """Make the folder and what has to be in it before anything else is made. The passphrase is made once."""
        for folder in (self.folder, self.folder / "state", self.platform, self.logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / ".gitignore").write_text("*\n", encoding="utf-8")
        if not self._passphrase.exists():
            write_private(self._passphrase, secrets.token_urlsafe(32))
        state, passphrase = self.environment["PULUMI_BACKEND_URL"], self._passphrase
        text = _ENVIRONMENT.format(
            folder=self.folder.name, state=state, passphrase=passphrase, kubeconfig=self.kubeconfig
        )
        (self.folder / "environment").write_text(text, encoding="utf-8")
        write_private(self._answers, json.dumps(asdict(answers)))

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.folder)

    @property
    def environment(self) -> dict[str, str]:
        """What every command of Pulumi and kubectl gets in its environment, and no secret among it."""
        return {
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self._passphrase),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "KUBECONFIG": str(self.kubeconfig),
        }

    def surroundings(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The person's environment with this one, and without what would come before it."""
        return {name: value for name, value in environ.items() if name not in _NOT_OURS} | self.environment


def write_private(path: Path, text: str) -> None:
    """Write a file that only this person may read, in place of the one that is there."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)
