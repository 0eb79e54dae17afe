"""An edge of the pipeline as the promotion sees it, and the settings file that carries all edges to it.

The platform's stack writes `PromotionSettings` into the GitOps repository as JSON, next to the promoter;
the promoter reads them back. Both sides use this module, so that the configuration is parsed once.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any

from delivery.model.identifiers import is_dns_label, is_loopback
from delivery.model.promoted_keys import PromotedKey, StageValues, program_folder, together
from delivery.text import has_credentials, one_line

TITLE = "Promote {application} {version} to {to}"
"""How the title of a promotion's pull request is made."""
MERGE_METHODS = ("merge", "squash", "rebase")
SETTINGS_PATH = ".github/promoter/settings.json"


class SettingsError(ValueError):
    """The settings file is not what this version of the promoter writes."""


@dataclass(frozen=True)
class Edge:
    """One application's way from one stage to the next.

    `source_path` and `target_path` are the application's folders in the GitOps repository, without a slash at
    either end. `version` is the name of the promoted key that is the version that people talk about; empty: the first
    one's. `labels`, `reviewers` and `team_reviewers` are what pull requests along this edge get instead of what all
    others get; None: the same as all. With `own_files` the team owns all files in the application's folders.
    `source_branch` and `target_branch` are the stages' own branches, empty for the default one.
    """

    application: str
    source: str
    target: str
    source_path: str
    target_path: str
    promoted_keys: tuple[PromotedKey, ...]
    labels: tuple[str, ...] | None = None
    reviewers: tuple[str, ...] | None = None
    team_reviewers: tuple[str, ...] | None = None
    own_files: bool = False
    version: str = ""
    source_branch: str = ""
    target_branch: str = ""

    @property
    def branch(self) -> str:
        """The one branch on which promotions along this edge are proposed: no other edge's, for no name has a `/`."""
        return f"promote/{self.application}/{self.source}/{self.target}"

    @cached_property
    def at_source(self) -> StageValues:
        """Where the source stage has the promoted values."""
        return self._values(self.source, self.source_path, self.source_branch)

    @cached_property
    def at_target(self) -> StageValues:
        """Where the target stage has the promoted values."""
        return self._values(self.target, self.target_path, self.target_branch)

    def _values(self, stage: str, folder: str, branch: str) -> StageValues:
        trace = f"{program_folder(self.application, stage, folder, own_files=self.own_files)}/values.yaml"
        # Stages on branches of their own may have one path, and yet no file in common.
        shared = self.source_path == self.target_path and self.source_branch == self.target_branch
        return StageValues(stage, folder, self.promoted_keys, trace, shared, branch)

    @property
    def target_platform(self) -> str:
        """Path of the target stage's `platform.yaml`, by which its stack says what it deploys."""
        folder = program_folder(self.application, self.target, self.target_path, own_files=self.own_files)
        return f"{folder}/platform.yaml"

    @property
    def version_key(self) -> str:
        """The name of the promoted key that is the version."""
        return self.version or next((key.name for key in self.promoted_keys), "")

    def __str__(self) -> str:
        return f"{self.application}: {self.source} → {self.target}"

    @property
    def origins(self) -> tuple["Edge", ...]:
        """The edges whose source stages this one promotes from: itself alone, unless it is a join."""
        return (self,)

    @property
    def parts(self) -> tuple["Edge", ...]:
        """The edges of the applications that are promoted along this one: itself alone, unless it is a group."""
        return (self,)

    def origin_of(self, application: str, source: str) -> "Edge | None":
        """The one of `origins` that a request for this application and source stage means; None where it names none."""
        known = (found for found in self.origins if application in ("", found.application, self.application))
        return next((found for found in known if found.source == source), None)

    @property
    def requires_all(self) -> bool:
        """Whether every source stage has to verify the same values before they are proposed."""
        return False


@dataclass(frozen=True)
class Join(Edge):
    """All edges of one application into a stage that comes after several: they share one branch and pull request.

    `joined` are these edges, in the order of the stage's `after`; `source` has the names of all their source stages.
    `requires` is `any` (what one of them has verified is proposed) or `all` (what every one of them has verified).
    """

    joined: tuple[Edge, ...] = ()
    requires: str = "any"

    @property
    def origins(self) -> tuple[Edge, ...]:
        return self.joined

    @property
    def requires_all(self) -> bool:
        return self.requires == "all"


