"""What the promotion task of a stage may use: the GitHub token, and a service account with few rights.

Declared only where a stage promotes onward, because only there does a promotion task run.
"""

import pulumi
from pulumi_kubernetes.core.v1 import Secret, ServiceAccount
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, Role, RoleBinding, RoleRefArgs, SubjectArgs

from delivery.stack.plan import PromotionAccessPlan


class PromotionAccess(pulumi.ComponentResource):
    """Declares Secret, ServiceAccount, Role and RoleBinding in `namespace`; the Secret only where the plan names it.

    `token` may start workflows in the GitOps repository (Actions: write) and record there what was verified
    (Deployments: write), and needs no other permission.
    `service_account` is the account's name, known once everything it needs exists.
    """

    service_account: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        plan: PromotionAccessPlan,
        namespace: pulumi.Input[str],
        token: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("delivery:components:PromotionAccess", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        metadata = ObjectMetaArgs(name=plan.account, namespace=namespace)
        if plan.secret is not None:
            Secret(
                name,
                metadata=ObjectMetaArgs(name=plan.secret, namespace=namespace),
                string_data={plan.secret_key: pulumi.Output.json_dumps({**plan.secret_data, "apiToken": token})},
                opts=child,
            )
        account = ServiceAccount(name, metadata=metadata, opts=child)
        role = Role(
            name,
            metadata=metadata,
            rules=[
                PolicyRuleArgs(api_groups=rule["apiGroups"], resources=rule["resources"], verbs=rule["verbs"])
                for rule in plan.rules
            ],
            opts=child,
        )
        binding = RoleBinding(
            name,
            metadata=metadata,
            role_ref=RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=role.metadata.name),
            subjects=[SubjectArgs(kind="ServiceAccount", name=account.metadata.name, namespace=namespace)],
            opts=child,
        )
        # Whoever runs as this account waits for its rights too.
        complete = pulumi.Output.all(account.metadata.name, binding.urn)
        self.service_account = complete.apply(lambda known: str(known[0]))
        self.register_outputs({"service_account": self.service_account})
