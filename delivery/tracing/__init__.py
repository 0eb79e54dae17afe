"""Spans of promotion runs, and the delivery timeline of one version, drawn from them and from its deployments' spans.

`delivery.tracing.run` makes the spans; `python -m delivery.tracing` reads files of OTLP JSON and draws.
"""

import logging

# For a failure that is reported in one line, OpenTelemetry logs several, with headers and tracebacks in them; for some
# variables as soon as it is imported, which the modules of this package do.
logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
