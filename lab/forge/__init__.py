"""A stand-in for GitHub on loopback, over real bare git repositories, for the lab and for tests.

`Forge` is all that others need; see `lab.forge.forge` for what it does and what it does not.
"""

from lab.forge.forge import EVERYTHING, Forge
from lab.forge.model import ApiError, PullRequest, Record, Run

__all__ = ["EVERYTHING", "ApiError", "Forge", "PullRequest", "Record", "Run"]
