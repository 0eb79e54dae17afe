"""The documents say what is so: links, files, commands, keys, messages, names and tables are compared with the code."""

import ast
import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent

import jsonschema
import pytest
import yaml

from delivery.config import typed
from delivery.config.chart_values import values_schema
from delivery.config.files import read_stack_config
from delivery.config.keys import PIPELINE, TABLE
from delivery.config.reader import parse
from delivery.model.stack import StackConfiguration
from delivery.platform.charts import CHARTS
from delivery.platform.keys import TABLE as PLATFORM_TABLE
from delivery.stack import manifests
from delivery.stack.plan import plan_stack
from delivery.stack.repository_files import InitialValues
from delivery.tracing import attributes
from lab.engine import preview
from tests.sources import parsed
from tools.reference import CHART_VALUES, COMMAND_LINE, PLATFORM, chart_values, command_line, platform

ROOT = Path(__file__).resolve().parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
DOCUMENTS = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("*/README.md"),
        *ROOT.glob("examples/*/README.md"),
    )
}
HOUSE = ("delivery", "program", "components", "gitops", "lab", "ci", "bench", "tools")
FOLDERS = "|".join((*HOUSE, "tests", "docs", "examples", r"\.github"))


def found_in_documents(pattern: str) -> list[tuple[str, str]]:
    """What the pattern's group finds in each document, each once."""
    return sorted(
        {(name, found) for name, text in DOCUMENTS.items() for found in re.findall(pattern, text, re.MULTILINE)}
    )


def table(document: str, head: str) -> list[list[str]]:
    """The rows of the document's tables whose head begins like this."""
    tables = re.findall(rf"^\| {head}.*\n\| ---.*\n((?:\|.*\n)+)", DOCUMENTS[document], re.MULTILINE)
    assert tables, f"{document} has no table that begins with {head}"
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for text in tables for row in text.splitlines()
    ]


def code(cell: str) -> list[str]:
    """What stands in a cell as code; two backticks may hold one."""
    return [first or second for first, second in re.findall(r"``(.+?)``(?!`)|`([^`]+)`", cell)]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives the headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_front_page_fits_on_150_lines_and_has_the_two_commands() -> None:
    lines = DOCUMENTS["README.md"].splitlines()
    assert len(lines) <= 150
    start = DOCUMENTS["README.md"].split("## Quick start")[1].split("\n## ")[0]
    assert "make demo" in start
    assert "make test" in start


def test_the_index_of_the_front_page_has_every_document() -> None:
    linked = {target for name, target in found_in_documents(r"\]\(([^)#:]+)\)") if name == "README.md"}
    assert DOCUMENTS.keys() - linked <= {"README.md"}


@pytest.mark.parametrize(("document", "target"), found_in_documents(r"\]\(((?!https?:)[^)]+)\)"))
def test_every_relative_link_leads_somewhere(document: str, target: str) -> None:
    path, _, anchor = target.partition("#")
    file = (ROOT / document).parent / path if path else ROOT / document
    assert file.is_file()
    if anchor:
        assert anchor in anchors(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("document", "path"), found_in_documents(rf"`((?:{FOLDERS})/[\w./-]*)`"))
def test_every_path_that_is_named_exists(document: str, path: str) -> None:
    in_the_gitops_repository = path.startswith((".github/promoter/", ".github/workflows/promote.yaml"))
    assert in_the_gitops_repository or (ROOT / path).exists(), document


