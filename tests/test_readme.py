"""The README says what is so: its keys, defaults, targets, messages and files are held against the code."""

import json
import re
from pathlib import Path

import pytest
import yaml

from delivery.config.errors import ConfigurationError, Json
from delivery.config.files import read_stack_config
from delivery.config.reader import EXAMPLES, KEYS, SECRETS, parse
from delivery.config.readiness import in_plain_text
from delivery.model.secret import SecretText

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("delivery", "components", "gitops", "lab/forge")
    for path in sorted((ROOT / folder).rglob("*.py"))
)

REQUIRED = {
    "repositoryOwner": "acme",
    "repositoryName": "gitops",
    "applications": json.dumps([{"name": "a", "image": "b"}]),
    "stages": json.dumps([{"name": "dev"}]),
}


def section(title: str) -> str:
    """The text under one heading."""
    return README.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def tables(text: str) -> list[list[list[str]]]:
    """The cells of every row of every table in `text`, without the heads."""
    found = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return [[[cell.strip() for cell in line[1:-1].split("|")] for line in each.splitlines()[2:]] for each in found]


def code(cell: str) -> list[str]:
    """What stands in a cell as code."""
    return re.findall(r"`([^`]+)`", cell)


def told(table: list[list[str]], column: int) -> dict[str, str]:
    """What a column has for every key of the table."""
    return {key: row[column] for row in table for key in code(row[0])}


def value(cell: str) -> str:
    """The one value that a cell has, as `pulumi config set` takes it: JSON, where the cell has a list or a map."""
    [only] = code(cell)
    return json.dumps(yaml.load(only, yaml.BaseLoader)) if only.startswith("[") else only  # noqa: S506 - makes texts


SETTINGS, OF_AN_APPLICATION = tables(section("Configuration"))


def with_application(**keys: Json) -> dict[str, str]:
    """What is required, the application with these keys too."""
    return REQUIRED | {"applications": json.dumps([{"name": "a", "image": "b", **keys}])}


def test_the_tables_of_configuration_have_every_key_and_no_other() -> None:
    assert told(SETTINGS, 0).keys() == KEYS
    with pytest.raises(ConfigurationError, match="in this map: one of ") as caught:
        parse(with_application(zzz=1), "dev")
    [problem] = caught.value.problems
    known = problem.allowed.removeprefix("in this map: one of ").split(", ")
    assert sorted(told(OF_AN_APPLICATION, 0)) == known


@pytest.mark.parametrize(("key", "cell"), sorted(told(SETTINGS, 2).items()))
def test_the_default_in_the_table_is_the_default(key: str, cell: str) -> None:
    if cell == "required":
        with pytest.raises(ConfigurationError, match=f"delivery:{key}: found nothing"):
            parse({name: text for name, text in REQUIRED.items() if name != key}, "dev")
    elif cell.partition(":")[0] == "none":
        nothing = "[]" if EXAMPLES.get(key) == [] else "{}"
        assert key in SECRETS | {"kubeContext", "namespace", "argocdApplication"} or is_default(key, nothing)
    else:
        assert is_default(key, value(cell))


@pytest.mark.parametrize(("key", "cell"), sorted(told(OF_AN_APPLICATION, 2).items()))
def test_the_default_in_the_table_of_an_application_is_the_default(key: str, cell: str) -> None:
    without = parse(with_application(), "dev")
    if cell == "required":
        with pytest.raises(ConfigurationError, match=rf"delivery:applications\[0\]\.{key}: found nothing"):
            parse(REQUIRED | {"applications": json.dumps([{"image": "b"} if key == "name" else {"name": "a"}])}, "dev")
    elif cell == "its `name`":
        assert parse(with_application(**{key: "a"}), "dev") == without
    elif not cell.startswith("none"):
        given: Json = json.loads(value(cell)) if cell.startswith("`[") else value(cell)
        assert parse(with_application(**{key: given}), "dev") == without


def is_default(key: str, text: str) -> bool:
    """Whether the configuration is the same with this value of the key as without the key."""
    return parse(REQUIRED | {key: text}, "dev") == parse(REQUIRED, "dev")


