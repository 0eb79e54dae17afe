"""The hooks on a promotion's resources: they tell the run of that promotion what the engine does.

What follows from it, in the span and on GitHub, is `delivery.promotion.declared_run`'s matter.
No hook runs in a preview.
"""

import pulumi

from components.promotion import PromotionHooks
from delivery.promotion.declared_run import DeclaredRun


def promotion_hooks(name: str, run: DeclaredRun) -> PromotionHooks:
    """The hooks of the promotion called `name`; hooks are registered by name, which no other promotion may have."""

    def failed(args: pulumi.ErrorHookArgs) -> bool:
        run.failed(args.errors)
        return False  # the engine is not to try again

    def opened(args: pulumi.ResourceHookArgs, created: bool) -> None:
        run.opened(int((args.new_outputs or {})["number"]), created=created)

    on_error = [pulumi.ErrorHook(f"{name}-failed", failed)]
    branching = pulumi.ResourceHook(f"{name}-branching", lambda _: run.branching())
    pushing = pulumi.ResourceHook(f"{name}-pushing", lambda _: run.begin("push"))
    pushed = pulumi.ResourceHook(f"{name}-pushed", lambda _: run.pushed())
    opening = pulumi.ResourceHook(f"{name}-opening", lambda _: run.begin("open"))
    created = pulumi.ResourceHook(f"{name}-created", lambda args: opened(args, True))
    updated = pulumi.ResourceHook(f"{name}-updated", lambda args: opened(args, False))
    return PromotionHooks(
        branch=pulumi.ResourceHookBinding(before_create=[branching], on_error=on_error),
        branch_alone=pulumi.ResourceHookBinding(before_create=[branching], after_create=[pushed], on_error=on_error),
        earlier_file=pulumi.ResourceHookBinding(before_create=[pushing], on_error=on_error),
        file=pulumi.ResourceHookBinding(before_create=[pushing], after_create=[pushed], on_error=on_error),
        pull_request=pulumi.ResourceHookBinding(
            before_create=[opening],
            before_update=[opening],
            after_create=[created],
            after_update=[updated],
            on_error=on_error,
        ),
    )
