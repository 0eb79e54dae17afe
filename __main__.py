"""Declares one stage of the pipeline: `pulumi up -s dev`, then `pulumi up -s production`.

Reads the stack's configuration and declares every application of its stage, and, in the first stage, what
exists once a repository. In which order is told in `components/program.py`, of what a stage consists in
`components/stage.py`.
"""

import pulumi

from components.program import program

pulumi.run(program)
