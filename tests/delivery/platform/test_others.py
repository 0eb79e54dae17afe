"""Objects of others, of kinds that the platform defines: they stop what would delete a part."""

import pytest

from delivery.cluster.connection import Connection, connect
from delivery.cluster.installed import DEFINITIONS
from delivery.platform.charts import ARGOCD, KEPTN
from delivery.platform.others import refusal
from tests.delivery.cluster.kubernetes_api import CONTEXT, KubernetesApi
from tests.delivery.platform.test_configuration import read
from tests.messages import assert_message

APPLICATIONS, PROJECTS = "/apis/argoproj.io/v1alpha1/applications", "/apis/argoproj.io/v1alpha1/appprojects"
TASKS = "/apis/lifecycle.keptn.sh/v1/keptntaskdefinitions"


@pytest.fixture
def connection(api: KubernetesApi) -> Connection:
    """To a cluster that has an Application and a task of somebody, and what Argo CD makes itself."""
    names = ("applications.argoproj.io", "appprojects.argoproj.io", "keptntaskdefinitions.lifecycle.keptn.sh")
    api.objects[DEFINITIONS] = {"items": [{"metadata": {"name": name}} for name in names]}
    api.objects["/apis/argoproj.io"] = {"preferredVersion": {"version": "v1alpha1"}}
    api.objects["/apis/lifecycle.keptn.sh"] = {"preferredVersion": {"version": "v1"}}
    put(api, APPLICATIONS, "argocd", "shop-dev")
    put(api, PROJECTS, "argocd", "default")
    put(api, TASKS, "shop-dev", "load")
    return connect(CONTEXT, api.kubeconfig())


def put(api: KubernetesApi, path: str, namespace: str, *names: str) -> None:
    api.objects[path] = {"items": [{"metadata": {"name": name, "namespace": namespace}} for name in names]}


def test_a_destroy_is_refused_with_what_of_any_part_would_go(connection: Connection) -> None:
    said = refusal(connection, read(), KEPTN)

    assert said == refusal(connection, read(), ARGOCD)
    assert_message("platform.others", said)


def test_a_part_that_is_left_out_stays_while_others_have_objects_of_its_kinds(connection: Connection) -> None:
    assert_message("platform.others_of_a_part", refusal(connection, read(keptn="false"), KEPTN))


def test_what_others_have_of_a_part_that_stays_stops_nothing(api: KubernetesApi, connection: Connection) -> None:
    put(api, TASKS, "")

    assert refusal(connection, read(keptn="false"), KEPTN) == ""


def test_what_argo_cd_makes_itself_is_nobody_elses(api: KubernetesApi, connection: Connection) -> None:
    put(api, APPLICATIONS, "")
    put(api, TASKS, "")

    assert refusal(connection, read(), ARGOCD) == ""


def test_of_many_objects_the_first_are_named_and_the_others_counted(api: KubernetesApi, connection: Connection) -> None:
    put(api, APPLICATIONS, "argocd", *(f"shop-{number}" for number in range(9)))
    said = refusal(connection, read(), ARGOCD)

    assert said.count("argocd/shop-") == 5
    assert "and 5 more" in said
