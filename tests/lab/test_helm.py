"""How the lab merges a chart's values; what they render to is `tests/gitops/test_chart.py`'s."""

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
