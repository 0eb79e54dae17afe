"""Reads a workflow file as strictly as GitHub does, as far as this project's own workflows need it.

That is one dispatchable job, its inputs, its steps and the few expressions they use. Every other key, action or
expression is an error, never a silent difference from a real run. Running the steps is left to `lab.runner`.
"""

import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

Value = str | bool
Context = Mapping[str, object]

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_LITERAL = re.compile(r"'((?:[^']|'')*)'")
_PATH = re.compile(r"[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)+")
_OPERAND = re.compile(rf"\s*({_LITERAL.pattern}|{_PATH.pattern})\s*")

_FALSE = ("", False, None, 0)


class WorkflowError(ValueError):
    """GitHub would not run the workflow, or the lab does not know something that it uses."""


class InputError(WorkflowError):
    """The dispatched inputs are refused; the text is the one of GitHub's 422."""


@dataclass(frozen=True)
class Input:
    """One `workflow_dispatch` input; `kind` is `string`, `boolean` or `choice`."""

    name: str
    kind: str
    required: bool
    default: Value
    options: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One step: either `uses` with `arguments`, or `run`. Expressions are not evaluated yet."""

    name: str
    uses: str
    arguments: Mapping[str, str]
    run: str
    shell: str
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Workflow:
    """A workflow of one job. `permissions` are the job's token's; `timeout` is in seconds."""

    name: str
    run_name: str
    group: str
    inputs: tuple[Input, ...]
    job: str
    permissions: Mapping[str, str]
    timeout: float
    environment: Mapping[str, str]
    steps: tuple[Step, ...]


def parse_workflow(text: str) -> Workflow:
    """Read a workflow file. Raises `WorkflowError` at the first thing that the lab would not do as GitHub does."""
    try:
        document: object = YAML(typ="safe", pure=True).load(io.StringIO(text))
    except YAMLError as error:
        raise WorkflowError(f"the workflow is no YAML: {' '.join(str(error).split())}") from error
    top = _mapping(document, "workflow", {"name", "run-name", "on", "concurrency", "permissions", "env", "jobs"})
    jobs = _mapping(top.get("jobs"), "jobs")
    if len(jobs) != 1:
        raise WorkflowError(f"jobs: the lab runs a workflow of one job, found {len(jobs)}")
    [(job_name, raw_job)] = jobs.items()
    where = f"jobs.{job_name}"
    job = _mapping(raw_job, where, {"name", "runs-on", "timeout-minutes", "permissions", "defaults", "env", "steps"})
    defaults = _mapping(job.get("defaults", {}), f"{where}.defaults", {"run"})
    shell = _text(_mapping(defaults.get("run", {}), f"{where}.defaults.run", {"shell"}).get("shell", ""))
    permissions = _texts(top.get("permissions", {}), "permissions")
    return Workflow(
        name=_text(top.get("name", "")),
        run_name=_text(top.get("run-name", "")),
        group=_group(top.get("concurrency")),
        inputs=_inputs(top.get("on")),
        job=job_name,
        permissions=_texts(job["permissions"], f"{where}.permissions") if "permissions" in job else permissions,
        timeout=60 * float(_text(job.get("timeout-minutes", "360"))),
        environment=_texts(top.get("env", {}), "env") | _texts(job.get("env", {}), f"{where}.env"),
        steps=tuple(_steps(job.get("steps"), f"{where}.steps", shell)),
    )


def check_inputs(workflow: Workflow, given: Mapping[str, Value]) -> dict[str, Value]:
    """The inputs as the run sees them, defaults filled in; `InputError` with GitHub's words when it refuses them.

    A boolean may come as a boolean or, as from the REST API, as the text `true` or `false`.
    """
    if unexpected := sorted(set(given) - {known.name for known in workflow.inputs}):
        raise InputError(f"Unexpected inputs provided: {unexpected}")
    return {known.name: _input_value(known, given.get(known.name, known.default)) for known in workflow.inputs}


def evaluate(text: str, contexts: Mapping[str, Context]) -> str:
    """Replace each `${{ … }}` in `text`: paths into `contexts`, literals in single quotes, and `&&` and `||` between.

    An unset secret or variable is empty, as on GitHub. Anything else that is not in `contexts` is a `WorkflowError`;
    the caller leaves out those that GitHub does not offer in this place.
    """
    return _EXPRESSION.sub(lambda match: _as_text(_expression(match[1], contexts)), text)


def _expression(source: str, contexts: Mapping[str, Context]) -> object:
    value: object = ""
    for part in source.split("||"):
        for text in part.split("&&"):
            operand = _OPERAND.fullmatch(text)
            if operand is None:
                raise WorkflowError(f"expression the lab does not know: {source.strip()}")
            value = _operand(operand[1], contexts)
            if value in _FALSE:
                break
        else:
            return value
    return value


def _operand(source: str, contexts: Mapping[str, Context]) -> object:
    if literal := _LITERAL.fullmatch(source):
        return literal[1].replace("''", "'")
    context, *path = source.split(".")
    value: object = contexts.get(context)
    if value is None:
        raise WorkflowError(f"{source}: there is no `{context}` in this place")
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            if context in ("secrets", "vars"):
                return ""
            raise WorkflowError(f"{source} is not known to the lab")
        value = value[key]
    return value


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int):
        return str(value)
    raise WorkflowError(f"an expression gives {type(value).__name__}, which is no text")


def _inputs(raw: object) -> tuple[Input, ...]:
    dispatch = _mapping(_mapping(raw, "on", {"workflow_dispatch"}).get("workflow_dispatch"), "on.workflow_dispatch")
    inputs = []
    for name, raw_input in _mapping(dispatch.get("inputs", {}), "inputs").items():
        keys = {"description", "required", "type", "default", "options"}
        declared = _mapping(raw_input, f"inputs.{name}", keys)
        kind = _text(declared.get("type", "string"))
        if kind not in ("string", "boolean", "choice"):
            raise WorkflowError(f"inputs.{name}.type: the lab knows string, boolean and choice, found {kind}")
        raw_options = declared.get("options", [])
        options = tuple(_text(option) for option in raw_options) if isinstance(raw_options, list) else ()
        default: Value = declared.get("default") is True if kind == "boolean" else _text(declared.get("default", ""))
        inputs.append(Input(name, kind, declared.get("required") is True, default, options))
    return tuple(inputs)


def _input_value(declared: Input, value: Value) -> Value:
    if declared.required and value == "":
        raise InputError(f"Required input '{declared.name}' not provided")
    if declared.kind == "boolean":
        if value in (True, False, "true", "false"):
            return value in (True, "true")
        raise InputError(f"Provided value '{value}' for input '{declared.name}' is not a boolean")
    if not isinstance(value, str):
        raise InputError(f"Provided value for input '{declared.name}' is not a string")
    if declared.kind == "choice" and value not in declared.options:
        raise InputError(f"Provided value '{value}' for input '{declared.name}' not in the list of allowed values")
    return value


def _group(raw: object) -> str:
    concurrency = _mapping(raw, "concurrency", {"group", "cancel-in-progress", "queue"})
    if concurrency.get("queue") != "max" or concurrency.get("cancel-in-progress", False) is not False:
        raise WorkflowError("concurrency: without `queue: max` runs that wait are cancelled, which the lab does not do")
    return _text(concurrency.get("group", ""))


def _steps(raw: object, where: str, shell: str) -> Iterable[Step]:
    if not isinstance(raw, list) or not raw:
        raise WorkflowError(f"{where}: expected a list of steps")
    for number, raw_step in enumerate(raw):
        step = _mapping(raw_step, f"{where}[{number}]", {"name", "uses", "with", "run", "shell", "env"})
        uses, run = _text(step.get("uses", "")), _text(step.get("run", ""))
        if bool(uses) == bool(run):
            raise WorkflowError(f"{where}[{number}]: expected either `uses` or `run`")
        yield Step(
            name=_text(step.get("name", uses or run.partition("\n")[0])),
            uses=uses,
            arguments=_texts(step.get("with", {}), f"{where}[{number}].with"),
            run=run,
            shell=_text(step.get("shell", shell)),
            environment=_texts(step.get("env", {}), f"{where}[{number}].env"),
        )


def _mapping(raw: object, where: str, allowed: set[str] | None = None) -> dict[str, object]:
    if not isinstance(raw, dict):
        raise WorkflowError(f"{where}: expected a mapping")
    if unknown := sorted(str(key) for key in raw if allowed is not None and key not in allowed):
        raise WorkflowError(f"{where}: the lab does not know {', '.join(unknown)}")
    return {str(key): value for key, value in raw.items()}


def _texts(raw: object, where: str) -> dict[str, str]:
    return {key: _text(value) for key, value in _mapping(raw, where).items()}


def _text(raw: object) -> str:
    if isinstance(raw, bool):
        return str(raw).lower()
    if isinstance(raw, str | int | float):
        return str(raw)
    raise WorkflowError(f"expected text, found {type(raw).__name__}")
