"""A stack's configuration: what the shipped one gives, every mistake in one line, and mends that mend."""

import functools
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

from delivery.config.errors import SHARED, ConfigurationError, Json, Problem
from delivery.config.files import read_stack_config
from delivery.config.reader import KEYS, parse
from delivery.model.stack import StackConfiguration
from tests.delivery.config.mistakes import APPLICATION, FIVE, MEANT, WRONG, applications

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = {
    stack: {key.removeprefix("delivery:"): value for key, value in read_stack_config(ROOT, stack).values.items()}
    for stack in ("dev", "production")
}


def raw(stack: str = "dev", **changes: Json) -> dict[str, str]:
    """The shipped configuration of a stack with these keys set, or taken away where they are None."""
    found = dict(SHIPPED[stack])
    for key, value in changes.items():
        found.pop(key, None)
        if value is not None:
            found[key] = value if isinstance(value, str) else json.dumps(value)
    return found


def refused(given: dict[str, str], stack: str = "dev") -> tuple[Problem, ...]:
    with pytest.raises(ConfigurationError) as caught:
        parse(given, stack)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.problems) + bool(caught.value.more)
    assert all(line.isprintable() and len(line) < 6000 for line in lines)
    return caught.value.problems


def followed(given: dict[str, str], mend: str) -> dict[str, str]:
    """The configuration after the command that a problem prints, as the Pulumi CLI would carry it out."""
    words = [word for word in shlex.split(mend, comments=True) if word != "--"]
    if words[:3] == ["pulumi", "stack", "select"]:
        return given
    assert words[:2] == ["pulumi", "config"], mend
    key = words[3].removeprefix("delivery:")
    if words[2] == "rm":
        return {name: value for name, value in given.items() if name != key}
    assert words[2] == "set"
    assert len(words) == 5, mend
    return given | {key: words[4]}


def test_the_shipped_configuration_gives_the_guides_names() -> None:
    names = {
        stack: [
            (p.application.name, p.namespace, p.path, p.argocd_application) for p in parsed(stack).stage_applications
        ]
        for stack in SHIPPED
    }
    assert names == {
        "dev": [("podtato-head", "podtato-head-dev", "dev", "podtato-head-dev")],
        "production": [("podtato-head", "podtato-head-production", "production", "podtato-head-prod")],
    }


def parsed(stack: str, **changes: Json) -> StackConfiguration:
    return parse(raw("production" if stack == "production" else "dev", **changes), stack)


def test_the_shipped_stages_are_dev_and_then_production() -> None:
    dev, production = parsed("dev"), parsed("production")
    assert (dev.promotes_to, production.promotes_to) == (("production",), ())
    assert (dev.owns_repository, production.owns_repository) == (True, False)
    assert [str(edge) for edge in dev.pipeline.edges()] == ["podtato-head: dev → production"]
    assert dev.pipeline.edges() == production.pipeline.edges()


def test_the_shipped_owner_is_an_example() -> None:
    assert parsed("dev").pipeline.repository.is_example
    assert not parsed("dev", repositoryOwner="acme").pipeline.repository.is_example


def test_the_pipeline_is_a_graph_with_fan_out_and_joins() -> None:
    pipeline = parsed("dev", stages=FIVE).pipeline
    targets = {stage.name: pipeline.targets(stage) for stage in pipeline.stages}
    assert targets == {
        "dev": ("load", "acceptance"),
        "load": ("staging",),
        "acceptance": ("staging",),
        "staging": ("production",),
        "production": (),
    }
    assert [(edge.source, edge.target) for edge in pipeline.edges()] == [
        ("dev", "load"),
        ("dev", "acceptance"),
        ("load", "staging"),
        ("acceptance", "staging"),
        ("staging", "production"),
    ]


def test_stages_may_stand_in_any_order_and_have_several_beginnings() -> None:
    pipeline = parsed("dev", stages=[*reversed(FIVE), {"name": "lab"}]).pipeline
    assert pipeline.first_stage.name == "dev"
    assert pipeline.targets(pipeline.first_stage) == ("acceptance", "load")


