"""Files in a chain, each a commit of its own: however many, each depends on the one before it."""

import sys
from itertools import pairwise
from pathlib import Path

from delivery.config.files import StackConfig
from lab.engine import preview

PROGRAM = """
from components.repository_files import RepositoryFiles
from delivery.stack.repository_files import RepositoryText

RepositoryFiles("many", "gitops", "main", [RepositoryText(f"{number}.yaml", "") for number in range(%d)])
"""


def test_a_chain_may_be_longer_than_pythons_recursion_limit(tmp_path: Path) -> None:
    number = sys.getrecursionlimit() + 100
    (tmp_path / "__main__.py").write_text(PROGRAM % number, encoding="utf-8")
    files = preview("dev", StackConfig({}, frozenset()), tmp_path).of_type(":RepositoryFile")
    assert len(files) == number
    assert all(after.depends_on == {before.urn} for before, after in pairwise(files))
