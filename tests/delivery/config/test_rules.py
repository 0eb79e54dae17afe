"""What single values may be."""

import pytest

from delivery.config import rules
from delivery.config.rules import Rule


@pytest.mark.parametrize(
    ("rule", "allowed", "refused"),
    [
        (rules.OWNER, ["acme", "a-b"], ["", "acme/gitops", "-a", "a\n", "${{ x }}"]),
        (rules.REPOSITORY, ["gitops", "a.b_c"], ["..", "gitops.git", "a/b", "${{ secrets.TOKEN }}"]),
        (
            rules.BRANCH,
            ["main", "release/1.0"],
            ["a..b", "promote", "rollback/main", "refs/heads/trunk", "--upload-pack=x", "a.lock"],
        ),
        (
            rules.API_URL,
            ["https://api.github.com", "https://HOST:8443/api/v3", "http://127.0.0.1:1/api/v3"],
            [
                "https://github.com",
                "http://host/api/v3",
                "https://me:pass@host/api/v3",
                "https://:pass@host/api/v3",
                "https://host/api/v3?token=pass",
                "https://host/api/v3/",
                "https://[",
            ],
        ),
        (
            rules.IMAGE,
            ["nginx", "localhost:5000/team/web", "ghcr.io/a/b__c"],
            ["nginx:1.27", "nginx:27", "a/b@sha256:0", "Web Server"],
        ),
        (
            rules.PROMOTED_KEY,
            ["serviceVersion", "image.tag", "a_b.c-d"],
            ["commitID", "application.image", "promotedKeys", ".Values.a", "1a", "a..b"],
        ),
        (rules.VERSION, ["v0.3.0", "1.10", "7e12345", "a" * 63], ["", "a" * 64, "v1+build", "v1\n${{ x }}"]),
        (rules.COMMIT, ["0" * 40, "a" * 64], ["main", "A" * 40, "0" * 39]),
        (
            rules.SERVER,
            ["https://10.0.0.7:6443"],
            ["in-cluster", "ftp://10.0.0.7", "https://a b", "https://me:pass@a", "https://a?token=b"],
        ),
        (
            rules.TRACE_URL,
            [
                "",
                "https://tempo.example.com/{trace_id}?{span_id}",
                'https://grafana.example.com/explore?left={"queries":[{"query":"{trace_id}"}]}',
            ],
            [
                "javascript:alert(1)",
                "https://tempo.example.com/",
                "https://a.example/{org}/{trace_id}",
                "https://a.example/{{ .TraceId }}",
                "https://a.example/${trace_id}",
                "https://me:pass@a.example/{trace_id}",
                "https://a.example/{trace_id}?api_key=b",
            ],
        ),
        (rules.LABEL, ["promotion", "größer als"], ["a,b", "", "a" * 51, "a\nb"]),
        (rules.PERSON, ["octo-cat"], ["@octo cat", "@octo-cat"]),
        (rules.TEAM, ["platform", "a_b"], ["acme/platform", "Platform"]),
        (
            rules.METADATA,
            ["", "mailto:a@b.example", "see https://host/?id=1"],
            ["see https://u:pass@host", "https://host/?token=x"],
        ),
        (rules.METADATA_KEY, ["team", "team/cost.center"], ["commitID", "traceparent", "team_", "a b"]),
        (rules.TASK_NAME, ["post-deployment"], ["promote", "Load Test", "a\nb"]),
        (rules.TASK, [None, "print()"], ["", " ", 5, ["print()"]]),
        (rules.FLAG, [True, False], ["yes", 1, None]),
        (rules.number(1, 9), [1, 9], [0, 10, True, 1.5, "1"]),
        (rules.one_of("a", "b"), ["a"], ["A", "", None]),
        (rules.NAMESPACE, ["web-dev"], ["default", "kube-system", "web_dev", "-", "a" * 64]),
        (
            rules.FOLDER_NAME,
            ["dev", "apps/web/dev", "_a"],
            ["", "/dev", "dev/", "../dev", ".github/x", "a//b", "a" * 201],
        ),
        (rules.NAME_PATTERN, ["{application}-{stage}", "x"], ["", "{", "{stage", "a" * 301]),
    ],
)
def test_a_rule_holds_for_what_is_allowed_and_for_nothing_else(
    rule: Rule, allowed: list[object], refused: list[object]
) -> None:
    assert [value for value in allowed if not rule.holds(value)] == []  # type: ignore[arg-type]
    assert [value for value in refused if rule.holds(value)] == []  # type: ignore[arg-type]