def test_every_application_is_placed_in_every_stage_by_its_own_overrides() -> None:
    several = applications(
        {"name": "web", "path": "{application}/{stage}"},
        {
            "name": "api",
            "path": "{application}/{stage}",
            "namespace": "{stage}-backend",
            "argocdApplication": "{stage}.api",
        },
    )
    stack = parsed("dev", applications=several)
    assert [(p.namespace, p.path, p.argocd_application) for p in stack.stage_applications] == [
        ("web-dev", "web/dev", "web-dev"),
        ("dev-backend", "api/dev", "dev.api"),
    ]
    assert len(stack.pipeline.stage_applications) == 4


def test_a_stack_overrides_names_for_its_own_stage_only() -> None:
    pipeline = parsed("production", namespace="live").pipeline
    assert [(p.stage.name, p.namespace) for p in pipeline.stage_applications] == [
        ("dev", "podtato-head-dev"),
        ("production", "live"),
    ]


@pytest.mark.parametrize(
    ("api_url", "server", "repository"),
    [
        ("https://api.github.com", "https://github.com", "https://github.com/example-org/podtato-head-gitops"),
        (
            "https://github.acme.example/api/v3",
            "https://github.acme.example",
            "https://github.acme.example/example-org/podtato-head-gitops",
        ),
        (
            "http://127.0.0.1:8080/api/v3",
            "http://127.0.0.1:8080",
            "http://127.0.0.1:8080/example-org/podtato-head-gitops",
        ),
    ],
)
def test_the_repositorys_addresses_follow_from_the_api(api_url: str, server: str, repository: str) -> None:
    found = parsed("dev", githubApiUrl=api_url).pipeline.repository
    assert (found.server_url, found.url) == (server, repository)


@pytest.mark.parametrize(
    ("stack", "changes", "where", "words"), [case[1:] for case in WRONG], ids=[c[0] for c in WRONG]
)
def test_a_mistake_is_one_line_with_key_found_allowed_and_a_command_that_mends_it(
    stack: str, changes: dict[str, Json], where: str, words: tuple[str, ...]
) -> None:
    given = raw("production" if stack == "production" else "dev", **changes)
    [problem] = refused(given, stack)
    line = str(problem)
    assert line.startswith(where)
    for word in (*words, "found ", "; allowed: ", "; mend: pulumi "):
        assert word in line
    if problem.mend.startswith("pulumi stack select "):
        stack = problem.mend.split()[-1]
    given = followed(given, problem.mend)
    # What was hidden by the mistake may show now; the mistake itself may not, and in the end nothing is wrong.
    assert (problem.where, problem.allowed) not in [(each.where, each.allowed) for each in left(given, stack)]
    for _ in range(3):
        given = functools.reduce(followed, [each.mend for each in left(given, stack)], given)
    assert left(given, stack) == ()


@pytest.mark.parametrize(("changes", "meant"), [case[1:] for case in MEANT], ids=[case[0] for case in MEANT])
def test_one_round_of_mends_gives_what_was_meant(changes: dict[str, Json], meant: Json) -> None:
    given = raw("dev", **changes)
    mended = functools.reduce(followed, [each.mend for each in refused(given)], given)
    assert left(mended, "dev") == ()
    text = mended[list(changes)[-1]]
    assert (text if isinstance(meant, str) else json.loads(text)) == meant


@pytest.mark.parametrize(("found", "meant"), [("Acceptance", "acceptance"), ("lod", "load")])
def test_a_request_names_the_source_that_was_meant(found: str, meant: str) -> None:
    given = raw("dev", stages=FIVE, promote={"from": found, "again": "Yes"})
    mended = functools.reduce(followed, [each.mend for each in left(given, "staging")], given)
    request = parse(mended, "staging").request
    assert (request.source, request.again) == (meant, True)


def left(given: dict[str, str], stack: str) -> tuple[Problem, ...]:
    try:
        parse(given, stack)
    except ConfigurationError as error:
        return error.problems
    return ()


@pytest.mark.parametrize(
    ("stack", "stages", "meant"),
    [
        ("prod", ["dev", "production"], "production"),
        ("prd", ["dev", "production"], "production"),
        ("stage", ["dev", "staging"], "staging"),
        ("stg", ["dev", "staging"], "staging"),
        ("accept", ["dev", "acceptance"], "acceptance"),
        ("production", ["dev", "prod"], "prod"),
        ("development", ["dev", "prod"], "dev"),
        ("production", ["dev", "prd"], "prd"),
        ("prod", ["dev", "production-eu", "production-us"], "production-eu"),
        ("dev-eu", ["dev", "production"], None),
        ("dev2", ["dev", "production"], None),
        ("production-eu", ["dev", "production"], None),
        ("pr", ["dev", "production"], None),
        ("demo", ["development", "production"], None),
        ("qa", ["dev", "production"], None),
    ],
)
def test_a_stack_whose_name_stands_for_a_stage_is_that_stage_and_no_further_one(
    stack: str, stages: list[str], meant: str | None
) -> None:
    [problem] = refused(raw("dev", stages=[{"name": name} for name in stages]), stack)
    if meant:
        assert problem.mend == f"pulumi stack select --create {meant}"
    else:
        assert f'"name": "{stack}"' in problem.mend