GROUPED = "_all"
"""What stands for the application's name where all are promoted together: no application can be called so."""


@dataclass(frozen=True)
class Group(Edge):
    """The edges of all applications from one stage to another: they share one branch and pull request.

    What is proposed is a state of the source stage in which each of them was verified. `members` are their edges.
    """

    members: tuple[Edge, ...] = ()

    @property
    def origins(self) -> tuple[Edge, ...]:
        return self.members

    @property
    def parts(self) -> tuple[Edge, ...]:
        return self.members

    @property
    def requires_all(self) -> bool:
        return True

    @cached_property
    def at_source(self) -> StageValues:
        return together(self.source, ((one.application, one.at_source) for one in self.members), self.source_branch)

    @cached_property
    def at_target(self) -> StageValues:
        return together(self.target, ((one.application, one.at_target) for one in self.members), self.target_branch)

    def __str__(self) -> str:
        return f"all applications: {self.source} → {self.target}"


def grouped(edges: tuple[Edge, ...]) -> Group:
    """What is promoted along `edges`, which go from one stage to another, for all applications together."""
    common = {one.name: getattr(edges[0], one.name) for one in fields(Edge)}
    return Group(**{**common, "application": GROUPED, "promoted_keys": (), "version": ""}, members=edges)


def joined(edges: tuple[Edge, ...], requires: str) -> Edge:
    """What is promoted along `edges`, all of one application into one stage: the only one, or a join of them."""
    if len(edges) == 1:
        return edges[0]
    first, source = edges[0], "+".join(edge.source for edge in edges)
    common = {one.name: getattr(first, one.name) for one in fields(Edge)}
    return Join(**{**common, "source": source, "source_path": "", "source_branch": ""}, joined=edges, requires=requires)


