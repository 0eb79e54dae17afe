"""Where the traces are that pull requests link to: an address that everybody can open who reads them."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from delivery.config.errors import set_mend
from delivery.doctor.check import Check, ok, unknown
from delivery.model.stack import StackConfiguration


def traces(configuration: StackConfiguration) -> Iterator[Check]:
    """One check in each stack whose `traceUrl` gets into pull requests: the first, and those that open them."""
    name, settings = "trace links", configuration.pipeline.promotion_settings()
    opens = configuration.declares_promotions and configuration.incoming
    if not (configuration.owns_repository or opens):
        return
    if not settings.trace_url:
        yield ok(name, "none: delivery:traceUrl is empty")
    elif settings.traces_are_local:
        detail = (
            f"{urlsplit(settings.trace_url).netloc} is each reader's own machine: pull requests name the trace only"
        )
        yield unknown(name, detail, set_mend("traceUrl", "https://…/{trace_id}"))
    else:
        yield ok(name, f"lead to {urlsplit(settings.trace_url).netloc}")
