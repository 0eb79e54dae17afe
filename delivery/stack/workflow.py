"""The workflow `promote` as it is committed: the engine's file, with the configured identity and no other.

The files under `gitops/workflows` are what the identity `workflow` gets, so that linters and people read them as they
are, on github.com with the usual schedule. For another identity, single places are replaced: the run's own token loses
its rights to write, so that nothing falls back to it, and the job gets the environment that holds the other identity's
secret.
"""

import hashlib
import re
from functools import cache

from delivery.stack.manifests import WORKFLOW_FILE, read_gitops

_SOURCES = {"promoter": WORKFLOW_FILE, "pulumi": "promote-with-pulumi.yaml"}
ENVIRONMENT = "promotion"
"""The environment of the GitOps repository that holds the workflow's secrets."""
_TOKENS = {
    "token": "${{ secrets.PROMOTION_TOKEN }}",
    "app": "${{ steps.app.outputs.token }}",
}
GITHUB_COM = "https://api.github.com"
SWEEP_MINUTES = 15
_APP_STEP = """\
      - name: Make the App's token
        id: app
        uses: actions/create-github-app-token@bcd2ba49218906704ab6c1aa796996da409d3eb1 # v3.2.0
        with:
          client-id: ${{ vars.PROMOTION_APP_CLIENT_ID }}
          private-key: ${{ secrets.PROMOTION_APP_PRIVATE_KEY }}
          # Whatever else the App may do, and wherever: this token is for promotions in this repository.
          repositories: ${{ github.event.repository.name }}
          permission-contents: write
          permission-pull-requests: write

"""


def has_environment(engine: str, identity: str) -> bool:
    """Whether the workflow has secrets that the environment keeps: the state's, or those of another identity."""
    return engine == "pulumi" or identity != "workflow"


@cache
def workflow(
    engine: str, identity: str, *, api_url: str = GITHUB_COM, repository: str = "", sweep_minutes: int = SWEEP_MINUTES
) -> str:
    """The workflow for this `promotionEngine` and `promotionIdentity`. Raises `ValueError` if a place is not found.

    `repository` is owner and name, by which the schedule is staggered. GitHub servers of one's own may not know how to
    queue runs, which actionlint does not either.
    """
    text = read_gitops(f"workflows/{_SOURCES[engine]}")
    if sweep_minutes:
        text = _without_lines(text, "    - cron: ", f'    - cron: "{_minutes(repository, sweep_minutes)} * * * *"\n')
    else:
        text = re.sub(r"  # Promotes what is recorded.*?    - cron: [^\n]*\n", "", text, flags=re.DOTALL)
    if api_url.rstrip("/") != GITHUB_COM:
        text = _without_lines(text, "  queue: max")
        text = _replaced(text, "; github.com can keep every one (`max`). Where it cannot, the next", ": the next")
    if identity == "workflow":
        return text
    text = _replaced(text, "GITHUB_TOKEN: ${{ github.token }}", f"GITHUB_TOKEN: {_TOKENS[identity]}")
    text = _without_lines(text, "      pull-requests: write # ", "      pull-requests: read # finds its pull request\n")
    text = _without_lines(text, "      contents: write # ", "      contents: read # fetches what runs here\n")
    if engine == "promoter":
        text = _replaced(text, "    permissions:\n", f"    environment: {ENVIRONMENT}\n    permissions:\n")
        text = _without_lines(text, "          # No environment holds it, ")
        text = _replaced(text, " # zizmor: ignore[secrets-outside-env]", "")
    if identity == "app":
        first = "      - name: Promote\n" if engine == "promoter" else "      - name: Roll back\n"
        text = _replaced(text, first, _APP_STEP + first)
    return text


def _minutes(repository: str, every: int) -> str:
    """The minutes of each hour, `every` so many, that are the `repository`'s own: never the full hour."""
    first = 1 + int.from_bytes(hashlib.sha256(repository.encode()).digest()[:4]) % (every - 1)
    return ",".join(map(str, range(first, 60, every)))


def _replaced(text: str, old: str, new: str) -> str:
    if old not in text:
        raise ValueError(f"the workflow has no {old.strip()!r}")
    return text.replace(old, new)


def _without_lines(text: str, start: str, new: str = "") -> str:
    """`text` with each line that starts like this replaced by `new`."""
    lines = text.splitlines(keepends=True)
    if not any(line.startswith(start) for line in lines):
        raise ValueError(f"the workflow has no line that starts with {start.strip()!r}")
    return "".join(new if line.startswith(start) else line for line in lines)
