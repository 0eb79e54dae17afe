import stat
from pathlib import Path

import pytest
import yaml

from delivery.laptop.session import DONE, INTERRUPTED, REFUSED, WRONG, Session
from delivery.laptop.survey import Wanted
from delivery.laptop.up import up
from lab.project import set_keys
from tests.delivery.laptop.machine import GITHUB_TOKEN, K3D, PULUMI, REPOSITORY, Laptop
from tests.messages import assert_message

COMMAND = f"make up REPOSITORY={REPOSITORY}"


def run(laptop: Laptop, repository: str = REPOSITORY, cluster: str = "", *, yes: bool = False) -> int:
    return laptop.session(COMMAND, yes=yes).told(lambda session: up(session, Wanted(repository, cluster)))


def until_healthy(laptop: Laptop) -> None:
    """Let the stages become healthy one after another, and the person leave then."""

    def slept(count: int) -> None:
        if count == 1:
            laptop.heal("dev")
        if count == 2:
            laptop.heal("production")
        if count > 2:
            laptop.wait_for(lambda: len(laptop.calls("kubectl")) in (4, 8))
            raise KeyboardInterrupt

    laptop.slept = slept


def modes(folder: Path) -> dict[str, str]:
    return {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in folder.iterdir()}


def test_everything_is_made_in_order(laptop: Laptop) -> None:
    until_healthy(laptop)

    assert run(laptop) == DONE

    assert laptop.clusters == ["delivery"]
    assert laptop.stacks == [".laptop/dev", ".laptop/production", "platform/laptop"]
    assert [line.split()[0] for line in laptop.lines("updates")] == ["laptop", "dev", "production"]


def test_the_cluster_gets_a_kubeconfig_of_its_own(laptop: Laptop) -> None:
    until_healthy(laptop)
    run(laptop)

    create = "kind create cluster --name delivery --kubeconfig …/.laptop/kubeconfig --wait 120s"
    assert laptop.calls("kind create") == [create]
    assert laptop.workspace.environment["KUBECONFIG"] == str(laptop.workspace.kubeconfig)
    config = yaml.safe_load((laptop.workspace.folder / "Pulumi.dev.yaml").read_text())["config"]
    assert config["delivery:kubeContext"] == "kind-delivery"
    assert config["delivery:kubeconfig"] == str(laptop.workspace.kubeconfig)


def test_with_k3d_the_cluster_has_no_traefik_and_the_persons_kubeconfig_is_left_alone(laptop: Laptop) -> None:
    (laptop.bin / "kind").unlink()
    laptop.install("k3d", K3D)
    until_healthy(laptop)

    assert run(laptop) == DONE

    [create] = laptop.calls("k3d cluster create")
    assert "--k3s-arg=--disable=traefik@server:*" in create
    assert "--kubeconfig-update-default=false" in create
    assert laptop.clusters == ["delivery"]


def test_the_token_is_in_no_argument_and_in_no_output_and_in_no_file_in_plain_text(laptop: Laptop) -> None:
    until_healthy(laptop)
    run(laptop)

    assert GITHUB_TOKEN not in laptop.out.getvalue() + "".join(laptop.lines("calls"))
    files = [path for path in laptop.program.rglob("*") if path.is_file()]
    assert [path for path in files if GITHUB_TOKEN in path.read_text()] == []
    assert laptop.lines("secrets") == [
        f"platform:githubToken={GITHUB_TOKEN}",
        f"delivery:promotionToken={GITHUB_TOKEN}",
        f"delivery:promotionToken={GITHUB_TOKEN}",
    ]
    assert laptop.lines("updates")[1:] == [f"dev up {GITHUB_TOKEN} ", f"production up {GITHUB_TOKEN} "]


def test_the_promotion_task_may_have_a_narrower_token(laptop: Laptop) -> None:
    until_healthy(laptop)
    laptop.environ["DELIVERY_PROMOTION_TOKEN"] = "narrow-token"
    run(laptop)

    assert laptop.lines("secrets")[1:] == ["delivery:promotionToken=narrow-token"] * 2


