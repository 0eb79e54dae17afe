"""The page: self-contained, escaped, usable without a mouse; its looks are for eyes."""

import re
from html.parser import HTMLParser

import pytest

from delivery.tracing.html import page
from tests.delivery.tracing.builder import REASON, Story, drawn, guide

VOID = {"meta", "link", "br", "path", "img"}


class Structure(HTMLParser):
    """Checks that every element is closed, and keeps tags with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


def hostile() -> Story:
    evil = "</style><script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    story = Story()
    phase = story.rollout("dev", evil, 0, trace="evil")
    attributes = {"delivery.change.url": "javascript:alert(3)", "vcs.change.title": evil, "vcs.change.id": evil}
    story.run(phase, 70, attributes=attributes | {evil: evil, "deployment.environment.name": evil})
    return story


def test_the_page_says_the_lead_time_and_every_section_and_row() -> None:
    line = drawn(guide(200))
    structure = Structure(page(line))
    assert "6 min 48 s" in structure.text
    for name in [section.name for section in line.sections] + [row.name for row in line.rows]:
        assert name in structure.text


@pytest.mark.parametrize("story", [guide(), hostile()], ids=["guide", "hostile"])
def test_nothing_is_loaded_from_anywhere_and_nothing_runs(story: Story) -> None:
    text = page(drawn(story))
    structure = Structure(text)
    assert not {tag for tag, _ in structure.tags} & {"script", "img", "iframe", "object", "embed", "base", "form"}
    assert not [name for _, attributes in structure.tags for name in attributes if name.startswith("on")]
    assert [attributes["href"] for tag, attributes in structure.tags if tag == "link"] == ["data:,"]
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    assert not re.search(r"url\(|@import", style[1])


def test_only_web_addresses_become_links() -> None:
    links = [attributes["href"] for tag, attributes in Structure(page(drawn(guide()))).tags if tag == "a"]
    assert links == ["https://github.com/acme/gitops/pull/7"]
    assert not [tag for tag, _ in Structure(page(drawn(hostile()))).tags if tag == "a"]


def test_a_line_is_drawn_to_everything_that_follows_from_a_promotion_phase() -> None:
    structure = Structure(page(drawn(guide())))
    assert len([tag for tag, _ in structure.tags if tag == "path"]) == 2


def test_every_row_can_be_reached_by_keyboard() -> None:
    line = drawn(guide())
    rows = [attributes for tag, attributes in Structure(page(line)).tags if tag == "li" and "tabindex" in attributes]
    assert len(rows) == len(line.rows)
    assert {attributes["tabindex"] for attributes in rows} == {"0"}


def test_bars_stay_inside_their_track() -> None:
    for left, width in re.findall(r'class="bar" style="left:([\d.]+)%;width:([\d.]+)%"', page(drawn(guide()))):
        assert 0 <= float(left) <= 100
        assert float(left) + float(width) <= 100.01


def test_a_verification_that_failed_is_no_arrival() -> None:
    story = Story(("production",))
    phase = story.rollout("dev", "v0.3.1", 0)
    story.run(phase, 70)
    story.failure("production", "v0.3.1", 100, follows=phase)
    text = Structure(page(drawn(story))).text
    assert "until it failed in production" in text
    assert f"✗ {REASON}" in text
