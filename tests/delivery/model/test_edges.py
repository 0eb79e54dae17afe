"""The settings file of promotions: what an edge has for itself, and that each side reads what the other writes."""

import json
from dataclasses import replace

import pytest

from delivery.model.edges import Edge, PromotionSettings, SettingsError
from delivery.model.promoted_keys import in_values

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
