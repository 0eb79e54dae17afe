"""The command `python -m delivery.promotion.cli`: one promotion or rollback, or a sweep, from inputs to an exit status.

Run by the workflow with its inputs in the environment, or by a person with options. What a promotion does is
`execute.py`'s matter, and what it tells `report.py`'s; here is only what comes in.
"""

import argparse
import io
import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from delivery.git.repository import GitError, Repository
from delivery.github.client import GitHub, GitHubError
from delivery.model.request import PromotionRequest, RequestError
from delivery.model.settings import SETTINGS_PATH, PromotionSettings, SettingsError
from delivery.promotion import report
from delivery.promotion.due import Due
from delivery.promotion.execute import Outcome, promote
from delivery.promotion.history import PromotionError
from delivery.promotion.recorded import RecordReader
from delivery.promotion.sweep import SECONDS, dispatch, sweep
from delivery.text import has_credentials, one_line, without_secrets
from delivery.timeouts import RUN_SECONDS, Deadline
from delivery.tracing.run import start_run
from delivery.values.document import ValuesError

_EPILOG = """\
Options may come from the environment variables in brackets instead. The token is read from GITHUB_TOKEN only; it
needs Contents: write and Pull requests: write. RECORDS_TOKEN, by default the same, needs Deployments: read and Commit
statuses: read. Exit status: 0 done or nothing to do, 1 failed, 2 wrong input.
"""


