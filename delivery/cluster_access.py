"""How a stack's cluster is reached when it is not."""

NO_CLUSTER = '{"apiVersion": "v1", "kind": "Config"}'
"""A kubeconfig that names no cluster: for rendering, and for previews before a stack has been given its own.

Without one, the provider would read the context that a person happens to have selected.
"""
