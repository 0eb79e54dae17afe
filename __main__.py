"""Declares one stage of the pipeline: `pulumi up -s dev`, then `pulumi up -s production`.

Reads the stack's configuration and declares every application of its stage, and, in the first stage, what
exists once a repository. What a stage consists of is listed in `components/program.py`.
"""

import gc

from components.stack import adopted_files, read_stack

configuration, secrets = read_stack()
adopted = adopted_files(configuration, secrets.github)

# The providers' SDKs take half a second to import: meanwhile git reads, and wrong configuration never waits for them.
# What they bring stays as long as the program: looking through it for garbage would take a fifth of that time.
gc.disable()
from components.program import declare  # noqa: E402

gc.freeze()
gc.enable()
declare(configuration, secrets, adopted())