def main(
    arguments: Sequence[str] | None = None,
    environ: Mapping[str, str] = os.environ,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Run the command; returns its exit status. Failures are one line on standard error."""
    options = _parser(environ).parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What a promotion says has arrows, and values whatever letters; not every terminal has an encoding for them.
        sys.stdout.reconfigure(errors="backslashreplace")

    def say(line: str) -> None:
        print(one_line(line, 500), file=sys.stderr, flush=True)

    try:
        try:
            if options.sweep:
                return _swept(options, environ, say, sleep)
            outcome = _run(options, environ, say, sleep)
        except (RequestError, SettingsError, OSError) as error:
            return _failed(error, 2, environ)
        except (PromotionError, ValuesError, GitHubError, GitError) as error:
            return _failed(error, 1, environ)
    except KeyboardInterrupt:
        return _failed(InterruptedError("interrupted; run again to complete it"), 1, environ)
    unwritten = report.tell(outcome, environ)
    if options.json:
        print(json.dumps(report.as_json(outcome), indent=2))
    else:
        print("\n".join(report.as_lines(outcome, changes=options.dry_run)))
    for note in (*unwritten, *outcome.notes):
        say(f"note: {note}")
    return 0


def _swept(
    options: argparse.Namespace,
    environ: Mapping[str, str],
    say: Callable[[str], None],
    sleep: Callable[[float], None],
) -> int:
    """Promote whatever is due; returns the exit status."""
    for name in ("application", "from", "to", "version", "commit", "traceparent", "rollback", "again"):
        if getattr(options, name):
            raise RequestError(f"--sweep promotes whatever is due: leave out --{name}, or leave out --sweep")
    settings = _settings(options)
    token = _token(options, environ)
    deadline = Deadline(SECONDS, sleep=sleep)

    def act(due: Due, records: RecordReader) -> Outcome | None:
        say(f"due: {due.edge}: {due.why}")
        if options.dispatch:
            if not options.dry_run:
                dispatch(_github(settings, token, deadline, environ), settings, due.request, _workflow(environ))
            return None
        own = Deadline(min(RUN_SECONDS, deadline.remaining()), sleep=sleep)
        return _promoted(due.request, settings, options, environ, say, own, records)

    done = sweep(
        settings,
        _github(settings, token, deadline, environ),
        _github(settings, environ.get("RECORDS_TOKEN") or token, deadline, environ),
        lambda: _repository(options, settings, token, deadline, environ),
        act,
        deadline,
    )
    secrets = token, environ.get("RECORDS_TOKEN", "")
    unwritten = report.tell_sweep(done, environ, secrets)
    if options.json:
        print(json.dumps(report.sweep_as_json(done, secrets), indent=2))
    else:
        print("\n".join(report.sweep_as_lines(done, secrets)))
    for note in (*unwritten, *done.notes):
        say(f"note: {note}")
    return 1 if done.failures else 0


def _workflow(environ: Mapping[str, str]) -> str:
    """The file of the workflow that this run is of: `owner/name/.github/workflows/promote.yaml@refs/heads/main`."""
    return environ.get("GITHUB_WORKFLOW_REF", "").partition("@")[0].rpartition("/")[2] or "promote.yaml"


def _parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="promoter.py",
        description="Propose what one stage runs to the next one, as a pull request.",
        epilog=_EPILOG,
    )

    def option(name: str, variable: str, text: str, default: str = "") -> None:
        parser.add_argument(name, default=environ.get(variable) or default, help=f"{text} [{variable}]", metavar="TEXT")

    option("--application", "APPLICATION", "the application")
    option("--from", "FROM", "the stage it was verified in")
    option("--to", "TO", "the stage to promote it to")
    option("--version", "VERSION", "the version that was verified; must be what the commit holds")
    option("--commit", "COMMIT_ID", "the verified commit; else what the default branch holds")
    option("--traceparent", "TRACEPARENT", "the W3C traceparent of the stage's promotion phase")
    option("--rollback", "ROLLBACK", "revert the last promotion instead, for this reason")
    parser.add_argument(
        "--again",
        action="store_true",
        default=environ.get("AGAIN", "").strip().lower() == "true",
        help="propose even what was declined, reverted or superseded; roll back what came since too [AGAIN=true]",
    )
    parser.add_argument(
        "--sweep",
        action="store_true",
        default=environ.get("SWEEP", "").strip().lower() == "true",
        help="promote whatever is recorded as verified and was never promoted, along all edges [SWEEP=true]",
    )
    parser.add_argument(
        "--dispatch",
        action="store_true",
        help="with --sweep: start the workflow for each promotion instead (the token needs Actions: write)",
    )
    option("--settings", "DELIVERY_SETTINGS", "the pipeline's settings file", SETTINGS_PATH)
    option("--repository", "GITHUB_REPOSITORY", "owner/name of the GitOps repository; else the settings'")
    option("--server-url", "GITHUB_SERVER_URL", "the forge's address; else the settings'")
    option("--api-url", "GITHUB_API_URL", "the REST API's address; else the settings'")
    option("--remote", "DELIVERY_REMOTE", "where git fetches and pushes; else the repository on the forge")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and do nothing")
    parser.add_argument("--json", action="store_true", help="print the outcome as one JSON object")
    return parser


def _run(
    options: argparse.Namespace,
    environ: Mapping[str, str],
    say: Callable[[str], None],
    sleep: Callable[[float], None],
) -> Outcome:
    for name in ("application", "from", "to"):
        if not getattr(options, name):
            raise RequestError(f"--{name} is missing: give it, or set {name.upper()}")
    request = PromotionRequest(
        application=options.application,
        source=getattr(options, "from"),
        target=options.to,
        version=options.version,
        commit=options.commit,
        traceparent=options.traceparent,
        rollback=options.rollback.strip(),
        again=options.again,
        actor=environ.get("GITHUB_TRIGGERING_ACTOR") or environ.get("GITHUB_ACTOR", ""),
    )
    settings = _settings(options)
    settings.edge(request.application, request.source, request.target)
    _token(options, environ)
    if options.rollback and not options.rollback.strip():
        raise RequestError("--rollback is blank: say why, or leave it out to promote")
    return _promoted(request, settings, options, environ, say, Deadline(sleep=sleep))


def _token(options: argparse.Namespace, environ: Mapping[str, str]) -> str:
    token = environ.get("GITHUB_TOKEN", "")
    if not token and not options.dry_run:
        raise RequestError("GITHUB_TOKEN is not set: it needs Contents: write and Pull requests: write")
    for name in ("GITHUB_TOKEN", "RECORDS_TOKEN"):
        if not re.fullmatch(r"[!-~]*", environ.get(name, "")):
            raise RequestError(f"{name} holds white space or characters that no token has: set it again")
    return token


def _github(settings: PromotionSettings, token: str, deadline: Deadline, environ: Mapping[str, str]) -> GitHub:
    return GitHub(
        settings.api_url,
        settings.owner,
        settings.repository,
        token,
        deadline=deadline,
        write_interval=_seconds(environ.get("DELIVERY_WRITE_INTERVAL", "1")),
    )


def _repository(
    options: argparse.Namespace,
    settings: PromotionSettings,
    token: str,
    deadline: Deadline,
    environ: Mapping[str, str],
) -> Repository:
    remote = options.remote or f"{settings.web_url}.git"
    return Repository(remote, token, deadline=deadline, environ=environ)


def _promoted(
    request: PromotionRequest,
    settings: PromotionSettings,
    options: argparse.Namespace,
    environ: Mapping[str, str],
    say: Callable[[str], None],
    deadline: Deadline,
    records: RecordReader | None = None,
) -> Outcome:
    """Carry out one request, in a span of its own."""
    token = environ.get("GITHUB_TOKEN", "")
    reading = environ.get("RECORDS_TOKEN") or token
    github = _github(settings, token, deadline, environ)
    with start_run(
        settings.edge(request.application, request.source, request.target),
        settings,
        version=request.version or None,
        commit=request.commit or None,
        traceparent=request.traceparent or None,
        run_id=environ.get("GITHUB_RUN_ID"),
        environ=environ,
        action="rollback" if request.rollback else "promote",
    ) as span:
        return promote(
            request,
            settings,
            github,
            lambda: _repository(options, settings, token, deadline, environ),
            span,
            records=records or RecordReader(_github(settings, reading, deadline, environ), settings),
            dry_run=options.dry_run,
            deadline=deadline,
            progress=say,
        )


def _settings(options: argparse.Namespace) -> PromotionSettings:
    """The settings file, with the repository as the workflow knows it: a fork or a new name is not a wrong one."""
    path = Path(options.settings)
    try:
        settings = PromotionSettings.from_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(
            f"{options.settings} is not there: run in the GitOps repository, or give --settings"
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{options.settings} is not UTF-8; run `pulumi up --refresh --run-program`") from error
    owner, _, name = (options.repository or f"{settings.owner}/{settings.repository}").partition("/")
    if not owner or not name or "/" in name:
        raise RequestError(f"--repository {without_secrets(options.repository)!r} is not owner/name")
    for option in ("server_url", "api_url", "remote"):
        if has_credentials(getattr(options, option)):
            raise RequestError(
                f"--{option.replace('_', '-')} has a user, password or token in it: take that out; the token is read "
                "from GITHUB_TOKEN"
            )
    server = options.server_url.rstrip("/")
    web_url = f"{server}/{owner}/{name}" if server else settings.web_url
    if not server and (owner, name) != (settings.owner, settings.repository):
        web_url = f"{settings.web_url.rsplit('/', 2)[0]}/{owner}/{name}"
    return replace(settings, owner=owner, repository=name, web_url=web_url, api_url=options.api_url or settings.api_url)


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        raise RequestError(f"DELIVERY_WRITE_INTERVAL={text[:20]!r} is no number of seconds") from None


def _failed(error: BaseException, status: int, environ: Mapping[str, str]) -> int:
    line = report.shown_error(error, (environ.get("GITHUB_TOKEN", ""), environ.get("RECORDS_TOKEN", "")))
    print(f"error: {line}", file=sys.stderr, flush=True)
    for note in report.tell_failure(line, environ):
        print(f"note: {note}", file=sys.stderr, flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
