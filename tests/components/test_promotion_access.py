"""What a promotion task may use, declared by itself."""

from pathlib import Path
from typing import Any

import pytest
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import RoleBinding

from components import promotion_access
from delivery.config.files import StackConfig
from lab.engine import preview
from tests.components.stacks import named

PROGRAM = """
import pulumi
from components.promotion_access import PromotionAccess
from delivery.stack.plan import PromotionAccessPlan
from pulumi_kubernetes.core.v1 import ConfigMap

plan = PromotionAccessPlan("promote", "github-token", "SECURE_DATA", {}, ())
access = PromotionAccess("a", plan, "a-dev", pulumi.Output.secret("token"))
ConfigMap("uses", data={"account": access.service_account})
"""


def test_who_asks_for_the_account_gets_its_own_name_and_waits_for_its_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def called_otherwise(name: str, **given: Any) -> RoleBinding:
        return RoleBinding(name, **{**given, "metadata": ObjectMetaArgs(name="of-the-binding")})

    monkeypatch.setattr(promotion_access, "RoleBinding", called_otherwise)
    (tmp_path / "__main__.py").write_text(PROGRAM)
    result = preview("dev", StackConfig({}, frozenset()), tmp_path)
    uses = named(result, ":ConfigMap")
    assert uses.inputs["data"] == {"account": "promote"}
    assert {named(result, f":{kind}").urn for kind in ("ServiceAccount", "RoleBinding")} <= uses.depends_on
