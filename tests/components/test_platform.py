"""What the platform's project declares, run as its program is."""

from pathlib import Path

import pytest

from delivery.config.files import StackConfig, read_stack_config
from lab.engine import Declared, Preview, ProgramError, preview

FOLDER = Path(__file__).resolve().parents[2] / "platform"


def declared(secrets: dict[str, str] | None = None, **changes: str) -> Preview:
    shipped, hidden = read_stack_config(FOLDER, "laptop"), secrets or {}
    values = {f"platform:{key}": value for key, value in (changes | hidden).items()}
    return preview(
        "laptop",
        StackConfig(shipped.values | values, frozenset(f"platform:{key}" for key in hidden), FOLDER),
        FOLDER,
        "platform",
    )


def one(result: Preview, type_: str, name: str) -> Declared:
    [found] = [each for each in result.of_type(type_) if each.name == name]
    return found


def test_everything_belongs_to_one_component_and_to_the_cluster_that_is_named() -> None:
    result = declared()

    assert {each.name for each in result.of_type(":Chart")} == {
        "argocd",
        "jaeger",
        "otel-collector",
        "keptn-cert-manager",
        "keptn-lifecycle-operator",
    }
    assert all("delivery:components:Platform" in each.urn for each in result.resources[1:])
    assert result.resources[0].inputs["context"] == "kind-delivery"
    assert {each.urn for each in result.resources if each.type.startswith("delivery:")} < result.registered


def test_without_keptn_there_is_nothing_of_it() -> None:
    result = declared(keptn="false")

    assert not [each for each in result.resources if "keptn" in each.name.lower()]


def test_the_password_of_redis_is_a_secret_that_later_updates_leave_alone() -> None:
    redis = one(declared(), ":Secret", "argocd/argocd-redis")

    assert redis.secrets == {"stringData"}
    assert set(redis.ignore_changes) == {"stringData", "data"}


def test_the_repositorys_credential_is_a_secret() -> None:
    address = "https://github.com/podtato-team/podtato-head-gitops"
    result = declared({"githubToken": "the-token"}, repositoryURL=address)
    credential = one(result, ":Secret", "argocd/gitops-repository")

    assert "stringData" in credential.secrets
    assert "the-token" not in str(result)


def test_nothing_is_declared_where_the_configuration_is_refused() -> None:
    with pytest.raises(ProgramError, match="platform:argocd"):
        declared(argocd="maybe")


def test_the_outputs_name_how_to_open_what_is_installed() -> None:
    assert {"argocd", "argocdPassword", "jaeger", "otlpEndpoint"} < declared().outputs.keys()
    assert "jaeger" not in declared(jaeger="false").outputs


def test_a_part_that_defines_kinds_has_a_guard_that_comes_after_every_chart() -> None:
    result = declared()
    guards = {each.name: each for each in result.of_type(":PlatformGuard")}

    assert guards.keys() == {"platform-argocd", "platform-keptn"}
    charts = {each.urn for each in result.of_type(":Chart")}
    assert all(guard.depends_on >= charts for guard in guards.values())
    assert {each.name for each in declared(keptn="false").of_type(":PlatformGuard")} == {"platform-argocd"}
