"""Checks of Argo CD: can its cluster be used, and does it run there as the stack needs it.

It is the stage's cluster, unless the stack has an `argocdContext`.
"""

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from delivery.cluster.argocd import (
    Application,
    application,
    credentials,
    permits_destination,
    permits_source,
    set_error,
)
from delivery.cluster.argocd import project as project_of
from delivery.cluster.connection import RefusedError
from delivery.cluster.facts import argocd_controllers, served_versions, server_version
from delivery.cluster.needs import ARGO_CD
from delivery.cluster.preflight import (
    argocd_definitions,
    argocd_elsewhere,
    install_command,
    right_problems,
    update_command,
)
from delivery.config.errors import set_fix
from delivery.doctor.check import Check, ok, unknown, wrong
from delivery.doctor.cluster import one_check
from delivery.doctor.inspection import BlockedError, Inspection
from delivery.model.pipeline import StageApplication
from delivery.stack.manifests import argocd_version_file

LONG = timedelta(minutes=15)
"""A sync that takes longer waits for something that may never come: Argo CD itself gives up on none."""


def reachable(name: str, inspection: Inspection) -> Iterator[Check]:
    """The API server of a central Argo CD answers, and to this login."""
    if inspection.has_central_argocd:
        connection = inspection.argocd_connection
        yield ok(name, f"{server_version(connection)} at {connection.address}")
    elif "cluster" in inspection.silent:
        raise BlockedError


def is_defined(name: str, inspection: Inspection) -> Check:
    """Argo CD's definition is served in the version that the stack declares."""
    group, connection = "argoproj.io", inspection.argocd_connection
    versions = f"{group} {', '.join(served_versions(connection, group))}"
    return one_check(name, argocd_definitions(connection, inspection.configuration), versions)


def rights(name: str, inspection: Inspection) -> Iterator[Check]:
    """The login may do what an update does in the cluster of a central Argo CD."""
    if inspection.has_central_argocd:
        problems = right_problems(inspection.argocd_connection, inspection.configuration, (ARGO_CD,))
        yield one_check(name, problems, "the login may manage the Applications")


def controller(name: str, inspection: Inspection) -> Check:
    """Argo CD's application controller runs in the namespace that the stack's Applications go to."""
    connection, namespace = inspection.argocd_connection, inspection.configuration.argocd.namespace
    controllers = argocd_controllers(connection, namespace)
    if not controllers:
        fix = install_command(connection.context, namespace) + argocd_elsewhere(inspection.configuration)
        return wrong(name, f"no application controller in namespace {namespace}", fix)
    first = controllers[0]
    if not any(controller.ready for controller in controllers):
        return wrong(name, f"{first.name} in {namespace} is not ready", f"{connection.kubectl} -n {namespace} get pods")
    return ok(name, f"{first.version}, {first.name} in {namespace}")


def project(name: str, inspection: Inspection) -> Iterator[Check]:
    """The project of the stage's Applications is there, and permits its repository and its cluster."""
    configuration = inspection.configuration
    title, url = configuration.argocd.project, configuration.pipeline.repository.repo_url
    charts = {
        placed.application.chart.repository for placed in configuration.stage_applications if placed.application.chart
    }
    found = project_of(inspection.argocd_connection, configuration.argocd.namespace, title)
    if found is None:
        fix = f"argocd proj create {title} --src {url}, or another one: "
        fix += set_fix(inspection.stack, "argocdProject", "NAME")
        yield wrong(name, f"there is no project {title}: Argo CD syncs none of the stage's Applications", fix)
        return
    refused = False
    for source in (url, *sorted(chart.removeprefix("oci://") for chart in charts)):
        if not permits_source(found, source):
            refused = True
            yield wrong(name, f"{title} does not permit {source}", f"argocd proj add-source {title} {source}")
    for namespace in dict.fromkeys(placed.namespace for placed in configuration.stage_applications):
        destination = {**configuration.destination, "namespace": namespace}
        if not permits_destination(found, destination):
            refused = True
            cluster = " ".join(configuration.destination.values())
            option = " --name" if "name" in destination else ""
            fix = f"argocd proj add-destination {title} {cluster} {namespace}{option}"
            yield wrong(name, f"{title} does not permit namespace {namespace} of {cluster}", fix)
    if not refused:
        yield ok(name, f"{title} permits the repository and the stage's cluster")


def application_sets(name: str, inspection: Inspection) -> Iterator[Check]:
    """Argo CD makes the Application of each chart of a registry; one that is there already may be an old one."""
    for placed in inspection.configuration.stage_applications:
        if placed.application.chart is None:
            continue
        title, namespace = f"{name} {placed.argocd_application}", inspection.configuration.argocd.namespace
        error = set_error(inspection.argocd_connection, namespace, placed.argocd_application)
        if error:
            fix = f"correct what it names; the chart's version is in {argocd_version_file(placed)}"
            yield wrong(title, f"the chart's version does not get to its Application: {error}", fix)
        else:
            yield ok(title, _missing(inspection) if error is None else "makes its Application")


def applications(name: str, inspection: Inspection) -> Iterator[Check]:
    """Argo CD can read, compare and sync each Application of the stage, and has done so."""
    for placed in inspection.configuration.stage_applications:
        title = f"{name} {placed.argocd_application}"
        found = application(
            inspection.argocd_connection, inspection.configuration.argocd.namespace, placed.argocd_application
        )
        if found is None:
            yield ok(title, _missing(inspection))
        else:
            yield _state(title, found, placed, inspection)


def _missing(inspection: Inspection) -> str:
    return f"is not there: `{update_command(inspection.stack)}` creates it"


