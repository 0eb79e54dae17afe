"""The platform's configuration: what is installed by default, and what is refused with the fix."""

import json
from pathlib import Path

import pytest

from delivery.config.errors import ConfigError, Kind
from delivery.config.files import read_project_config
from delivery.config.reader import parse
from delivery.model.pipeline import Pipeline
from delivery.platform.charts import ARGOCD, COLLECTOR, JAEGER, KEPTN
from delivery.platform.configuration import PlatformConfiguration, parse_platform

ROOT = Path(__file__).resolve().parents[3]


def pipeline(**changes: str) -> Pipeline:
    """The shipped pipeline, with an owner of its own."""
    raw = {key.partition(":")[2]: value for key, value in read_project_config(ROOT).values.items()}
    return parse(raw | {"repositoryOwner": "podtato-team"} | changes, "dev").pipeline


def read(*encrypted: str, of: Pipeline | None = None, **raw: str) -> PlatformConfiguration:
    given = {"kubeContext": "kind-delivery"} | raw | dict.fromkeys(encrypted, "[secret]")
    return parse_platform(given, "laptop", set(encrypted), of)


def problems(*encrypted: str, of: Pipeline | None = None, **raw: str) -> list[tuple[Kind, str]]:
    with pytest.raises(ConfigError) as caught:
        read(*encrypted, of=of, **raw)
    return [(problem.kind, problem.where) for problem in caught.value.problems]


def test_every_part_is_installed_unless_something_says_otherwise() -> None:
    assert set(read(of=pipeline()).parts) == {ARGOCD, KEPTN, COLLECTOR, JAEGER}


def test_the_stack_that_ships_is_encrypted_with_nobodys_passphrase() -> None:
    assert "encryptionsalt" not in (ROOT / "platform" / "Pulumi.laptop.yaml").read_text("utf-8")


def test_a_part_is_left_out_where_its_key_is_false() -> None:
    assert set(read(argocd="false", jaeger="false").parts) == {KEPTN, COLLECTOR}


def test_keptn_is_left_out_where_argocd_verifies_every_stage() -> None:
    stages: list[dict[str, object]] = [{"name": "dev"}, {"name": "production", "after": ["dev"]}]
    for stage in stages:
        stage["verification"] = "argocd"
    without = pipeline(stages=json.dumps(stages), tasks="{}")

    assert KEPTN not in read(of=without).parts
    assert KEPTN in read(of=without, keptn="true").parts
    del stages[1]["verification"]
    assert KEPTN in read(of=pipeline(stages=json.dumps(stages), tasks="{}")).parts


def test_a_backend_of_ones_own_takes_the_place_of_jaeger() -> None:
    found = read("backendHeader", backendEndpoint="https://otlp.example.com", backendHeaderName="api-key")

    assert JAEGER not in found.parts
    assert found.backend is not None
    assert (found.backend.endpoint, found.backend.header) == ("https://otlp.example.com", "api-key")


def test_the_credential_is_for_the_address_that_the_applications_name() -> None:
    by_ssh = pipeline(argocdRepoURL="git@github.com:podtato-team/podtato-head-gitops.git")

    assert read("githubToken", of=pipeline()).repository_url == "https://github.com/podtato-team/podtato-head-gitops"
    assert read("sshPrivateKey", of=by_ssh).repository_url == "git@github.com:podtato-team/podtato-head-gitops.git"


@pytest.mark.parametrize(
    ("encrypted", "raw", "expected"),
    [
        ((), {"argo": "true"}, (Kind.UNKNOWN_KEY, "platform:argo")),
        ((), {"kubeContext": ""}, (Kind.NOT_ALLOWED, "platform:kubeContext")),
        ((), {"argocd": "maybe"}, (Kind.NOT_ALLOWED, "platform:argocd")),
        ((), {"argocdValues": "[]"}, (Kind.NOT_ALLOWED, "platform:argocdValues")),
        ((), {"jaeger": "false", "jaegerValues": '{"a": 1}'}, (Kind.NOT_ALLOWED, "platform:jaegerValues")),
        ((), {"githubToken": "a-token-in-plain-text"}, (Kind.PLAIN_TEXT, "platform:githubToken")),
        (("charts",), {}, (Kind.ENCRYPTED, "platform:charts")),
        (("githubToken", "sshPrivateKey"), {}, (Kind.NOT_ALLOWED, "platform:sshPrivateKey")),
        (("sshPrivateKey",), {}, (Kind.NOT_ALLOWED, "platform:repositoryURL")),
        (("githubAppPrivateKey",), {}, (Kind.MISSING, "platform:githubAppId")),
        ((), {"githubAppId": "1", "githubAppInstallationId": "2"}, (Kind.MISSING, "platform:githubAppPrivateKey")),
        (("backendHeader",), {"backendEndpoint": "https://a.example"}, (Kind.MISSING, "platform:backendHeaderName")),
        ((), {"backendEndpoint": "https://a:b@c.example"}, (Kind.NOT_ALLOWED, "platform:backendEndpoint")),
        (
            (),
            {"backendEndpoint": "https://a.example", "collector": "false"},
            (Kind.NOT_ALLOWED, "platform:backendEndpoint"),
        ),
        ((), {"collectorAddress": "otel.example:4317"}, (Kind.NOT_ALLOWED, "platform:collectorAddress")),
        (
            (),
            {"collectorAddress": "otel.example:4317", "collector": "false", "keptn": "false"},
            (Kind.NOT_ALLOWED, "platform:collectorAddress"),
        ),
        (
            (),
            {"collectorAddress": "http://otel.example:4317", "collector": "false"},
            (Kind.NOT_ALLOWED, "platform:collectorAddress"),
        ),
    ],
)
def test_what_is_not_allowed_is_one_problem_about_its_key(
    encrypted: tuple[str, ...], raw: dict[str, str], expected: tuple[Kind, str]
) -> None:
    assert expected in problems(*encrypted, of=pipeline(), **raw)


def test_a_credential_needs_a_repository() -> None:
    assert problems("githubToken") == [(Kind.MISSING, "platform:repositoryURL")]


def test_no_problem_shows_a_secret_and_each_names_the_command_of_the_platforms_project() -> None:
    with pytest.raises(ConfigError) as caught:
        read(githubToken="ghp_0123456789", argocd="maybe")
    lines = str(caught.value)

    assert "ghp_0123456789" not in lines
    assert all("pulumi -C platform config set -s laptop" in problem.fix for problem in caught.value.problems)
