"""The applications of a configuration: what their keys mean for each other.

What each key may be by itself is in `delivery.config.entries`; what becomes of promoted values, in `promoted_values`.
"""

import json
from collections.abc import Sequence

from delivery.config import rules
from delivery.config.chart_values import is_free, is_read, known_keys
from delivery.config.entries import APPLICATION
from delivery.config.errors import ErrorCollector, Kind, nearest
from delivery.config.naming import filled
from delivery.config.values import Values
from delivery.model.pipeline import SOURCES, Application, RegistryChart, filled_texts
from delivery.model.promoted_keys import VALUES, PromotedKey, names

_GENERATED_ALONE = ("image", "workload", "containerPort", "servicePort", "firstVersion")
_OWN_ALONE = ("valueFiles", "reads")


def read_applications(root: Values, errors: ErrorCollector) -> tuple[Application, ...]:
    """Every application; what is wrong is added to `errors`."""
    entries = root.entries("applications")
    if not errors.about("applications"):
        refuse_repeated(entries, errors)
    return tuple(_application(entry, errors) for entry in entries)


def refuse_repeated(entries: Sequence[Values], errors: ErrorCollector) -> None:
    """Add an error for each entry with the name of one before it."""
    found: set[str] = set()
    for entry in entries:
        if entry.text("name") in found:
            errors.add(Kind.REPEATED, (*entry.path, "name"), entry.text("name"), "each name once", "NAME")
        found.add(entry.text("name"))


def _application(entry: Values, errors: ErrorCollector) -> Application:
    source = entry.text("source")
    keys = tuple(_promoted_key(found, entry) for found in entry.entries("promotedKeys"))
    keys = keys or (PromotedKey("serviceVersion"),)
    version = _promoted_key(entry.map("version"), entry) if entry.map("version").text("key") else keys[0]
    chart = _chart(entry)
    if not errors.about("applications"):
        _refuse_placeholders(entry, errors)
        if source == SOURCES[0]:
            _refuse_of_own(entry, keys, errors)
        else:
            _refuse_of_generated(entry, source, keys, version, chart, errors)
            if chart is not None:
                _refuse_of_chart(entry, errors)
    return Application(
        name=entry.text("name"),
        image=entry.text("image"),
        workload=entry.text("workload") or entry.text("name"),
        container_port=entry.number("containerPort"),
        service_port=entry.number("servicePort"),
        first_version=entry.text("firstVersion"),
        promoted_keys=keys,
        version=version,
        source=source,
        value_files=tuple(filled(file, entry) for file in entry.texts("valueFiles")),
        chart=chart,
        reads=tuple(filled(file, entry) for file in entry.texts("reads")),
        source_options={
            tool: filled_texts(options, lambda text: filled(text, entry))
            for tool, options in entry.json_map("sourceOptions").items()
        },
    )


def _promoted_key(found: Values, entry: Values) -> PromotedKey:
    file = filled(found.text("file"), entry) or VALUES
    return PromotedKey(found.text("key"), file, found.text("kind"), found.text("name"))


def _chart(entry: Values) -> RegistryChart | None:
    chart = entry.map("chart")
    version = chart.map("version")
    if not (_is_set(chart) or _is_set(version)):
        return None
    return RegistryChart(chart.text("repository"), chart.text("name"), _promoted_key(version, entry))


def _refuse_placeholders(entry: Values, errors: ErrorCollector) -> None:
    """Refuse a `{…}` in a file that nothing fills in: it would be looked for by that name."""
    keys = [*entry.entries("promotedKeys"), entry.map("version"), entry.map("chart").map("version")]
    files = [((*found.path, "file"), found.text("file")) for found in keys]
    files += [((*entry.path, name, index), file) for name in _OWN_ALONE for index, file in enumerate(entry.texts(name))]
    for path, file in files:
        left = filled(file, entry).replace("{stage}", "")
        if "{" in left or "}" in left:
            allowed = "{stage}, {application}, and what the application's `variables` have"
            errors.add(Kind.NOT_ALLOWED, path, file, allowed, "FILE")


def _refuse_of_chart(entry: Values, errors: ErrorCollector) -> None:
    chart = entry.map("chart")
    version = chart.map("version")
    for key in ("repository", "name"):
        if not chart.text(key):
            errors.add(Kind.MISSING, (*chart.path, key), None, "what the chart is called there, and where", "TEXT")
    # Argo CD's generator fills it in by its own template, which knows no elements of lists, nor several documents.
    if not rules.PROMOTED_KEY.holds(version.text("key")):
        allowed = "a key with dots between levels"
        errors.add(Kind.NOT_ALLOWED, (*version.path, "key"), version.text("key") or None, allowed, "KEY")
    for key in ("kind", "name"):
        if version.text(key):
            allowed = "nothing: of a file with a chart's version Argo CD reads the first document"
            errors.superfluous((*version.path, key), version.text(key), allowed)


