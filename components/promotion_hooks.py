"""The hooks on a promotion's resources: each tells the run of that promotion what the engine does.

What follows from it, in the span and on the forge, is `delivery.promotion.declared_run`'s matter.
No hook runs in a preview.
"""

import pulumi

from delivery.promotion.declared_run import DeclaredRun


class PromotionHooks:
    """The hooks of the promotion called `name`; hooks are registered by name, which has to be the stack's only one."""

    def __init__(self, name: str, run: DeclaredRun) -> None:
        def failed(args: pulumi.ErrorHookArgs) -> bool:
            run.failed(args.errors)
            return False  # the engine is not to try again

        def opened(args: pulumi.ResourceHookArgs, created: bool) -> None:
            run.opened(int((args.new_outputs or {})["number"]), created=created)

        self._failed = pulumi.ErrorHook(f"{name}-failed", failed)
        self._branching = pulumi.ResourceHook(f"{name}-branching", lambda _: run.branching())
        self._pushing = pulumi.ResourceHook(f"{name}-pushing", lambda _: run.begin("push"))
        self._pushed = pulumi.ResourceHook(f"{name}-pushed", lambda _: run.pushed())
        self._opening = pulumi.ResourceHook(f"{name}-opening", lambda _: run.begin("open"))
        self._created = pulumi.ResourceHook(f"{name}-created", lambda args: opened(args, True))
        self._updated = pulumi.ResourceHook(f"{name}-updated", lambda args: opened(args, False))

    def branch(self, *, alone: bool) -> pulumi.ResourceHookBinding:
        """For the branch; `alone` when no commit follows on it."""
        return pulumi.ResourceHookBinding(
            before_create=[self._branching], after_create=[self._pushed] if alone else None, on_error=[self._failed]
        )

    def file(self) -> pulumi.ResourceHookBinding:
        """For the commit."""
        return pulumi.ResourceHookBinding(
            before_create=[self._pushing], after_create=[self._pushed], on_error=[self._failed]
        )

    def pull_request(self) -> pulumi.ResourceHookBinding:
        """For the pull request."""
        return pulumi.ResourceHookBinding(
            before_create=[self._opening],
            before_update=[self._opening],
            after_create=[self._created],
            after_update=[self._updated],
            on_error=[self._failed],
        )
