"""What a stack asks of GitHub, file by file: the arithmetic for many teams stands on it."""

from tests.bench.test_many_teams import COMMIT, OF_A_STACK, READS_OF_A_COMMIT, REFRESHED_FILE
from tests.engine.team import REFRESH_RENDERED, Team


def test_a_file_is_one_commit_and_five_reads_a_preview_reads_none_again_and_a_refresh_two(team: Team) -> None:
    def asked() -> tuple[int, int]:
        methods = [request.method for request in team.forge.requests if request.kind == "rest"]
        team.forge.forget_requests()
        return methods.count("GET"), len(methods) - methods.count("GET")

    done = team.up("production")
    assert done.status == 0, done.text
    files = len(team.files()) - len(team.example.files)
    assert asked() == (READS_OF_A_COMMIT * files + OF_A_STACK, COMMIT * files)

    assert team.preview("production").status == 0
    assert asked() == (OF_A_STACK, 0)

    refreshed = team.run("production", "preview", "--refresh", "--run-program", environment=REFRESH_RENDERED)
    assert refreshed.status == 0, refreshed.text
    assert asked() == (REFRESHED_FILE * files + OF_A_STACK, 0)
