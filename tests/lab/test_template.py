"""The template engine: what it renders as Go does, and that it refuses everything else."""

import pytest

from lab.helm import FUNCTIONS
from lab.template import TemplateError, render

ROOT = {"Values": {"text": "a", "map": {"z": 1, "b": 2}, "list": ["x", "y"], "no": False, "nil": None}}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("a {{- .Values.text -}} b", "aab"),
        ("a\n  {{- /* said\nnowhere */}}\nb", "a\nb"),
        ("{{ if .Values.nil }}1{{ else }}2{{ end }}", "2"),
        ("{{ with .Values.map }}{{ .b }}{{ $.Values.text }}{{ end }}", "2a"),
        ("{{ with .Values.no }}1{{ else }}{{ .Values.text }}{{ end }}", "a"),
        ("{{ range .Values.list }}[{{ . }}]{{ end }}", "[x][y]"),
        ("{{ range $key, $value := .Values.map }}{{ $key }}={{ $value }};{{ end }}", "b=2;z=1;"),
        ("{{ $a := 1 }}{{ if true }}{{ $a = 2 }}{{ end }}{{ $a }}", "2"),
        ("{{ $a := 1 }}{{ if true }}{{ $a := 2 }}{{ end }}{{ $a }}", "1"),
        ('{{ printf "%s-%s" .Values.text (default "b" .Values.nil) | quote }}', '"a-b"'),
        ('{{ "a\\nb\\"c" | quote }}', '"a\\nb\\"c"'),
    ],
)
def test_it_renders_what_go_renders(template: str, text: str) -> None:
    assert render(template, ROOT, FUNCTIONS) == text


@pytest.mark.parametrize(
    "template",
    [
        "{{ .Values.text",
        "{{ if .Values.text }}",
        "{{ end }}",
        "{{ else }}",
        "{{ if .Values.text }}1{{ else if .Values.no }}2{{ end }}",
        "{{ range .Values.list }}{{ else }}none{{ end }}",
        "{{ range .Values.text }}{{ end }}",
        '{{ define "name" }}{{ end }}',
        '{{ include "name" . }}',
        '{{ template "name" }}',
        "{{ break }}",
        "{{ .Values.list | toYaml }}",
        "{{ .Values.list }}",
        "{{ .Values.nil }}",
        "{{ .Values.no }}",
        "{{ .Values.nil.deeper }}",
        "{{ .Values.text.deeper }}",
        "{{ $unknown }}",
        "{{ $unknown = 1 }}",
        "{{ (default dict .Values.map).b }}",
        "{{ .Values.text | }}",
        "{{ (.Values.text }}",
        "{{ .Values.text .Values.text }}",
        "{{ 'text' }}",
        "{{ `text` }}",
        "{{ 1.5 }}",
        "{{ -1 }}",
        "{{ trunc }}",
        "{{ get .Values.nil .Values.text }}",
        '{{ printf "%d" 1 }}',
        '{{ printf "%s" }}',
        '{{ regexMatch "(?i)a" .Values.text }}',
        '{{ regexMatch "\\\\z" .Values.text }}',
        '{{ kindIs "slice" .Values.list }}',
        "{{ quote 1000000 }}",
        "{{ int .Values.text }}",
    ],
)
def test_what_it_does_not_know_or_go_would_fail_at_is_an_error(template: str) -> None:
    with pytest.raises(TemplateError):
        render(template, ROOT, FUNCTIONS)
