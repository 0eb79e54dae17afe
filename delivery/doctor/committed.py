"""Checks of what is committed in the GitOps repository against what this stack would have there.

Every stack's update commits its own part. A stack that was not updated after the pipeline changed shows here: the
promoter goes by the committed files, and a promotion along an old path would never be deployed.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from urllib.parse import quote

import yaml

from delivery.cluster.preflight import update_command
from delivery.config.chart_values import known_keys, unread, violations
from delivery.config.errors import Json, nearest
from delivery.doctor.check import Check, ok, unknown, wrong
from delivery.doctor.github import Answer, GitHubView
from delivery.doctor.inspection import Inspection
from delivery.model.edges import Edge
from delivery.model.promoted_keys import PromotedKey, names
from delivery.model.settings import SETTINGS_PATH, PromotionSettings, SettingsError
from delivery.model.versions import is_mutable
from delivery.promotion.stacks import platform_conflicts
from delivery.stack.repository_files import repository_files, stage_files
from delivery.values.editor import ValuesError, read_keys


def files(name: str, inspection: Inspection) -> Check:
    """The workflow, the promoter and the charts on their branches are what this program would commit."""
    github, configuration = inspection.github(), inspection.configuration
    first, own = configuration.pipeline.first_stage.name, configuration.stage.branch
    declared = {file.path: (file, first) for file in repository_files(configuration) if file.path != SETTINGS_PATH}
    branches = dict.fromkeys(declared, "")
    for stage_application in configuration.stage_applications:
        files = stage_files(configuration, stage_application)
        declared |= {file.path: (file, inspection.stack) for file in files}
        branches |= dict.fromkeys((file.path for file in files), own)
    present: dict[str, object] = {}
    for branch in dict.fromkeys(branches.values()):
        found = _tree(github, branch)
        if not found.ok:
            return unknown(name, found.why)
        tree = found.field("tree")
        entries = [entry for entry in (tree if isinstance(tree, list) else []) if isinstance(entry, dict)]
        blobs = {str(entry.get("path")): entry.get("sha") for entry in entries if entry.get("type") == "blob"}
        present |= {path: blobs[path] for path in declared if branches[path] == branch and path in blobs}
        missed = any(path not in blobs for path in declared if branches[path] == branch)
        if missed and found.field("truncated") is True:
            return unknown(name, "the repository has more files than GitHub lists in one answer")
    missing = [path for path in declared if path not in present]
    changed = [
        path
        for path, (file, _) in declared.items()
        if path in present and not file.initial and present[path] != _blob(file.content)
    ]
    if missing or changed:
        parts = [f"{what} {_some(paths)}" for what, paths in (("missing", missing), ("changed", changed)) if paths]
        stacks = dict.fromkeys(declared[path][1] for path in (*missing, *changed))
        return wrong(name, "; ".join(parts), " && ".join(map(update_command, stacks)))
    return ok(name, f"{len(declared)} files as declared")


def _tree(github: GitHubView, branch: str) -> Answer:
    """All files of a branch, by its commit, because a branch's name may have slashes."""
    tip = github.branch(branch)
    return github.get(f"/git/trees/{tip.field('commit', 'sha')}?recursive=1") if tip.ok else tip


def settings(name: str, inspection: Inspection) -> Check:
    """The promoter's settings are those of the pipeline that this stack is configured with."""
    pipeline = inspection.configuration.pipeline
    fix = update_command(pipeline.first_stage.name)
    found, text = _file(inspection.github(), SETTINGS_PATH)
    if found.status == 404:
        return wrong(name, f"{SETTINGS_PATH} is missing", fix)
    if text is None:
        return unknown(name, found.why)
    try:
        committed = PromotionSettings.from_json(text)
    except SettingsError as error:
        return wrong(name, str(error), fix)
    differing = list(_differences(_document(committed), _document(pipeline.promotion_settings())))
    if differing:
        return wrong(name, f"{SETTINGS_PATH} differs from this stack's configuration: {'; '.join(differing)}", fix)
    return ok(name, "as configured")


def target_folders(name: str, inspection: Inspection) -> Iterator[Check]:
    """The folders that this stage promotes into are those of the target's stack, with the keys that it deploys by."""
    edges = [edge for edge in inspection.configuration.pipeline.edges() if edge.source == inspection.stack]
    sound = True
    for edge in edges:
        path = edge.target_platform
        found, text = _file(inspection.github(), path, edge.target_branch)
        if found.status != 404 and text is None:
            yield unknown(name, f"{path}: {found.why}")
            sound = False
            continue
        conflict = _conflict(text, edge, path)
        if conflict:
            detail = f"{path} {conflict}, but {edge} promotes {', '.join(names(edge.promoted_keys))} to that folder"
            yield wrong(name, detail, update_command(edge.target))
            sound = False
    if edges and sound:
        yield ok(name, ", ".join(dict.fromkeys(edge.target_path for edge in edges)))


