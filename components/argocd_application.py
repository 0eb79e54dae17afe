"""The Argo CD Application that keeps one application of one stage as its chart says."""

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from delivery.model.pipeline import StageApplication
from delivery.model.stack import StackConfiguration
from delivery.stack.manifests import argocd_application_spec, argocd_finalizers


class ArgoCDApplication(pulumi.ComponentResource):
    """Declares the Application in Argo CD's namespace, once everything in `needs` is there.

    Argo CD syncs at once: it has to find the chart, and Keptn its tasks. `application` is the Application's
    name, known once it exists.
    """

    application: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        configuration: StackConfiguration,
        stage_application: StageApplication,
        needs: list[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("delivery:components:ArgoCDApplication", name, None, opts)
        created = CustomResource(
            name,
            api_version="argoproj.io/v1alpha1",
            kind="Application",
            metadata=ObjectMetaArgs(
                name=stage_application.argocd_application,
                namespace=configuration.argocd.namespace,
                finalizers=argocd_finalizers(configuration) or None,
            ),
            spec=argocd_application_spec(configuration, stage_application),
            opts=pulumi.ResourceOptions(parent=self, depends_on=needs),
        )
        self.application = created.urn.apply(lambda _: stage_application.argocd_application)
        self.register_outputs({"application": self.application})