@pytest.mark.parametrize("key", ["x" * 100_000, "colour\nmend: rm -rf /"], ids=["long", "of two lines"])
def test_a_key_that_no_command_can_name_is_refused_too(key: str) -> None:
    [problem] = refused(raw("dev", **{key: "y"}))
    assert problem.mend == "take it out of the file that sets it, Pulumi.yaml or Pulumi.STACK.yaml"


@pytest.mark.parametrize(
    ("key", "value", "shared"),
    [
        ("repositoryOwner", "", True),
        ("applications", [], True),
        ("promotionRetries", "many", True),
        ("kubeContext", "", False),
        ("metadata", {"team": 7}, False),
        ("postDeploymentTasks", ["Post-Deployment"], False),
    ],
)
def test_the_mend_of_a_key_that_all_stacks_share_reminds_of_the_others(key: str, value: Json, shared: bool) -> None:
    [problem] = refused(raw("dev", **{key: value}))
    assert problem.mend.endswith("  # or in Pulumi.yaml, for every stack") is shared


def test_every_key_in_the_shipped_project_file_is_one_that_stacks_share() -> None:
    assert set(SHIPPED["dev"]) & set(SHIPPED["production"]) <= SHARED | {"destinationServer"}
    assert SHARED < KEYS


def test_names_that_meet_where_their_parts_differ_are_refused() -> None:
    # web-a in dev and web in a-dev: both web-a-dev.
    stages: Json = [{"name": "dev"}, {"name": "a-dev"}]
    several = applications({"name": "web-a"}, {"name": "web"})
    given = raw("dev", pathPattern="{stage}/{application}", stages=stages, applications=several)
    problems = refused(given)
    assert [(each.where, "web-a in dev and web in a-dev meet at 'web-a-dev'" in each.allowed) for each in problems] == [
        ("delivery:applications[1].namespace", True),
        ("delivery:applications[1].argocdApplication", True),
    ]
    assert left(functools.reduce(followed, [each.mend for each in problems], given), "dev") == ()


def test_applications_that_join_get_places_of_their_own_and_the_first_one_keeps_its_names() -> None:
    several = applications({}, {"name": "shop"}, {"name": "cart"})
    given = raw("dev", applications=several, namespacePattern="team-{stage}", argocdApplicationPattern="{stage}")
    problems = refused(given)
    assert len(problems) == 6
    given = functools.reduce(followed, [each.mend for each in problems], given)
    mended = parse(given, "dev").stage_applications
    assert [(each.namespace, each.path, each.argocd_application) for each in mended] == [
        ("team-dev", "dev", "dev"),
        ("shop-dev", "shop/dev", "shop-dev"),
        ("cart-dev", "cart/dev", "cart-dev"),
    ]


def test_all_mistakes_are_reported_together_and_one_round_of_mends_mends_them() -> None:
    wrong: dict[str, Json] = {"image": "a:b", "containerPort": 0, "servicePort": "http", "promotedKeys": ["a", "a"]}
    given = raw(
        "dev",
        repositoryOwner="a/b",
        repositoryNme="x",
        promotionTtlSeconds="5",
        stages=[{"name": "dev", "afer": []}, {"name": "production", "after": ["develop", "dev", "staging"]}],
        applications=applications(wrong),
    )
    problems = refused(given)
    assert [each.where for each in problems] == [
        "delivery:repositoryNme",
        "delivery:stages[0]",
        "delivery:stages[1].after",
        "delivery:stages[1].after",
        "delivery:applications[0].image",
        "delivery:applications[0].containerPort",
        "delivery:applications[0].servicePort",
        "delivery:applications[0].promotedKeys",
        "delivery:repositoryOwner",
        "delivery:promotionTtlSeconds",
    ]
    # Each command carries all that is wrong with its key, so a second one undoes nothing of the first.
    assert left(functools.reduce(followed, [each.mend for each in problems], given), "dev") == ()


