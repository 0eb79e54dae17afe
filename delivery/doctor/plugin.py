"""The version of a Pulumi plugin that lies on PATH, asked as the CLI asks it: by gRPC.

Some plugins take a flag for this, others refuse it; `GetPluginInfo` every one has to answer.
"""

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress

from delivery.timeouts import TooLong, within

START_SECONDS = 20.0
"""For a plugin to start: those of the big providers are more than a hundred megabytes to be read."""
ANSWER_SECONDS = 10.0

_ENGINE = "127.0.0.1:1"  # where a plugin would report to; nobody is there, and none looks before it has work


def plugin_version(path: str, environ: Mapping[str, str]) -> str | None:
    """The version that the plugin at `path` says it has; None when it says none in time. It has ended afterwards."""
    try:
        plugin = subprocess.Popen(
            [path, _ENGINE],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=dict(environ),
            # With a process group of its own, whatever it starts ends with it.
            start_new_session=True,
        )
    except OSError:
        return None
    try:
        return _asked(int(within(START_SECONDS, plugin.stdout.readline))) if plugin.stdout else None
    except (TooLong, ValueError):
        return None
    finally:
        # macOS refuses to signal a group in which nobody is left.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(plugin.pid, signal.SIGKILL)
        plugin.wait()
        if plugin.stdout:
            plugin.stdout.close()


def _asked(port: int) -> str | None:
    import grpc  # type: ignore[import-untyped]
    from google.protobuf.empty_pb2 import Empty
    from google.protobuf.wrappers_pb2 import StringValue

    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
        get_plugin_info = channel.unary_unary(
            "/pulumirpc.ResourceProvider/GetPluginInfo",
            request_serializer=Empty.SerializeToString,
            # Its answer has the version as its first field and nothing else, on the wire the same as this.
            response_deserializer=StringValue.FromString,
        )
        try:
            # Where it tells its port it listens already.
            return str(get_plugin_info(Empty(), timeout=ANSWER_SECONDS).value)
        except grpc.RpcError:
            return None
