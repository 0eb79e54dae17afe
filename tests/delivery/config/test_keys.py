"""The table of keys: it is consistent, everything in it is read, and the reference says what it says."""

import pytest
import yaml

from delivery.config import reference, rules
from delivery.config.entries import APPLICATION, CHECK, PROMOTE, STAGE, SYNC
from delivery.config.errors import Json, Kind
from delivery.config.key import Key, Type
from delivery.config.keys import PIPELINE, PIPELINE_KEYS, SECRETS, STACK_KEYS, TABLE
from tests.delivery.config.configurations import ROOT, kinds, refused

NESTED = (*APPLICATION, *STAGE, *SYNC, *PROMOTE)
WRONG: dict[Type, Json] = {
    Type.TEXT: {"a": "b"},
    Type.NUMBER: "many",
    Type.FLAG: "yes",
    Type.CHOICE: "neither",
    Type.LIST: "a text",
    Type.ENTRIES: {"name": "dev"},
    Type.MAP: ["a"],
    Type.KEYS: {"key": "a"},
    Type.JSON: "a text",
}
"""What a key of each type cannot be."""
READ = [key for key in TABLE.values() if key.type is not Type.SECRET]


def names(keys: tuple[Key, ...]) -> list[str]:
    return [key.name for key in keys]


@pytest.mark.parametrize("key", [*READ, *NESTED], ids=lambda key: str(key.name))
def test_a_default_keeps_the_rule_of_its_key(key: Key) -> None:
    for value in key.default if isinstance(key.default, list) else [key.default]:
        assert value is None or key.type is Type.MAP or key.rule.holds(value)


@pytest.mark.parametrize("key", READ, ids=lambda key: str(key.name))
def test_a_key_of_the_wrong_type_is_refused_with_the_place_that_sets_it(key: Key) -> None:
    wrong = "\x07" if key.type is Type.TEXT else WRONG[key.type]
    found = next(each for each in refused({key.name: wrong}) if each.where == f"delivery:{key.name}")
    assert found.kind is Kind.NOT_ALLOWED
    place = f"edit Pulumi.yaml: config: delivery:{key.name}: value: " if key.name in PIPELINE else "pulumi config set "
    assert found.fix.startswith(place)


@pytest.mark.parametrize(
    # A context and a local folder are called whatever their owner calls them.
    "key",
    [key for key in READ if key.type is Type.TEXT and key.rule not in (rules.CONTEXT, rules.FOLDER)],
    ids=lambda key: str(key.name),
)
@pytest.mark.parametrize(
    "address", ["https://u:PASSWORD@host/{trace_id}", "https://:PASSWORD@h/api/v3", "https://h/?token=PASSWORD"]
)
def test_no_key_takes_or_shows_a_password_in_an_address(key: Key, address: str) -> None:
    assert "PASSWORD" not in " ".join(map(str, refused({key.name: address})))


@pytest.mark.parametrize(
    ("key", "entry"), [(key, entry) for key in ("applications", "stages") for entry in TABLE[key].keys]
)
def test_a_key_of_an_entry_is_read_and_refused_there(key: str, entry: Key) -> None:
    given: dict[str, Json] = {"name": "dev", **({"image": "a/b"} if key == "applications" else {})}
    where = f"delivery:{key}[0].{entry.name}"
    assert (where, Kind.NOT_ALLOWED) in kinds(refused({key: [given | {entry.name: WRONG[entry.type]}]}))
    assert (where, Kind.NOT_ALLOWED) in kinds(refused({key: [given | {entry.name: None}]}))


@pytest.mark.parametrize("key", SYNC, ids=lambda key: str(key.name))
def test_a_key_of_how_a_stage_is_synced_is_read_and_refused_there(key: Key) -> None:
    assert kinds(refused({"stages": [{"name": "dev", "sync": {key.name: WRONG[key.type]}}]})) == [
        (f"delivery:stages[0].sync.{key.name}", Kind.NOT_ALLOWED)
    ]


@pytest.mark.parametrize("key", PROMOTE, ids=lambda key: str(key.name))
def test_a_key_of_a_request_is_read_and_refused_there(key: Key) -> None:
    assert kinds(refused({"promote": {key.name: WRONG[key.type]}})) == [
        (f"delivery:promote.{key.name}", Kind.NOT_ALLOWED)
    ]


@pytest.mark.parametrize("key", [key for key in TABLE.values() if key.required], ids=lambda key: str(key.name))
def test_a_required_key_that_is_missing_is_said_so(key: Key) -> None:
    assert (f"delivery:{key.name}", Kind.MISSING) in kinds(refused({key.name: None}))


def test_a_secret_is_neither_read_nor_shown() -> None:
    problems = refused({**dict.fromkeys(SECRETS, "ghp_secret"), "githubTokn": "ghp_secret", "colour": "red"})
    assert kinds(problems) == [("delivery:githubTokn", Kind.UNKNOWN_KEY), ("delivery:colour", Kind.UNKNOWN_KEY)]
    assert "ghp_secret" not in "".join(map(str, problems))


def test_the_files_that_are_shipped_have_each_key_where_it_belongs() -> None:
    shared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))["config"]
    assert {key.removeprefix("delivery:") for key in shared} <= TABLE.keys()
    for stack in ("dev", "production"):
        own = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))["config"]
        assert {key.removeprefix("delivery:") for key in own} <= TABLE.keys() - PIPELINE


def test_the_reference_is_up_to_date() -> None:
    assert reference.FILE.read_text(encoding="utf-8") == reference.reference(), "run: make reference"


def test_the_reference_has_every_key_once_in_its_section() -> None:
    rows = [line.split("`")[1] for line in reference.reference().splitlines() if line.startswith("| `")]
    sections = (PIPELINE_KEYS, APPLICATION, STAGE, SYNC, STACK_KEYS, CHECK, PROMOTE)
    assert rows == [name for section in sections for name in names(section)]
