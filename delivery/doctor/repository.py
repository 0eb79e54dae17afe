"""Checks of the GitOps repository: there, its default branch, what Actions may do, the files as declared."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

from delivery.config.errors import set_command, set_mend
from delivery.doctor.check import Check, ok, unknown, wrong
from delivery.doctor.forge import Forge
from delivery.doctor.protection import protection
from delivery.model.edges import SETTINGS_PATH
from delivery.model.stack import StackConfiguration
from delivery.stack.manifests import WORKFLOW_FILE
from delivery.stack.repository_files import repository_files, stage_files

_WORKFLOW = f".github/workflows/{WORKFLOW_FILE}"


def repository(
    forge: Forge, configuration: StackConfiguration, dispatching: Forge, engine: str | None
) -> Iterator[Check]:
    """Every check of the repository; the first only, when that cannot be read.

    `dispatching` sees it with the token that dispatches the workflow. `engine` is the one whose workflow the first
    stage's stack commits, None when that is not known.
    """
    first = reachable(forge)
    yield first
    if first.status == "ok":
        yield default_branch(forge)
        yield protection(forge)
        yield actions_settings(forge, configuration)
        yield files(forge, configuration, engine)
        yield workflow(dispatching, configuration)


def reachable(forge: Forge) -> Check:
    """The repository is there under its configured name, and takes changes."""
    name, wanted, found = "repository", f"{forge.repository.owner}/{forge.repository.name}", forge.get()
    where = forge.repository.api_url
    if found.status == 404:
        mend = f"create it (gh repo create {wanted} --private --add-readme), or let {forge.name} see it"
        return wrong(name, f"{wanted} is not at {where}, or the token may not see it", mend)
    if not found.ok:
        return unknown(name, f"{wanted} at {where}: {found.why}")
    actual = found.field("full_name")
    if not isinstance(actual, str):
        return wrong(name, f"{where} does not answer like GitHub", set_mend("githubApiUrl", "https://api.github.com"))
    if actual.lower() != wanted.lower():
        owner, _, short = actual.partition("/")
        mend = f"{set_command('repositoryOwner', owner)} && {set_mend('repositoryName', short)}"
        return wrong(name, f"{wanted} has moved to {actual}", mend)
    if found.field("archived") is True:
        return wrong(name, f"{wanted} is archived: nothing can be promoted", f"gh repo unarchive {wanted}")
    return ok(name, f"{forge.repository.url}{' (public)' if found.field('private') is False else ''}")


def default_branch(forge: Forge) -> Check:
    """The configured default branch exists and is the repository's own: only there a workflow can be dispatched."""
    wanted, actual = forge.repository.default_branch, forge.get().field("default_branch")
    found = forge.get(f"/branches/{quote(wanted)}")
    if found.status == 404:
        if actual != wanted:
            detail = f"there is no branch {wanted}, the repository's own is {actual}"
            # Setting the new name replaces every file, and Pulumi would delete the old ones on a branch that is gone.
            detail += "; if that is its new name, `pulumi refresh` each stack before you set it"
            return wrong("default branch", detail, set_mend("defaultBranch", str(actual)))
        repository_name = f"{forge.repository.owner}/{forge.repository.name}"
        mend = f"push a first commit to {wanted}: gh repo clone {repository_name}"
        return wrong("default branch", f"{wanted} has no commit yet", mend)
    if actual != wanted:
        detail = f"{wanted} is not the repository's default branch {actual}: no workflow can be dispatched there"
        return wrong("default branch", detail, set_mend("defaultBranch", str(actual)))
    if not found.ok:
        return unknown("default branch", found.why)
    return ok("default branch", wanted)