def test_what_is_secret_may_be_read_by_this_person_alone(laptop: Laptop) -> None:
    until_healthy(laptop)
    run(laptop)

    found = modes(laptop.workspace.folder)
    assert {found[name] for name in ("passphrase", "kubeconfig", "answers.json")} == {"0o600"}
    assert oct(stat.S_IMODE(laptop.workspace.folder.stat().st_mode)) == "0o700"
    assert (laptop.workspace.folder / ".gitignore").read_text() == "*\n"


def test_no_file_of_the_checkout_changes(laptop: Laptop) -> None:
    before = {path: path.read_text() for path in laptop.program.rglob("*.yaml")}
    until_healthy(laptop)
    run(laptop)

    assert {path: path.read_text() for path in before} == before


def test_what_will_be_made_is_listed_before_anything_is(laptop: Laptop) -> None:
    laptop.typed = ""

    assert run(laptop) == WRONG

    listed = laptop.out.getvalue().replace(str(laptop.program), "…").replace(laptop.forge.url, "https://github.com")
    assert_message("laptop.up", listed.partition("\n\n")[2])
    assert laptop.clusters == []
    assert not laptop.workspace.folder.exists()


def test_without_a_terminal_nobody_agrees_and_nothing_is_made(laptop: Laptop) -> None:
    laptop.terminal = False

    assert run(laptop) == REFUSED

    assert_message("laptop.nobody_to_ask", laptop.out.getvalue().splitlines()[-1])
    assert laptop.clusters == []
    assert not laptop.workspace.folder.exists()


def test_a_script_that_agrees_gets_the_commands_in_place_of_port_forwards(laptop: Laptop) -> None:
    laptop.terminal = False
    until_healthy(laptop)

    assert run(laptop, yes=True) == DONE

    opened = [line for line in laptop.out.getvalue().splitlines() if "port-forward" in line]
    assert [line.split()[0] for line in opened] == ["Argo", "Jaeger", "dev", "production"]
    assert laptop.calls("kubectl") == []


def test_the_four_addresses_are_printed_and_kept_open_until_the_person_leaves(laptop: Laptop) -> None:
    until_healthy(laptop)
    run(laptop)

    printed = [line.split("  ")[1:] for line in laptop.out.getvalue().splitlines() if "://localhost" in line]
    assert [title.strip() for title, *_ in printed] == ["Argo CD", "Jaeger", "dev", "production"]
    services = [line.split()[-2] for line in laptop.calls("kubectl")]
    assert services[2:] == ["service/podtato-head-frontend"] * 2
    assert all(line.startswith("kubectl --context kind-delivery") for line in laptop.calls("kubectl"))


def test_it_goes_on_where_a_step_has_failed(laptop: Laptop) -> None:
    until_healthy(laptop)
    fixed = laptop.fail("production")
    assert run(laptop) == WRONG
    assert_message("laptop.failed_step", laptop.ending())

    fixed.unlink()
    assert run(laptop, repository="") == DONE

    assert laptop.calls("kind create") == [laptop.calls("kind create")[0]]
    assert laptop.calls("docker start") == ["docker start delivery-control-plane"]
    assert [line for line in laptop.calls("pulumi") if "stack init" in line] == [
        "pulumi --cwd …/.laptop/platform stack init laptop --no-select",
        "pulumi --cwd …/.laptop stack init dev --no-select",
        "pulumi --cwd …/.laptop stack init production --no-select",
    ]


def test_the_passphrase_and_what_encrypts_secrets_stay_the_same(laptop: Laptop) -> None:
    until_healthy(laptop)
    run(laptop)
    file, passphrase = laptop.workspace.folder / "Pulumi.dev.yaml", laptop.workspace.folder / "passphrase"
    file.write_text(f"encryptionsalt: v1:abc\n{file.read_text()}")
    before = passphrase.read_text()

    run(laptop)

    assert yaml.safe_load(file.read_text())["encryptionsalt"] == "v1:abc"
    assert passphrase.read_text() == before


