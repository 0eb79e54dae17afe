"""Reads a stack's cluster: can it be reached, has it what the stack needs, may the login do what an update does.

Nothing here changes a cluster. What exists in one is declared by the components.
"""

from delivery.cluster.connection import Connection, RefusedError, connect
from delivery.cluster.kubeconfig import ClusterError
from delivery.cluster.preflight import cluster_problems

__all__ = ["ClusterError", "Connection", "RefusedError", "cluster_problems", "connect"]
