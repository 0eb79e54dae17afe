"""The two providers of a stack, explicit, so that nothing is ever deployed to whatever is current.

Pulumi's default Kubernetes provider takes the context that a person has selected last; this program
never uses it.
"""

import pulumi
import pulumi_github as github
import pulumi_kubernetes as kubernetes

from delivery.cluster_access import NO_CLUSTER
from delivery.pipeline import Cluster, Repository


def github_provider(repository: Repository, token: pulumi.Output[str] | None) -> github.Provider:
    """The provider for the GitOps repository, on github.com or on an own server."""
    own = None if repository.api_url == "https://api.github.com" else f"{repository.server_url}/"
    return github.Provider("github", owner=repository.owner, base_url=own, token=token)


def kubernetes_provider(cluster: Cluster, kubeconfig: pulumi.Output[str] | None) -> kubernetes.Provider | None:
    """The provider for the stage's cluster, or None where the stack declares nothing in one."""
    if cluster.mode == "none":
        return None
    if cluster.mode == "render":
        return kubernetes.Provider("cluster", render_yaml_to_directory=cluster.render_to)
    if not cluster.context:
        # Only a preview comes this far; it must not read a cluster that nobody has named.
        return kubernetes.Provider("cluster", kubeconfig=NO_CLUSTER)
    return kubernetes.Provider(
        "cluster",
        context=cluster.context,
        kubeconfig=kubeconfig,
        upsert_existing_objects=cluster.adopt_existing or None,
    )