def _is_set(found: Values) -> bool:
    return any(value for value in found.values.values() if not isinstance(value, dict))


def _refuse_of_own(entry: Values, keys: Sequence[PromotedKey], errors: ErrorCollector) -> None:
    """What a generated chart cannot have, and what it has to have."""
    path = (*entry.path, "promotedKeys")
    if not entry.text("image"):
        errors.add(Kind.MISSING, (*entry.path, "image"), None, rules.IMAGE.words, rules.IMAGE.form)
    given = [key for key in _OWN_ALONE if entry.texts(key)]
    given += [key for key in ("version", "chart") if _is_set(entry.map(key))]
    given += ["sourceOptions"] if entry.json_map("sourceOptions") else []
    for name in given:
        allowed = "nothing: the chart is generated; with files of your own, `source` is helm, kustomize or directory"
        errors.superfluous((*entry.path, name), None, allowed)
    for index, key in enumerate(keys):
        if key.file != VALUES or key.kind or key.document:
            allowed = "a key of values.yaml: the chart is generated"
            errors.add(Kind.NOT_ALLOWED, (*path, index), key.name, allowed, "KEY")
        elif not rules.PROMOTED_KEY.holds(key.key):
            errors.add(Kind.NOT_ALLOWED, (*path, index), key.key, rules.PROMOTED_KEY.words, rules.PROMOTED_KEY.form)
        # What has keys below it is no value.
        elif any(other.key.startswith(f"{key.key}.") for other in keys):
            errors.add(Kind.NOT_ALLOWED, (*path, index), key.key, "a key that is not above another one", "KEY")
        elif index and not is_read(key.key, keys[0].key):
            # A pull request would promise the value, and nothing would deploy it.
            near = nearest(key.key, known_keys(keys[0].key))
            allowed = f"a value that the chart reads beside {keys[0].key}: docs/reference/chart-values.md"
            allowed += f"; did you mean {near}?" if near else ""
            errors.add(Kind.NOT_ALLOWED, (*path, index), key.key, allowed, "KEY")
        elif not index and not is_free(key.key):
            allowed = "the version first: serviceVersion, or a key of your own that the chart does not read otherwise"
            errors.add(Kind.NOT_ALLOWED, (*path, index), key.key, allowed, "VERSION_KEY")


def _refuse_of_generated(
    entry: Values,
    source: str,
    keys: Sequence[PromotedKey],
    version: PromotedKey,
    chart: RegistryChart | None,
    errors: ErrorCollector,
) -> None:
    """What files of the team's own cannot have, and what they have to have."""
    usual = {key.name: key.default for key in APPLICATION}
    for key in _GENERATED_ALONE:
        if entry.values[key] != usual[key]:
            allowed = f"nothing: with source {source} your own files say it"
            errors.superfluous((*entry.path, key), entry.values[key], allowed)
    for tool, options in entry.json_map("sourceOptions").items():
        path, allowed = (*entry.path, "sourceOptions", tool), f"options of the source that it has: {source}"
        if tool == source and chart is not None and "{{" in json.dumps(options):
            # The ApplicationSet that reads the chart's version from git would take it for a template of its own.
            allowed = "a text without {{: it is for charts in the GitOps repository"
        elif tool == source:
            continue
        errors.add(Kind.NOT_ALLOWED, path, "a value", allowed, "{}")
    if source != "helm":
        given = ["valueFiles"] if entry.texts("valueFiles") else []
        given += ["chart"] if chart is not None else []
        for key in given:
            errors.superfluous((*entry.path, key), None, "nothing: it is for source helm")
    if not entry.entries("promotedKeys"):
        allowed = "a list with the file and key of each value that promotions bring along"
        errors.add(Kind.MISSING, (*entry.path, "promotedKeys"), None, allowed, '[{"file": "FILE", "key": "KEY"}]')
    if _is_set(entry.map("version")) and not entry.map("version").text("key"):
        errors.add(Kind.MISSING, (*entry.path, "version", "key"), None, rules.FIELD_PATH.words, rules.FIELD_PATH.form)
    elif version not in keys:
        allowed = f"one of promotedKeys: {', '.join(names(keys))}"
        errors.add(Kind.NOT_ALLOWED, (*entry.path, "version"), version.name, allowed, "KEY")
