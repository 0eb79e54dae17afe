"""Configuration files as the Pulumi CLI reads them, and one clear line for those that it would not."""

from pathlib import Path

import pytest

from delivery.config.files import StackConfig, StackFilesError, read_stack_config

PROJECT = "name: delivery\nconfig:\n  delivery:repositoryOwner:\n    value: acme\n  shared:\n    default: 7\n"


def read(folder: Path, text: str | bytes | None, project: str = PROJECT) -> StackConfig:
    (folder / "Pulumi.yaml").write_text(project, encoding="utf-8")
    if text is not None:
        (folder / "Pulumi.dev.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_stack_config(folder, "dev")


def test_a_stacks_value_replaces_the_projects_whole_value(tmp_path: Path) -> None:
    project = PROJECT + "  delivery:tasks:\n    value: {a: x, b: y}\n"
    values = read(tmp_path, "config:\n  delivery:tasks: {c: z}\n", project).values
    assert values == {"delivery:repositoryOwner": "acme", "delivery:shared": "7", "delivery:tasks": '{"c": "z"}'}


@pytest.mark.parametrize(
    "text",
    [None, "", "# nothing yet\n", "config:\n", "config: {}\n", "encryptionsalt: v1:abc\n", "---\n"],
    ids=["no file", "empty", "a comment", "no keys", "an empty map", "a salt alone", "a document mark"],
)
def test_a_stack_without_configuration_of_its_own_has_the_projects(tmp_path: Path, text: str | None) -> None:
    assert read(tmp_path, text).values["delivery:repositoryOwner"] == "acme"


def test_a_key_without_namespace_is_the_projects_own(tmp_path: Path) -> None:
    found = read(tmp_path, "config:\n  repositoryOwner: other\n  github:token: x\n")
    assert found.values["delivery:repositoryOwner"] == "other"
    assert found.values["github:token"] == "x"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("true", "true"),
        ("yes", "yes"),
        ("1.10", "1.1"),
        ('"1.10"', "1.10"),
        ("2024-01-01", "2024-01-01"),
        ("12:30", "12:30"),
        ("30", "30"),
        ("[a, 1, true, null]", '["a", 1, true, null]'),
        ("{on: 2024-01-01, 1: ü}", '{"on": "2024-01-01", "1": "ü"}'),
    ],
)
def test_scalars_are_read_as_the_cli_reads_them(tmp_path: Path, written: str, text: str) -> None:
    assert read(tmp_path, f"config:\n  x: {written}\n").values["delivery:x"] == text


def test_line_ends_byte_order_marks_and_a_missing_last_newline_change_nothing(tmp_path: Path) -> None:
    for text in (b"\xef\xbb\xbfconfig:\n  x: y\n", b"config:\r\n  x: y\r\n", b"config:\n  x: y"):
        assert read(tmp_path, text).values["delivery:x"] == "y"


def test_what_is_encrypted_stays_so_and_is_a_secret_all_the_way(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "config:\n  githubToken:\n    secure: AAABcipher\n  metadata:\n    team: {secure: AAABcipher}\n"
        "  labels: [plain, {secure: AAABcipher}]\n",
    )
    assert found.secret_keys == {"delivery:githubToken", "delivery:metadata", "delivery:labels"}
    assert "AAAB" not in repr(found)


def test_keys_can_be_set_and_taken_away_again() -> None:
    config = StackConfig({}, frozenset()).override({"a": "1", "t": "plain"}, {"t": "token"})
    assert config.secret_keys == {"delivery:t"}
    assert config.override({"t": "plain"}, {}).secret_keys == frozenset()
    assert config.without("t") == StackConfig({"delivery:a": "1"}, frozenset())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("config:\n\tx: y\n", 2),
        ("config:\n  x: y\n  x: z\n", 3),
        ("config:\n  x: {a: 1, a: 2}\n", 2),
        ("config: &all\n  x: &one y\n  z: *one\n", 3),
        ("config:\n  ? [a]\n  : b\n", 2),
        ("config: {x: [\n", 2),
        ("config:\n  x: !!python/object:os.system y\n", 2),
        ("a: b\n---\nc: d\n", 2),
        (b"config:\n  x: gr\xf6n\n", 2),
        ("- config\n", 0),
        ("config: [a]\n", 0),
        ("config:\n  x:\n", 0),
        (b"config:\n  x: \x00\n", 0),
        ("[" * 5000, 1),
    ],
)
def test_what_cannot_be_read_is_one_line_with_its_place(tmp_path: Path, text: str | bytes, line: int) -> None:
    with pytest.raises(StackFilesError) as refused:
        read(tmp_path, text)
    assert (refused.value.file, refused.value.line) == ("Pulumi.dev.yaml", line)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    "entry",
    [
        "{value: }",
        "{default: null}",
        "{type: string}",
        "{}",
        "",
        "{valu: argo-cd}",
        "{value: a, team: b}",
        '{"a\\nb": c}',
        "{secure: AAABcipher}",
        "{value: a, default: b}",
    ],
)
def test_a_declaration_that_the_cli_refuses_is_refused_here_too(tmp_path: Path, entry: str) -> None:
    with pytest.raises(StackFilesError) as refused:
        read(tmp_path, None, f"name: delivery\nconfig:\n  delivery:x: {entry}\n")
    assert refused.value.file == "Pulumi.yaml"
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("entry", ["{value: }", "{type: string}", "{description: the owner}", "{}"])
def test_a_key_that_the_project_only_declares_has_the_stacks_value(tmp_path: Path, entry: str) -> None:
    found = read(tmp_path, "config:\n  x: own\n", f"name: delivery\nconfig:\n  delivery:x: {entry}\n")
    assert found.values == {"delivery:x": "own"}


@pytest.mark.parametrize(
    ("entry", "text"), [("plain", "plain"), ("[a, b]", '["a", "b"]'), ("{value: {a: b}}", '{"a": "b"}')]
)
def test_a_value_of_the_project_may_stand_bare_unless_it_is_a_map(tmp_path: Path, entry: str, text: str) -> None:
    found = read(tmp_path, None, f"name: delivery\nconfig:\n  delivery:x: {entry}\n")
    assert found.values == {"delivery:x": text}


@pytest.mark.parametrize("project", [None, ""], ids=["missing", "empty"])
def test_without_a_project_there_is_nothing_to_read(tmp_path: Path, project: str | None) -> None:
    if project is not None:
        (tmp_path / "Pulumi.yaml").write_text(project, encoding="utf-8")
    with pytest.raises(StackFilesError) as refused:
        read_stack_config(tmp_path, "dev")
    assert refused.value.file == "Pulumi.yaml"
