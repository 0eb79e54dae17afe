"""How a stack words an error of the forge: the token it sends is `delivery:githubToken`.

The modules of a promotion name GITHUB_TOKEN, where the promoter has its token from. A stack takes that variable only
when it has no token of its own, so setting it may change nothing; setting the stack's own always helps.
"""

from delivery.git.process import UNAUTHORIZED_MEND

STACKS_MEND = "pulumi config set --secret delivery:githubToken"


def in_stack_words(error: Exception) -> str:
    """The line of an error with which reading the repository failed, as a stack's user has to read it."""
    return str(error).replace(UNAUTHORIZED_MEND, STACKS_MEND)
