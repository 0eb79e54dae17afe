"""Whether the stacks agree about the folder that a promotion is to change, by what the target's stack has committed."""

from delivery.git.commits import File
from delivery.model.edges import Edge
from delivery.model.promoted_keys import names
from delivery.model.settings import PromotionSettings
from delivery.promotion.history import EdgeNotReadyError
from delivery.promotion.state import EdgeState
from delivery.values.editor import read_keys, read_list


def check_stacks(state: EdgeState, settings: PromotionSettings) -> None:
    """Raise `EdgeNotReadyError` unless the target's folder is this application's, and deploys the promoted keys.

    Stacks are updated one after another. Where the first stage's and the target's do not agree yet, a promotion would
    change a folder or a key that nothing deploys, be merged, and never arrive.
    """
    for edge in state.edge.parts:
        _check_stack(state.platforms.get(edge.target_platform), edge, settings)


def _check_stack(platform: File | None, edge: Edge, settings: PromotionSettings) -> None:
    path = edge.target_platform
    first = next((stage for stage, after in settings.stages.items() if not after), edge.source)
    if platform is None:
        # The values are there, so the target's stack has committed to this folder, and has left it since.
        raise EdgeNotReadyError(
            f"{path} is not there: {edge.target} uses another folder by now, and the settings of promotions are older; "
            f"run `pulumi up` on the stack {first}",
            edge.target,
        )
    if found := platform_conflicts(platform.content, edge, where=path):
        has = ", ".join(f"{key} {value}" for key, value in found.items())
        promoted = ", ".join(names(edge.promoted_keys))
        raise EdgeNotReadyError(
            f"{path} has {has}, but {edge} promotes {promoted} to that folder: the stacks do not agree; run "
            f"`pulumi up` on the stack {edge.target}, or on the stack {first} if that is older",
            edge.target,
        )


def platform_conflicts(content: str | bytes, edge: Edge, *, where: str) -> dict[str, str]:
    """What a target's `platform.yaml` has by which it is not the folder that `edge` promotes into, by key.

    A name that is not there contradicts nothing: earlier releases wrote fewer of them. But keys that are not named are
    not deployed: without `promotedKeys`, the target has the version's alone. Raises `ValuesError`.
    """
    wanted = {
        "application.name": edge.application,
        "application.stage": edge.target,
        "versionKey": edge.version_key,
    }
    present = read_keys(content, wanted, where=where)
    found = {key: str(value.text) for key, value in present.items() if value and value.text != wanted[key]}
    keys = read_list(content, "promotedKeys", where=where) or (edge.version_key,)
    if set(keys) != set(names(edge.promoted_keys)):
        found["promotedKeys"] = ", ".join(keys)
    return found
