"""A read-only look at a stack's cluster: can it be reached, has it what the stack needs, may the stack use it.

Nothing here changes a cluster; what is declared in one is the components' matter.
"""

from delivery.cluster.connection import Connection, Refused, connect
from delivery.cluster.kubeconfig import ClusterError
from delivery.cluster.preflight import cluster_problems

__all__ = ["ClusterError", "Connection", "Refused", "cluster_problems", "connect"]
