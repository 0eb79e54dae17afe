"""Which files of the GitOps repository are there already and belong to git: an update adopts them as they are.

After a stack was destroyed, or its state lost, `values.yaml` still holds what was promoted last. Writing the
first values over it would undo that promotion.
"""

from collections.abc import Callable, Collection

from delivery.promotion.git import Repository


def existing_seeds(connect: Callable[[], Repository], branch: str, paths: Collection[str]) -> frozenset[str]:
    """Those of `paths` that the tip of `branch` has, by one shallow fetch. Raises `GitError` with one line."""
    with connect() as repository:
        tip = repository.fetch_tip(branch)
        return frozenset(path for path in paths if tip and repository.read(tip, path) is not None)
