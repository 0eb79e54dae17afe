"""Finds the way of one version in exported spans: commit, first stage, promotion, pull request, next stage.

`python -m delivery.tracing` draws it as text and as one HTML page. It only reads files of OTLP JSON, written by
`delivery.tracing.run`, by Pulumi's engine, or by the collector that Keptn exports to.
"""
