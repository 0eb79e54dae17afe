"""Declares one stage of the pipeline: `pulumi up -s dev`, then `pulumi up -s production`.

Reads the stack's configuration and declares every application of its stage, and, in the first stage, what exists
once a repository; `components/stage.py` says what that is. Reading the repository, importing the providers' SDKs and
starting the providers take a good part of a second each, so they go on side by side. What is wrong with the
configuration is said before any of them, and what is wrong with the repository before anything is declared.
"""

import asyncio
import gc
from importlib import import_module

import pulumi

from components.stack import adopted_files, read_stack, secret_output


async def program() -> None:
    """Declare the stack. Raises `pulumi.RunError`, one line for each mistake."""
    configuration, secrets = read_stack()
    adopted = adopted_files(configuration, secrets.github)
    # What is imported and declared stays as long as the program: looking through it for garbage, of which there is
    # next to none, would take a fifth of the time.
    gc.disable()
    from components.providers import github_provider, kubernetes_provider

    due = None
    if configuration.declares_promotions and secrets.github is not None:
        # Reading the edges takes HTTP, git and telemetry, which most stacks never need.
        from components.promotions import DuePromotions

        due = DuePromotions(configuration, secrets.github)
    existing = adopted()
    forge = github_provider(configuration.pipeline.repository, secret_output(secrets.github))
    cluster = kubernetes_provider(configuration.cluster, secret_output(secrets.kubeconfig))
    # Meanwhile the engine is told of the providers, and starts them.
    await asyncio.to_thread(import_module, "components.stage")
    from components.stage import declare

    gc.freeze()
    declare(configuration, secret_output(secrets.promotion), existing, due, forge, cluster)


pulumi.run(program)
