"""The promotions into a stage, one for each application and incoming edge, each in a span of its own."""

import os
from functools import partial

import pulumi

from components.promotion import Promotion
from delivery import telemetry
from delivery.documents import ValuesError
from delivery.edges import Edge
from delivery.git import GitError, Repository
from delivery.github import GitHub, GitHubError
from delivery.history import PromotionError
from delivery.incoming import Incoming, read_incoming, renew_branch
from delivery.pipeline import PromotionRequest, StackConfiguration
from delivery.secret_text import SecretText
from delivery.telemetry_span import PromotionSpan


def declare_promotions(
    configuration: StackConfiguration, token: SecretText, after: list[pulumi.Resource], opts: pulumi.ResourceOptions
) -> dict[str, pulumi.Input[str]]:
    """Declare every promotion into this stage; what is due for each comes back, in words.

    Raises `pulumi.RunError` with one line when the forge cannot be read, before anything is declared.
    """
    repository = configuration.pipeline.repository
    settings = configuration.pipeline.promotion_settings()
    due: list[tuple[Incoming, PromotionSpan]] = []

    def connect() -> Repository:
        return Repository(f"{settings.web_url}.git", token.reveal())

    for edge in configuration.incoming:
        asked = configuration.request if configuration.request.meant_for(edge) else PromotionRequest()
        span = telemetry.begin(
            edge,
            settings,
            version=asked.version or None,
            commit=asked.commit or None,
            traceparent=asked.traceparent or None,
            # A preview promotes nothing: it has a span where the engine traces itself, and no run of its own.
            environ={} if pulumi.runtime.is_dry_run() else os.environ,
        )
        github = GitHub(settings.api_url, settings.owner, settings.repository, token.reveal())
        try:
            due.append((read_incoming(edge, settings, asked, github, connect, span), span))
        except (PromotionError, ValuesError, GitHubError, GitError) as error:
            span.fail(error)
            span.end()
            raise pulumi.RunError(f"{edge}: {error}") from None
    said: dict[str, pulumi.Input[str]] = {}
    for incoming, span in due:
        wanted = incoming.wanted
        promotion = Promotion(
            promotion_name(incoming.edge),
            repository,
            incoming,
            partial(renew_branch, wanted, settings, connect) if wanted else (lambda: None),
            partial(_opened, span, settings.web_url, wanted.title if wanted else ""),
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=after)),
        )
        if wanted is not None and wanted.open_number:
            # Its resources may well stay as they are, and no hook runs then.
            number = wanted.open_number
            span.set_pull_request(number, f"{settings.web_url}/pull/{number}", wanted.title, "open")
        said[promotion_name(incoming.edge)] = promotion.pull_request or promotion.why
        if wanted is None:
            span.set_result("skip")
            span.end()
    return said


def promotion_name(edge: Edge) -> str:
    """What the promotion along `edge` is called among the stack's resources; no two edges into a stage share it.

    With a `-` in the source's name it is not clear where the application's ends, so a `.` stands between them.
    """
    between = "." if "-" in edge.source else "-"
    return f"{edge.application}{between}{edge.source}-to-{edge.target}"


def _opened(span: PromotionSpan, web_url: str, title: str, number: int) -> None:
    span.set_pull_request(number, f"{web_url}/pull/{number}", title, "open")
    span.set_result("success")
    span.end()
