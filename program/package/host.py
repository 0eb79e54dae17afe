"""Hosts the package's components for programs in other languages.

It is what `pulumi.provider.experimental.component_provider_host` does, with a provider that differs in three things.
Inputs reach the components as they were sent: what is wrong with them, an unknown key too, the reader of the
configuration says. What it says arrives in the calling program without a traceback. And the schema marks secrets.
"""

import json
import sys
from functools import cache

import pulumi
from pulumi.provider import ConstructResult, main
from pulumi.provider.experimental.component import ComponentProvider

from delivery.config.errors import ConfigError, Problem
from delivery.config.keys import PROJECT, SECRETS
from program.package.components import Pipeline, Stage

_COMPONENTS: dict[str, type[Stage] | type[Pipeline]] = {"Stage": Stage, "Pipeline": Pipeline}


class Package(ComponentProvider):
    """The package `delivery`, with the components `Stage` and `Pipeline`."""

    def __init__(self) -> None:
        super().__init__([*_COMPONENTS.values()], PROJECT)
        self.schema = json.dumps(_with_secrets(json.loads(self.schema or "{}")))

    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: pulumi.Inputs,
        options: pulumi.ResourceOptions | None = None,
    ) -> ConstructResult:
        """Declare a component. Raises `pulumi.InputPropertiesError`: one message, a line for each mistake."""
        self.validate_resource_type(PROJECT, resource_type)
        kind = resource_type.rpartition(":")[2]
        try:
            component = _COMPONENTS[kind](name, inputs, options)  # type: ignore[arg-type] # the reader looks at them
        except ConfigError as error:
            more = [f"and {error.more} more; fix these first"] if error.more else []
            # What is wrong with the pipeline is wrong in each of its stages.
            raise _refused([*dict.fromkeys(map(_line, error.problems)), *more]) from None
        except pulumi.RunError as error:
            raise _refused(str(error).splitlines()) from None
        return ConstructResult(component.urn, self.get_state(component, self._component_defs[kind]))


@cache
def package() -> Package:
    """The package. To make its schema, the sources of the types are parsed, which takes a quarter of a second."""
    return Package()


def serve() -> None:
    """Serve the package to the engine that has started this process, until it ends it."""
    # With `--otel-traces`, `--tracing ADDRESS` stands before the engine's own address, and the SDK takes the first one.
    sys.argv[1:] = sys.argv[-1:]
    main(package(), sys.argv[1:])


def _refused(lines: list[str]) -> pulumi.InputPropertiesError:
    # No property is named to the engine: it would show the value, which may be a token under a misspelt key. Without
    # a list, the SDK fails to send the message.
    return pulumi.InputPropertiesError("\n".join(["it cannot be declared:", *lines]), [])


def _line(problem: Problem) -> str:
    # The fix that it has is for Pulumi's configuration; here the program sets the input.
    return f"{problem.where.removeprefix(f'{PROJECT}:')}: found {problem.found}; allowed: {problem.allowed}"


def _with_secrets(schema: dict[str, dict[str, dict[str, dict[str, dict[str, object]]]]]) -> object:
    """The schema with each secret marked: each language's SDK encrypts it by itself then."""
    inputs = [each["inputProperties"] for each in schema["resources"].values()]
    types = [each["properties"] for each in schema["types"].values() if "properties" in each]
    for properties in (*inputs, *types):
        for key in SECRETS & properties.keys():
            properties[key]["secret"] = True
    return schema
