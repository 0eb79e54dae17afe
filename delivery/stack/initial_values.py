"""What git has already where a stack commits files: its values, and files that the stack does not manage.

After a stack was destroyed, or its state lost, `values.yaml` still holds what was promoted last. Writing the initial
values over it would revert that promotion. When a stage gets another folder, its values are copied, because the first
version would be a downgrade that nobody has reviewed. So it would be in a new stage before one that runs, because what
is verified there is promoted on. A file that the stack does not manage is not overwritten unless that is asked for.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

from delivery.config.chart_values import TITLE, violations
from delivery.config.errors import REPORTED, ConfigError, Kind, Problem, set_fix
from delivery.git.repository import Repository
from delivery.model.pipeline import StageApplication
from delivery.model.promoted_keys import DELIVERY_FOLDER
from delivery.model.settings import SETTINGS_PATH
from delivery.model.stack import StackConfiguration
from delivery.stack.repository_files import (
    PLATFORM_HEAD,
    SCHEMA,
    InitialValues,
    RepositoryText,
    initial_values,
    repository_files,
    stage_files,
    values_path,
)

_PLATFORM = "/platform.yaml"
_OWN = {"Chart.yaml": "helm", "kustomization.yaml": "kustomize"}
"""What tells that a folder has manifests of the team's own, and the `source` that they are."""
_REGULAR = ("100644", "100755")


class InitialValuesError(Exception):
    """What a file begins with cannot be told; `str()` is one line that says what to do."""


def read_initial_values(connect: Callable[[], Repository], configuration: StackConfiguration) -> InitialValues:
    """What the default branch's tip has for the values of this stack, by one shallow fetch.

    Raises `GitError` or `InitialValuesError`, each with one line, and `ConfigError` with one for each file that
    this stack does not manage, where the stack has files of its own, and for each folder that is missing in `reads`.
    """
    with connect() as repository:
        commit = repository.fetch_tip(configuration.stage.branch or configuration.pipeline.repository.default_branch)
        if commit is None:
            return InitialValues()
        tip = shared = _Tip(repository, commit)
        if configuration.stage.branch and configuration.owns_repository:
            default = repository.fetch_tip(configuration.pipeline.repository.default_branch)
            shared = _Tip(repository, default) if default else tip
        if not configuration.cluster.adopt_existing and (unmanaged := _unmanaged(tip, shared, configuration)):
            raise ConfigError(unmanaged[:REPORTED], max(0, len(unmanaged) - REPORTED))
        if unnamed := _unnamed_reads(tip, configuration):
            raise ConfigError(unnamed[:REPORTED], max(0, len(unnamed) - REPORTED))
        missing = [placed for placed in configuration.stage_applications if values_path(placed) not in tip.paths]
        existing = frozenset(map(values_path, configuration.stage_applications)) & tip.paths.keys()
        texts = {
            values_path(placed): text
            for placed in missing
            if not placed.application.own_files
            and (text := _moved(tip, placed) or _of_a_later_stage(tip, placed, configuration)) is not None
        }
        if refused := list(_refused_values(tip, configuration, texts)):
            raise ConfigError(refused[:REPORTED], max(0, len(refused) - REPORTED))
        return InitialValues(existing, texts)


def _unnamed_reads(tip: "_Tip", configuration: StackConfiguration) -> list[Problem]:
    """A problem for each folder that is read for an application of this stage, and that its `reads` do not name."""
    own = [placed for placed in configuration.stage_applications if placed.application.own_files]
    if not own:
        return []
    # Most stacks have no such application, and need no parser.
    from delivery.stack.reads import unnamed_reads

    index = {application.name: number for number, application in enumerate(configuration.pipeline.applications)}
    stack = configuration.stage.name
    return [
        problem
        for placed in own
        for problem in unnamed_reads(placed, index[placed.application.name], stack, tip.paths, tip.text)
    ]


