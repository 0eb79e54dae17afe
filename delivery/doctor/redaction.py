"""The last thing before a check is shown: one line, for the stack in question, and no secret in it.

Whatever a server or a tool has said may be quoted in a check, so this is done to all of them.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from delivery.doctor.check import Check
from delivery.doctor.masking import Masking
from delivery.model.secret import SecretText

_CONFIG = re.compile(r"(pulumi config (?:set|rm)) (?!-s )")


def presentable(check: Check, stack: str, secrets: Iterable[SecretText]) -> Check:
    """`check` with every secret, and every login inside a kubeconfig, replaced.

    A command of Pulumi's names the stack, which need not be the one that a person has selected.
    """
    detail, mend = (" ".join(text.split()) for text in (check.detail, check.mend))
    mend = _CONFIG.sub(rf"\1 -s {stack} ", mend)
    masking = Masking(secrets)
    return replace(check, detail=masking.masked(detail), mend=masking.masked(mend))