@pytest.mark.parametrize("stack", ["dev", "production"])
def test_what_the_table_says_is_shipped_is_in_the_files_and_nothing_else(stack: str) -> None:
    cells = {key: cell for key, cell in told(SETTINGS, 3).items() if cell}
    by_name = {key: code(cell) for key, cell in cells.items() if cell.startswith("one: ")}
    others = {key: cell for key, cell in cells.items() if cell.startswith(("`", f"in {stack} "))}
    defaults = {key: code(cell)[0] for key, cell in told(SETTINGS, 2).items() if code(cell)}
    shipped = {key.removeprefix("delivery:"): text for key, text in read_stack_config(ROOT, stack).values.items()}

    names = {"applications": [each["name"] for each in json.loads(shipped.pop("applications"))]}
    names["tasks"] = list(json.loads(shipped.pop("tasks")))
    assert by_name == names
    assert {key: value(cell) for key, cell in others.items()} == {
        key: text for key, text in shipped.items() if text != defaults.get(key)
    }


def test_the_application_that_the_table_says_is_shipped_is_the_one_in_the_file() -> None:
    [application] = json.loads(read_stack_config(ROOT, "dev").values["delivery:applications"])
    defaults = {key: json.loads(value(cell)) for key, cell in told(OF_AN_APPLICATION, 2).items() if cell[:2] == "`["}
    shipped = {key: f"`{given}`" for key, given in application.items() if given != defaults.get(key)}
    assert {key: cell for key, cell in told(OF_AN_APPLICATION, 3).items() if cell} == shipped


def test_the_files_that_are_shown_are_a_configuration(tmp_path: Path) -> None:
    shared, own = re.findall(r"```yaml\n(# (\S+)\n.*?)```", section("Configuration"), re.DOTALL)
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))
    project["config"] |= yaml.safe_load(shared[0])["config"]
    (tmp_path / shared[1]).write_text(yaml.safe_dump(project), encoding="utf-8")
    (tmp_path / own[1]).write_text(own[0], encoding="utf-8")

    values = read_stack_config(tmp_path, "staging").values
    found = parse({key.removeprefix("delivery:"): text for key, text in values.items()}, "staging")

    assert (found.stage.after, found.promotes_to) == (("dev",), ("production",))
    assert (found.cluster.context, found.checks.post_deployment_tasks) == ("staging-cluster", ("post-deployment",))
    assert found.pipeline.repository.owner == "acme"


def test_git_ignores_the_folder_to_which_secrets_are_rendered() -> None:
    rendered = parse(REQUIRED, "dev").cluster.render_to
    assert f"/{rendered}/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert f"git ignores `{rendered}`" in section("Configuration")


@pytest.mark.parametrize("key", sorted(SECRETS))
def test_the_table_says_of_which_secret_what_may_be_in_plain_text(key: str) -> None:
    path = SecretText("/home/me/.kube/config")
    assert ("need not be encrypted" in told(SETTINGS, 1)[key]) is (in_plain_text({key: path}) == [])


def test_the_command_for_scripts_is_the_one_that_make_doctor_runs() -> None:
    [told] = re.findall(r"`.venv/bin/(python -m delivery\.doctor [^`]+)`", README)
    [run] = re.findall(r"^\t@\$\(BIN\)/(python -m delivery\.doctor --stack .*)", MAKEFILE, re.MULTILINE)
    assert told == run.replace("$(STACK)", "dev").replace("$(if $(JSON),--json)", "--json")


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`?make ([a-z-]+)", README))))
def test_every_target_that_is_named_exists(target: str) -> None:
    assert re.search(rf"^{target}:.*## ", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_every_file_that_is_linked_exists(path: str) -> None:
    assert (ROOT / path).is_file()


@pytest.mark.parametrize(
    "message",
    [
        row[0]
        for row in tables(section("Troubleshooting"))[0]
        if row[0].startswith("`") and "stack is currently" not in row[0] and "already exists" not in row[0]
    ],
)
def test_every_message_that_is_explained_is_said_somewhere(message: str) -> None:
    # A message is told with its variable parts left out or made up: each constant part has to be in the sources.
    for part in re.split(r"…|#7|main:|dev/values\.yaml", message.strip("`")):
        assert part.strip(" :;") in SOURCES, part


def test_the_example_in_the_readme_is_refused_in_words_that_it_promises() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse({}, "dev")
    line = str(caught.value).splitlines()[0]
    assert all(part in line for part in ("found", "allowed", "mend: pulumi config set"))
