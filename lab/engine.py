"""Runs the program of a stack without the Pulumi CLI, and returns what it declares.

It uses the SDK's own mock monitor: the same `__main__.py`, the same components, no plugins. It is a preview, not a
second Pulumi: there is no state here, nothing is compared, and no provider is called.
Secrets are masked as soon as they are recorded, so nothing that reads a `Declared` can print one.
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

from delivery.config.files import PROJECT, StackConfig
from delivery.text import MASK

PROGRAM = Path(__file__).resolve().parent.parent
UNKNOWN_ID = "known after an update"

T = TypeVar("T")
Value = None | bool | float | str | list["Value"] | dict[str, "Value"]


class ProgramError(Exception):
    """The program refused to run; the text is the program's own."""


@dataclass(frozen=True)
class Declared:
    """One resource as the program declared it; secrets in `inputs` are masked.

    `secrets` names the top-level inputs that hold one, `import_id` is the id to import, empty for none. `aliases` are
    what it was called before: an URN, or what differs from now as `name=old, type=old`.
    """

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
    aliases: tuple[str, ...]


@dataclass(frozen=True)
class Preview:
    """What a stack declares, in the order of declaration, and what it exports."""

    resources: tuple[Declared, ...]
    outputs: Mapping[str, Value]
    registered: frozenset[str]
    """The URNs of the components that have called `register_outputs`."""

    def of_type(self, suffix: str) -> tuple[Declared, ...]:
        """The resources whose type ends like this: `:Namespace`, `:RepositoryFile`."""
        return tuple(declared for declared in self.resources if declared.type.endswith(suffix))


class _Nothing(mocks.Mocks):
    """The mocks that the SDK asks for: a provider's function is refused, because no provider runs here."""

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        raise ProgramError(f"{args.token} needs a provider; run this stack with the Pulumi CLI")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        raise NotImplementedError(args.name)  # the recorder answers for resources


class _Recorder(mocks.MockMonitor):
    """Answers in the engine's place: the outputs of a resource are the inputs that it was given.

    It reads the requests themselves, because the SDK does not pass a resource's options on to mocks.
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
                aliases=(*request.aliasURNs, *map(_alias, request.aliases)),
            )
        )
        known = request.importId or UNKNOWN_ID
        return resource_pb2.RegisterResourceResponse(urn=urn, id=known, object=request.object)

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - the name of the RPC
        self.registered.add(request.urn)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


class _AtOnce(ThreadPoolExecutor):
    """Runs each call in the caller's thread.

    The recorder never blocks, and handing a call to another thread takes longer than answering it. It is a
    `ThreadPoolExecutor` because asyncio accepts no other default executor.
    """

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            # Raised where the future is awaited.
            future.set_exception(error)
        return future


def preview(stack: str, config: StackConfig, program: Path = PROGRAM, project: str = PROJECT) -> Preview:
    """Run `__main__.py` in the folder `program` as stack `stack` of `project`, and return what it declares.

    Raises `ProgramError` with the program's own lines when it refuses.
    """
    recorder = _Recorder()
    with _without_unused_work():
        try:
            outputs = asyncio.run(_run(recorder, stack, config, program / "__main__.py", project))
        except pulumi.RunError as error:
            raise ProgramError(str(error)) from None
    return Preview(tuple(recorder.declared), outputs, frozenset(recorder.registered))


@contextmanager
def _without_unused_work() -> Iterator[None]:
    """Switch off, for one run, two things that take longer than the program itself.

    The SDK records where in the source each resource was declared, which only the real engine shows. And the garbage
    collector would look through the imported SDKs, which stay as long as the process.
    """
    trace, collecting = resource._get_stack_trace, gc.isenabled()
    resource._get_stack_trace = source_pb2.StackTrace
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        # `__main__.py` switches the collector off, for its process ends with it. This one may go on.
        (gc.enable if collecting else gc.disable)()
        resource._get_stack_trace = trace


async def _run(recorder: _Recorder, stack: str, config: StackConfig, script: Path, project: str) -> dict[str, Value]:
    # A run that failed may have left calls and outputs open, which belong to an event loop that is closed.
    _get_rpc_manager().clear()
    SETTINGS.outputs.clear()
    asyncio.get_running_loop().set_default_executor(_AtOnce(1))
    runtime_config.set_all_config(dict(config.values), list(config.secret_keys))
    mocks.set_mocks(recorder.mocks, project=project, stack=stack, preview=True, monitor=recorder)
    SETTINGS.root_directory = str(config.folder or script.parent)
    # Where there is no root stack yet, `set_mocks` makes one that takes no program any more, so it is replaced.
    set_root_resource(cast(pulumi.Resource, None))
    root = Stack()

    async def program() -> None:
        runpy.run_path(str(script), run_name="__main__")
        # `pulumi.run` does not call the function it is given: it leaves it with the root stack.
        if (main := root._take_async_program()) is not None:
            root._add_program_outputs(await main())
        await _settled()

    await run_pulumi_func(program)
    exported = {key: pulumi.Output.from_input(value) for key, value in root.outputs.items()}
    return {key: MASK if await output.is_secret() else await output.future() for key, output in exported.items()}


async def _settled() -> None:
    """Wait until all outputs of the program are done, or one of them has failed.

    The SDK waits once more after this, and raises what failed. Its own wait looks at every open output each time
    that one of them is done: for a stage of fifty applications that takes longer than the program.
    """
    while waiting := [output for output in SETTINGS.outputs if not output.done()]:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
        if any(output.cancelled() or output.exception() for output in done):
            return


def _alias(alias: Any) -> str:
    parts = [f"{field.name}={value}" for field, value in alias.spec.ListFields() if value]
    return alias.urn or ", ".join(parts)


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
    """The keys of a secret, so that a Secret can be reviewed, with every value masked."""
    return {key: _hidden(value[key]) for key in sorted(value)} if isinstance(value, dict) else MASK


def _holds_secret(value: Value) -> bool:
    if isinstance(value, dict):
        return _is_secret(value) or any(_holds_secret(item) for item in value.values())
    return isinstance(value, list) and any(_holds_secret(item) for item in value)
