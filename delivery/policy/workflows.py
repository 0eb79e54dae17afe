"""Rule: a committed workflow says what it may do, and runs code that nobody can replace.

GitHub: without `permissions` a run has what the repository's settings give it, which may be everything; and the tag or
branch of an action is moved by whoever owns it (docs.github.com, "Security hardening for GitHub Actions").
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from delivery.policy.resources import CommittedFile, Declared, Finding, committed_files, documents, items, mapping, text
from delivery.text import one_line

_WORKFLOW = re.compile(r"\.github/workflows/[^/]+\.ya?ml")
_ACTION = re.compile(r"(?:.*/)?action\.ya?ml")
_PINNED = re.compile(r"\./.*|\$/.*|[\w.-]+/[\w./-]+@(?:[0-9a-f]{40}|[0-9a-f]{64})|docker://[^@\s]+@sha256:[0-9a-f]{64}")


def check(resources: Sequence[Declared]) -> Iterator[Finding]:
    """Every workflow, and composite action, that is committed with too many permissions or an action by tag."""
    for file in committed_files(resources):
        workflow = _WORKFLOW.fullmatch(file.path) is not None
        if not workflow and not _ACTION.fullmatch(file.path):
            continue
        found = documents(file.content)
        if found is None or len(found) != 1 or not isinstance(found[0], Mapping):
            yield Finding(
                f"{file.path}: unreadable", f"{file.path} is no YAML map, so nothing in it can be checked", file.urn
            )
            continue
        if workflow:
            yield from _permissions(file, found[0])
        yield from _actions(file, found[0])


def _permissions(file: CommittedFile, workflow: Mapping[str, object]) -> Iterator[Finding]:
    """What is granted without being named: a job's own permissions replace those of the workflow."""
    levels = [("the workflow", workflow)]
    levels += [(f"the job {one_line(str(name))}", mapping(job)) for name, job in mapping(workflow, "jobs").items()]
    for where, level in levels:
        if level.get("permissions") == "write-all":
            message = f"{file.path}: {where} has write-all: name what it needs"
            yield Finding(f"{file.path}: write-all", message, file.urn)
        elif "permissions" not in level and "permissions" not in workflow and level is not workflow:
            message = (
                f"{file.path}: {where} has no permissions: it gets what the repository gives, which may be write-all"
            )
            yield Finding(f"{file.path}: permissions", message, file.urn)


def _actions(file: CommittedFile, found: Mapping[str, object]) -> Iterator[Finding]:
    """The actions and workflows that are used by anything but a commit or digest."""
    jobs = [mapping(job) for job in mapping(found, "jobs").values()]
    steps = [step for job in jobs for step in items(job.get("steps"))] + [*items(mapping(found, "runs").get("steps"))]
    for one in (*jobs, *map(mapping, steps)):
        used = one.get("uses")
        if used is not None and not _PINNED.fullmatch(text(used)):
            shown = one_line(text(used))
            yield Finding(
                f"{file.path}: {shown}", f"{file.path} uses {shown}, which can be moved: name its commit", file.urn
            )
