"""What of others would go with the platform: objects of the kinds that its charts define.

Deleting a definition deletes every object of its kind. An Application with Argo CD's finalizer even stays, and the
definition with it, when Argo CD goes first.
"""

from collections.abc import Collection

from delivery.cluster.connection import Connection
from delivery.cluster.installed import kinds, objects
from delivery.config.errors import set_fix
from delivery.platform.charts import ARGO_CD_CHART, ARGOCD, KEPTN
from delivery.platform.configuration import PlatformConfiguration
from delivery.platform.keys import PLATFORM
from delivery.platform.plan import KEPTN_CONFIG

DEFINITIONS = {
    ARGOCD: ("applications.argoproj.io", "applicationsets.argoproj.io", "appprojects.argoproj.io"),
    KEPTN: ("lifecycle.keptn.sh", "options.keptn.sh"),
}
"""The kinds that a part defines, by name or by API group."""
_OWN = {
    # Argo CD makes it itself.
    ("appprojects.argoproj.io", ARGO_CD_CHART.namespace, "default"),
    ("keptnconfigs.options.keptn.sh", KEPTN_CONFIG.namespace, KEPTN_CONFIG.name),
}
_SHOWN = 5


def refusal(connection: Connection, configuration: PlatformConfiguration, part: str) -> str:
    """Why what the stack has of `part` may not be deleted, with the fix; empty where it may.

    A part that is configured goes by `destroy` alone, and then with all the rest; one that is not, by an update.
    Raises as `Connection` does.
    """
    if part in configuration.parts:
        return objects_of_others(connection, configuration.parts)
    others = objects_of_others(connection, [part])
    return others and f"{others}; to keep {part}: {set_fix(configuration.stack, part, 'true', project=PLATFORM)}"


def objects_of_others(connection: Connection, parts: Collection[str]) -> str:
    """One line with the objects of others and the fix; empty where there are none. Raises as `Connection` does."""
    wanted = [name for part, names in DEFINITIONS.items() if part in parts for name in names]
    found = [
        f"{kind.name.partition('.')[0]} {namespace}/{name}" if namespace else f"{kind.name.partition('.')[0]} {name}"
        for kind in kinds(connection, wanted)
        for namespace, name in objects(connection, kind.name)
        if (kind.name, namespace, name) not in _OWN
    ]
    if not found:
        return ""
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return (
        f"nothing is deleted: {', '.join(found[:_SHOWN])}{more} would go with the platform; destroy the stacks that "
        "declare them first (`pulumi destroy --run-program -s production`, then the stages before it), or delete them"
    )
