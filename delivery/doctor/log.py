"""`python -m delivery.doctor.log`: a command of the Pulumi CLI with its whole log, in a file that can be handed on.

At `-v=9` the engine prints every property that it passes to its plugins, tokens included. Each line is masked
here before it is written anywhere; when the stack's secrets are not known, nothing is run.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Thread
from typing import IO

from delivery.doctor.inputs import decrypted
from delivery.doctor.masking import Masking
from delivery.model.secret import SecretText
from delivery.text import is_secret_variable

PROJECT_FOLDER = Path(__file__).resolve().parent.parent.parent
TALKATIVE = ("-v=9", "--logtostderr", "--logflow")


def in_the_environment(environ: Mapping[str, str]) -> Iterator[SecretText]:
    """The values of the variables in `environ` that have the name of a secret."""
    return (SecretText(text) for name, text in environ.items() if text and is_secret_variable(name))


def run(command: list[str], project: Path, log: Path, masking: Masking) -> int:
    """Run `command`, what it prints masked on standard output, its log in `log`. Returns its exit status."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("w", encoding="utf-8") as file,
        subprocess.Popen(
            command,
            cwd=project,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
        ) as process,
    ):
        shown = Thread(target=_copy, args=(process.stdout, sys.stdout, masking))
        shown.start()
        _copy(process.stderr, file, masking)
        shown.join()
    return process.returncode


def _copy(lines: IO[str] | None, target: IO[str], masking: Masking) -> None:
    for line in lines or ():
        target.write(masking.masked(line))
        target.flush()


def main(arguments: list[str]) -> int:
    """The command. Exit status: that of the Pulumi CLI, or 2 when it was not run at all."""
    parser = argparse.ArgumentParser(prog="python -m delivery.doctor.log", description=__doc__.split("\n")[0])
    parser.add_argument("--stack", required=True, help="the stack")
    parser.add_argument("--project", type=Path, default=PROJECT_FOLDER, help="the folder of Pulumi.yaml")
    parser.add_argument("--log", type=Path, help="the file to write (default: out/STACK.log)")
    parser.add_argument(
        "command", nargs="*", help="the CLI's command, after `--` where it has options (default: preview)"
    )
    options = parser.parse_args(arguments)
    log = options.log or Path("out") / f"{options.stack}.log"
    known, reason = decrypted(options.project, options.stack, os.environ)
    if known is None:
        print(f"nothing was run: what is secret in {options.stack} is not known: {reason}", file=sys.stderr)
        return 2
    masking = Masking([*known.values(), *in_the_environment(os.environ)])
    command = ["pulumi", *(options.command or ["preview"]), "--stack", options.stack]
    try:
        status = run([*command, "--non-interactive", "--color=never", *TALKATIVE], options.project, log, masking)
    except OSError as error:
        print(f"cannot write {log}: {error.strerror}; choose another file with --log", file=sys.stderr)
        return 2
    print(f"{log}: the log at -v=9, {len(known)} of the stack's secrets masked; look through it before it leaves you")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
