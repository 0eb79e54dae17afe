"""The configuration files of a copied project, as several stacks set keys in them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from lab.project import set_keys


def test_stacks_that_are_prepared_at_the_same_time_lose_no_key_of_the_pipeline(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: delivery\n", encoding="utf-8")
    keys = [{"repositoryOwner": "acme"}, {"repositoryName": "gitops"}, {"defaultBranch": "trunk"}] * 6

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda chosen: set_keys(tmp_path, "dev", chosen), keys))

    config = yaml.safe_load((tmp_path / "Pulumi.yaml").read_text(encoding="utf-8"))["config"]
    assert {name: entry["value"] for name, entry in config.items()} == {
        "delivery:repositoryOwner": "acme",
        "delivery:repositoryName": "gitops",
        "delivery:defaultBranch": "trunk",
    }
