"""How a stack's cluster is reached when it is not."""

import json

NO_CLUSTER = json.dumps(
    {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "none", "cluster": {"server": "https://no-cluster-configured.invalid"}}],
        "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
        "users": [{"name": "none", "user": {}}],
        "current-context": "none",
    }
)
"""A kubeconfig that reaches nothing: for previews before a stack has been given its cluster."""