@pytest.mark.parametrize(("document", "target"), found_in_documents(r"(?:`|^ *)make ([a-z-]+)"))
def test_every_make_target_that_is_named_exists(document: str, target: str) -> None:
    removed = document == "CHANGELOG.md" and target == "log"
    assert removed or re.search(rf"^{target}:.*## ", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize(
    ("document", "module"), found_in_documents(r"python -m ((?:delivery|lab|bench|ci|tools)[\w.]*)")
)
def test_every_command_that_is_named_exists(document: str, module: str) -> None:
    assert find_spec(module) is not None, document


@pytest.mark.parametrize(("document", "key"), found_in_documents(r"\bdelivery:([a-z]\w+)"))
def test_every_key_that_is_named_is_one(document: str, key: str) -> None:
    assert key in TABLE.keys() | {"components", "index"}, document


@pytest.mark.parametrize(
    ("document", "key"), found_in_documents(r"pulumi config set (?:-\S+ (?:\w+ )?)*delivery:(\w+)")
)
def test_no_document_sets_a_key_of_the_pipeline_for_one_stack(document: str, key: str) -> None:
    shown_as_refused = document == "docs/tutorial.md" and key == "repositoryOwner"
    assert shown_as_refused or key not in PIPELINE


@pytest.mark.parametrize(("document", "text"), found_in_documents(r"```yaml\n(?! *apiVersion:)((?: *.*\n)+?) *```"))
def test_every_configuration_that_is_shown_is_one(document: str, text: str) -> None:
    for key, entry in yaml.safe_load(text)["config"].items():
        project, _, name = key.rpartition(":")
        if project == "platform":
            # In a stack's own file, which has no `value:`.
            assert name in PLATFORM_TABLE, document
        else:
            assert name in TABLE, document
            assert "value" in entry


@pytest.mark.parametrize(("document", "text"), found_in_documents(r"```yaml values\n((?:.*\n)+?)```"))
def test_values_in_a_document_are_what_the_chart_takes(document: str, text: str) -> None:
    del document
    schema = values_schema("serviceVersion")
    values = yaml.safe_load(text)
    jsonschema.validate(values, schema)
    assert values.keys() <= schema["properties"].keys()


def test_the_reference_of_the_charts_values_is_up_to_date() -> None:
    assert CHART_VALUES.read_text(encoding="utf-8") == chart_values(), "run: make reference"


def test_the_reference_of_the_platform_is_up_to_date() -> None:
    assert PLATFORM.read_text(encoding="utf-8") == platform(), "run: make reference"


def test_the_reference_of_the_command_line_is_up_to_date() -> None:
    assert COMMAND_LINE.read_text(encoding="utf-8") == command_line(), "run: make reference"


def test_the_inputs_of_the_package_are_those_of_the_table() -> None:
    assert typed.FILE.read_text(encoding="utf-8") == typed.typed_inputs(), "run: make reference"


@cache
def strings() -> str:
    """Every text in the sources, on a line of its own, with … for what is filled in."""
    found: list[str] = []
    for folder in ("delivery", "components", "program", "gitops"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(parsed(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
                    found.append("".join(map(str, parts)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
    return "\n".join(found)


@pytest.mark.parametrize(
    "message", [code(row[0])[0] for row in table("docs/reference/messages.md", "message") if "`" in row[0][:1]]
)
def test_every_message_that_is_explained_is_said_somewhere(message: str) -> None:
    assert message.strip("… ") in strings()


def test_the_attributes_in_the_reference_are_those_in_the_code() -> None:
    rows = table("docs/reference/spans.md", "attribute")
    in_code = {value for name, value in vars(attributes).items() if name.isupper()}
    assert {name for row in rows for name in code(row[0])} == in_code - {attributes.SCOPE, attributes.KEPTN}


def test_the_charts_in_the_reference_are_the_pinned_ones() -> None:
    rows = [[code(cell)[0] for cell in row[:3]] for row in table("docs/reference/platform-charts.md", "chart")]
    assert rows == [[pin.name, pin.version, pin.app_version] for pin in CHARTS]


def test_the_files_in_the_reference_are_those_that_the_stacks_commit() -> None:
    rows = table("docs/reference/gitops-files.md", "file")
    own = {"name": "shop", "source": "helm", "promotedKeys": [{"key": "tag"}]}
    committed = set()
    for stack in ("dev", "production"):
        shipped = read_stack_config(ROOT, stack)
        stages = json.dumps([{"name": "dev"}, {"name": "production", "after": ["dev"], "verification": "argocd"}])
        changes: tuple[dict[str, str], ...] = ({}, {"stages": stages}, {"applications": json.dumps([own])})
        for config in (shipped.override(change, {}) for change in (*changes, changes[1] | changes[2])):
            paths = [str(file.inputs["file"]) for file in preview(stack, config).of_type(":RepositoryFile")]
            paths = [path.replace(f".delivery/shop/{stack}/", ".delivery/<application>/<stage>/") for path in paths]
            paths = [re.sub(rf"^{stack}/", "<folder>/", path) for path in paths]
            committed |= {re.sub(r"/tasks/.*", "/tasks/*.py", path) for path in paths}
    assert {name for row in rows for name in code(row[0])} == committed


def test_the_words_that_the_front_page_explains_are_at_most_eight() -> None:
    assert len(table("README.md", "word")) <= 8


def room(module: str) -> str:
    """The part of the house that a module is in: `delivery.model`, `components`."""
    first, *rest = module.split(".")
    return f"delivery.{rest[0]}" if first == "delivery" and rest else first.partition("_")[0]


def imports() -> set[tuple[str, str]]:
    """Which part of the house imports which other one, or `pulumi` and its providers' SDKs."""
    found = set()
    for path in (path for folder in HOUSE for path in (ROOT / folder).rglob("*.py")):
        importer = room(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for node in ast.walk(parsed(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            found |= {(importer, room(name)) for name in names if room(name).split(".")[0] in (*HOUSE, "pulumi")}
    return {(importer, imported) for importer, imported in found if importer != imported}


def test_only_what_the_architecture_allows_is_imported() -> None:
    rows = table("docs/explanation/architecture.md", "module")
    allowed = {module: code(may) for modules, may in rows for module in code(modules) if may != "everything"}
    free = {module for modules, may in rows if may == "everything" for module in code(modules)}
    wrong = [
        f"{importer} imports {imported}"
        for importer, imported in sorted(imports())
        if importer not in free
        and not any(imported == name or imported.startswith(f"{name}.") for name in allowed[importer])
    ]
    assert wrong == []


def test_the_documented_generator_fills_the_secret_with_exactly_what_the_task_reads() -> None:
    text = DOCUMENTS["docs/how-to/github-app.md"].split("```yaml\n")[1].split("```")[0]
    generator, secret = yaml.safe_load_all(dedent(text))
    assert generator["spec"]["permissions"] == {"actions": "write"}
    [source] = secret["spec"]["dataFrom"]
    reference = source["sourceRef"]["generatorRef"]
    assert {key: reference[key] for key in ("apiVersion", "kind")} == {
        key: generator[key] for key in ("apiVersion", "kind")
    }
    assert reference["name"] == generator["metadata"]["name"]
    assert secret["spec"]["target"]["name"] == manifests.SECRET_NAME
    [(key, template)] = secret["spec"]["target"]["template"]["data"].items()
    content = json.loads(template.replace("{{ .token }}", "a-token"))
    assert key == manifests.SECRET_KEY
    access = plan_stack(parse_shipped("dev", promotionSecret="external"), InitialValues()).applications[0].access
    assert access is not None
    assert content.keys() == access.secret_data.keys() | {"apiToken"}
    assert [content["githubRepo"]] == generator["spec"]["repositories"]
    assert content["apiToken"] == "a-token"


def parse_shipped(stack: str, **changes: str) -> StackConfiguration:
    """The shipped configuration of a stack with these changes."""
    given = read_stack_config(ROOT, stack).values
    return parse({key.removeprefix("delivery:"): text for key, text in given.items()} | changes, stack)