def _state(name: str, found: Application, placed: StageApplication, inspection: Inspection) -> Check:
    app, now = placed.argocd_application, datetime.now(UTC)
    at = f" at {', '.join(revision[:12] for revision in found.synced or found.compared)}"
    if not (found.sync or found.phase or found.errors):
        return _unseen(name, found, now, inspection)
    # That a sync failed is said by the operation, and better.
    blocking = found.errors if found.phase not in ("Failed", "Error") else found.errors.keys() - {"SyncError"}
    for kind in blocking:
        more, fix = _error(kind, app, inspection)
        return wrong(name, f"{kind}: {found.errors[kind]}{more}", fix)
    if found.phase in ("Failed", "Error"):
        return _failed(name, found, placed, at, inspection)
    if found.phase in ("Running", "Terminating"):
        since = f"it has been syncing since {found.started:%Y-%m-%d %H:%M} UTC" if found.started else "it is syncing"
        detail = f"{since}: {found.message}" if found.message else since
        if found.started and now - found.started > LONG:
            fix = f"see what it waits for: argocd app get {app}; to end it: argocd app terminate-op {app}"
            return wrong(name, detail, fix)
        return ok(name, detail)
    if found.sync == "OutOfSync":
        return _out_of_sync(name, found, placed, at)
    if found.sync != "Synced":
        return unknown(name, f"is {found.sync or 'not compared'} to git", f"argocd app get {app} --hard-refresh")
    if found.health == "Degraded":
        fix = f"argocd app get {app} shows which object; its events: kubectl -n {placed.namespace} get events"
        return wrong(name, f"Synced{at}, and Degraded", fix)
    if found.selective and not placed.stage.with_keptn:
        detail = f"Synced{at} by a sync of chosen objects, which runs no hook: nothing of it is verified"
        return unknown(name, detail, f"where that was a new version: argocd app sync {app}")
    if not found.health:
        return unknown(name, f"Synced{at}, its health is not known since", f"argocd app get {app} --refresh")
    return ok(name, f"Synced{at}, {found.health}")


def _failed(name: str, found: Application, placed: StageApplication, at: str, inspection: Inspection) -> Check:
    app = placed.argocd_application
    detail = f"its last sync failed{at}: {found.message or found.phase}"
    fix = f"correct what it names, by a commit as a rule; to try again: argocd app sync {app}"
    for failure in found.failures:
        called = f"{failure.hook} hook {failure.name}" if failure.hook else f"{failure.kind} {failure.name}"
        detail += f"; {called} failed{f': {failure.message}' if failure.message else ''}"
    hooks = [failure for failure in found.failures if failure.hook]
    for hook in hooks:
        # The next sync deletes the Job, and its log with it.
        kubectl = f"kubectl --context {shlex.quote(inspection.configuration.cluster.context)}"
        logs = f"{kubectl} -n {hook.namespace or placed.namespace} logs {hook.kind.lower()}/{hook.name}"
        fix = f"{logs}; {fix}" if hook.kind == "Job" else fix
    # A commit after that one may have made it right without a sync, and may have nothing to do with it; but no hook
    # runs without one.
    is_over = found.sync == "Synced" and found.synced != found.compared and not hooks
    return unknown(name, f"{detail}; by now it is Synced", fix) if is_over else wrong(name, detail, fix)


def _unseen(name: str, found: Application, now: datetime, inspection: Inspection) -> Check:
    """The check of an Application without a status: the controller is about to look at it, or none does."""
    if found.created and now - found.created < LONG:
        return unknown(name, "has no status yet: Argo CD is about to look at it")
    namespace = inspection.configuration.argocd.namespace
    fix = "let Argo CD look there (application.namespaces of argocd-cmd-params-cm), or, where it is elsewhere: "
    fix += set_fix(inspection.stack, "argocdNamespace", "NAMESPACE") + argocd_elsewhere(inspection.configuration)
    return wrong(name, f"has no status: no Argo CD looks at Applications in namespace {namespace}", fix)


def _error(kind: str, app: str, inspection: Inspection) -> tuple[str, str]:
    """What to add to an error of this kind, and its fix."""
    configuration, url = inspection.configuration, inspection.configuration.pipeline.repository.repo_url
    if kind == "InvalidSpecError":
        return "", f"compare with argocd proj get {configuration.argocd.project} and argocd cluster list"
    if kind == "ComparisonError":
        try:
            known = bool(credentials(inspection.argocd_connection, configuration.argocd.namespace, url))
        except RefusedError:
            known = True
        if not known:
            login = "--username git --password TOKEN" if url.startswith("http") else "--ssh-private-key-path FILE"
            return (
                f"; Argo CD has no credential for {url}",
                "where the repository is private (Contents: read is enough): platform:githubToken in the platform's "
                f"stack, or argocd repo add {url} {login}",
            )
    return "", f"correct what it names, then: argocd app get {app} --hard-refresh"


def _out_of_sync(name: str, found: Application, placed: StageApplication, at: str) -> Check:
    app = placed.argocd_application
    if not found.automated:
        return ok(name, f"OutOfSync: it is synced by hand: argocd app sync {app}")
    if found.synced != found.compared:
        fix = f"wait, then look at the project's sync windows: argocd app get {app}"
        return unknown(name, f"OutOfSync, last synced{at}: a sync is about to start, or a sync window holds it", fix)
    fix = f"argocd app diff {app}; let git have it, or ignore it: `sync.ignoreDifferences` of the stage"
    return wrong(name, f"OutOfSync{at}, which it has synced: something else changes its objects", fix)
