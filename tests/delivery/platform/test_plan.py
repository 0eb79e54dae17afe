"""The plan of a platform: which charts with which values, and which objects beside them."""

from typing import Any

from delivery.platform import values
from delivery.platform.charts import COLLECTOR_CHART, OPERATOR_CHART
from delivery.platform.plan import PlatformPlan, plan_platform
from tests.delivery.platform.test_configuration import pipeline, read


def planned(*encrypted: str, **raw: str) -> PlatformPlan:
    return plan_platform(read(*encrypted, of=pipeline(), **raw))


def exporters(plan: PlatformPlan) -> Any:
    chart = next(chart for chart in plan.charts if chart.pin == COLLECTOR_CHART)
    return chart.values["alternateConfig"]["exporters"]  # type: ignore[index, call-overload]


def test_keptn_starts_after_the_collector_that_its_config_names() -> None:
    plan = planned()
    after = {chart.release: chart.after for chart in plan.charts}

    assert after["keptn-lifecycle-operator"] == ("otel-collector", "keptn-cert-manager")
    assert after["otel-collector"] == ("jaeger",)
    assert plan.keptn_config == {"OTelCollectorUrl": values.OTLP_GRPC}
    assert next(chart for chart in plan.charts if chart.pin == OPERATOR_CHART).values["promotionTasksEnabled"] is True


def test_keptn_sends_to_the_collector_of_others_where_none_is_installed_here() -> None:
    assert planned(collector="false", collectorAddress="otel.example:4317").keptn_config == {
        "OTelCollectorUrl": "otel.example:4317"
    }
    assert planned(collector="false").keptn_config == {}


def test_without_keptn_there_is_no_config_and_no_namespace_of_it() -> None:
    plan = planned(keptn="false")

    assert plan.keptn_config is None
    assert set(plan.namespaces) == {"argocd", "observability"}
    assert {policy.namespace for policy in plan.policies} == {"argocd", "observability"}


def test_the_credential_for_an_argo_cd_of_others_goes_into_its_namespace_which_is_theirs() -> None:
    plan = planned("githubToken", argocd="false")

    assert "argocd" not in plan.namespaces
    assert [secret.namespace for secret in plan.secrets] == ["argocd"]


def test_a_chart_comes_from_its_registry_at_its_version_or_from_a_folder() -> None:
    chart = next(chart for chart in planned().charts if chart.pin == COLLECTOR_CHART)
    local = next(chart for chart in planned(charts="/charts").charts if chart.pin == COLLECTOR_CHART)

    registry = "oci://ghcr.io/open-telemetry/opentelemetry-helm-charts/opentelemetry-collector"
    assert (chart.chart, chart.version) == (registry, COLLECTOR_CHART.version)
    assert (local.chart, local.version) == ("/charts/opentelemetry-collector", "")


def test_spans_go_to_jaeger_or_to_the_backend_or_into_a_file() -> None:
    own = planned("backendHeader", backendEndpoint="https://otlp.example.com", backendHeaderName="api-key")

    assert set(exporters(planned())) == {"otlp_grpc/jaeger"}
    assert set(exporters(own)) == {"otlp_http/backend"}
    assert exporters(own)["otlp_http/backend"]["headers"] == {"api-key": "${env:BACKEND_HEADER}"}
    assert set(exporters(planned(jaeger="false"))) == {"file"}


def test_the_repositorys_secret_has_the_form_that_argocd_reads_and_no_secret_in_plain_text() -> None:
    token = planned("githubToken").secrets[-1]
    app = planned("githubAppPrivateKey", githubAppId="12", githubAppInstallationId="34").secrets[-1]

    assert token.labels == app.labels == {"argocd.argoproj.io/secret-type": "repository"}
    assert token.secret_data == {"password": "githubToken"}
    assert (app.data["githubAppID"], app.data["githubAppInstallationID"]) == ("12", "34")
    assert app.secret_data == {"githubAppPrivateKey": "githubAppPrivateKey"}


def test_values_of_ones_own_are_put_over_ours_map_by_map() -> None:
    chart = planned(argocdValues='{"server": {"resources": {"limits": {"cpu": "2"}}, "replicas": 2}}').charts[0]

    assert chart.values["server"] == {
        "resources": {"requests": {"cpu": "25m", "memory": "64Mi"}, "limits": {"cpu": "2", "memory": "256Mi"}},
        "replicas": 2,
    }


def test_the_outputs_name_commands_for_the_configured_context_and_no_password() -> None:
    outputs = planned(kubeContext="kind-delivery").outputs

    assert outputs["argocd"].startswith("kubectl --context kind-delivery -n argocd port-forward")
    assert "observability" in outputs["jaeger"]
    assert "argocd-initial-admin-secret" in outputs["argocdPassword"]
