"""The offer to install the Pulumi CLI: only to somebody who is there, only where it can be had, only when wanted."""

import io
from typing import cast

import pytest
from pulumi.automation import PulumiCommand

from lab.pulumi_install import offer
from lab.terminal import Terminal

CLI = cast(PulumiCommand, object())


class Person:
    """Answers one question, and remembers whether it was put."""

    def __init__(self, answer: str) -> None:
        self.answer, self.asked = answer, False

    def ask(self, _: str) -> str:
        self.asked = True
        return self.answer


def offered(person: Person, *, there: bool = True, reachable: bool = True) -> PulumiCommand | None:
    return offer(
        Terminal(io.StringIO()),
        somebody_there=lambda: there,
        ask=person.ask,
        can_reach=lambda: reachable,
        install=lambda: CLI,
    )


def test_a_person_who_says_yes_gets_the_cli() -> None:
    assert offered(Person("y")) is CLI


@pytest.mark.parametrize("answer", ["", "n", "no", "what?"])
def test_any_other_answer_goes_on_without(answer: str) -> None:
    assert offered(Person(answer)) is None


@pytest.mark.parametrize(("there", "reachable"), [(False, True), (True, False)])
def test_nothing_is_asked_where_nobody_answers_or_nothing_can_be_had(there: bool, reachable: bool) -> None:
    person = Person("y")
    assert offered(person, there=there, reachable=reachable) is None
    assert not person.asked


def test_it_says_how_to_get_the_cli_in_any_case() -> None:
    out = io.StringIO()
    offer(Terminal(out), somebody_there=lambda: False)
    assert "brew install pulumi" in out.getvalue()
    assert "pulumi/actions" in out.getvalue()