def actions_settings(forge: Forge, configuration: StackConfiguration) -> Check:
    """Actions are on, and may open pull requests."""
    name = "Actions may open pull requests"
    mend = f"pulumi up --refresh --run-program -s {configuration.pipeline.first_stage.name}"
    found, general = forge.get("/actions/permissions/workflow"), forge.get("/actions/permissions")
    if found.denied and not configuration.owns_repository:
        first = configuration.pipeline.first_stage.name
        why = f"not told to this stack's {forge.name}, only to that of {first}, which has the setting ({found.why})"
        return unknown(name, why, f"make doctor STACK={first}")
    if not found.ok:
        return unknown(name, found.why)
    if general.field("enabled") is False:
        where = f"{forge.repository.url}/settings/actions"
        return wrong(name, "Actions are switched off in this repository", f"allow them at {where}")
    if found.field("can_approve_pull_request_reviews") is not True:
        return wrong(name, "no: the workflow would fail at the last step", mend)
    return ok(name, "yes")


def files(forge: Forge, configuration: StackConfiguration, engine: str | None) -> Check:
    """The workflow, the promoter and the charts on the default branch are what this program would commit."""
    name = "workflow and charts"
    tip = forge.get(f"/branches/{quote(forge.repository.default_branch)}")
    # By its commit, because a branch's name may have slashes.
    found = forge.get(f"/git/trees/{tip.field('commit', 'sha')}?recursive=1") if tip.ok else tip
    if not found.ok:
        return unknown(name, found.why)
    tree = found.field("tree")
    present = {
        str(each.get("path")): str(each.get("sha"))
        for each in (tree if isinstance(tree, list) else [])
        if isinstance(each, dict) and each.get("type") == "blob"
    }
    first = configuration.pipeline.first_stage.name
    declared = {each.path: (each, first) for each in repository_files(_with_engine(configuration, engine))}
    # The rest of the settings follows the first stage's own configuration too, which may differ from this stack's.
    unsaid = [] if configuration.owns_repository else [SETTINGS_PATH]
    for path in unsaid if engine else [*unsaid, _WORKFLOW]:
        del declared[path]
    for stage_application in configuration.stage_applications:
        declared |= {
            each.path: (each, configuration.stage.name) for each in stage_files(configuration, stage_application)
        }
    missing = [path for path in declared if path not in present]
    if missing and found.field("truncated") is True:
        return unknown(name, "the repository has more files than GitHub lists in one answer")
    changed = [
        path
        for path, (each, _) in declared.items()
        if path in present and not each.initial and present[path] != _blob(each.content)
    ]
    if missing or changed:
        parts = [f"{what} {_some(paths)}" for what, paths in (("missing", missing), ("changed", changed)) if paths]
        stacks = dict.fromkeys(declared[path][1] for path in (*missing, *changed))
        return wrong(
            name, "; ".join(parts), " && ".join(f"pulumi up --refresh --run-program -s {stack}" for stack in stacks)
        )
    return ok(name, f"{len(declared)} files as declared")


def workflow(forge: Forge, configuration: StackConfiguration) -> Check:
    """The workflow can be dispatched: GitHub knows it, and nobody has switched it off."""
    if not configuration.promotes_to:
        return ok("workflow", f"not asked: nothing is promoted from {configuration.stage.name}")
    found = forge.get(f"/actions/workflows/{WORKFLOW_FILE}")
    where = f"--repo {forge.repository.gh_name}"
    state = found.field("state")
    if not found.ok:
        return unknown("workflow", f"whether it is switched on is not told to {forge.name} ({found.why})")
    if state != "active":
        return wrong("workflow", f"{WORKFLOW_FILE} is {state}", f"gh workflow enable {WORKFLOW_FILE} {where}")
    return ok("workflow", f"{WORKFLOW_FILE} is active")


def _with_engine(configuration: StackConfiguration, engine: str | None) -> StackConfiguration:
    pipeline = configuration.pipeline
    promotions = replace(pipeline.promotions, engine=engine or pipeline.promotions.engine)
    return replace(configuration, pipeline=replace(pipeline, promotions=promotions))


def _blob(content: str) -> str:
    """Git's name for a file with this content."""
    data = content.encode()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _some(paths: list[str]) -> str:
    return ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
