"""The settings file that carries the pipeline to the promotion: its edges, and how pull requests look.

The platform's stack writes `PromotionSettings` into the GitOps repository as JSON, next to the promoter; the promoter
reads them back. Both sides use this module, so that the configuration is parsed once.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from delivery.model.edges import Edge, grouped, joined
from delivery.model.identifiers import is_dns_label, is_loopback
from delivery.model.promoted_keys import PromotedKey
from delivery.text import has_credentials, one_line

TITLE = "Promote {application} {version} to {to}"
"""How the title of a promotion's pull request is made."""
MERGE_METHODS = ("merge", "squash", "rebase")
VERIFICATIONS = ("keptn", "argocd")
"""What can verify a stage's deployments, the default first."""
SETTINGS_PATH = ".github/promoter/settings.json"


class SettingsError(ValueError):
    """The settings file is not what this version of the promoter writes."""


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
    Into the stages of `require_record` only what is recorded as verified is promoted, and a failed verification in one
    of `rollback_on_failure` proposes a rollback.
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
    require_record: tuple[str, ...] = ()
    rollback_on_failure: tuple[str, ...] = ()

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
            raw |= {key: tuple(raw.get(key, ())) for key in _STAGES}
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


_STAGES = ("groups", "manual", "require_record", "rollback_on_failure")
_OPTIONAL: dict[str, Any] = {
    "sign_commits": False,
    "title": TITLE,
    "message": "",
    "author": "",
    "merge_method": "",
    **dict.fromkeys(_STAGES, ()),
    "windows": {},
}


def _edge_to_json(edge: Edge) -> dict[str, Any]:
    found = {one.name: getattr(edge, one.name) for one in fields(Edge)}
    found["promoted_keys"] = [key.to_json() for key in edge.promoted_keys]
    return {key: value for key, value in found.items() if value not in (None, False, "")}


def _edge(raw: dict[str, Any]) -> Edge:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
    return Edge(**values | {"promoted_keys": tuple(map(PromotedKey.from_json, raw["promoted_keys"]))})
