"""Promotions of applications whose files are the team's own: several values, in several files, in one pull request."""

from dataclasses import replace

import pytest

from delivery.model.edges import Edge
from delivery.model.promoted_keys import PromotedKey
from tests.delivery.promotion.story import NAME, TRACEPARENT, Run, Story, platform

IMAGE = "images.[name=ghcr.io/acme/shop]"
KEYS = (
    PromotedKey(f"{IMAGE}.newTag", "kustomization.yaml"),
    PromotedKey(f"{IMAGE}.digest", "kustomization.yaml"),
    PromotedKey("data.LEVEL", "config.yaml", kind="ConfigMap", document="shop"),
)
SHOP = Edge("shop", "dev", "production", "apps/shop/dev", "apps/shop/production", KEYS, own_files=True)
OVERLAY = """\
resources: [../base]
images:
  - name: ghcr.io/acme/sidecar
    newTag: v9
  - name: ghcr.io/acme/shop
    newTag: {}  # promoted
    digest: sha256:{}
"""
CONFIG = "kind: Secret\nmetadata: {{name: shop}}\n---\nkind: ConfigMap\nmetadata:\n  name: shop\ndata:\n  LEVEL: {}\n"
TRACE = ".delivery/shop/production/values.yaml"


def files(stage: str, version: str, digest: str, level: str) -> dict[str, str | bytes | None]:
    folder = f"apps/shop/{stage}"
    return {
        f"{folder}/kustomization.yaml": OVERLAY.format(version, digest * 64),
        f"{folder}/config.yaml": CONFIG.format(level),
    }


@pytest.fixture
def shop(told: Story) -> Story:
    """The application `shop`, with overlays of the team's own, at v1 in both stages."""
    told.settings = replace(told.settings, edges=(SHOP,))
    trace = 'commitID: ""\ntraceParent: ""\n'
    committed = {TRACE: trace, ".delivery/shop/production/platform.yaml": platform(SHOP)}
    told.forge.commit(NAME, {**files("dev", "v1", "a", "info"), **files("production", "v1", "a", "info")}, "Begin")
    told.forge.commit(NAME, {**committed}, "Declare")
    return told


def promote(told: Story, commit: str = "", **environ: str) -> Run:
    return told.promote(commit, APPLICATION="shop", **environ)


def changed(told: Story, ref: str) -> set[str]:
    """The files that a branch changes."""
    paths = [*files("production", "", "a", ""), *files("dev", "", "a", ""), TRACE]
    return {path for path in paths if told.forge.read(NAME, path, ref) != told.forge.read(NAME, path, "main")}


def test_values_of_several_files_are_one_commit_and_one_table(shop: Story) -> None:
    commit = shop.forge.commit(NAME, files("dev", "v2", "b", "debug"), "Release v2")

    run = promote(shop, commit, VERSION="v2")

    assert (run.status, run.result, run.pushes) == (0, "created", 1)
    assert changed(shop, SHOP.branch) == {*files("production", "", "a", ""), TRACE}
    assert shop.forge.read(NAME, "apps/shop/production/config.yaml", SHOP.branch) == CONFIG.format("debug").encode()
    assert f'traceParent: "{TRACEPARENT}"'.encode() in (shop.forge.read(NAME, TRACE, SHOP.branch) or b"")
    body = shop.pull_requests[0].body or ""
    assert shop.pull_requests[0].title == "Promote shop v2 to production"
    assert [line for line in body.splitlines() if line.startswith("| `apps/")] == [
        f"| `apps/shop/production/kustomization.yaml` | `{IMAGE}.newTag` | `v1` | `v2` |",
        f"| `apps/shop/production/kustomization.yaml` | `{IMAGE}.digest` | `sha256:{'a' * 64}` | `sha256:{'b' * 64}` |",
        "| `apps/shop/production/config.yaml` | `ConfigMap shop data.LEVEL` | `info` | `debug` |",
    ]


def test_only_the_files_whose_values_differ_are_changed(shop: Story) -> None:
    promote(shop, shop.forge.commit(NAME, files("dev", "v2", "b", "info"), "Release v2"))
    assert changed(shop, SHOP.branch) == {"apps/shop/production/kustomization.yaml", TRACE}


