"""Declares one stage of the pipeline: `pulumi up -s dev`, then `pulumi up -s production`.

Reads the stack's configuration and declares every application of its stage, and, in the first stage, what there is
once for the whole repository; `program/stage.py` says what that is. Reading the repository, importing the
providers' SDKs and starting the providers take a good part of a second each, so they are done at the same time.
Mistakes in the configuration are reported before any of that, trouble with the repository before anything is declared.
"""

import asyncio
import gc
from importlib import import_module
from pathlib import Path

import pulumi

from program.inputs import read_stack, secret_output, start_reading_initial_values


async def program() -> None:
    """Declare the stack. Raises `pulumi.RunError`, one line for each mistake."""
    configuration, secrets = read_stack(Path(__file__).parent)
    read = start_reading_initial_values(configuration, secrets.github)
    # What is imported and declared is in use until the process ends: there is next to no garbage, and looking for it
    # would take a fifth of the run.
    gc.disable()
    from program.providers import github_provider, kubernetes_provider

    due = None
    if configuration.declares_promotions and secrets.github is not None:
        # This imports HTTP, git and telemetry, which most stacks never need.
        from program.promotions import DuePromotions

        due = DuePromotions(configuration, secrets.github)
    initial_values = read()
    forge = github_provider(configuration.pipeline.repository, secret_output(secrets.github))
    cluster = kubernetes_provider(configuration.cluster, secret_output(secrets.kubeconfig))
    # While a thread imports the rest, the event loop declares both providers, and the engine starts them.
    await asyncio.to_thread(import_module, "program.stage")
    from program.stage import declare

    # At its end the interpreter looks for garbage once more, also with the collector off, but not in what is frozen.
    gc.freeze()
    declare(configuration, secret_output(secrets.promotion), initial_values, due, forge, cluster)


pulumi.run(program)
