"""One application in one stage: everything that is created and deleted with the two."""

import pulumi

from components.argocd_application import ArgoCDApplication
from components.formerly import aliases
from components.keptn_tasks import KeptnTasks
from components.promotion_access import PromotionAccess
from components.repository_files import RepositoryFiles
from components.shared_namespace import SharedNamespace, formerly_shared
from components.stage_namespace import StageNamespace
from delivery.stack.plan import ApplicationPlan


class StageApplication(pulumi.ComponentResource):
    """Declares namespace, access, tasks, chart files and Argo CD Application, each after what it needs.

    `repository` names where the files go, `token` is the promotion task's, `after` the file that is committed before
    these, `cluster` the provider of the stage's cluster, `argocd` that of Argo CD's. A `shared` namespace is declared
    already, with all that is one for several applications. `prefix` stands before the names of the stage's resources.
    """

    namespace: pulumi.Output[str]
    application: pulumi.Output[str]
    files: RepositoryFiles

    def __init__(
        self,
        name: str,
        plan: ApplicationPlan,
        repository: str,
        token: pulumi.Input[str],
        after: pulumi.Resource | None,
        cluster: pulumi.ProviderResource,
        argocd: pulumi.ProviderResource,
        shared: SharedNamespace | None = None,
        prefix: str = "",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        # The type is what existing stacks have in their state, from before the class was renamed.
        super().__init__("delivery:components:ApplicationInStage", name, None, opts)
        here = pulumi.ResourceOptions(parent=self)
        before = [] if shared else formerly_shared(plan.name, plan.namespace, prefix, opts)
        in_cluster = pulumi.ResourceOptions(parent=self, providers=[cluster])
        one = pulumi.ResourceOptions(parent=self, providers=[cluster], aliases=aliases(before))
        self.files = RepositoryFiles(name, repository, plan.branch, plan.files, after, opts=here)
        namespace = shared or StageNamespace(name, plan.namespace, plan.namespace_annotations, opts=one)
        needs: list[pulumi.Resource] = [namespace, self.files]
        if plan.access is not None:
            needs.append(PromotionAccess(name, plan.access, namespace.namespace, token, opts=one))
        if plan.tasks is not None:
            needs.append(KeptnTasks(name, namespace.namespace, plan.tasks, before, opts=in_cluster))
        in_argocd = pulumi.ResourceOptions(parent=self, providers=[argocd])
        self.namespace = namespace.namespace
        self.application = ArgoCDApplication(name, plan.argocd, needs, opts=in_argocd).application
        self.register_outputs({"namespace": self.namespace, "application": self.application})
