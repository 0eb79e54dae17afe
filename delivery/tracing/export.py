"""Where a promotion's spans go: to an OTLP collector named by the standard OTEL_ variables, and to a file of OTLP JSON.

Exporters are imported by the collector's own thread, because importing one takes longer than all the rest of a
promotion's telemetry. Threads, the time limit and failures are the concern of `delivery.tracing.queue`.
"""

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from delivery.tracing.otlp_json import export_line

BUDGET = 2.0
TRACE_FILE = "DELIVERY_TRACE_FILE"

Export = Callable[[Sequence[ReadableSpan]], None]


class ExportError(Exception):
    """Spans were not exported; the text is one line, without headers or paths."""


@dataclass(frozen=True)
class Destinations:
    """Where spans go, read once from the environment; empty strings for "nowhere".

    `endpoint` is the traces endpoint itself (for HTTP with its path). `certificate`, `client_key` and
    `client_certificate` are files, `headers` is the variable's own `key=value,…` form, `timeout` is in seconds.
    """

    file: str = ""
    protocol: str = ""
    endpoint: str = ""
    insecure: bool = False
    headers: str = ""
    certificate: str = ""
    client_key: str = ""
    client_certificate: str = ""
    compression: str = ""
    timeout: float = BUDGET

    def __bool__(self) -> bool:
        return bool(self.file or self.endpoint)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Destinations":
        """What the OTEL_ variables and `DELIVERY_TRACE_FILE` in `environ` ask for; nowhere with `OTEL_SDK_DISABLED`.

        Where no protocol is set, it is gRPC at port 4317, which is registered for it, and else the specification's
        default `http/protobuf`. No endpoint means no export, unless `OTEL_TRACES_EXPORTER=otlp` asks for it.
        """
        if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            return cls()
        file = environ.get(TRACE_FILE, "").strip()

        def option(name: str) -> str:
            general = environ.get(f"OTEL_EXPORTER_OTLP_{name}", "")
            return (environ.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}", "") or general).strip()

        exporters = [name.strip() for name in environ.get("OTEL_TRACES_EXPORTER", "").split(",") if name.strip()]
        endpoint = option("ENDPOINT")
        if (exporters and "otlp" not in exporters) or not (exporters or endpoint):
            return cls(file=file)
        protocol = option("PROTOCOL") or ("grpc" if _port(endpoint) == 4317 else "http/protobuf")
        if not endpoint:
            endpoint = "http://localhost:4317" if protocol == "grpc" else "http://localhost:4318"
        if protocol != "grpc" and not environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip():
            endpoint = endpoint.rstrip("/") + "/v1/traces"
        return cls(
            file=file,
            protocol=protocol,
            endpoint=endpoint,
            insecure=_insecure(endpoint, environ),
            headers=option("HEADERS"),
            certificate=option("CERTIFICATE"),
            client_key=option("CLIENT_KEY"),
            client_certificate=option("CLIENT_CERTIFICATE"),
            compression=option("COMPRESSION"),
            timeout=_seconds(option("TIMEOUT")),
        )


def _port(endpoint: str) -> int | None:
    try:
        return urlsplit(endpoint if "//" in endpoint else f"//{endpoint}").port
    except ValueError:  # no address at all: the exporter will say so
        return None


