"""Runs the program of a stack without the Pulumi CLI, and tells what it declares.

It stands on the SDK's own mock monitor: the same `__main__.py`, the same components, no plugins. It is a
preview, not a second Pulumi: there is no state here, nothing is compared, and no provider is called.
Secrets are masked as they come in, so that nothing that reads a `Declared` can print one.
"""

import asyncio
import gc
import runpy
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import pulumi
from google.protobuf.json_format import MessageToDict
from pulumi.runtime import config as runtime_config
from pulumi.runtime import mocks, resource, rpc
from pulumi.runtime.proto import resource_pb2, source_pb2
from pulumi.runtime.settings import SETTINGS, _get_rpc_manager, set_root_resource
from pulumi.runtime.stack import Stack, run_pulumi_func

from delivery.configuration.stack_files import MASKED, PROJECT, StackConfig

PROGRAM = Path(__file__).resolve().parent.parent
UNKNOWN_ID = "known after an update"

T = TypeVar("T")
Value = None | bool | float | str | list["Value"] | dict[str, "Value"]


class ProgramError(Exception):
    """The program refused to run, in its own words."""


@dataclass(frozen=True)
class Declared:
    """One resource as the program declared it. `secrets` are the top-level inputs that hold one, masked in `inputs`."""

    urn: str
    type: str
    name: str
    parent: str
    custom: bool
    inputs: dict[str, Value]
    secrets: frozenset[str]
    depends_on: frozenset[str]
    provider: str
    import_id: str
    ignore_changes: tuple[str, ...]
    retain_on_delete: bool


@dataclass(frozen=True)
class Preview:
    """What a stack declares, in the order of declaration, and what it exports."""

    resources: tuple[Declared, ...]
    outputs: Mapping[str, Value]
    registered: frozenset[str]
    """The URNs of the components that have said that they are complete."""

    def of_type(self, suffix: str) -> tuple[Declared, ...]:
        """The resources whose type ends like this: `:Namespace`, `:RepositoryFile`."""
        return tuple(declared for declared in self.resources if declared.type.endswith(suffix))


class _Nothing(mocks.Mocks):
    """Answers for providers: there are none."""

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        raise ProgramError(f"{args.token} needs a provider; run this stack with the Pulumi CLI")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        raise NotImplementedError(args.name)  # the recorder answers for resources


class _Recorder(mocks.MockMonitor):
    """Answers in the engine's place: a resource has the inputs it was given.

    Keeps the raw requests, in which options stand that mocks do not pass on.
    """

    def __init__(self) -> None:
        super().__init__(_Nothing())
        self.declared: list[Declared] = []
        self.registered: set[str] = set()

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the name of the RPC
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return resource_pb2.RegisterResourceResponse(urn=urn)
        inputs: dict[str, Value] = MessageToDict(request.object)
        self.declared.append(
            Declared(
                urn=urn,
                type=request.type,
                name=request.name,
                parent=request.parent,
                custom=request.custom,
                inputs={key: _masked(inputs[key]) for key in sorted(inputs)},
                secrets=frozenset(key for key, value in inputs.items() if _holds_secret(value)),
                depends_on=frozenset(request.dependencies),
                provider=request.provider,
                import_id=request.importId,
                ignore_changes=tuple(request.ignoreChanges),
                retain_on_delete=request.retainOnDelete,
            )
        )
        known = request.importId or UNKNOWN_ID
        return resource_pb2.RegisterResourceResponse(urn=urn, id=known, object=request.object)

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - the name of the RPC
        self.registered.add(request.urn)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


class _AtOnce(ThreadPoolExecutor):
    """Runs what it is given in the caller's thread: the recorder has every answer at once, so that nobody waits."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            # Whoever waits for the future gets it.
            future.set_exception(error)
        return future


def preview(stack: str, config: StackConfig, program: Path = PROGRAM) -> Preview:
    """Run `__main__.py` in the folder `program` as stack `stack`, and return what it declares.

    Raises `ProgramError` with the program's own lines when it refuses.
    """
    recorder = _Recorder()
    with _without_idle_work():
        try:
            outputs = asyncio.run(_run(recorder, stack, config, program / "__main__.py"))
        except pulumi.RunError as error:
            raise ProgramError(str(error)) from None
    return Preview(tuple(recorder.declared), outputs, frozenset(recorder.registered))


@contextmanager
def _without_idle_work() -> Iterator[None]:
    """What the SDK and Python do for somebody who is not here, and what takes longer than the program itself.

    The SDKs fill the heap with what lives as long as the process: the collector need not look through it. And where
    in the source each resource was declared is for the real engine's messages.
    """
    trace, collecting = resource._get_stack_trace, gc.isenabled()
    resource._get_stack_trace = source_pb2.StackTrace
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        # The program has settings of its own, for a process that is its own.
        (gc.enable if collecting else gc.disable)()
        resource._get_stack_trace = trace


async def _run(recorder: _Recorder, stack: str, config: StackConfig, script: Path) -> dict[str, Value]:
    # What a run that failed has left open belongs to a loop that is closed.
    _get_rpc_manager().clear()
    SETTINGS.outputs.clear()
    asyncio.get_running_loop().set_default_executor(_AtOnce(1))
    # Everything belongs to the loop that runs here, the root stack too: it is made before anything else.
    runtime_config.set_all_config(dict(config.values), list(config.secret_keys))
    mocks.set_mocks(recorder.mocks, project=PROJECT, stack=stack, preview=True, monitor=recorder)
    # The root stack that comes with the mocks is finished already, and would take no program.
    set_root_resource(cast(pulumi.Resource, None))
    root = Stack()

    async def program() -> None:
        runpy.run_path(str(script), run_name="__main__")
        if (main := root._take_async_program()) is not None:
            root._add_program_outputs(await main())
        await _settled()

    await run_pulumi_func(program)
    exported = {key: pulumi.Output.from_input(value) for key, value in root.outputs.items()}
    return {key: MASKED if await each.is_secret() else await each.future() for key, each in exported.items()}


async def _settled() -> None:
    """Wait for everything the program declared, all at once.

    The SDK's own wait, which follows, looks at every open output each time that one of them is done: for a stage
    of fifty applications that takes longer than the program. What fails is left for it to raise.
    """
    while waiting := [output for output in SETTINGS.outputs if not output.done()]:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
        if any(output.cancelled() or output.exception() for output in done):
            return


def _is_secret(value: Value) -> bool:
    return isinstance(value, dict) and value.get(rpc._special_sig_key) == rpc._special_secret_sig


def _masked(value: Value) -> Value:
    if isinstance(value, dict):
        if _is_secret(value):
            return _hidden(value.get("value"))
        # Protobuf keeps no order in a map; sorted, a rendered file is the same every time.
        return {key: _masked(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    # A protobuf number is a float; a port is not.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _hidden(value: Value) -> Value:
    """The shape of a secret, so that a Secret's keys can be reviewed, without anything that it says."""
    return {key: _hidden(value[key]) for key in sorted(value)} if isinstance(value, dict) else MASKED


def _holds_secret(value: Value) -> bool:
    if isinstance(value, dict):
        return _is_secret(value) or any(_holds_secret(item) for item in value.values())
    return isinstance(value, list) and any(_holds_secret(item) for item in value)