@pytest.mark.parametrize("cluster_is_there", [True, False])
def test_a_stage_that_was_taken_out_goes_by_the_pipeline_that_knows_it(
    laptop: Laptop, *, cluster_is_there: bool
) -> None:
    laptop.heal("dev", "production")
    laptop.terminal = False
    run(laptop, yes=True)
    stages = [{"name": "dev"}, {"name": "production", "after": ["dev"]}]
    set_keys(laptop.program, "dev", {"stages": stages[:1]})
    if not cluster_is_there:
        (laptop.folder / "clusters" / "delivery").unlink()
    destroy = f"destroy*) cp {laptop.workspace.folder}/Pulumi.yaml {laptop.folder}/then.yaml;;"
    laptop.install("pulumi", PULUMI.replace("esac", 'esac\ncase "$*" in ' + destroy + " esac"))

    assert run(laptop, yes=True) == DONE

    assert "no longer has are removed: production\n" in laptop.out.getvalue()
    unreachable = "" if cluster_is_there else "true"
    assert f"production destroy {GITHUB_TOKEN} {unreachable}" in laptop.lines("updates")
    assert laptop.stacks == [".laptop/dev", "platform/laptop"]
    then = yaml.safe_load((laptop.folder / "then.yaml").read_text())["config"]["delivery:stages"]["value"]
    assert then == stages


def test_a_cluster_that_somebody_else_made_is_not_used(laptop: Laptop) -> None:
    (laptop.folder / "clusters" / "delivery").touch()

    assert run(laptop) == WRONG

    assert_message("laptop.foreign_cluster", laptop.ending())
    assert laptop.stacks == []


def test_another_repository_is_refused_while_the_stacks_are_of_one(laptop: Laptop) -> None:
    until_healthy(laptop)
    run(laptop)

    assert run(laptop, repository="acme/another") == REFUSED
    assert_message("laptop.another_repository", laptop.out.getvalue().strip())


@pytest.mark.parametrize(
    ("repository", "cluster", "case"),
    [("", "", "no_repository"), ("podtato", "", "no_repository"), ("a/b", "Not_A_Name", "no_cluster_name")],
)
def test_what_is_no_name_is_refused(laptop: Laptop, repository: str, cluster: str, case: str) -> None:
    assert run(laptop, repository, cluster) == REFUSED
    assert_message(f"laptop.{case}", laptop.out.getvalue().strip())


def test_a_missing_tool_stops_it_before_anything_is_asked(laptop: Laptop) -> None:
    for name in ("kind", "kubectl", "docker", "git"):
        (laptop.bin / name).unlink()

    assert run(laptop) == WRONG

    wrong = [line for line in laptop.out.getvalue().splitlines() if line.startswith("wrong ")]
    assert_message("laptop.tools", "\n".join(wrong))
    assert laptop.forge.requests == []


def test_docker_that_does_not_run_stops_it(laptop: Laptop) -> None:
    laptop.fail("docker")

    assert run(laptop) == WRONG
    [wrong] = [line for line in laptop.out.getvalue().splitlines() if line.startswith("wrong ")]
    assert wrong.startswith("wrong    docker")


def test_ctrl_c_says_what_is_done(laptop: Laptop) -> None:
    def slept(_: int) -> None:
        raise KeyboardInterrupt

    laptop.slept = slept

    assert run(laptop) == INTERRUPTED
    assert_message("laptop.interrupted", laptop.ending())


def test_a_stage_that_never_gets_healthy_is_told_with_what_it_waits_for(laptop: Laptop) -> None:
    laptop.heal("dev")

    assert run(laptop) == WRONG

    assert_message("laptop.unhealthy", laptop.ending())


def test_the_stages_know_where_traces_go(laptop: Laptop) -> None:
    until_healthy(laptop)
    run(laptop)

    config = yaml.safe_load((laptop.workspace.folder / "Pulumi.production.yaml").read_text())["config"]
    assert config["delivery:otlpEndpoint"] == "http://collector:4318"


def test_a_session_asks_only_who_has_not_agreed(laptop: Laptop) -> None:
    def nobody() -> str:
        raise EOFError

    session: Session = laptop.session("make up", yes=True)
    session.read = nobody
    assert session.agree("?")
    session.yes = False
    assert not session.agree("?")
