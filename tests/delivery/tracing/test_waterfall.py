"""The drawing on a terminal."""

import pytest

from delivery.tracing.formatting import columns
from delivery.tracing.waterfall import Style, waterfall
from tests.delivery.tracing.builder import Story, drawn, guide

SHORT = """\
podtato-head v0.3.1   dev → production
6 min 48 s from commit d1d1d1d to production

Where the time was spent
  wait for dev's sync                1 min 15 s   18.4 %  ░░░░
  dev deployment                          1 min   14.7 %  ███
  promotion to production                13.0 s    3.2 %  █
  review of #7                       3 min 20 s   49.0 %  ▒▒▒▒▒▒▒▒▒▒▒
  production deployment                   1 min   14.7 %  ███
"""


def test_the_lead_time_and_its_parts_come_first() -> None:
    assert waterfall(drawn(guide(200)), Style(width=80)).startswith(SHORT)


@pytest.mark.parametrize("width", [1, 80, 100, 120, 500])
@pytest.mark.parametrize("review", [30, 200, 5_000_000])
def test_bars_stay_within_80_to_120_columns(width: int, review: float) -> None:
    text = waterfall(drawn(guide(review)), Style(width=width))
    picture = text.split("\n\n")[2]
    assert max(columns(row) for row in picture.splitlines()) <= min(max(width, 80), 120)


def test_a_long_wait_leaves_the_rest_readable_and_the_drawing_says_so() -> None:
    text = waterfall(drawn(guide(5_000_000)), Style(width=100))
    assert "every column has a scale of its own" in text
    deploy = next(row for row in text.splitlines() if "AppDeploy" in row)
    assert deploy.count("█") >= 8


def test_a_short_story_is_to_scale() -> None:
    story = Story()
    phase = story.rollout("dev", "v0.3.1", 0)
    story.run(phase, 70)
    story.rollout("production", "v0.3.1", 80, follows=phase)
    assert "Waterfall, to scale" in waterfall(drawn(story), Style())


def test_without_colour_there_is_no_escape_and_with_it_every_one_is_ended() -> None:
    line = drawn(guide(200))
    assert "\x1b" not in waterfall(line, Style(colour=False))
    coloured = waterfall(line, Style(colour=True))
    assert coloured.count("\x1b[") == 2 * coloured.count("\x1b[0m") > 0


def test_a_terminal_without_unicode_gets_ascii() -> None:
    text = waterfall(drawn(guide(200)), Style(unicode=False))
    assert text.isascii()
    assert "dev > production" in text
    assert "#####" in text


def test_a_hostile_name_does_not_reach_the_terminal() -> None:
    story = Story()
    story.rollout("dev", "v1\x1b]0;owned\x07\n", 0)
    text = waterfall(drawn(story), Style())
    assert "\x1b" not in text
    assert "\x07" not in text


def test_a_verification_that_failed_is_said_in_the_headline_and_marked_in_its_rows() -> None:
    story = Story(("production",))
    phase = story.rollout("dev", "v0.3.1", 0)
    story.run(phase, 70)
    story.failure("production", "v0.3.1", 100, follows=phase)
    text = waterfall(drawn(story), Style())
    assert "until it failed in production" in text
    assert "✗ post-deployment" in text
    assert "↳ ✗ production" in text


@pytest.mark.parametrize("argocd", [(), ("production",)])
def test_what_comes_after_the_last_section_takes_no_width_from_it(argocd: tuple[str, ...]) -> None:
    story = Story(argocd)
    phase = story.rollout("dev", "v0.3.1", 0)
    story.run(phase, 70)
    story.rollout("production", "v0.3.1", 100, follows=phase)
    line = drawn(story)
    assert line.scale.pieces[-1].end == line.sections[-1].end < line.rows[-1].end
    assert all(len(row) <= 100 for row in waterfall(line, Style()).splitlines())
