"""Declares the platform of a cluster: `pulumi -C platform up -s laptop`, before the first stage.

Errors in the configuration are reported before anything is declared.
"""

import sys
from pathlib import Path

# The components and what they declare are the other project's, in the folder above.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pulumi

from components.platform import Platform
from delivery.platform.plan import plan_platform
from program.platform import guards, outputs_of, read_platform
from program.providers import kubernetes_provider

configuration, secrets = read_platform()
plan = plan_platform(configuration)
provided = outputs_of(secrets)
cluster = kubernetes_provider("cluster", configuration.context, provided.pop("kubeconfig", None))
hooks = guards(configuration, secrets.get("kubeconfig"))
Platform("platform", plan, provided, hooks, opts=pulumi.ResourceOptions(providers=[cluster]))
for name, text in plan.outputs.items():
    pulumi.export(name, text)
