"""The promotions into a stage, one for each application and incoming edge, each in a span of its own."""

import os

import pulumi

from components.promotion import Promotion
from delivery.git.repository import GitError, Repository
from delivery.github.client import GitHub, GitHubError
from delivery.model.edges import Edge
from delivery.model.secret import SecretText
from delivery.model.stack import PromotionRequest, StackConfiguration
from delivery.promotion.declared_run import DeclaredRun
from delivery.promotion.desired import Incoming, read_incoming
from delivery.promotion.history import PromotionError
from delivery.stack.stack_token import in_stack_words
from delivery.tracing.run import PromotionSpan, start_run
from delivery.values.document import ValuesError


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
        said: dict[str, pulumi.Input[str]] = {}
        for incoming, span in self._due:
            run = self._run(incoming, span)
            promotion = Promotion(
                promotion_name(incoming.edge),
                self._repository,
                incoming,
                run,
                opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=after)),
            )
            said[promotion_name(incoming.edge)] = promotion.pull_request or promotion.why
            if run is None:
                span.set_result("skip")
                span.end()
        return said

    def _run(self, incoming: Incoming, span: PromotionSpan) -> DeclaredRun | None:
        if incoming.wanted is None:
            return None
        return DeclaredRun(
            incoming.wanted, incoming.edge, self._settings, span, self._github(), self._connect, pulumi.log.warn
        )

    def _read(self, edge: Edge, request: PromotionRequest) -> tuple[Incoming, PromotionSpan]:
        asked = request if request.meant_for(edge) else PromotionRequest()
        settings = self._settings
        # A preview promotes nothing: it has a span where the engine traces itself, and no run of its own.
        environ = {} if pulumi.runtime.is_dry_run() else os.environ
        span = start_run(
            edge,
            settings,
            version=asked.version or None,
            commit=asked.commit or None,
            traceparent=asked.traceparent or None,
            run_id=environ.get("GITHUB_RUN_ID"),
            environ=environ,
        )
        try:
            return read_incoming(edge, settings, asked, self._github(), self._connect, span), span
        except (PromotionError, ValuesError, GitHubError, GitError) as error:
            span.fail(error)
            span.end()
            raise pulumi.RunError(f"{edge}: {in_stack_words(error)}") from None

    def _github(self) -> GitHub:
        settings = self._settings
        return GitHub(settings.api_url, settings.owner, settings.repository, self._token.reveal())

    def _connect(self) -> Repository:
        return Repository(f"{self._settings.web_url}.git", self._token.reveal())


def promotion_name(edge: Edge) -> str:
    """What the promotion along `edge` is called among the stack's resources; no two edges into a stage share it.

    With a `-` in the source's name it is not clear where the application's ends, so a `.` stands between them.
    """
    between = "." if "-" in edge.source else "-"
    return f"{edge.application}{between}{edge.source}-to-{edge.target}"
