"""What the first update would change of an Argo CD Application, as the plan of its stack has it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from delivery.adopt.given import Given, table
from delivery.config.errors import Json
from delivery.stack.plan import ArgoCDApplicationPlan

_DECISIVE = ("source", "destination", "syncPolicy.automated")
"""With another one of these, other manifests are deployed, or in another way."""


@dataclass(frozen=True)
class Difference:
    """A field of an Application's spec, by its path: what it has, and what the program would write (None: nothing)."""

    path: str
    given: Json
    planned: Json

    @property
    def decides(self) -> bool:
        """Whether it changes what is deployed, or whether."""
        return self.path.startswith(_DECISIVE) and self.path != "source.repoURL"

    def __str__(self) -> str:
        if self.planned is None:
            return f"{self.path} is {_shown(self.given)}; the program does not write it, so it stays"
        return f"{self.path} is {_shown(self.given)}, and would be {_shown(self.planned)}"


def differences(given: Given, plan: ArgoCDApplicationPlan, default_branch: str) -> tuple[Difference, ...]:
    """What is another than the plan, but for the second source that the program adds."""
    before, after = _comparable(dict(given.spec), default_branch), _comparable(dict(plan.spec), default_branch)
    paths = dict.fromkeys((*before, *after))
    found = [Difference(path, before.get(path), after.get(path)) for path in paths]
    return tuple(each for each in found if each.given != each.planned)


def _comparable(spec: dict[str, Json], default_branch: str) -> dict[str, Json]:
    sources = spec.pop("sources", None)
    source = dict(table(sources[0] if isinstance(sources, list) and sources else spec.get("source")))
    if source.get("targetRevision") in (None, "", "HEAD"):
        source["targetRevision"] = default_branch
    if isinstance(source.get("path"), str):
        source["path"] = str(source["path"]).removeprefix("./").strip("/")
    policy = dict(table(spec.get("syncPolicy")))
    automated = policy.pop("automated", None)
    found = dict(_flat({**spec, "source": source, "syncPolicy": policy}, ""))
    if isinstance(automated, dict) and automated.get("enabled") is not False:
        found["syncPolicy.automated"] = True
        options = {name: value for name, value in automated.items() if value and name != "enabled"}
        found |= _flat(options, "syncPolicy.automated")
    return found


def _flat(value: Mapping[str, Json], path: str) -> Iterator[tuple[str, Json]]:
    for key, item in value.items():
        here = f"{path}.{key}" if path else key
        if isinstance(item, dict):
            yield from _flat(item, here)
        # To Argo CD, an empty list or text is none.
        elif item not in (None, "", []):
            yield here, item


def _shown(value: Json) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)
