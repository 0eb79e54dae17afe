"""What the platform's stack was given: its configuration, valid as a whole, its secrets, and its cluster.

The pipeline that the platform is for is in the folder above; its `Pulumi.yaml` says whether Keptn is needed, and which
repository Argo CD reads.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import pulumi

from delivery.cluster.connection import connect
from delivery.config.errors import ConfigError
from delivery.config.files import StackFilesError, read_project_config
from delivery.model.pipeline import Pipeline
from delivery.model.secret import SecretText
from delivery.platform.configuration import PlatformConfiguration, parse_platform
from delivery.platform.keys import CHARTS_VARIABLE, PLATFORM, SECRETS
from delivery.platform.others import DEFINITIONS, refusal
from delivery.platform.pipeline import read_pipeline
from program.inputs import own_configuration


def read_platform() -> tuple[PlatformConfiguration, dict[str, SecretText]]:
    """This stack's configuration and secrets. Raises `pulumi.RunError`, one line for each error."""
    ours, encrypted = own_configuration(f"{PLATFORM.name}:")
    secrets = {key: SecretText(text) for key in SECRETS & ours.keys() if (text := ours[key])}
    try:
        pipeline = _pipeline()
        charts = os.environ.get(CHARTS_VARIABLE, "")
        # The reader learns which secrets there are, and none of them.
        known = {key: text for key, text in ours.items() if key not in SECRETS} | dict.fromkeys(secrets, "")
        configuration = parse_platform(known, pulumi.get_stack(), encrypted, pipeline, charts)
    except (ConfigError, StackFilesError) as error:
        raise pulumi.RunError(str(error)) from None
    return configuration, secrets


def outputs_of(secrets: Mapping[str, SecretText]) -> dict[str, pulumi.Output[str]]:
    """The secrets as Pulumi carries them: encrypted in the state, masked in every log."""
    return {key: pulumi.Output.secret(secret.reveal()) for key, secret in secrets.items()}


def guards(configuration: PlatformConfiguration, kubeconfig: SecretText | None) -> dict[str, pulumi.ResourceHook]:
    """For each part that defines kinds, the hook that stops what would take objects of others with it.

    A part that is left out has one too: an update would delete what the stack still has of it.
    """

    def guard(part: str) -> pulumi.ResourceHook:
        def refuse(_: pulumi.ResourceHookArgs) -> None:
            if why := refusal(connect(configuration.context, kubeconfig), configuration, part):
                raise RuntimeError(why)

        return pulumi.ResourceHook(f"platform-others-{part}", refuse, pulumi.ResourceHookOptions(on_dry_run=True))

    return {part: guard(part) for part in DEFINITIONS}


def _pipeline() -> Pipeline | None:
    folder = Path(pulumi.get_root_directory()).parent
    return read_pipeline(read_project_config(folder)) if (folder / "Pulumi.yaml").exists() else None