@dataclass(frozen=True)
class PromotionSettings:
    """Everything a promotion needs to know of the pipeline.

    `owner` and `repository` name the GitOps repository, `web_url` is its address for people
    (`https://github.com/owner/name`), `api_url` the REST API's base (`https://api.github.com`).
    `stages` maps each stage to the stages it comes after. `trace_url` is a template with `{trace_id}` and
    `{span_id}`, or empty when there is nowhere to look. `requires` maps a stage that comes after several ones to `any`
    or `all`; without an entry it is `any`, as in settings from before. With `sign_commits`, GitHub makes
    the commits, and signs them. `title` and `message` are patterns for the pull request's title and the first line of
    its commit's message (empty: the title), `author` is the commit's (empty: the promoter), and `merge_method` how to
    merge it (empty: in any way). `groups` are the stages into which all applications are promoted together,
    `manual` those that Argo CD syncs when a person asks it to, and `windows` says for people when it syncs a stage.
    """

    owner: str
    repository: str
    default_branch: str
    api_url: str
    web_url: str
    stages: dict[str, tuple[str, ...]]
    edges: tuple[Edge, ...]
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    team_reviewers: tuple[str, ...] = ()
    trace_url: str = ""
    requires: dict[str, str] = field(default_factory=dict)
    sign_commits: bool = False
    title: str = TITLE
    message: str = ""
    author: str = ""
    merge_method: str = ""
    groups: tuple[str, ...] = ()
    manual: tuple[str, ...] = ()
    windows: dict[str, str] = field(default_factory=dict)

    def edge(self, application: str, source: str, target: str) -> Edge:
        """What is promoted along the edge of that name: it, or the join that it is part of.

        `SettingsError` names the edges that there are. A join goes by the name of its sources together, too,
        and a group by `GROUPED`.
        """
        for found in self.into(target):
            sources = (found.source, *(origin.source for origin in found.origins))
            applications = (found.application, *(origin.application for origin in found.origins))
            if application in applications and source in sources:
                return found
        known = "; ".join(str(edge) for edge in self.edges) or "none"
        raise SettingsError(f"the pipeline has no edge {application!r}: {source!r} → {target!r}; its edges: {known}")

    def into(self, target: str) -> tuple[Edge, ...]:
        """What is promoted into `target`, application by application: its only edge, or the join of several.

        Where all are promoted together, it is one group.
        """
        if target in self.groups and (found := tuple(edge for edge in self.edges if edge.target == target)):
            return (grouped(found),)
        edges: dict[str, list[Edge]] = {}
        for edge in self.edges:
            if edge.target == target:
                edges.setdefault(edge.application, []).append(edge)
        return tuple(joined(tuple(into), self.requires.get(target, "any")) for into in edges.values())

    def base(self, edge: Edge) -> str:
        """The branch into which pull requests along `edge` go."""
        return edge.target_branch or self.default_branch

    def labels_for(self, edge: Edge) -> tuple[str, ...]:
        """The labels that a pull request along `edge` gets."""
        return self.labels if edge.labels is None else edge.labels

    def reviewers_for(self, edge: Edge) -> tuple[str, ...]:
        """The people who are asked to review a pull request along `edge`, by their logins."""
        return self.reviewers if edge.reviewers is None else edge.reviewers

    def team_reviewers_for(self, edge: Edge) -> tuple[str, ...]:
        """The teams that are asked to review a pull request along `edge`, by their slugs."""
        return self.team_reviewers if edge.team_reviewers is None else edge.team_reviewers

    @property
    def traces_are_local(self) -> bool:
        """Whether `trace_url` leads each reader to a machine of their own, while the forge is everybody's."""
        return is_loopback(self.trace_url) and not is_loopback(self.web_url)

    def to_json(self) -> str:
        """The settings as the file in the GitOps repository: stable order, readable in a review."""
        settings = asdict(self)
        # What no stage has, and what is as always, stays out: promoters from before it refuse what they do not know.
        for optional, usual in _OPTIONAL.items():
            if settings[optional] == usual:
                del settings[optional]
        settings["edges"] = list(map(_edge_to_json, self.edges))
        if not self.requires:
            del settings["requires"]
        return json.dumps(settings, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "PromotionSettings":
        """Read what `to_json` wrote; `SettingsError` when it is something else."""
        try:
            raw: dict[str, Any] = json.loads(text)
            raw["stages"] = {name: tuple(after) for name, after in raw["stages"].items()}
            raw["edges"] = tuple(map(_edge, raw["edges"]))
            raw |= {key: tuple(raw[key]) for key in ("labels", "reviewers", "team_reviewers")}
            raw |= {key: tuple(raw.get(key, ())) for key in ("groups", "manual")}
            raw["windows"] = {str(stage): one_line(str(text)) for stage, text in raw.get("windows", {}).items()}
            raw["requires"] = {str(stage): str(kind) for stage, kind in raw.get("requires", {}).items()}
            settings = cls(**raw)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise SettingsError(
                f"{SETTINGS_PATH} is not readable ({type(error).__name__}); run `pulumi up --refresh --run-program`"
            ) from error
        for key in ("api_url", "web_url", "trace_url"):
            if has_credentials(getattr(settings, key)):
                raise SettingsError(
                    f"{SETTINGS_PATH}: {key} has a user, password or token in it: take that out of the configuration, "
                    "and run `pulumi up --refresh --run-program`"
                )
        if not all(is_dns_label(name) for name in settings.stages):
            raise SettingsError(
                f"{SETTINGS_PATH} names a stage that is no DNS label; run `pulumi up --refresh --run-program`"
            )
        return settings


_OPTIONAL: dict[str, Any] = {
    "sign_commits": False,
    "title": TITLE,
    "message": "",
    "author": "",
    "merge_method": "",
    "groups": (),
    "manual": (),
    "windows": {},
}


def _edge_to_json(edge: Edge) -> dict[str, Any]:
    found = {one.name: getattr(edge, one.name) for one in fields(Edge)}
    found["promoted_keys"] = [key.to_json() for key in edge.promoted_keys]
    return {key: value for key, value in found.items() if value not in (None, False, "")}


def _edge(raw: dict[str, Any]) -> Edge:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
    return Edge(**values | {"promoted_keys": tuple(map(PromotedKey.from_json, raw["promoted_keys"]))})
