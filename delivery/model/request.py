"""One promotion or rollback as it is asked for: by the workflow, by a person, or by a stack's configuration."""

from dataclasses import dataclass, field, replace

from delivery.model.edges import Edge
from delivery.model.identifiers import is_commit, is_traceparent, is_version


class RequestError(ValueError):
    """The request itself is wrong, whatever the repository holds; `str()` names the input and what it may be."""


@dataclass(frozen=True)
class PromotionRequest:
    """A request; an empty text means not given. `rollback` is the reason for one, and makes it a rollback.

    Without `application` or `source` it is meant for every edge into the stage. `again` proposes even what was
    declined, reverted or superseded. `actor` is who started the run, as GitHub names them. Raises `RequestError` when
    an input is wrong; a `traceparent` that cannot be linked to is left out, and `notes` says so.
    """

    application: str = ""
    source: str = ""
    target: str = ""
    version: str = ""
    commit: str = ""
    traceparent: str = ""
    rollback: str = ""
    again: bool = False
    actor: str = ""
    notes: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        if self.version and not is_version(self.version):
            raise RequestError(
                f"version {self.version[:80]!r} is no version: letters, digits, '-', '_' and '.', at most 63"
            )
        if self.commit and not is_commit(self.commit):
            raise RequestError(f"commitID {self.commit[:80]!r} is no full commit id: 40 or 64 lower-case hex digits")
        if self.traceparent and not is_traceparent(self.traceparent):
            object.__setattr__(self, "traceparent", "")
            object.__setattr__(
                self, "notes", ("The trace that was given is not a valid `traceparent` and is left out.",)
            )

    def along(self, edge: Edge) -> "PromotionRequest":
        """What this asks for along `edge`: this request, or one for whatever the source stage has."""
        sources = (edge.source, *(origin.source for origin in edge.origins))
        meant = self.application in ("", edge.application) and self.source in ("", *sources)
        request = self if meant else PromotionRequest()
        source = request.source or edge.source
        return replace(request, application=edge.application, source=source, target=edge.target)
