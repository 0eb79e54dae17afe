"""The promotions into a stage, one for each application and incoming edge, with a span for each."""

import os
from dataclasses import replace
from functools import partial

import pulumi

from components.promotion import Promotion, resource_name
from delivery.git.repository import GitError, Repository
from delivery.github.client import GitHub, GitHubError
from delivery.github.commits import APPS_ALONE, is_personal
from delivery.model.edges import Edge
from delivery.model.hints import HintedError, stack_hints
from delivery.model.request import PromotionRequest
from delivery.model.secret import SecretText
from delivery.model.stack import StackConfiguration
from delivery.promotion.declared_run import DeclaredRun
from delivery.promotion.history import PromotionError
from delivery.promotion.pending import PendingPromotion, read_pending
from delivery.timeouts import Deadline
from delivery.tracing.run import PromotionSpan, start_run
from delivery.values.document import ValuesError
from program.promotion_hooks import promotion_hooks


class PendingPromotions:
    """What is due along every edge into this stage: read when this is made, and declared later.

    Reading comes before anything is declared, so that nothing is written when the repository cannot be read or does not
    have what was asked for: `pulumi.RunError` with one line.
    """

    def __init__(self, configuration: StackConfiguration, token: SecretText) -> None:
        self._repository = configuration.pipeline.repository
        self._settings = configuration.pipeline.promotion_settings()
        self._token = token
        actor = os.environ.get("GITHUB_TRIGGERING_ACTOR") or os.environ.get("GITHUB_ACTOR", "")
        request = replace(configuration.request, actor=actor)
        self._pending = [self._read(edge, request.along(edge)) for edge in configuration.incoming]

    def declare(
        self, prefix: str, after: list[pulumi.Resource], opts: pulumi.ResourceOptions
    ) -> dict[str, pulumi.Output[str]]:
        """Declare all of it `after` these. Returns the address of each pull request, or a line why there is none."""
        shown: dict[str, pulumi.Output[str]] = {}
        for pending, span in self._pending:
            name = promotion_name(pending.edge)
            hooks = None
            if pending.desired is None:
                span.set_result("skip")
                span.end()
            else:
                run = DeclaredRun(
                    pending.desired, self._settings.web_url, span, self._github(), self._connect, pulumi.log.warn
                )
                hooks = promotion_hooks(resource_name(f"{prefix}{name}", pending.desired), run)
            promotion = Promotion(
                f"{prefix}{name}",
                self._repository,
                pending.desired,
                pending.why,
                hooks,
                sign=self._settings.sign_commits,
                opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=after)),
            )
            pulumi.log.info(f"{pending.edge}: {pending.why}", resource=promotion)
            shown[name] = promotion.pull_request or pulumi.Output.from_input(promotion.why)
        return shown

    def _read(self, edge: Edge, request: PromotionRequest) -> tuple[PendingPromotion, PromotionSpan]:
        # A preview promotes nothing: it has a span where the engine traces itself, and no run of its own.
        environ = {} if pulumi.runtime.is_dry_run() else os.environ
        span = start_run(
            edge,
            self._settings,
            version=request.version or None,
            commit=request.commit or None,
            traceparent=request.traceparent or None,
            run_id=environ.get("GITHUB_RUN_ID"),
            environ=environ,
        )
        try:
            deadline = Deadline()
            github = self._github(deadline)
            record = not pulumi.runtime.is_dry_run()
            connect = partial(self._connect, deadline)
            records = self._github(deadline, os.environ.get("RECORDS_TOKEN", ""))
            pending = read_pending(request, edge, self._settings, github, connect, span, record=record, records=records)
            if pending.desired is not None and environ:
                self._refuse_unsigned()
        except (PromotionError, ValuesError, GitHubError, GitError) as error:
            span.fail(error)
            span.end()
            line = error.worded(stack_hints(edge.target)) if isinstance(error, HintedError) else str(error)
            raise pulumi.RunError(f"{edge}: {line}") from None
        return pending, span

    def _refuse_unsigned(self) -> None:
        """Raise `PromotionError` where commits have to be signed, and GitHub does not sign for the token."""
        if self._settings.sign_commits and is_personal(self._token.reveal()):
            raise PromotionError(f"GitHub would not sign the commit: {APPS_ALONE}")

    def _github(self, deadline: Deadline | None = None, token: str = "") -> GitHub:
        settings, token = self._settings, token or self._token.reveal()
        return GitHub(settings.api_url, settings.owner, settings.repository, token, deadline=deadline)

    def _connect(self, deadline: Deadline | None = None) -> Repository:
        return Repository(f"{self._settings.web_url}.git", self._token.reveal(), deadline=deadline)


def promotion_name(edge: Edge) -> str:
    """What the promotion along `edge` is called among the stack's resources; no two edges into a stage share it.

    With a `-` in the source's name it is not clear where the application's ends, so a `.` stands between them.
    """
    between = "." if "-" in edge.source else "-"
    return f"{edge.application}{between}{edge.source}-to-{edge.target}"
