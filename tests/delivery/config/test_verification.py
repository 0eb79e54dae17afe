"""What verifies a stage, and what its verification cannot carry out."""

import pytest

from delivery.config.errors import Json, Kind
from delivery.config.reader import parse
from tests.delivery.config.configurations import raw, refused
from tests.messages import assert_message

STAGES: list[Json] = [{"name": "dev", "verification": "argocd"}, {"name": "production", "after": ["dev"]}]
QUERY: dict[str, Json] = {"name": "errors", "prometheus": "http://prometheus:9090", "query": "rate(e[5m])"}


def test_keptn_verifies_a_stage_that_says_nothing_else() -> None:
    dev, production = parse(raw(stages=STAGES), "dev").pipeline.stages
    assert [stage.with_keptn for stage in (dev, production)] == [False, True]


@pytest.mark.parametrize(("minutes", "expected"), [(None, 15), (0, 0), ("30", 30)])
def test_a_sweep_comes_every_quarter_of_an_hour_or_as_it_is_set(minutes: Json, expected: int) -> None:
    assert parse(raw(sweepMinutes=minutes), "dev").pipeline.promotions.sweep_minutes == expected


def test_a_stage_records_where_it_promotes_or_has_a_token() -> None:
    assert parse(raw(), "dev").records
    assert not parse(raw("production"), "production").records
    assert parse(raw("production"), "production", encrypted=["promotionToken"]).records


def test_checks_are_read_with_their_bounds() -> None:
    page: dict[str, Json] = {"name": "front", "url": "http://front.{namespace}:8080", "status": 204}
    first, second = parse(raw(stages=STAGES, checks=[page, {**QUERY, "max": 0.5}]), "dev").endpoint_checks
    assert (first.url, first.status) == ("http://front.{namespace}:8080", 204)
    assert (second.query, second.least, second.most) == ("rate(e[5m])", "", "0.5")


@pytest.mark.parametrize(
    ("case", "where", "kind", "changes"),
    [
        ("evaluations", "preDeploymentEvaluations", Kind.NOT_ALLOWED, {"preDeploymentEvaluations": ["slo"]}),
        ("elsewhere", "tasks.load", Kind.NOT_ALLOWED, {"tasks": {"load": None}, "postDeploymentTasks": ["load"]}),
        ("long", "tasks.load", Kind.NOT_ALLOWED, {"tasks": {"load": "ü" * 65_536}, "postDeploymentTasks": ["load"]}),
        (
            "own-hook",
            "postDeploymentTasks[0]",
            Kind.COLLISION,
            {"tasks": {"record-failure": "pass"}, "postDeploymentTasks": ["record-failure"]},
        ),
        ("repeated", "checks[0].name", Kind.REPEATED, {"checks": [{"name": "promote", "url": "http://a"}]}),
        ("both", "checks[0].url", Kind.NOT_ALLOWED, {"checks": [{**QUERY, "max": 1, "url": "http://a"}]}),
        ("neither", "checks[0].url", Kind.NOT_ALLOWED, {"checks": [{"name": "a"}]}),
        ("unbounded", "checks[0].max", Kind.MISSING, {"checks": [QUERY]}),
        ("bounds", "checks[0].max", Kind.NOT_ALLOWED, {"checks": [{**QUERY, "min": 2, "max": "1.5"}]}),
        ("no-query", "checks[0].query", Kind.MISSING, {"checks": [{"name": "a", "prometheus": "http://a", "max": 1}]}),
        ("page", "checks[0].max", Kind.NOT_ALLOWED, {"checks": [{"name": "a", "url": "http://a", "max": 1}]}),
        ("credentials", "checks[0].url", Kind.NOT_ALLOWED, {"checks": [{"name": "a", "url": "http://u:p@a"}]}),
        ("unpinned", "hookImage", Kind.NOT_ALLOWED, {"hookImage": "python"}),
        ("latest", "hookImage", Kind.NOT_ALLOWED, {"hookImage": "python:latest"}),
    ],
)
def test_what_argo_cd_cannot_carry_out_is_refused(case: str, where: str, kind: Kind, changes: dict[str, Json]) -> None:
    (problem,) = refused({"postDeploymentTasks": [], "stages": STAGES, **changes})
    assert (problem.where, problem.kind) == (f"delivery:{where}", kind)
    assert_message(f"config.verification-{case}", str(problem))


def test_the_longest_source_that_a_hook_can_run_is_allowed() -> None:
    assert parse(raw(stages=STAGES, tasks={"load": "ü" * 65_535}, postDeploymentTasks=["load"]), "dev").tasks["load"]
    # Keptn mounts it as a file.
    assert parse(raw(tasks={"load": "#" * 200_000}, postDeploymentTasks=["load"]), "dev").tasks["load"]


def test_checks_are_refused_where_keptn_verifies() -> None:
    (problem,) = refused({"checks": [{"name": "a", "url": "http://a"}]})
    assert (problem.where, problem.kind) == ("delivery:checks", Kind.NOT_ALLOWED)


@pytest.mark.parametrize(("key", "value"), [("onFailure", "propose-rollback"), ("requireRecord", True)])
def test_what_concerns_promotions_into_a_stage_is_refused_in_one_that_nothing_is_promoted_into(
    key: str, value: Json
) -> None:
    (problem,) = refused({"stages": [{"name": "dev", key: value}]})
    assert (problem.where, problem.kind) == (f"delivery:stages[0].{key}", Kind.NOT_ALLOWED)


def test_the_promoter_is_told_of_records_and_rollbacks() -> None:
    into: Json = {"name": "production", "after": ["dev"], "requireRecord": True, "onFailure": "propose-rollback"}
    settings = parse(raw(stages=[{"name": "dev"}, into]), "dev").pipeline.promotion_settings()
    assert settings.require_record == settings.rollback_on_failure == ("production",)
    assert type(settings).from_json(settings.to_json()) == settings
    plain = parse(raw(), "dev").pipeline.promotion_settings().to_json()
    assert "require_record" not in plain
    assert "rollback_on_failure" not in plain
