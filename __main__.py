"""Declares one stage of the pipeline: `pulumi up -s dev`, then `pulumi up -s production`.

Reads the stack's configuration, plans the stack and declares the plan. Errors in the configuration are reported before
anything else happens, errors in reading the repository before anything is declared.
"""

import pulumi

from program.inputs import read_stack, secret_output
from program.startup import start


async def program() -> None:
    """Declare the stack. Raises `pulumi.RunError`, one line for each error."""
    configuration, secrets = read_stack()
    started = await start(configuration, secrets)
    # `start` has imported these two while the providers started.
    from components.stage import Stage, StageParts
    from delivery.stack.plan import plan_stack

    read, token = started.read, secret_output(secrets.promotion)
    plan = plan_stack(configuration, read.initial_values, read.environment)
    promotions = read.promotions.declare if read.promotions else None
    stage = Stage(plan.stage, StageParts(plan, token, lambda *_: started.providers, promotions))
    if stage.promotions is not None:
        pulumi.export("promotions", stage.promotions)
    pulumi.export("stage", stage.stage)
    pulumi.export("repository", stage.repository)
    pulumi.export("applications", stage.applications)
    pulumi.export("promotesTo", stage.promotes_to)


pulumi.run(program)
