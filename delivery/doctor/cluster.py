"""Checks of the stage's cluster: can it be used, and does Keptn run there as the stack needs it."""

import json
import re
import shlex
from collections.abc import Iterator

from delivery.cluster.facts import (
    keptn_configs,
    keptn_operators,
    secret_value,
    served_versions,
    server_version,
)
from delivery.cluster.needs import targets
from delivery.cluster.preflight import install_command, keptn_definitions, platform_command, right_problems
from delivery.config.errors import Problem, set_fix
from delivery.doctor.check import Check, ok, wrong
from delivery.doctor.inspection import Inspection
from delivery.model.pipeline import Repository
from delivery.model.secret import SecretText
from delivery.platform.keys import PLATFORM, STACK
from delivery.platform.plan import KEPTN_CONFIG
from delivery.stack.manifests import SECRET_KEY, SECRET_NAME
from delivery.text import without_secrets

PROMOTION_TASKS = "PROMOTION_TASKS_ENABLED"
"""The variable by which Keptn's chart switches promotion tasks on; the operator's own default is off."""

TRUE = ("1", "t", "T", "TRUE", "true", "True")  # what the operator, a Go program, reads as true


def reachable(name: str, inspection: Inspection) -> Check:
    """The API server answers, and to this login."""
    return ok(name, f"{server_version(inspection.connection)} at {inspection.connection.address}")


def keptn_is_defined(name: str, inspection: Inspection) -> Iterator[Check]:
    """Keptn's definitions are served in the version that the stack declares, where Keptn verifies its stage."""
    if not inspection.configuration.stage.with_keptn:
        return
    group = "lifecycle.keptn.sh"
    versions = f"{group} {', '.join(served_versions(inspection.connection, group))}"
    yield one_check(name, keptn_definitions(inspection.connection, inspection.configuration), versions)


def rights(name: str, inspection: Inspection) -> Check:
    """The login may do all that an update does."""
    target = targets(inspection.configuration)[0]
    problems = right_problems(inspection.connection, inspection.configuration, target.products)
    return one_check(name, problems, "the login may manage all that the stack declares")


def promotion_tasks(name: str, inspection: Inspection) -> Iterator[Check]:
    """Keptn's operator runs, with promotion tasks switched on."""
    if inspection.configuration.stage.with_keptn:
        yield _operator(name, inspection)


def _operator(name: str, inspection: Inspection) -> Check:
    connection = inspection.connection
    operators = keptn_operators(connection)
    if not operators:
        return wrong(name, "Keptn's lifecycle operator is not installed", install_command(connection.context))
    operator = operators[0]
    where = f"{operator.name} {operator.version} in {operator.namespace}"
    if not operator.ready:
        fix = f"{connection.kubectl} -n {operator.namespace} describe deployment {operator.name}"
        return wrong(name, f"{where} is not ready", fix)
    if operator.environment.get(PROMOTION_TASKS, "") in TRUE:
        return ok(name, f"on, {where}")
    if not inspection.configuration.records:
        return ok(name, f"off, {where}: nothing is promoted from {inspection.stack}, and nothing recorded")
    fix = install_command(connection.context)
    if operator.release:
        of_helm = f"helm upgrade {operator.release} keptn --repo https://charts.lifecycle.keptn.sh"
        fix = f"{of_helm} --kube-context {shlex.quote(connection.context)} --namespace {operator.namespace} "
        fix += "--reuse-values --set lifecycleOperator.promotionTasksEnabled=true"
    return wrong(name, f"off, {where}", fix)


def collector(name: str, inspection: Inspection) -> Iterator[Check]:
    """Keptn knows a collector: without one there is no traceparent to promote. A hook of Argo CD makes one anyway."""
    if inspection.configuration.stage.with_keptn:
        yield _collector(name, inspection)
    else:
        endpoint = without_secrets(inspection.configuration.otlp_endpoint)
        yield ok(name, endpoint or "none (`otlpEndpoint`): traces go on, and nobody keeps the spans of this stage")


def _collector(name: str, inspection: Inspection) -> Check:
    connection = inspection.connection
    configs = keptn_configs(connection)
    if configs is None:
        return wrong(name, "KeptnConfig is not defined", install_command(connection.context))
    addresses = sorted({config.collector for config in configs if config.collector})
    if addresses:
        return ok(name, without_secrets(", ".join(addresses)))
    found, fix = "there is no KeptnConfig", install_command(connection.context)
    for config in configs[:1]:
        found = f"KeptnConfig {config.name} has no OTelCollectorUrl"
        patch = """'{"spec":{"OTelCollectorUrl":"COLLECTOR-HOST:4317"}}'"""
        fix = f"{connection.kubectl} -n {config.namespace} patch keptnconfig {config.name} --type merge -p {patch}"
        if (config.namespace, config.name) == (KEPTN_CONFIG.namespace, KEPTN_CONFIG.name):
            # A patch would be drift to the platform's stack.
            fix = set_fix(STACK, "collectorAddress", "COLLECTOR-HOST:4317", project=PLATFORM)
            fix = f"{fix}; {platform_command()}"
    return wrong(name, f"{found}: spans go nowhere, and no promotion has a trace", fix)


def promotion_secret(name: str, inspection: Inspection) -> Iterator[Check]:
    """The Secret that something else fills has all that the promotion task reads in it, in each namespace."""
    configuration, connection = inspection.configuration, inspection.connection
    if not (configuration.records and configuration.external_promotion_secret):
        return
    for namespace in dict.fromkeys(placed.namespace for placed in configuration.stage_applications):
        found = secret_value(connection, namespace, SECRET_NAME, SECRET_KEY)
        lacking = f"no {SECRET_KEY}" if found is None else _lacking(found, configuration.pipeline.repository)
        where = f"Secret {SECRET_NAME} in {namespace}"
        if lacking:
            fix = f"{connection.kubectl} -n {namespace} get externalsecrets, and compare with docs/how-to/github-app.md"
            yield wrong(name, f"{where}: {lacking}", fix)
        else:
            yield ok(name, f"{where} has all that the promotion task reads")


def _lacking(found: SecretText, repository: Repository) -> str:
    """What is wrong with the content of the promotion task's Secret, without anything that is in it."""
    try:
        content = json.loads(found.reveal())
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        return f"{SECRET_KEY} is no JSON object"
    wanted = {"githubRepoOwner": repository.owner, "githubRepo": repository.name}
    wrong_fields = [key for key, text in wanted.items() if content.get(key) != text]
    token = content.get("apiToken")
    if not (isinstance(token, str) and re.fullmatch(r"[!-~]+", token)):
        wrong_fields.append("apiToken")
    return f"{SECRET_KEY} has no {', '.join(wrong_fields)} of this repository" if wrong_fields else ""


def one_check(name: str, problems: list[Problem], otherwise: str) -> Check:
    """What is wrong in one check, with the fix of the first; that all is well `otherwise`."""
    if problems:
        return wrong(name, "; ".join(problem.found for problem in problems), problems[0].fix)
    return ok(name, otherwise)
