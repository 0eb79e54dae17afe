"""How a stack is declared, whatever its pipeline: order, providers, secrets and refusals.

What the shipped stacks declare, resource by resource, is held in tests/contract.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from functools import cache
from itertools import pairwise

import pulumi
import pytest
import yaml

from delivery.config.errors import Json
from lab.engine import PROGRAM, Declared, Preview, ProgramError
from tests.components.stacks import OWN, STAGES, SYNC, TEAM, TOKEN, TWO, files, named, objects, of, run, team
from tests.messages import assert_message
from tests.rsa_keys import key_pair

CHART = ("Chart.yaml", "templates/application.yaml", "values.schema.json", "platform.yaml", "values.yaml")


@cache
def shipped(stack: str) -> Preview:
    return run(stack)


@cache
def of_team(stack: str) -> Preview:
    return team(stack)


def every() -> list[Preview]:
    return [*(shipped(stack) for stack in ("dev", "production")), *(of_team(stack) for stack in STAGES)]


@pytest.mark.parametrize("stack", STAGES)
def test_in_a_graph_of_stages_access_and_task_are_where_an_edge_leaves(stack: str) -> None:
    promotes = stack != "production"
    kinds = Counter(kind for kind, _, _ in objects(of_team(stack)))
    assert kinds == Counter(
        {"Application": 2, "Namespace": 2, "KeptnTaskDefinition": 4 if promotes else 2}
        | ({"Secret": 2, "ServiceAccount": 2, "Role": 2, "RoleBinding": 2} if promotes else {})
    )
    tasks = {name for kind, _, name in objects(of_team(stack)) if kind == "KeptnTaskDefinition"}
    assert tasks == {"load-test", "promote"} - (set() if promotes else {"promote"})


@pytest.mark.parametrize("stack", STAGES)
def test_what_exists_once_a_repository_is_in_the_first_stages_stack_only(stack: str) -> None:
    committed = files(of_team(stack))
    charts = [f"{application}/{stack}/{name}" for application in ("web", "api") for name in CHART]
    assert committed[-10:] == charts
    assert (len(committed) > 10) == (stack == "dev")
    assert len(of_team(stack).of_type(":WorkflowRepositoryPermissions")) == (stack == "dev")


@pytest.mark.parametrize(("identity", "may"), [(None, True), ("workflow", True), ("token", False), ("app", False)])
def test_actions_may_approve_pull_requests_only_where_the_workflows_own_token_has_to_open_them(
    identity: str | None, may: bool
) -> None:
    [declared] = team("dev", **({"promotionIdentity": identity} if identity else {})).of_type(
        ":WorkflowRepositoryPermissions"
    )
    assert declared.inputs["canApprovePullRequestReviews"] is may
    assert declared.inputs["defaultWorkflowPermissions"] == "read"


@pytest.mark.parametrize(
    ("settings", "declared"),
    [
        ({}, False),
        ({"promotionIdentity": "token"}, True),
        ({"promotionIdentity": "app"}, True),
        ({"promotionEngine": "pulumi"}, True),
    ],
)
def test_where_the_workflow_has_secrets_its_environment_is_for_the_default_branch_alone_and_stays(
    settings: dict[str, Json], declared: bool
) -> None:
    result = team("dev", defaultBranch="trunk", **settings)
    found = [*result.of_type(":RepositoryEnvironment"), *result.of_type(":RepositoryEnvironmentDeploymentPolicy")]
    assert len(found) == 2 * declared
    assert all(each.retain_on_delete and each.inputs["environment"] == "promotion" for each in found)
    for environment, policy in [found] if declared else []:
        flags = {"protectedBranches": False, "customBranchPolicies": True}
        assert environment.inputs["deploymentBranchPolicy"] == flags
        assert policy.inputs["branchPattern"] == "trunk"
    assert team("staging", **settings).of_type(":RepositoryEnvironment") == ()


def test_files_are_committed_one_after_another_across_applications() -> None:
    for result in every():
        commits = result.of_type(":RepositoryFile")
        assert commits[0].depends_on.isdisjoint(each.urn for each in commits)
        for before, after in pairwise(commits):
            assert before.urn in after.depends_on


def test_git_owns_values_after_the_first_commit_and_the_program_everything_else() -> None:
    for result in every():
        for file in result.of_type(":RepositoryFile"):
            seed = str(file.inputs["file"]).endswith("/values.yaml")
            assert ("content" in file.ignore_changes, file.retain_on_delete) == (seed, seed), file.name
            assert file.inputs["overwriteOnCreate"] is not seed
            assert file.import_id == ""


def test_the_application_waits_for_its_namespace_its_tasks_its_access_and_its_chart() -> None:
    for result in every():
        for application in result.of_type(":Application"):
            namespace = of(application.inputs, "spec", "destination", "namespace")
            path = of(application.inputs, "spec", "source", "path")
            needed = {
                each.urn
                for each in result.of_type(":RepositoryFile")
                if str(each.inputs["file"]).startswith(f"{path}/")
            }
            needed |= {
                each.urn
                for each in result.resources
                if namespace in (of(each.inputs, "metadata", "namespace"), of(each.inputs, "metadata", "name"))
                and "kind" in each.inputs
                and each is not application
                and not each.type.endswith(":Application")
            }
            assert len(needed) >= 5
            assert needed <= application.depends_on


def test_every_resource_has_an_explicit_provider_of_its_kind() -> None:
    for result in every():
        providers = {each.urn: each.type for each in result.resources if each.type.startswith("pulumi:providers:")}
        assert sorted(providers.values()) == ["pulumi:providers:github", "pulumi:providers:kubernetes"]
        for resource in result.resources:
            if resource.custom and resource.urn not in providers:
                urn = resource.provider.rpartition("::")[0]
                assert providers[urn] == f"pulumi:providers:{resource.type.partition(':')[0]}"


def test_every_resource_belongs_to_a_component_and_every_component_is_completed() -> None:
    for result in every():
        components = {each.urn for each in result.resources if not each.custom}
        assert components == {urn for urn in result.registered if "pulumi:pulumi:Stack::" not in urn}
        for resource in result.resources:
            top = resource.type.startswith(("pulumi:providers:", "delivery:index:"))
            assert resource.parent in components or (top and "pulumi:pulumi:Stack" in resource.parent), resource.urn


def test_no_two_resources_share_a_urn_however_names_are_put_together() -> None:
    result = team(
        "dev",
        applications=[
            {"name": "a", "image": "a", "path": "b-x/{stage}"},
            {"name": "a-b", "image": "b", "path": "x/{stage}"},
            {"name": "repository", "image": "c", "path": "y/{stage}"},
        ],
        tasks={"b-c": "print()", "c": "print()"},
        preDeploymentTasks=[],
        postDeploymentTasks=["b-c", "c"],
    )
    assert [urn for urn, times in Counter(each.urn for each in result.resources).items() if times > 1] == []


def test_the_promotion_token_is_a_secret_and_stands_nowhere() -> None:
    result = run("dev", {"promotionToken": TOKEN}, kubeContext="a")
    secret = named(result, ":Secret")
    assert secret.secrets == {"stringData"}
    assert secret.inputs["stringData"] == {"SECURE_DATA": "[secret]"}
    assert TOKEN not in repr(result)


def test_the_secret_holds_what_the_task_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.engine._hidden", lambda value: value)
    data = of(named(run("dev", {"promotionToken": TOKEN}), ":Secret").inputs, "stringData", "SECURE_DATA")
    assert json.loads(str(data)) == {
        "githubRepo": "podtato-head-gitops",
        "githubRepoOwner": "example-org",
        "apiToken": TOKEN,
    }


@pytest.mark.parametrize("key", ["promotionToken", "githubToken"])
def test_a_secret_in_plain_text_is_refused_with_the_fix_and_not_repeated(key: str) -> None:
    with pytest.raises(ProgramError) as refused:
        run("dev", None, **{key: TOKEN})
    assert str(refused.value) == (
        f"delivery:{key}: found a secret in plain text; allowed: an encrypted value;"
        f" fix: revoke it, then pulumi config set -s dev --secret delivery:{key}"
    )


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: v1\nusers:\n- {name: me, user: {token: ghp_of.the.cluster}}\n",
        '{"apiVersion": "v1", "users": [{"name": "me", "user": {"token": "ghp_of.the.cluster"}}]}',
        "{users: [{name: me, user: {token: ghp_of.the.cluster}}]}",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJnaHBfIn0.ghp_of",
        "YXBpVmVyc2lvbjogdjEKdXNlcnM6/" * 30 + "ghp_",
        "ghp_of_the_cluster",
    ],
    ids=["YAML", "JSON", "YAML on one line", "a login", "base64", "a token"],
)
def test_a_kubeconfig_in_plain_text_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ProgramError) as refused:
        run("dev", None, kubeconfig=text)
    assert str(refused.value) == (
        "delivery:kubeconfig: found a secret in plain text; allowed: an encrypted value, or the path of a kubeconfig;"
        " fix: revoke it, then pulumi config set -s dev --secret delivery:kubeconfig < FILE"
    )


@pytest.mark.parametrize("path", ["/home/me/.kube/config", "~/.kube/dev", "dev.yaml", r"C:\Users\me\kubeconfig"])
def test_the_path_of_a_kubeconfig_is_no_secret_and_goes_to_the_provider(path: str) -> None:
    plain, encrypted = (
        run("dev", None, kubeconfig=path, kubeContext="a"),
        run("dev", {"kubeconfig": path}, kubeContext="a"),
    )
    assert "kubeconfig" in named(plain, "providers:kubernetes").inputs
    assert named(plain, "providers:kubernetes") == named(encrypted, "providers:kubernetes")


def test_an_encrypted_value_that_would_be_declared_in_plain_is_refused_unsaid() -> None:
    with pytest.raises(ProgramError) as refused:
        run("dev", {"repositoryOwner": "classified\n", "stages": "classified"}, traceUrl="nowhere")
    lines = str(refused.value).splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        "delivery:repositoryOwner",
        "delivery:stages",
        "delivery:traceUrl",
    ]
    assert "classified" not in str(refused.value)


@pytest.mark.parametrize("token", ["two words", "ends with a newline\n", "tökén"])
def test_a_token_that_can_be_none_is_refused_before_anybody_sends_it(token: str) -> None:
    with pytest.raises(ProgramError) as refused:
        run("dev", {"promotionToken": token})
    assert str(refused.value).startswith("delivery:promotionToken: found a text that is no token")
    assert token.strip() not in str(refused.value)


def test_all_mistakes_come_in_one_refusal_and_nothing_is_declared() -> None:
    with pytest.raises(ProgramError) as refused:
        run("dev", None, promotionToken=TOKEN, repositoryOwner="a b", defaultBranch="..")
    assert [line.partition(": ")[0] for line in str(refused.value).splitlines()] == [
        "delivery:promotionToken",
        "delivery:repositoryOwner",
        "delivery:defaultBranch",
    ]


def test_an_update_is_refused_until_owner_tokens_and_cluster_are_real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    with pytest.raises(ProgramError) as refused:
        run("dev")
    lines = str(refused.value).splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        "delivery:repositoryOwner",
        "delivery:githubToken",
        "delivery:promotionToken",
        "delivery:kubeContext",
    ]


def test_production_needs_no_promotion_token_for_an_update(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    with pytest.raises(ProgramError) as refused:
        run("production")
    assert "promotionToken" not in str(refused.value)


APP: dict[str, Json] = {"githubAppId": "123456", "githubAppInstallationId": "7890", "repositoryOwner": "acme"}


def test_a_stack_without_an_app_loads_no_cryptography() -> None:
    code = "import sys, program.startup, program.inputs, components.stage, delivery.stack.plan; "
    code += "print([name for name in ('jwt', 'cryptography') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROGRAM, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_as_an_app_the_provider_has_its_key_as_a_secret_and_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("program.startup._app_token", lambda *_: None)
    provider = named(run("dev", {"githubAppPrivateKey": key_pair()[0]}, **APP), "providers:github")
    assert provider.secrets == {"appAuth"}
    assert "token" not in provider.inputs
    assert "PRIVATE KEY" not in repr(provider)


@pytest.mark.parametrize(
    ("secrets", "settings", "keys"),
    [
        ({"githubToken": TOKEN, "githubAppPrivateKey": key_pair()[0]}, APP, ["githubToken"]),
        ({"githubAppPrivateKey": key_pair()[0]}, {}, ["githubAppId"]),
        ({"githubAppPrivateKey": "classified"}, APP, ["githubAppPrivateKey"]),
        ({}, {"githubAppId": "123456"}, ["githubAppInstallationId"]),
        ({}, {"githubAppInstallationId": "7890"}, ["githubAppId"]),
        ({}, {**APP, "githubAppId": "my app"}, ["githubAppId"]),
        ({}, {**APP, "githubAppPrivateKey": "-----BEGIN RSA PRIVATE KEY-----\n"}, ["githubAppPrivateKey"]),
    ],
)
def test_half_an_app_and_two_identities_are_refused_also_by_a_preview(
    secrets: dict[str, str], settings: dict[str, Json], keys: list[str]
) -> None:
    with pytest.raises(ProgramError) as refused:
        run("dev", secrets, **settings)
    lines = str(refused.value).splitlines()
    assert [line.partition(": ")[0] for line in lines] == [f"delivery:{key}" for key in keys]
    assert "classified" not in str(refused.value)
    assert_message(f"program.app.{keys[0]}.{len(secrets)}.{len(settings)}", lines[0])


def test_an_app_needs_its_key_for_an_update_and_an_external_secret_no_promotion_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    with pytest.raises(ProgramError) as refused:
        run("dev", None, **APP, promotionSecret="external")
    lines = str(refused.value).splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["delivery:githubAppPrivateKey", "delivery:kubeContext"]


def test_a_secret_that_something_else_fills_is_not_declared_and_all_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    ours, theirs = objects(of_team("dev")), objects(run("dev", None, **TEAM, promotionSecret="external"))
    assert sorted(set(ours) - set(theirs)) == [
        ("Secret", "api-dev", "github-token"),
        ("Secret", "web-dev", "github-token"),
    ]
    assert set(theirs) < set(ours)


def test_the_finalizer_is_there_when_it_is_asked_for() -> None:
    metadata = "metadata", "finalizers"
    assert of(named(shipped("dev"), ":Application").inputs, *metadata) is None
    wanted = run("dev", None, argocdFinalizer="true")
    assert of(named(wanted, ":Application").inputs, *metadata) == ["resources-finalizer.argocd.argoproj.io"]


@pytest.mark.parametrize(
    ("changes", "inputs"),
    [
        ({"kubeContext": "mine"}, {"context": "mine", "enableSecretMutable": "true"}),
        (
            {"kubeContext": "mine", "adoptExisting": "true"},
            {
                "context": "mine",
                "enableSecretMutable": "true",
                "upsertExistingObjects": "true",
                "enablePatchForce": "true",
            },
        ),
        (
            {"cluster": "render", "renderManifestsTo": "out"},
            {"renderYamlToDirectory": "out", "enableSecretMutable": "true"},
        ),
    ],
)
def test_the_cluster_is_the_one_that_was_named_never_the_current_one(
    changes: dict[str, str], inputs: dict[str, str]
) -> None:
    assert named(run("dev", None, **changes), "providers:kubernetes").inputs == inputs


SHARED: dict[str, Json] = {"namespacePattern": "shop-{stage}"}


def test_applications_that_share_a_namespace_have_once_what_is_one_for_both() -> None:
    result = team("dev", **SHARED)
    assert objects(result) == [
        ("Application", "argocd", "api-dev"),
        ("Application", "argocd", "web-dev"),
        ("KeptnTaskDefinition", "shop-dev", "load-test"),
        ("KeptnTaskDefinition", "shop-dev", "promote-api"),
        ("KeptnTaskDefinition", "shop-dev", "promote-web"),
        ("Namespace", "None", "shop-dev"),
        ("Role", "shop-dev", "promote"),
        ("RoleBinding", "shop-dev", "promote"),
        ("Secret", "shop-dev", "github-token"),
        ("ServiceAccount", "shop-dev", "promote"),
    ]
    for application in ("web", "api"):
        parameters = "spec", "python", "parameters", "map", "application"
        assert of(named(result, ":KeptnTaskDefinition", f"promote-{application}").inputs, *parameters) == application
        [platform] = [
            each for each in result.of_type(":RepositoryFile") if each.name.endswith(f"{application}/dev/platform.yaml")
        ]
        context = yaml.safe_load(str(platform.inputs["content"]))["context"]
        assert context["promotionTasks"] == [f"promote-{application}"]
        assert context["postDeploymentTasks"] == ["load-test"]


def test_an_application_waits_for_all_that_it_shares_and_for_none_of_the_others_tasks() -> None:
    result = team("dev", **SHARED)
    by_name = {
        f"{each.type.rpartition(':')[2]} {of(each.inputs, 'metadata', 'name')}": each for each in result.resources
    }
    needed = by_name["Application api-dev"].depends_on
    shared = ("Namespace shop-dev", "Secret github-token", "RoleBinding promote", "KeptnTaskDefinition load-test")
    assert {by_name[name].urn for name in (*shared, "KeptnTaskDefinition promote-api")} <= needed
    assert by_name["KeptnTaskDefinition promote-web"].urn not in needed


def test_what_is_shared_is_found_again_by_the_names_that_it_had_before() -> None:
    """Else a second application in the namespace of the first would be a new Namespace, and the old one deleted."""
    namespace = named(team("dev", **SHARED), ":StageNamespace")
    assert [alias for alias in namespace.aliases if "ApplicationInStage::web" in alias and "name=web" in alias]
    alone = named(team("dev", **SHARED, applications=TWO[:1]), ":StageNamespace")
    assert [alias for alias in alone.aliases if "SharedNamespace::shop-dev" in alias and "name=shop-dev" in alias]
    assert "SharedNamespace" not in repr([each.aliases for each in of_team("dev").resources])


def test_each_stage_is_synced_as_its_entry_says() -> None:
    stages: list[Json] = [
        {"name": "dev", "sync": {"prune": False, "selfHeal": False, "syncOptions": []}},
        {"name": "production", "after": ["dev"], "sync": SYNC},
    ]
    dev, production = (
        of(named(run(stack, None, stages=stages), ":Application").inputs, "spec") for stack in ("dev", "production")
    )
    assert of(dev, "syncPolicy") == {"automated": {"prune": False, "selfHeal": False}}
    assert of(dev, "ignoreDifferences") is None
    assert of(production, "syncPolicy") == {"retry": SYNC["retry"], "syncOptions": SYNC["syncOptions"]}
    assert of(production, "ignoreDifferences") == SYNC["ignoreDifferences"]


def test_peoples_labels_and_annotations_are_on_every_application_beside_the_programs_own() -> None:
    result = team("dev", argocdLabels={"team": "shop"}, argocdAnnotations={"link.argocd.argoproj.io/docs": "https://a"})
    for application in result.of_type(":Application"):
        assert of(application.inputs, "metadata", "labels") == {"team": "shop"}
        assert of(application.inputs, "metadata", "annotations") == {
            "argocd.argoproj.io/manifest-generate-paths": ".",
            "link.argocd.argoproj.io/docs": "https://a",
        }


def test_argo_cd_is_told_every_path_that_sources_of_the_teams_own_read() -> None:
    result = team("dev", applications=OWN, argocdLabels={"team": "shop"})
    found = {
        str(of(each.inputs, "metadata", "name")): of(each.inputs, "spec", "template", "metadata")
        or of(each.inputs, "metadata")
        for each in (*result.of_type(":Application"), *result.of_type(":ApplicationSet"))
    }
    paths = {name: of(it, "annotations", "argocd.argoproj.io/manifest-generate-paths") for name, it in found.items()}
    assert paths == {
        "shop-dev": "/apps/shop/overlays/dev;/.delivery/shop/dev;/apps/shop/base;/lib",
        "billing-dev": "/charts/billing;/.delivery/billing/dev;/charts/billing/values.yaml;/values/billing-dev.yaml",
        "ingress-dev": "/.delivery/ingress/dev;/platform/ingress/dev.yaml",
    }
    assert all(of(it, "labels") == {"team": "shop"} for it in found.values())


CENTRAL: dict[str, Json] = {"argocdContext": "hub", "destinationName": "spoke"}


def provider_of(result: Preview, declared: Declared) -> Declared:
    [found] = [each for each in result.resources if each.urn == declared.provider.rpartition("::")[0]]
    return found


def test_with_a_central_argo_cd_the_applications_alone_go_to_its_cluster() -> None:
    result = team("dev", **CENTRAL)
    for declared in result.resources:
        if "kind" in declared.inputs:
            provider = provider_of(result, declared)
            expected = ("argocd", "hub") if declared.type.endswith(":Application") else ("cluster", "a-cluster")
            assert (provider.name, provider.inputs["context"]) == expected, declared.urn
    destination = of(result.of_type(":Application")[0].inputs, "spec", "destination")
    assert destination == {"name": "spoke", "namespace": "web-dev"}


def test_a_central_argo_cd_changes_the_urn_of_nothing() -> None:
    ours, central = ({each.urn for each in result.resources} for result in (of_team("dev"), team("dev", **CENTRAL)))
    (added,) = central - ours
    assert added.endswith("pulumi:providers:kubernetes::argocd")
    assert ours < central


@pytest.mark.parametrize(
    ("secrets", "file"), [({}, "one.yaml"), ({"argocdKubeconfig": "two.yaml"}, "two.yaml")], ids=["none", "own"]
)
def test_argo_cds_kubeconfig_is_its_own_or_else_the_stages(
    monkeypatch: pytest.MonkeyPatch, secrets: dict[str, str], file: str
) -> None:
    monkeypatch.setattr("lab.engine._hidden", lambda value: value)
    result = run("dev", {"kubeconfig": "one.yaml", **secrets}, kubeContext="a", **CENTRAL)
    found = {each.name: each.inputs["kubeconfig"] for each in result.of_type("providers:kubernetes")}
    assert found == {"cluster": "one.yaml", "argocd": file}


def test_rendered_manifests_of_two_clusters_lie_in_two_folders() -> None:
    result = run("dev", None, cluster="render", renderManifestsTo="out", **CENTRAL)
    folders = {each.name: each.inputs["renderYamlToDirectory"] for each in result.of_type("providers:kubernetes")}
    assert folders == {"cluster": "out/cluster", "argocd": "out/argocd"}


def test_without_a_context_the_preview_reaches_no_cluster() -> None:
    kubeconfig = named(shipped("dev"), "providers:kubernetes").inputs["kubeconfig"]
    assert json.loads(str(kubeconfig)) == {"apiVersion": "v1", "kind": "Config"}


def test_a_server_of_ones_own_is_where_provider_and_argocd_look() -> None:
    result = run("dev", None, repositoryOwner="acme", githubApiUrl="https://git.acme.example/api/v3")
    assert named(result, "providers:github").inputs["baseUrl"] == "https://git.acme.example/"
    source = of(named(result, ":Application").inputs, "spec", "source")
    assert of(source, "repoURL") == "https://git.acme.example/acme/podtato-head-gitops"


def test_many_applications_cost_no_more_each_than_few() -> None:
    def declared(number: int) -> tuple[int, int, float]:
        several: list[Json] = [{"name": f"a{n}", "image": "a", "path": f"a{n}/{{stage}}"} for n in range(number)]
        began = time.process_time()
        result = team("staging", applications=several)
        took = time.process_time() - began
        return len(result.resources), max(len(each.depends_on) for each in result.resources), took

    declared(1)
    (few, mesh, seconds), (many, same_mesh, more_seconds) = declared(4), declared(24)
    # The providers and the stage are there once.
    assert (many - 3) * 4 == (few - 3) * 24
    assert same_mesh == mesh
    assert more_seconds < 15 * seconds
