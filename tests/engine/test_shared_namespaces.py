"""Applications that come to share a namespace, and go again: what is there already stays what it is."""

import json

from tests.engine.team import Team

APPLICATIONS = [
    {"name": name, "image": f"ghcr.io/acme/{name}", "path": "{application}/{stage}"} for name in ("web", "api")
]
STAYS = ("Namespace", "Secret", "ServiceAccount", "Role", "RoleBinding")


def changed(changes: dict[str, str]) -> dict[str, str]:
    """What happened to the objects that are one for all."""
    return {
        name: operation
        for name, operation in changes.items()
        if name.split()[0] in STAYS or name.endswith("/post-deployment")
    }


def test_a_namespace_stays_while_applications_come_to_it_and_go(team: Team) -> None:
    team.settings["namespacePattern"] = "shop-{stage}"
    for names in (("web",), ("web", "api"), ("api",)):
        found = [application for application in APPLICATIONS if application["name"] in names]
        team.settings["applications"] = json.dumps(found)
        done = team.up("dev")
        assert done.status == 0, done.text
        assert len(changed(done.changes)) == (6 if names == ("web",) else 0), done.changes
    assert team.preview("dev", "--expect-no-changes").status == 0