def test_of_very_many_mistakes_the_first_are_reported_and_the_others_counted() -> None:
    given = raw("dev", promotionLabels=[f"{n},{n}" for n in range(1000)])
    with pytest.raises(ConfigurationError) as caught:
        parse(given, "dev")
    assert len(caught.value.problems) == 25
    assert str(caught.value).splitlines()[-1] == "and 975 more; mend these first"


def test_a_secret_is_neither_read_nor_shown() -> None:
    given = raw("dev", githubToken="ghp_secret", promotionToken="ghp_secret", githubTokn="ghp_secret", colour="red")
    assert "ghp_secret" not in "".join(str(problem) for problem in refused(given))


@pytest.mark.parametrize("text", ["v0.3.0", "1.10", "7e12345", "a" * 63])
def test_a_version_is_whatever_is_a_label(text: str) -> None:
    assert (
        parsed("dev", applications=applications({"firstVersion": text})).pipeline.applications[0].first_version == text
    )


@pytest.mark.parametrize(
    "address",
    [
        "",
        "http://localhost:16686/trace/{trace_id}?uiFind={span_id}",
        "https://tempo.example.com/{trace_id}",
        'https://grafana.example.com/explore?left={"queries":[{"query":"{trace_id}"}]}',
    ],
)
def test_an_address_of_traces_has_the_trace_in_it_or_is_empty(address: str) -> None:
    assert parsed("dev", traceUrl=address).pipeline.promotions.trace_url == address


def test_defaults_are_enough_for_a_pipeline() -> None:
    given = {
        "repositoryOwner": "acme",
        "repositoryName": "gitops",
        "stages": '[{"name": "dev"}, {"name": "production", "after": ["dev"]}]',
        "applications": json.dumps([APPLICATION]),
    }
    stack = parse(given, "production")
    assert stack.pipeline.repository.default_branch == "main"
    assert (stack.argocd.namespace, stack.argocd.project, stack.argocd.finalizer) == ("argocd", "default", False)
    assert stack.pipeline.promotions.ttl_seconds >= 30
    assert stack.cluster.mode == "deploy"


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
SCALARS |= st.sampled_from(["dev", "{stage}", "a.b", "1" * 5000])
NAMES = st.sampled_from(["name", "after", "image", "path", "promotedKeys", "version"]) | st.text(max_size=8)
JSON_VALUES: st.SearchStrategy[Json] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
TEXTS = JSON_VALUES.map(json.dumps) | st.text(max_size=30)


@settings(max_examples=300, deadline=1000, derandomize=True)
@given_any(
    st.dictionaries(st.sampled_from(sorted(KEYS)), TEXTS, max_size=6),
    st.sampled_from(["dev", "production", "test", ""]) | st.text(max_size=10),
)
def test_whatever_the_keys_hold_it_is_a_configuration_or_mistakes_in_lines_that_mend(
    changes: dict[str, str], stack: str
) -> None:
    given = SHIPPED["dev"] | changes
    first = left(given, stack)
    assert all(str(problem).isprintable() for problem in first)
    mends = [each.mend for each in first if each.mend.startswith("pulumi config")]
    again = left(functools.reduce(followed, mends, given), stack)
    said = {(each.where, each.found, each.allowed) for each in first if each.mend in mends}
    assert said.isdisjoint((each.where, each.found, each.allowed) for each in again)


def lines_run(call: Callable[[], object]) -> int:
    """How many lines of Python `call` runs: the work, whatever else the machine does."""
    lines = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        call()
    finally:
        sys.settrace(before)
    return lines


def of_many(number: int, **each: Json) -> dict[str, str]:
    many = applications(*({"name": f"app-{n}", "path": "{application}/{stage}", **each} for n in range(number)))
    return raw("dev", stages=FIVE, applications=many)


def test_reading_takes_time_in_proportion_to_the_number_of_placements() -> None:
    def counted(number: int) -> int:
        given = of_many(number)
        return lines_run(lambda: parse(given, "dev").pipeline.promotion_settings())

    assert counted(100) < 12 * counted(10)


def test_refusing_takes_time_in_proportion_too_however_many_names_are_wrong() -> None:
    def counted(number: int) -> int:
        given = of_many(number, namespace="default")
        return lines_run(lambda: left(given, "dev"))

    assert counted(200) < 5 * counted(50)