def _refused_values(tip: "_Tip", configuration: StackConfiguration, texts: Mapping[str, str]) -> Iterator[Problem]:
    """A problem for each value that stops the sync once the stage has the chart's schema, which it does not yet."""
    for stage_application in configuration.stage_applications:
        path = values_path(stage_application)
        text = texts.get(path) or tip.text(path)
        known = stage_application.application.own_files or f"{stage_application.program_path}/{SCHEMA}" in tip.paths
        if text is None or known:
            continue
        import yaml

        try:
            values = yaml.safe_load(text)
        except yaml.YAMLError:
            values = None
        # What is no map Helm does not read today either, and says so.
        for found in violations(values if isinstance(values, dict) else {}, stage_application.application.version.key):
            allowed = f"{found.allowed}: the generated chart reads this key from now on"
            fix = f"commit another name for the key, or a value as in docs/reference/chart-values.md, to {path}"
            yield Problem(f"{path}: {found.key}", found.found, allowed, fix, Kind.NOT_ALLOWED)


def _moved(tip: "_Tip", stage_application: StageApplication) -> str | None:
    """The values that an application in a stage without any has in its former folder; None where it has none."""
    moved = tip.elsewhere(stage_application)
    if len(set(moved.values())) > 1:
        # Any of them may be what runs, and the first version is what runs nowhere.
        raise InitialValuesError(
            f"{values_path(stage_application)} is not there yet, and all of {', '.join(sorted(moved))} say in their "
            f"platform.yaml that it is {stage_application.application.name} in {stage_application.stage.name}: delete "
            "that file from those out of use"
        )
    return next(iter(moved.values()), None)


def _of_a_later_stage(
    tip: "_Tip", stage_application: StageApplication, configuration: StackConfiguration
) -> str | None:
    """The initial values, with the promoted keys as the first stage after it has them already.

    None where no such stage has any that can be read.
    """
    pipeline = configuration.pipeline
    for stage in pipeline.downstream(stage_application.stage):
        later = pipeline.stage_application(stage_application.application.name, stage)
        text = tip.values(later) if later.stage.branch == stage_application.stage.branch else None
        if text is None:
            continue
        from delivery.values.editor import ValuesError, read_keys, set_keys, unpromotable

        try:
            keys = [key.key for key in stage_application.application.promoted_keys]
            present = read_keys(text, keys, where=values_path(later))
            taken = {
                key: value
                for key, value in present.items()
                if value is not None and value.kind != "null" and not unpromotable(value)
            }
            own = initial_values(configuration, stage_application)
            return set_keys(own, taken, where=values_path(stage_application)).decode()
        except ValuesError:
            continue
    return None


def _unmanaged(tip: "_Tip", shared: "_Tip", configuration: StackConfiguration) -> list[Problem]:
    """A problem for each file that the stack would overwrite and does not manage.

    `shared` has what exists once a repository. A folder with manifests of the team's own is never offered to be
    overwritten: it is what `source` is for. Where the stack's own mark is, all is its own. Where its first update was
    cut off before that, the files that are there are what it would commit.
    """
    declared: list[RepositoryText] = []
    if configuration.owns_repository and '"edges"' not in (shared.text(SETTINGS_PATH) or ""):
        declared += [file for file in repository_files(configuration) if shared.text(file.path) != file.content]
    problems = []
    for stage_application in configuration.stage_applications:
        folder = stage_application.program_path
        files = stage_files(configuration, stage_application)
        if (tip.platform(folder) or b"").startswith(PLATFORM_HEAD.encode()):
            # Stages had charts before these had a schema, so one that is there may be the team's.
            theirs = TITLE not in (tip.text(f"{folder}/{SCHEMA}") or TITLE)
            declared += [file for file in files if theirs and file.path.endswith(SCHEMA)]
            continue
        declared += [file for file in files if not file.initial and tip.text(file.path) != file.content]
        own = next((name for name in _OWN if f"{folder}/{name}" in tip.paths), "")
        if own == "kustomization.yaml" or any(file.path == f"{folder}/{own}" for file in declared):
            problems.append(_team_owned(configuration, stage_application, own))
            declared = [file for file in declared if not file.path.startswith(f"{folder}/")]
    return problems + [
        Problem(
            file.path,
            "a file that this stack does not manage, with other content",
            "none, or the one that the stack commits",
            "move it away, or have it overwritten: pulumi config set delivery:adoptExisting true",
            Kind.UNMANAGED_FILE,
        )
        for file in declared
        if file.path in tip.paths or file.path in shared.paths
    ]


