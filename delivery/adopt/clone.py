"""The files of a GitOps repository, of a clone on this machine or by git from its server. It writes to neither."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from delivery.adopt.sources import Tree
from delivery.adopt.usable import Repository
from delivery.git.process import GitError, explain, git_environment, run_git, shown
from delivery.git.repository import Repository as Git

_SECONDS = 120.0
_MOST_FILES = 20_000
_YAML = re.compile(r".*(\.ya?ml|\.json|\.tpl|/Kustomization)|Kustomization")


@contextmanager
def opened(remote: str, token: str) -> Iterator[Repository]:
    """The repository at `remote`, a path or an address. Raises `GitError`."""
    with Git(remote, token) as git:
        refs, heads = _refs(git, remote, token)
        # What Argo CD sees is what the server has; a branch of a clone may be behind, or ahead.
        default = heads.get("refs/remotes/origin/HEAD") or heads.get("HEAD") or ""

        @cache
        def tree(revision: str) -> Tree | None:
            branch = default if revision == "HEAD" else revision.removeprefix("refs/heads/")
            ref = next((name for name in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}") if name in refs), "")
            if not ref:
                return None
            local = f"refs/delivery/{len(refs)}/{branch}"
            git.fetch([f"+{ref}:{local}"], 1)
            return _tree(git, git.resolve(local) or "")

        yield Repository(default, tree)


def _tree(git: Git, commit: str) -> Tree:
    files = {path: blob for path, (_, blob) in git.files(commit).items()}
    known = [path for path in files if _YAML.fullmatch(path)][:_MOST_FILES]

    @cache
    def texts() -> dict[str, str]:
        # One process for all of them: each would take milliseconds.
        return {
            path: content.decode("utf-8", "replace")
            for path, content in zip(known, git.contents([files[path] for path in known]), strict=True)
        }

    return Tree(frozenset(files), lambda path: texts().get(path, ""))


def _refs(git: Git, remote: str, token: str) -> tuple[frozenset[str], dict[str, str]]:
    """The names of the remote's refs, and the branch that each symbolic one stands for."""
    environ = git_environment(remote, token, "adopt", "adopt@localhost")
    done = run_git(["git", "-C", str(git.path), "ls-remote", "--symref", "origin"], b"", environ, _SECONDS)
    if done.returncode:
        why, hint = explain(done.stderr.decode("utf-8", "replace"), token)
        raise GitError(f"cannot read {shown(remote)}: {why}", hint)
    refs, heads = set[str](), dict[str, str]()
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        what, _, name = line.partition("\t")
        if what.startswith("ref: "):
            heads[name] = re.sub(r"ref: refs/(heads|remotes/origin)/", "", what)
        else:
            refs.add(name)
    return frozenset(refs), heads
