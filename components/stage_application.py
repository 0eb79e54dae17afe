"""One application in one stage: everything that lives and dies with the two."""

import pulumi

from components.argocd_application import ArgoCDApplication
from components.keptn_tasks import KeptnTasks
from components.promotion_access import PromotionAccess
from components.repository_files import RepositoryFiles
from components.stage_namespace import StageNamespace
from delivery.model import pipeline
from delivery.model.stack import StackConfiguration
from delivery.stack.manifests import task_specs
from delivery.stack.repository_files import InitialValues, stage_files


class StageApplication(pulumi.ComponentResource):
    """Declares namespace, access, tasks, chart files and Argo CD Application, in the order they need each other.

    `token` is the promotion task's, `initial_values` what the repository has of them, `after` the last file
    committed before, `cluster` the provider of the stage's cluster.
    """

    namespace: pulumi.Output[str]
    application: pulumi.Output[str]
    files: RepositoryFiles

    def __init__(
        self,
        name: str,
        configuration: StackConfiguration,
        stage_application: pipeline.StageApplication,
        token: pulumi.Output[str],
        initial_values: InitialValues,
        after: pulumi.Resource | None,
        cluster: pulumi.ProviderResource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        # The type token keeps its first name: another one would replace every URN.
        super().__init__("delivery:components:ApplicationInStage", name, None, opts)
        repository = configuration.pipeline.repository
        child = pulumi.ResourceOptions(parent=self)
        files = stage_files(configuration, stage_application, initial_values.texts)
        self.files = RepositoryFiles(name, repository, files, initial_values.existing, after, opts=child)
        here = pulumi.ResourceOptions(parent=self, providers=[cluster])
        namespace = StageNamespace(name, stage_application, opts=here)
        needed: list[pulumi.Resource] = [namespace, self.files]
        if configuration.promotes_to:
            needed.append(PromotionAccess(name, namespace.namespace, repository, token, opts=here))
        needed.append(KeptnTasks(name, namespace.namespace, task_specs(configuration, stage_application), opts=here))
        syncs = ArgoCDApplication(name, configuration, stage_application, needed, opts=here)
        self.namespace, self.application = namespace.namespace, syncs.application
        self.register_outputs({"namespace": self.namespace, "application": self.application})
