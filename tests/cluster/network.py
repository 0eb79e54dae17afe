"""What NetworkPolicies let in, by the rules of `networking.k8s.io/v1`: only ingress, selectors of labels, and ports."""

from collections.abc import Mapping, Sequence

from tests.charts import Body, Pod


class Network:
    """The policies of a cluster and the labels of its namespaces."""

    def __init__(self, policies: Sequence[Body], namespaces: Mapping[str, Mapping[str, str]]) -> None:
        self._policies = policies
        # Kubernetes gives each namespace this label.
        self._namespaces = {name: {**each, "kubernetes.io/metadata.name": name} for name, each in namespaces.items()}

    def covers(self, pod: Pod) -> bool:
        """Whether any policy isolates the pod; without one everybody reaches all of its ports."""
        return bool(self._of(pod))

    def lets_in(self, pod: Pod, port: int, sender: Pod) -> bool:
        """Whether `sender` reaches that port."""
        return not self.covers(pod) or any(
            self._is_port(pod, rule, port) and self._is_from(policy, rule, sender)
            for policy in self._of(pod)
            for rule in policy["spec"].get("ingress") or ()
        )

    def _of(self, pod: Pod) -> list[Body]:
        return [
            policy
            for policy in self._policies
            if policy["metadata"]["namespace"] == pod.namespace
            and "Ingress" in policy["spec"].get("policyTypes", ["Ingress"])
            and _selects(policy["spec"]["podSelector"], pod.labels)
        ]

    def _is_port(self, pod: Pod, rule: Body, port: int) -> bool:
        if not rule.get("ports"):
            return True
        named = {
            each["name"]: each["containerPort"]
            for container in pod.spec["containers"]
            for each in container.get("ports", ())
            if "name" in each
        }
        return port in [named.get(each["port"], each["port"]) for each in rule["ports"]]

    def _is_from(self, policy: Body, rule: Body, sender: Pod) -> bool:
        if not rule.get("from"):
            return True
        for peer in rule["from"]:
            if "namespaceSelector" in peer:
                here = _selects(peer["namespaceSelector"], self._namespaces.get(sender.namespace, {}))
            else:
                here = sender.namespace == policy["metadata"]["namespace"]
            if here and _selects(peer.get("podSelector", {}), sender.labels):
                return True
        return False


def _selects(selector: Body, labels: Mapping[str, str]) -> bool:
    """An empty selector takes everything. Expressions are in none of our policies."""
    assert not selector.get("matchExpressions"), selector
    return (selector.get("matchLabels") or {}).items() <= labels.items()
