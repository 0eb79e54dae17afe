"""How the lab merges a chart's values; what they render to is `tests/gitops/test_chart.py`'s."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.helm import render_chart
from lab.template import TemplateError


def chart(folder: Path, values: str, over: str, template: str = "{{ .Values.a.b }} {{ .Values.a.c }}") -> Path:
    (folder / "templates").mkdir()
    (folder / "templates" / "one.yaml").write_text(template)
    (folder / "values.yaml").write_text(values)
    (folder / "platform.yaml").write_text(over)
    return folder


def test_later_values_go_over_earlier_ones_key_by_key(tmp_path: Path) -> None:
    folder = chart(tmp_path, "a: {b: 1, c: 2}\n", "a: {c: 3}\n")
    assert render_chart(folder, namespace="n", parameters={}) == "1 3"


def test_a_null_takes_a_key_away(tmp_path: Path) -> None:
    folder = chart(tmp_path, "a: {b: 1, c: 2}\n", "a: {b: null}\n", '{{ default "gone" .Values.a.b }}')
    assert render_chart(folder, namespace="n", parameters={}) == "gone"


def test_parameters_go_over_everything(tmp_path: Path) -> None:
    folder = chart(tmp_path, "a: 1\n", "a: 2\n", "{{ .Values.a }} {{ .Release.Namespace }}")
    assert render_chart(folder, namespace="n", parameters={"a": "0f3"}) == "0f3 n"


@pytest.mark.parametrize("value", ["12", "-1", "true", "null", "a,b=c", "{a}", "a\n", "[0]"])
def test_a_parameter_that_helm_reads_as_something_else_is_refused(tmp_path: Path, value: str) -> None:
    folder = chart(tmp_path, "a: 1\n", "", "{{ .Values.a }}")
    with pytest.raises(TemplateError, match="the parameter a="):
        render_chart(folder, namespace="n", parameters={"a": value})


def test_values_that_are_no_mapping_and_files_that_are_no_manifest_are_refused(tmp_path: Path) -> None:
    folder = chart(tmp_path, "- a\n", "")
    with pytest.raises(TemplateError, match=r"values\.yaml: expected a mapping"):
        render_chart(folder, namespace="n", parameters={})
    (folder / "values.yaml").write_text("a: {b: 1, c: 1}\n")
    (folder / "templates" / "_helpers.tpl").write_text("")
    with pytest.raises(TemplateError, match=r"_helpers\.tpl"):
        render_chart(folder, namespace="n", parameters={})


# A bare scalar, whether it is a text to Helm, and how it comes out in quotes.
SCALARS = [
    ("1e3", False, "1000"),
    ("12e03", False, "12000"),
    ("2024-01-01", True, "2024-01-01"),
    ("2024-01-01T10:00:00Z", True, "2024-01-01T10:00:00Z"),
    ("1:30", True, "1:30"),
    ("012", False, "10"),
    ("-012", False, "-10"),
    ("08", False, "8"),
    ("0o17", False, "15"),
    ("0x1F", False, "31"),
    ("-0b11", False, "-3"),
    ("1_000", False, "1000"),
    ("5.0", False, "5"),
    ("+5", False, "5"),
    ("on", False, "true"),
    ("n", False, "false"),
    ("v1", True, "v1"),
    ("=", True, "="),
    ("'1e3'", True, "1e3"),
    ('"on"', True, "on"),
    ("!!str 012", True, "012"),
]


def helm_template(folder: Path) -> str:
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: x\nversion: 0.1.0\n")
    command = [str(shutil.which("helm")), "template", "x", str(folder), f"--values={folder}/platform.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return "\n".join(line for line in done.stdout.splitlines() if line[:1] not in ("-", "#")).strip()


def lab_template(folder: Path) -> str:
    return render_chart(folder, namespace="n", parameters={}).strip()


without_helm = pytest.mark.skipif(shutil.which("helm") is None, reason="helm is not on PATH")
RENDERERS = [lab_template, pytest.param(helm_template, marks=without_helm)]


@pytest.mark.parametrize("renderer", RENDERERS)
def test_scalars_without_quotes_are_what_helm_takes_them_for(tmp_path: Path, renderer: Callable[[Path], str]) -> None:
    names = [f"s{number}" for number in range(len(SCALARS))]
    values = "".join(f"{name}: {text}\n" for name, (text, _, _) in zip(names, SCALARS, strict=True))
    line = 'NAME: {{ if kindIs "string" .Values.NAME }}text{{ else }}other{{ end }} {{ quote .Values.NAME }}'
    template = "\n".join(line.replace("NAME", name) for name in names)
    printed = renderer(chart(tmp_path, values, "", template)).splitlines()
    kinds = ["text" if is_text else "other" for _, is_text, _ in SCALARS]
    expected = [f'{kind} "{text}"' for kind, (_, _, text) in zip(kinds, SCALARS, strict=True)]
    assert [line.partition(": ")[2] for line in printed] == expected


@pytest.mark.parametrize("renderer", RENDERERS)
def test_keys_are_texts_and_maps_are_merged(tmp_path: Path, renderer: Callable[[Path], str]) -> None:
    values = "base: &base {x: 1, z: 3}\na: {<<: *base, on: 2, 7: 8, z: 4}\n"
    template = 'all: {{ .Values.a.x }} {{ get .Values.a "true" }} {{ get .Values.a "7" }} {{ .Values.a.z }}'
    assert renderer(chart(tmp_path, values, "", template)) == "all: 1 2 8 4"


@pytest.mark.parametrize("text", [".inf", "-.INF", ".nan", "!!timestamp 2024-01-01", "{1.5: a}", "{"])
def test_values_that_json_cannot_hold_are_refused_in_one_line(tmp_path: Path, text: str) -> None:
    folder = chart(tmp_path, f"a: {text}\n", "")
    with pytest.raises(TemplateError, match=r"\Avalues\.yaml: [^\n]*\Z"):
        render_chart(folder, namespace="n", parameters={})