def test_the_version_is_another_key_where_that_is_configured(shop: Story) -> None:
    edge = replace(SHOP, version=KEYS[2].name)
    shop.settings = replace(shop.settings, edges=(edge,))
    shop.forge.commit(NAME, {".delivery/shop/production/platform.yaml": platform(edge)}, "Declare")
    promote(shop, shop.forge.commit(NAME, files("dev", "v2", "b", "debug"), "Release"))
    assert shop.pull_requests[0].title == "Promote shop debug to production"


def test_a_rollback_returns_all_of_it(shop: Story) -> None:
    promote(shop, shop.forge.commit(NAME, files("dev", "v2", "b", "debug"), "Release v2"))
    shop.merge(1)

    run = promote(shop, ROLLBACK="it returns 500", TRACEPARENT="")

    assert run.result == "created"
    shop.merge(2)
    for path, text in files("production", "v1", "a", "info").items():
        assert shop.forge.read(NAME, path, "main") == str(text).encode()


def test_a_commit_that_does_not_change_the_promoted_values_is_nothing_to_promote(shop: Story) -> None:
    commit = shop.forge.commit(NAME, {"apps/shop/dev/other.yaml": "a: b\n"}, "Another file")
    assert promote(shop, commit).result == "nothing to change"


def test_half_of_it_changed_by_hand_on_the_branch_is_a_conflict(shop: Story) -> None:
    promote(shop, shop.forge.commit(NAME, files("dev", "v2", "b", "debug"), "Release v2"))
    mine = {"apps/shop/production/config.yaml": CONFIG.format("trace")}
    shop.forge.commit(NAME, mine, "Mine", branch=SHOP.branch, author="dana")
    run = promote(shop, shop.forge.commit(NAME, files("dev", "v3", "c", "warn"), "Release v3"))
    assert run.status == 1
    assert "has commits by other authors that changed" in run.errors


@pytest.mark.parametrize("gone", ["apps/shop/dev/config.yaml", "apps/shop/production/config.yaml"])
def test_a_file_of_the_team_that_is_not_there_is_no_matter_of_a_stack(shop: Story, gone: str) -> None:
    commit = shop.forge.commit(NAME, {**files("dev", "v2", "b", "debug"), gone: None}, "Release v2")
    run = promote(shop, commit)
    assert run.status == 1
    assert f"{gone} is not in commit" in run.errors
    assert "pulumi up" not in run.errors


def test_a_version_label_that_no_promoted_value_has_is_a_note(shop: Story) -> None:
    run = promote(shop, shop.forge.commit(NAME, files("dev", "v2", "b", "debug"), "Release v2"), VERSION="2026.11")
    assert run.result == "created"
    assert "`2026.11`" in (shop.pull_requests[0].body or "")


def test_stages_with_branches_of_their_own_are_promoted_from_one_to_the_other(told: Story) -> None:
    edge = replace(SHOP, target_path="apps/shop/dev", source_branch="env/dev", target_branch="env/production")
    told.settings = replace(told.settings, edges=(edge,))
    trace = {TRACE: 'traceParent: ""\n', ".delivery/shop/production/platform.yaml": platform(edge)}
    told.forge.commit(NAME, files("dev", "v1", "a", "info"), "Begin", branch="env/dev")
    told.forge.commit(NAME, {**files("dev", "v1", "a", "info"), **trace}, "Begin", branch="env/production")
    commit = told.forge.commit(NAME, files("dev", "v2", "b", "debug"), "Release v2", branch="env/dev")

    run = promote(told, commit, VERSION="v2")

    assert run.result == "created"
    assert told.pull_requests[0].base == "env/production"
    merged = told.merge(1)
    assert told.forge.read(NAME, "apps/shop/dev/config.yaml", "env/production") == CONFIG.format("debug").encode()
    assert promote(told, commit).result == "nothing to change"
    assert promote(told, merged).status == 1, "a commit of the target's branch is none that the source has verified"
    assert promote(told, ROLLBACK="it returns 500", TRACEPARENT="").result == "created"