def values(name: str, inspection: Inspection) -> Iterator[Check]:
    """The stage's values say which images are deployed, and the generated chart takes them."""
    sound = []
    for placed in inspection.configuration.stage_applications:
        application = placed.application
        tags = [key for key in application.promoted_keys if key == application.version or key.is_tag]
        problems = []
        for path in dict.fromkeys(placed.in_repository(key.file) for key in tags):
            found, text = _file(inspection.github(), path, placed.stage.branch)
            if text is None:
                problems.append(unknown(name, f"{path}: {found.why}"))
                continue
            try:
                problems += _moving_tags(
                    name, [key for key in tags if placed.in_repository(key.file) == path], path, text
                )
                problems += [] if application.own_files else _refused_values(name, application.version.key, path, text)
            except (ValuesError, yaml.YAMLError) as error:
                problems.append(wrong(name, str(error), f"correct {path}"))
        yield from problems
        sound += [] if problems else [application.name]
    if sound:
        yield ok(name, ", ".join(sound))


def _moving_tags(name: str, tags: Sequence[PromotedKey], path: str, text: str) -> Iterator[Check]:
    found = read_keys(text, (*(key.path for key in tags), *(key.digest.path for key in tags)), where=path)
    for key in tags:
        tag, digest = found[key.path], found[key.digest.path]
        if tag is not None and is_mutable(tag.text) and not (digest and digest.text):
            detail = f"{path}: {key.key} is {tag.text}, a tag that moves: what is verified need not be what is deployed"
            yield unknown(name, detail, "use a tag that stays, or add its digest: TAG@sha256:…")


def _refused_values(name: str, version_key: str, path: str, text: str) -> Iterator[Check]:
    """What Helm refuses in the values of a generated chart, and what nothing reads."""
    loaded = yaml.safe_load(text)
    for each in violations(loaded, version_key):
        fix = f"correct {path}: docs/reference/chart-values.md"
        yield wrong(name, f"{path}: {each.key} is {each.found}; allowed: {each.allowed}", fix)
    if ignored := unread(loaded, version_key):
        near = {key: nearest(key, known_keys(version_key)) for key in ignored}
        called = ", ".join(f"{key} (did you mean {near[key]}?)" if near[key] else key for key in ignored)
        yield unknown(name, f"{path}: nothing reads {called}", "correct or remove it")


def _conflict(text: str | None, edge: Edge, path: str) -> str:
    if text is None:
        return "is missing"
    try:
        found = platform_conflicts(text, edge, where=path)
    except ValuesError:
        return "is not readable"
    return f"has {', '.join(f'{key} {value}' for key, value in found.items())}" if found else ""


def _document(settings: PromotionSettings) -> dict[str, Json]:
    """The settings as JSON, each edge under its name."""
    document: dict[str, Json] = json.loads(settings.to_json())
    edges = document["edges"]
    named = zip(map(str, settings.edges), edges if isinstance(edges, list) else [], strict=True)
    return document | {"edges": dict(named)}


def _differences(committed: Json, configured: Json, path: str = "") -> Iterator[str]:
    """Every value that is not the same in both."""
    if isinstance(committed, dict) and isinstance(configured, dict):
        for key in dict.fromkeys((*configured, *committed)):
            yield from _differences(committed.get(key), configured.get(key), f"{path}.{key}" if path else key)
    elif committed != configured:
        was, wanted = (json.dumps(value, ensure_ascii=False) for value in (committed, configured))
        yield f"{path} is {was}, configured is {wanted}"


def _file(github: GitHubView, path: str, branch: str = "") -> tuple[Answer, str | None]:
    """A file on a branch, the default one where `branch` is empty: GitHub's answer, and the text when it came."""
    tip = github.branch(branch)
    if not tip.ok:
        return tip, None
    found = github.get(f"/contents/{quote(path)}?ref={tip.field('commit', 'sha')}")
    content = found.field("content")
    if not found.ok or not isinstance(content, str):
        return found, None
    return found, base64.b64decode(content).decode("utf-8", "replace")


def _blob(content: str) -> str:
    """Git's name for a file with this content."""
    data = content.encode()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _some(paths: list[str]) -> str:
    return ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
