"""`python -m delivery.doctor`: every check of one stack, in the order in which a person would mend them."""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from delivery.config.readiness import TOKENS
from delivery.doctor.check import Check, unknown
from delivery.doctor.engine import committed_engine, engine
from delivery.doctor.forge import Forge
from delivery.doctor.in_cluster import in_cluster
from delivery.doctor.inputs import StackInputs, read_inputs
from delivery.doctor.promotions import promotions
from delivery.doctor.redaction import presentable
from delivery.doctor.repository import repository
from delivery.doctor.tokens import needed_permissions, token
from delivery.doctor.toolchain import toolchain
from delivery.doctor.traces import traces
from delivery.model.stack import StackConfiguration

PROJECT_FOLDER = Path(__file__).resolve().parent.parent.parent


def checks(project: Path, stack: str, environ: Mapping[str, str]) -> Iterator[Check]:
    """Every check of `stack`, one after another; what depends on something that is wrong says so and stays unknown."""
    inputs = StackInputs()
    for check in _all(inputs, project, stack, environ):
        yield presentable(check, stack, inputs.secrets.values())


def _all(inputs: StackInputs, project: Path, stack: str, environ: Mapping[str, str]) -> Iterator[Check]:
    yield from toolchain(project, environ)
    yield from read_inputs(inputs, project, stack, environ)
    if inputs.configuration is None:
        yield unknown("cluster and repository", "not asked: they follow from the configuration")
    else:
        committed = committed_engine(project, inputs.configuration)
        yield from engine(project, inputs.configuration, committed)
        yield from traces(inputs.configuration)
        yield from _outside(inputs, inputs.configuration, committed)


def _outside(inputs: StackInputs, configuration: StackConfiguration, committed: str | None) -> Iterator[Check]:
    if "kubeconfig" in inputs.set_keys - inputs.secrets.keys():
        yield unknown("cluster", "not asked: delivery:kubeconfig cannot be decrypted")
    else:
        yield from in_cluster(configuration, inputs.secrets.get("kubeconfig"))
    if configuration.pipeline.repository.is_example:
        yield unknown("repository", "not asked: delivery:repositoryOwner is still the example's")
        return
    forges = {key: Forge(configuration.pipeline.repository, key, text) for key, text in inputs.tokens.items()}
    first = next(iter(forges.values()), None)
    if first and first.get().status == 0:
        yield unknown("repository", first.get().why)
        yield unknown("tokens and promotions", "not asked: the forge gave no answer")
        return
    for key in TOKENS:
        if key in forges:
            yield from token(forges[key], configuration)
        elif needed_permissions(configuration, key):
            yield unknown(key, "not asked: there is no token to ask with")
    if "githubToken" in forges:
        # Only that of the promotion task may see the workflow's state.
        dispatching = forges.get("promotionToken", forges["githubToken"])
        yield from repository(forges["githubToken"], configuration, dispatching, committed)
        yield from promotions(configuration, inputs.tokens["githubToken"])
    else:
        yield unknown("repository", "not asked: there is no githubToken to ask with")


def main(arguments: list[str]) -> int:
    """The command. Exit status: 0 nothing is wrong, 1 something is, 2 the command itself was not understood."""
    parser = argparse.ArgumentParser(prog="python -m delivery.doctor", description=__doc__.split("\n")[0])
    parser.add_argument("--stack", required=True, help="the stack to check")
    parser.add_argument("--project", type=Path, default=PROJECT_FOLDER, help="the folder of Pulumi.yaml")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    options = parser.parse_args(arguments)
    if not options.project.is_dir():
        parser.error(f"{options.project} is no folder")
    found: list[Check] = []
    for check in checks(options.project, options.stack, os.environ):
        found.append(check)
        if not options.json:
            print(check, flush=True)
    count = {status: sum(each.status == status for each in found) for status in ("ok", "wrong", "unknown")}
    if options.json:
        print(json.dumps({"stack": options.stack, **count, "checks": [asdict(each) for each in found]}, indent=2))
    else:
        print(f"{options.stack}: {count['ok']} ok, {count['wrong']} wrong, {count['unknown']} unknown")
    return 1 if count["wrong"] else 0


def _until_nobody_reads(arguments: list[str]) -> int:
    try:
        status = main(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the lines has seen enough, and Python shall not fail once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


if __name__ == "__main__":
    sys.exit(_until_nobody_reads(sys.argv[1:]))
