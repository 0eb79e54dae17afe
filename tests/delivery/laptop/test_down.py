import pytest

from delivery.laptop.down import down
from delivery.laptop.session import DONE, REFUSED, WRONG
from delivery.laptop.survey import Wanted
from delivery.laptop.up import up
from tests.delivery.laptop.machine import GITHUB_TOKEN, REPOSITORY, Laptop
from tests.messages import assert_message


@pytest.fixture
def up_already(laptop: Laptop) -> Laptop:
    """A laptop after `make up`."""
    laptop.heal("dev", "production")
    laptop.terminal = False
    assert laptop.session("make up", yes=True).told(lambda session: up(session, Wanted(REPOSITORY, ""))) == DONE
    laptop.terminal = True
    return laptop


def run(laptop: Laptop) -> int:
    return laptop.session("make down").told(down)


def destroyed(laptop: Laptop) -> list[str]:
    return [line for line in laptop.lines("updates") if " destroy " in line]


def test_everything_goes_in_reverse_order(up_already: Laptop) -> None:
    assert run(up_already) == DONE

    assert [line.split()[0] for line in destroyed(up_already)] == ["production", "dev", "laptop"]
    assert (up_already.stacks, up_already.clusters) == ([], [])
    assert not up_already.workspace.folder.exists()


def test_the_program_of_now_takes_the_stages_away_with_the_token_of_now(up_already: Laptop) -> None:
    up_already.environ["GITHUB_TOKEN"] = "new-token"
    up_already.forge.add_token("new-token")
    run(up_already)

    assert [line for line in up_already.calls("pulumi") if " destroy " in line and "--run-program" not in line] == []
    assert destroyed(up_already)[0] == "production destroy new-token "


def test_what_goes_and_what_stays_is_listed_before_anything_goes(up_already: Laptop) -> None:
    up_already.typed = "n"

    assert run(up_already) == WRONG

    listed = up_already.out.getvalue().partition("\n\n")[2].replace(up_already.forge.url, "https://github.com")
    assert_message("laptop.down", listed)
    assert destroyed(up_already) == []
    assert up_already.clusters == ["delivery"]


def test_without_a_terminal_nothing_goes(up_already: Laptop) -> None:
    up_already.terminal = False
    assert run(up_already) == REFUSED
    assert destroyed(up_already) == []


def test_it_goes_on_where_a_step_has_failed(up_already: Laptop) -> None:
    fixed = up_already.fail("dev")
    assert run(up_already) == WRONG
    assert_message("laptop.failed_down", up_already.ending().replace(str(up_already.program), "…"))
    assert up_already.stacks == [".laptop/dev", "platform/laptop"]

    fixed.unlink()
    assert run(up_already) == DONE
    assert [line.split()[0] for line in destroyed(up_already)] == ["production", "dev", "dev", "laptop"]
    assert up_already.clusters == []


def test_where_the_cluster_is_gone_the_files_of_the_repository_go_all_the_same(up_already: Laptop) -> None:
    (up_already.folder / "clusters" / "delivery").unlink()

    assert run(up_already) == DONE

    assert destroyed(up_already) == [f"{stage} destroy {GITHUB_TOKEN} true" for stage in ("production", "dev")]
    assert up_already.stacks == []


def test_where_the_repository_is_gone_the_stacks_are_forgotten_and_the_cluster_goes(up_already: Laptop) -> None:
    up_already.forge.delete_repository(REPOSITORY)

    assert run(up_already) == DONE

    assert destroyed(up_already) == []
    assert (up_already.stacks, up_already.clusters) == ([], [])


def test_a_repository_of_which_nothing_is_known_forgets_no_stack(up_already: Laptop) -> None:
    up_already.forge.fail_next("GET", rf"^/repos/{REPOSITORY}$", status=503, times=None)

    assert run(up_already) == WRONG
    assert len(up_already.stacks) == 3


def test_where_nothing_is_up_there_is_nothing_to_do(laptop: Laptop) -> None:
    assert run(laptop) == DONE
    assert laptop.calls("") == []
