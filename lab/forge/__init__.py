"""A stand-in for GitHub on loopback, over real bare git repositories, for the lab and for tests.

`Forge` is all that others need; see `lab.forge.forge` for what it does and what it does not.
"""

from lab.forge.errors import ApiError
from lab.forge.forge import EVERYTHING, Forge
from lab.forge.issues_model import PullRequest
from lab.forge.runs import Run
from lab.forge.state import Record

__all__ = ["EVERYTHING", "ApiError", "Forge", "PullRequest", "Record", "Run"]