def _team_owned(configuration: StackConfiguration, stage_application: StageApplication, file: str) -> Problem:
    """The problem of a folder for a generated chart that has a chart, or an overlay, of the team's own."""
    index = [found.name for found in configuration.pipeline.applications].index(stage_application.application.name)
    source = set_fix(configuration.stage.name, ("applications", index, "source"), _OWN[file])
    return Problem(
        f"{stage_application.path}/{file}",
        f"a {'chart' if file == 'Chart.yaml' else 'kustomization'} of your own, where "
        f"{stage_application.application.name} has a generated one",
        "files of your own, with `source`: this program never writes them",
        f"{source}; make adopt prints the keys that go with it",
        Kind.UNMANAGED_FILE,
    )


class _Tip:
    """The newest commit of the default branch: `paths` are all its files."""

    def __init__(self, repository: Repository, commit: str) -> None:
        self._repository = repository
        self.paths = repository.files(commit)

    @cached_property
    def _platforms(self) -> dict[str, bytes]:
        """Every `platform.yaml`, by its folder."""
        blobs = {
            path.removesuffix(_PLATFORM): blob
            for path, (mode, blob) in self.paths.items()
            if path.endswith(_PLATFORM) and mode in _REGULAR
        }
        return dict(zip(blobs, self._repository.contents(list(blobs.values())), strict=True))

    def platform(self, folder: str) -> bytes | None:
        """The `platform.yaml` in a folder; None where there is none."""
        return self._platforms.get(folder)

    def text(self, path: str) -> str | None:
        """The text of a file; None where there is none, or no text."""
        mode, blob = self.paths.get(path, ("", ""))
        try:
            return self._repository.contents([blob])[0].decode() if mode in _REGULAR else None
        except UnicodeDecodeError:
            return None

    def values(self, stage_application: StageApplication) -> str | None:
        """Its values, in its former folder where that is where they are; None where there is doubt."""
        if values_path(stage_application) in self.paths:
            return self.text(values_path(stage_application))
        found = set(self.elsewhere(stage_application).values())
        return found.pop() if len(found) == 1 else None

    def elsewhere(self, stage_application: StageApplication) -> dict[str, str]:
        """The values of this application and stage in other folders than its own, by folder.

        An update deletes after it has created, so while a stage moves its former folder still says whose it is.
        """
        return {
            folder: text
            for folder, platform in self._platforms.items()
            if folder != stage_application.path
            and not folder.startswith(f"{DELIVERY_FOLDER}/")
            and _is_of(stage_application, platform, folder)
            and (text := self.text(f"{folder}/values.yaml")) is not None
        }


def _is_of(stage_application: StageApplication, platform: bytes, folder: str) -> bool:
    """Whether a `platform.yaml` names this application and stage; one that cannot be read names none."""
    wanted = {"application.name": stage_application.application.name, "application.stage": stage_application.stage.name}
    # Parsing takes milliseconds, and most of the files are another stage's or application's.
    if not all(name.encode() in platform for name in wanted.values()):
        return False
    # Imported here: most updates have all their values in place and need no parser.
    from delivery.values.editor import ValuesError, read_keys

    try:
        found = read_keys(platform, wanted, where=f"{folder}{_PLATFORM}")
    except ValuesError:
        return False
    return {key: str(value) for key, value in found.items()} == wanted
