"""The rules of the policy pack, over resources as programs declare them."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.policy.images import moves
from delivery.policy.resources import Declared, documents
from delivery.policy.rules import RULES, Rule, findings
from delivery.policy.secrets import is_secret, known_form
from tests.delivery.policy.cases import (
    CASES,
    KEY,
    TOKEN,
    Case,
    application,
    file,
    manifest,
    pipeline,
    platform,
    workflow,
)
from tests.messages import assert_message

_BY_NAME = {rule.name: rule for rule in RULES}


def _subjects(rule: str, resources: Sequence[Declared], *allow: str) -> list[str]:
    return [found.subject for found in findings(_BY_NAME[rule], resources, allow)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_finds_what_breaks_it_and_nothing_else(case: Case) -> None:
    assert _subjects(case.rule, case.passing) == []
    assert _subjects(case.rule, case.failing) == [case.subject]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_has_a_case(rule: Rule) -> None:
    assert any(case.rule == rule.name for case in CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_exception_names_what_was_found_or_a_pattern_of_it(case: Case) -> None:
    start = case.subject[:3]
    assert _subjects(case.rule, case.failing, case.subject) == []
    assert _subjects(case.rule, case.failing, f"{start}*") == []
    assert _subjects(case.rule, case.failing, "something else", start[:2]) == [case.subject]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_what_a_rule_says_is_kept(rule: Rule) -> None:
    case = next(case for case in CASES if case.rule == rule.name)
    [found] = findings(rule, case.failing)
    assert_message(f"policy.{rule.name}", found.message)


@pytest.mark.parametrize("case", [case for case in CASES if case.rule == "plain-secret"], ids=str)
def test_a_report_shows_no_secret(case: Case) -> None:
    [found] = findings(_BY_NAME["plain-secret"], case.failing)
    for secret in ("hunter2", TOKEN, "s8Dk2lPq0zXw7RtY", "s3cr3t-1", KEY[-20:-1]):
        assert secret not in found.message


def test_an_exception_may_have_what_a_pattern_would_read_otherwise() -> None:
    broken = (file("a[1].yaml", "password: hunter2"),)
    assert _subjects("plain-secret", broken, *_subjects("plain-secret", broken)) == []


def test_a_promotion_s_own_branch_is_none_that_an_application_may_follow() -> None:
    proposed = file("shop/dev/values.yaml", "serviceVersion: v2\n", "promote/shop/dev/production")
    resources = (platform(), proposed, application("promote/shop/dev/production"))
    assert _subjects("application-branch", resources) == ["shop-dev: promote/shop/dev/production"]


def test_an_application_of_another_repository_is_none_of_the_pipeline_s() -> None:
    other = application("develop", "https://github.com/acme/other")
    assert _subjects("application-branch", (platform(), other)) == []


def test_an_edge_that_the_stages_do_not_have_skips_whatever_is_between() -> None:
    told = json.loads(str(pipeline({"dev": (), "staging": ("dev",), "production": ("staging",)}).properties["content"]))
    told["edges"][1]["source"] = "dev"
    assert _subjects("skipped-stage", (file(".github/promoter/settings.json", json.dumps(told)),)) == [
        "dev -> production"
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("secret", "github-token"),
        ("existingSecret", "postgres"),
        ("secretKey", "ACTIONS_RUNNER_APP_PRIVATE_KEY"),
        ("secretKey", "github_app_installation_id"),
        ("tokenSecretName", "a-name"),
        ("passwordFile", "/run/secrets/db"),
        ("password", "$(DB_PASSWORD)"),
        ("password", "changeme"),
        ("password", ""),
        ("password", "null"),
        ("passwordSecretRef", "db"),
        ("automountServiceAccountToken", "true"),
        ("topologyKey", "kubernetes.io/hostname"),
        ("key", "SECURE_DATA"),
        ("versionKey", "serviceVersion"),
        ("token", "{{ .Values.token }}"),
        ("token", "${{ secrets.PROMOTION_TOKEN }}"),
        ("token", "op://vault/item/field\n"),
        ("token", "vault:secret/data/app#token"),
        ("token", "the name of the secret, as Keptn has it"),
    ],
)
def test_a_name_or_reference_is_no_secret(name: str, value: str) -> None:
    assert not is_secret(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("password", "hunter2"),
        ("DB_PASSWORD", "abc"),
        ("apiKey", "3f7a9c0d1e2b4f5a6c7d8e9f0a1b2c3d"),
        ("client-secret", "Zx8~Qm2kP0vRt5yLwN7b"),
        ("aws_secret_access_key", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzzzz"),
    ],
)
def test_a_value_of_its_own_under_the_name_of_a_secret_is_one(name: str, value: str) -> None:
    assert is_secret(name, value)


@pytest.mark.parametrize(
    "text",
    [
        '"^redis://(?:[A-Za-z0-9_]+(?::[^@]+)?@)?[A-Za-z0-9.-]+"',
        "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1",
        "--hash=sha256:e6184b2c213eaa13bbb76fe946e0cfc413d53c86ea16e1e7a14d60b8859b41ac",
        "ghs_APPID_HEADER.CLAIMS.SIGNATURE",
        "https://github.com/acme/gitops/pull/1",
        "ssh://git@github.com:22/acme/gitops",
        "-----BEGIN CERTIFICATE-----\nMIIEowIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7",
    ],
)
def test_what_only_looks_long_is_no_secret(text: str) -> None:
    assert known_form(text) == ""


@pytest.mark.parametrize(
    "reference",
    [
        "a:1",
        "a:v1.2.3-rc.1",
        "a:3.13-slim",
        "a:0f3a9c1",
        "localhost:5000/a:2",
        "logo.png",
        "a:latest@sha256:" + "0" * 64,
        "A sentence.",
        "a:{{ .tag }}",
    ],
)
def test_a_version_or_digest_does_not_move(reference: str) -> None:
    assert not moves(reference)


@pytest.mark.parametrize(
    "reference",
    [
        "a",
        "localhost:5000/a",
        "a:latest",
        "a:3-latest",
        "a:1.2-SNAPSHOT",
        "a:main",
        "a:stable",
        "a:pr-12",
        "ghcr.io/acme/a:feature-2",
        "a:Latest",
    ],
)
def test_a_tag_without_a_version_moves(reference: str) -> None:
    assert moves(reference)


def test_what_an_alias_repeats_is_read_once_and_deep_nesting_is_refused() -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30))
    bomb = f"l0: &l0 {{image: busybox}}\n{levels}\n"
    assert _subjects("mutable-tag", (file("v.yaml", bomb),)) == ["busybox"]
    assert documents("[" * 100_000 + "]" * 100_000) is None
    assert documents("a: &a [*a]") is None
    assert _subjects("workflow-rights", (file(".github/workflows/a.yaml", "[" * 100_000),))


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=12)
    | st.sampled_from(["Secret", "Application", "\x00", "{{"]),
    lambda parts: (
        st.lists(parts, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "kind",
                    "apiVersion",
                    "metadata",
                    "spec",
                    "source",
                    "sources",
                    "image",
                    "tag",
                    "repository",
                    "name",
                    "value",
                    "jobs",
                    "steps",
                    "uses",
                    "permissions",
                    "application",
                    "stage",
                    "context",
                    "verification",
                    "hooks",
                    "generators",
                    "git",
                    "data",
                    "helm",
                    "parameters",
                    "template",
                    "file",
                    "content",
                    "password",
                ]
            ),
            parts,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["github:index/repositoryFile:RepositoryFile", "kubernetes:x:Application", "other"]),
            _VALUES,
        ),
        max_size=4,
    ),
    st.text(max_size=60),
    st.sampled_from(
        ["a.yaml", ".github/workflows/a.yaml", "dev/platform.yaml", ".github/promoter/settings.json", "a.py"]
    ),
)
def test_no_resource_stops_a_rule(found: list[tuple[str, object]], content: str, path: str) -> None:
    resources = [Declared(type_, value if isinstance(value, dict) else {"spec": value}) for type_, value in found]
    for rule in RULES:
        list(findings(rule, [*resources, file(path, content), file(path, json.dumps([value for _, value in found]))]))


def test_a_workflow_s_own_file_is_not_taken_for_another_s() -> None:
    elsewhere = Declared(
        workflow().type, {**workflow("permissions: write-all").properties, "file": "docs/workflows/ci.yaml"}
    )
    assert _subjects("workflow-rights", (elsewhere,)) == []
    assert _subjects("mutable-tag", (manifest("busybox", "notes.md"),)) == []
