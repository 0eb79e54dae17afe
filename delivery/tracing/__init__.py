"""Spans of promotion runs, and the delivery timeline of one version that is drawn from them and from Keptn's.

`delivery.tracing.run` makes the spans; `python -m delivery.tracing` reads files of OTLP JSON and draws.
"""
