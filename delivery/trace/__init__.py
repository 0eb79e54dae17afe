"""From exported spans to the way of one version: commit, first stage, promotion, pull request, next stage.

`python -m delivery.trace` draws it as text and as one HTML page. It only reads files of OTLP JSON; what
writes them is `delivery.telemetry`, Keptn's operator by way of a collector, and Pulumi's engine.
"""
