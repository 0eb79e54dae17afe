"""The promotions into a stage, one for each application and incoming edge, each in a span of its own."""

import os
from functools import partial

import pulumi

from components.promotion import Promotion
from delivery import telemetry
from delivery.incoming import Incoming, read_incoming, renew_branch
from delivery.pipeline import PromotionRequest, StackConfiguration
from delivery.promotion.documents import ValuesError
from delivery.promotion.edges import Edge
from delivery.promotion.git import GitError, Repository
from delivery.promotion.github import GitHub, GitHubError
from delivery.promotion.history import PromotionError
from delivery.secret_text import SecretText
from delivery.telemetry.span import PromotionSpan


class DuePromotions:
    """What is due along every edge into this stage: read when this is made, and declared later.

    Reading comes before anything is declared, so that nothing is written when the forge cannot be read or has not
    what was asked for: `pulumi.RunError` with one line.
    """

    def __init__(self, configuration: StackConfiguration, token: SecretText) -> None:
        self._repository = configuration.pipeline.repository
        self._settings = configuration.pipeline.promotion_settings()
        self._token = token
        self._due = [self._read(edge, configuration.request) for edge in configuration.incoming]

    def declare(self, after: list[pulumi.Resource], opts: pulumi.ResourceOptions) -> dict[str, pulumi.Input[str]]:
        """Declare all of it `after` these; the pull request of each comes back, or in words why there is none."""
        web_url = self._settings.web_url
        said: dict[str, pulumi.Input[str]] = {}
        for incoming, span in self._due:
            wanted = incoming.wanted
            promotion = Promotion(
                promotion_name(incoming.edge),
                self._repository,
                incoming,
                partial(renew_branch, wanted, self._settings, self._connect) if wanted else (lambda: None),
                partial(_opened, span, web_url, wanted.title if wanted else ""),
                opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=after)),
            )
            said[promotion_name(incoming.edge)] = promotion.pull_request or promotion.why
            if wanted is None:
                span.set_result("skip")
                span.end()
            elif wanted.open_number:
                # Its resources may well stay as they are, and no hook runs then.
                url = f"{web_url}/pull/{wanted.open_number}"
                span.set_pull_request(wanted.open_number, url, wanted.title, "open")
        return said

    def _read(self, edge: Edge, request: PromotionRequest) -> tuple[Incoming, PromotionSpan]:
        asked = request if request.meant_for(edge) else PromotionRequest()
        settings = self._settings
        span = telemetry.begin(
            edge,
            settings,
            version=asked.version or None,
            commit=asked.commit or None,
            traceparent=asked.traceparent or None,
            # A preview promotes nothing: it has a span where the engine traces itself, and no run of its own.
            environ={} if pulumi.runtime.is_dry_run() else os.environ,
        )
        github = GitHub(settings.api_url, settings.owner, settings.repository, self._token.reveal())
        try:
            return read_incoming(edge, settings, asked, github, self._connect, span), span
        except (PromotionError, ValuesError, GitHubError, GitError) as error:
            span.fail(error)
            span.end()
            raise pulumi.RunError(f"{edge}: {error}") from None

    def _connect(self) -> Repository:
        return Repository(f"{self._settings.web_url}.git", self._token.reveal())


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
