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
    from delivery.stack.plan import plan_stack
    from program.stage import declare

    plan = plan_stack(configuration, started.initial_values, started.environment)
    declare(plan, secret_output(secrets.promotion), started)


pulumi.run(program)
