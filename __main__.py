"""Declares one stage of the pipeline: `pulumi up -s dev`, then `pulumi up -s production`.

Reads the stack's configuration and declares every application of its stage, and, in the first stage, what
exists once a repository. What a stage consists of is listed in `components/program.py`.
"""

from components.program import declare
from components.stack import adopted_files, read_stack

configuration, secrets = read_stack()
declare(configuration, secrets, adopted_files(configuration, secrets.github))