def _insecure(endpoint: str, environ: Mapping[str, str]) -> bool:
    """Whether gRPC goes out in plain text: what the scheme says, and for a bare host:port the variables.

    Pulumi's SDK sets `OTEL_EXPORTER_OTLP_INSECURE=true` for its whole process when the engine traces, and means its
    own socket. In such a process only the variable for traces counts, which the SDK does not set.
    """
    scheme, scheme_given, _ = endpoint.partition("://")
    if scheme_given:
        return scheme.lower() == "http"
    traces = environ.get("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "")
    general = (
        "" if environ.get("PULUMI_OTEL_EXPORTER_OTLP_ENDPOINT") else environ.get("OTEL_EXPORTER_OTLP_INSECURE", "")
    )
    return (traces or general).strip().lower() == "true"


def _seconds(text: str) -> float:
    """The timeout in seconds, as Python's exporters read it, and never more than the budget."""
    try:
        return min(float(text), BUDGET) if float(text) > 0 else BUDGET
    except ValueError:
        return BUDGET


def to_file(path: str) -> Export:
    """Appends each batch to the file as one line of OTLP JSON. The export raises OSError."""

    def export(spans: Sequence[ReadableSpan]) -> None:
        line = export_line(spans).encode()
        # Non-blocking, so that a pipe without a reader is an error and not a wait.
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK, 0o644)
        try:
            os.write(file, line)  # one write in append mode: lines of several processes do not mix
        finally:
            os.close(file)

    return export


def load_exporter(to: Destinations) -> None:
    """Import the exporter for this collector, so that the first spans need not wait for it."""
    if to.protocol == "grpc":
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its core writes handshake failures to stderr by itself
        import opentelemetry.exporter.otlp.proto.grpc.trace_exporter
    elif to.protocol == "http/protobuf":
        import opentelemetry.exporter.otlp.proto.http.trace_exporter  # noqa: F401


def to_collector(to: Destinations) -> Export:
    """Sends each batch to the collector, with an exporter that is made at the first one.

    The export raises ExportError, or whatever the exporter raises.
    """
    exporters: list[SpanExporter] = []

    def export(spans: Sequence[ReadableSpan]) -> None:
        if not exporters:
            exporters.append(_grpc(to) if to.protocol == "grpc" else _http(to))
        if exporters[0].export(spans) is not SpanExportResult.SUCCESS:
            raise ExportError("it did not accept the spans")

    return export


def _grpc(to: Destinations) -> SpanExporter:
    load_exporter(to)
    import grpc  # type: ignore[import-untyped]  # its stubs are a package that only this line would need
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    _keep_quiet()
    credentials = None
    if not to.insecure:
        credentials = grpc.ssl_channel_credentials(
            *(
                Path(name).read_bytes() if name else None
                for name in (to.certificate, to.client_key, to.client_certificate)
            )
        )
    return OTLPSpanExporter(
        endpoint=to.endpoint,
        insecure=to.insecure,
        credentials=credentials,
        headers=to.headers or None,
        timeout=to.timeout,
        compression=grpc.Compression.Gzip if to.compression == "gzip" else grpc.Compression.NoCompression,
    )


def _http(to: Destinations) -> SpanExporter:
    if to.protocol != "http/protobuf":
        raise ExportError(f"OTEL_EXPORTER_OTLP_PROTOCOL is {to.protocol!r}; allowed are grpc and http/protobuf")
    import requests
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.util.re import parse_env_headers

    class Session(requests.Session):
        """A session whose own certificate counts: `REQUESTS_CA_BUNDLE`, set on many machines, would beat it."""

        def merge_environment_settings(self, *given: Any, **named: Any) -> Any:
            settings = super().merge_environment_settings(*given, **named)
            return {**settings, "verify": self.verify} if to.certificate else settings

    _keep_quiet()
    return OTLPSpanExporter(
        session=Session(),
        endpoint=to.endpoint,
        certificate_file=to.certificate or None,
        client_key_file=to.client_key or None,
        client_certificate_file=to.client_certificate or None,
        headers=parse_env_headers(to.headers, liberal=True),
        timeout=to.timeout,
        compression=Compression.Gzip if to.compression == "gzip" else Compression.NoCompression,
    )


def _keep_quiet() -> None:
    """Drop what the exporters log from this thread: they log several lines for a failure that is reported in one."""
    thread = threading.get_ident()
    for name in list(logging.root.manager.loggerDict):
        if name.startswith(("opentelemetry.", "urllib3.", "grpc.")):
            logging.getLogger(name).addFilter(lambda record: record.thread != thread)
