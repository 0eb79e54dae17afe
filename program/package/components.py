"""The components of the package: those of this project, made from inputs."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pulumi

import components.pipeline
import components.stage
from components.stage import ApplicationOutputs, Providers, StageOutputs, StageParts
from delivery.config.errors import ConfigError, Problem
from delivery.model.secret import SecretText
from delivery.model.stack import StackConfiguration
from delivery.stack.plan import plan_stack
from program.inputs import Given, Secrets, checked, secret_output
from program.package.arguments import argument, of_pipeline, of_stage
from program.package.inputs import PipelineArgs, StageArgs
from program.providers import github_provider, kubernetes_providers
from program.startup import start_to_read

_Inputs = Mapping[str, Any]


class Stage(components.stage.Stage):
    """One stage of the pipeline: namespaces, chart files and Argo CD Applications of its applications, and the promotions into it."""  # noqa: E501

    stage: pulumi.Output[str]
    """The stage's name."""
    repository: pulumi.Output[str]
    """The address of the GitOps repository."""
    branch: pulumi.Output[str]
    """Its default branch."""
    applications: pulumi.Output[dict[str, ApplicationOutputs]]
    """The stage's applications, by name."""
    promotes_to: pulumi.Output[list[str]]
    """The stages that it promotes into."""
    promotions: pulumi.Output[dict[str, str]] | None
    """With the engine `pulumi`: the address of each pull request into the stage, or why there is none."""

    def __init__(self, name: str, args: StageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs: _Inputs = {**args}
        stage = argument(inputs.get("stage")).value or name
        own = {key: value for key, value in inputs.items() if key != "stage"}
        [parts] = _parts([(of_stage(str(stage), own, has_cluster="kubernetes" in _own_providers(opts)), own)], opts)
        super().__init__(name, parts, prefix=f"{name}-", opts=opts)


class Pipeline(components.pipeline.Pipeline):
    """The whole pipeline in one program: every stage, each after those that promote into it."""

    stages: pulumi.Output[dict[str, StageOutputs]]
    """What each stage has, by its name."""

    def __init__(self, name: str, args: PipelineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        stages = of_pipeline({**args}, has_cluster="kubernetes" in _own_providers(opts))
        super().__init__(name, _parts(stages, opts), opts)


def _parts(given: list[tuple[Given, _Inputs]], opts: pulumi.ResourceOptions | None) -> list[StageParts]:
    """What the stages are declared from. Raises `ConfigError` with the mistakes of all, `pulumi.RunError` with one."""
    stages, problems, more = [], dict[Problem, None](), 0
    for each, inputs in given:
        try:
            stages.append((*checked(each), inputs))
        except ConfigError as error:
            problems |= dict.fromkeys(error.problems)
            more = max(more, error.more)
    if problems:
        raise ConfigError([*problems], more)
    # The repository is read for all of them at the same time.
    reading = [start_to_read(configuration, secrets) for configuration, secrets, _ in stages]
    parts = []
    for (configuration, secrets, inputs), finish in zip(stages, reading, strict=True):
        read = finish()
        plan = plan_stack(configuration, read.initial_values, read.environment)
        promotions = read.promotions.declare if read.promotions else None
        providers = partial(_providers, configuration, secrets, inputs, _own_providers(opts))
        parts.append(StageParts(plan, _secret(inputs, "promotionToken", secrets.promotion), providers, promotions))
    return parts


def _providers(
    configuration: StackConfiguration,
    secrets: Secrets,
    inputs: _Inputs,
    given: Mapping[str, pulumi.ProviderResource],
    prefix: str,
    stage: pulumi.ComponentResource,
) -> Providers:
    """The providers of the caller's program, and the stage's own in place of those that it has not given."""
    below = pulumi.ResourceOptions(parent=stage)
    repository, token = configuration.pipeline.repository, _secret(inputs, "githubToken", secrets.github)
    app, key = configuration.github_app, secret_output(secrets.app_key)
    github = given.get("github") or github_provider(repository, token, app, key, prefix, below)
    kubeconfigs = (
        _secret(inputs, "kubeconfig", secrets.kubeconfig),
        _secret(inputs, "argocdKubeconfig", secrets.argocd_kubeconfig),
    )
    cluster, argocd = kubernetes_providers(configuration.cluster, *kubeconfigs, given.get("kubernetes"), prefix, below)
    return Providers(github, cluster, argocd)


def _secret(inputs: _Inputs, key: str, known: SecretText | None) -> pulumi.Output[str] | None:
    """The caller's own output, with what it depends on; or what the environment has."""
    given = inputs.get(key)
    return secret_output(known) if given in (None, "") else pulumi.Output.secret(given)


def _own_providers(opts: pulumi.ResourceOptions | None) -> dict[str, pulumi.ProviderResource]:
    """The providers that the caller's program has given, by package."""
    given = opts.providers if opts else None
    providers = [*(given.values() if isinstance(given, Mapping) else given or ())]
    return {each.package: each for each in providers}
