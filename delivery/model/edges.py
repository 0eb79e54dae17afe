"""An edge of the pipeline as the promotion sees it: from one stage to the next, alone or several edges together."""

from dataclasses import dataclass, fields
from functools import cached_property

from delivery.model.promoted_keys import PromotedKey, StageValues, program_folder, together


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
