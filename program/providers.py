"""The providers of a stack, explicit, so that nothing is ever deployed to whatever is current.

Pulumi's default Kubernetes provider takes the context that a person has selected last; this program
never uses it.
"""

from dataclasses import replace

import pulumi
import pulumi_github as github
import pulumi_kubernetes as kubernetes
from pulumi.runtime.rpc import UNKNOWN

from delivery.model.pipeline import Repository
from delivery.model.stack import Cluster, GitHubApp

_NO_CLUSTER = '{"apiVersion": "v1", "kind": "Config"}'
"""A kubeconfig that names no cluster; without one, the provider would read the context that is selected."""


def github_provider(
    repository: Repository,
    token: pulumi.Output[str] | None,
    app: GitHubApp | None = None,
    app_key: pulumi.Output[str] | None = None,
    prefix: str = "",
    opts: pulumi.ResourceOptions | None = None,
) -> github.Provider:
    """The provider for the GitOps repository, on github.com or on an own server, with a token or as a GitHub App.

    As an App it gets the key, not a token: what it stores works for as long as the key does.
    """
    if repository.is_example:
        # Only a preview comes this far. The provider would look the example's owner up on GitHub; one whose
        # configuration is not known yet is left alone, and what it would do is previewed all the same.
        token = pulumi.Output.from_input(UNKNOWN)
    own = None if repository.api_url == "https://api.github.com" else f"{repository.server_url}/"
    # GitHub asks for a second between writes, which is the provider's default; this machine does not.
    delay = 1 if repository.server_url.startswith("http://127.0.0.1") else None
    if app is None or app_key is None or repository.is_example:
        return github.Provider(
            f"{prefix}github", owner=repository.owner, base_url=own, token=token, write_delay_ms=delay, opts=opts
        )
    return github.Provider(
        f"{prefix}github",
        owner=repository.owner,
        base_url=own,
        app_auth=github.ProviderAppAuthArgs(id=app.id, installation_id=app.installation_id, pem_file=app_key),
        write_delay_ms=delay,
        # Of itself the provider makes a secret of `token` alone.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=["appAuth"])),
    )


def kubernetes_providers(
    cluster: Cluster,
    kubeconfig: pulumi.Output[str] | None,
    argocd_kubeconfig: pulumi.Output[str] | None,
    given: pulumi.ProviderResource | None = None,
    prefix: str = "",
    opts: pulumi.ResourceOptions | None = None,
) -> tuple[pulumi.ProviderResource, pulumi.ProviderResource]:
    """The providers for the stage's cluster and for Argo CD's, one and the same where Argo CD runs in the first.

    The first may be `given`.
    """
    if not cluster.argocd_context:
        one = given or _kubernetes_provider(f"{prefix}cluster", cluster, kubeconfig, opts)
        return one, one
    # Who applies one folder to one cluster must not find the other's objects in it.
    here, there = (replace(cluster, render_to=f"{cluster.render_to}/{part}") for part in ("cluster", "argocd"))
    there = replace(there, context=cluster.argocd_context)
    return (
        given or _kubernetes_provider(f"{prefix}cluster", here, kubeconfig, opts),
        _kubernetes_provider(f"{prefix}argocd", there, argocd_kubeconfig or kubeconfig, opts),
    )


def _kubernetes_provider(
    name: str, cluster: Cluster, kubeconfig: pulumi.Output[str] | None, opts: pulumi.ResourceOptions | None
) -> kubernetes.Provider:
    if cluster.mode == "render":
        return kubernetes.Provider(
            name, render_yaml_to_directory=cluster.render_to, enable_secret_mutable=True, opts=opts
        )
    return kubernetes_provider(name, cluster.context, kubeconfig, adopt_existing=cluster.adopt_existing, opts=opts)


def kubernetes_provider(
    name: str,
    context: str,
    kubeconfig: pulumi.Output[str] | None,
    *,
    adopt_existing: bool = False,
    opts: pulumi.ResourceOptions | None = None,
) -> kubernetes.Provider:
    """The provider for one cluster, which takes over objects that are there already where it is to `adopt_existing`."""
    if not context:
        # Only a preview comes this far; it must not read a cluster that nobody has named.
        return kubernetes.Provider(name, kubeconfig=_NO_CLUSTER, opts=opts)
    return kubernetes.Provider(
        name,
        context=context,
        kubeconfig=kubeconfig,
        # A rotated token is an update; by default the Secret would be deleted and made anew, and a promotion
        # that starts in between finds none.
        enable_secret_mutable=True,
        upsert_existing_objects=adopt_existing or None,
        # An adopted object has fields that others have set to other values, with kubectl as a rule.
        enable_patch_force=adopt_existing or None,
        opts=opts,
    )
