"""The settings file of promotions: what an edge has for itself, and that each side reads what the other writes."""

import json
from dataclasses import replace

import pytest

from delivery.model.edges import Edge
from delivery.model.promoted_keys import PromotedKey, in_values
from delivery.model.settings import PromotionSettings, SettingsError

EDGE = Edge("web", "dev", "production", "dev", "production", in_values("serviceVersion"))
SETTINGS = PromotionSettings(
    owner="acme",
    repository="gitops",
    default_branch="main",
    api_url="https://api.github.com",
    web_url="https://github.com/acme/gitops",
    stages={"dev": (), "production": ("dev",)},
    edges=(EDGE,),
    labels=("promotion",),
    reviewers=("octo-cat",),
    team_reviewers=("platform",),
)


def test_an_edge_has_the_labels_and_reviewers_of_all_edges_or_its_own() -> None:
    own = replace(EDGE, labels=("live",), reviewers=())
    found = [
        (SETTINGS.labels_for(edge), SETTINGS.reviewers_for(edge), SETTINGS.team_reviewers_for(edge))
        for edge in (EDGE, own)
    ]
    assert found == [(("promotion",), ("octo-cat",), ("platform",)), (("live",), (), ("platform",))]


@pytest.mark.parametrize("edge", [EDGE, replace(EDGE, labels=("live",), reviewers=())])
@pytest.mark.parametrize("sign", [False, True])
def test_the_file_reads_back_as_it_was_written(edge: Edge, sign: bool) -> None:
    settings = replace(SETTINGS, edges=(edge,), sign_commits=sign)
    assert PromotionSettings.from_json(settings.to_json()) == settings


def test_an_edge_with_nothing_of_its_own_is_written_as_promoters_before_can_read_it() -> None:
    settings = json.loads(SETTINGS.to_json())
    assert "sign_commits" not in settings
    [edge] = settings["edges"]
    assert list(edge) == ["application", "source", "target", "source_path", "target_path", "promoted_keys"]


@pytest.mark.parametrize("text", ["", "[]", "{}", SETTINGS.to_json().replace('"production": [', '"Production": [')])
def test_what_is_no_such_file_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        PromotionSettings.from_json(text)


def test_settings_of_the_release_before_are_read() -> None:
    edge: dict[str, object] = {"application": "web", "source": "dev", "target": "production", "source_path": "dev"}
    edge |= {"target_path": "production", "promoted_keys": ["image.tag", "replicas"]}
    text = json.loads(SETTINGS.to_json()) | {"edges": [edge]}
    [read] = PromotionSettings.from_json(json.dumps(text)).edges
    assert read.promoted_keys == in_values("image.tag", "replicas")
    assert (read.at_source.files, read.at_target.written) == (("dev/values.yaml",), ("production/values.yaml",))
    assert read.target_platform == "production/platform.yaml"


def test_an_edge_with_files_of_the_teams_own_reads_back_as_it_was_written() -> None:
    keys = (PromotedKey("a.[name=b].c", "{stage}.yaml", "List", "x"), *in_values("tag"))
    edge = replace(EDGE, promoted_keys=keys, own_files=True, version=keys[1].name, source_branch="env/dev")
    assert PromotionSettings.from_json(replace(SETTINGS, edges=(edge,)).to_json()).edges == (edge,)
    assert edge.at_target.written == (
        ".delivery/web/production/values.yaml",
        "production/production.yaml",
        "production/values.yaml",
    )
