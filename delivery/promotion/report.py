"""What a run of the promoter tells: JSON for scripts, lines for people, the workflow step's summary and outputs."""

import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from delivery.promotion.execute import Outcome
from delivery.promotion.markdown import code
from delivery.promotion.plan import shown_before
from delivery.promotion.sweep import Sweep, Swept
from delivery.text import masked, one_line, without_secrets


def as_json(outcome: Outcome) -> dict[str, object]:
    """The outcome for scripts: what `--json` prints."""
    pull_request = outcome.pull_request
    return {
        "result": outcome.result.value,
        "why": outcome.why,
        "application": outcome.edge.application,
        "from": outcome.edge.source,
        "to": outcome.edge.target,
        "commitID": outcome.commit,
        "changes": [{"key": change.key, "was": change.was, "becomes": change.becomes} for change in outcome.changes],
        "title": outcome.rendered.title if outcome.rendered else None,
        "pullRequest": {"number": pull_request.number, "url": pull_request.url, "state": pull_request.state}
        if pull_request
        else None,
        "notes": list(outcome.notes),
    }


def as_lines(outcome: Outcome, *, changes: bool) -> list[str]:
    """The outcome for a person: one line, and with `changes` one more for each changed key."""
    where = f" ({outcome.pull_request.url})" if outcome.pull_request else ""
    lines = [f"{outcome.edge}: {outcome.result.words}: {one_line(outcome.why, 400)}{where}"]
    for change in outcome.changes if changes else ():
        lines.append(one_line(f"  {change.key}: {shown_before(change)} -> {change.becomes}", 500))
    return lines


def tell(outcome: Outcome, environ: Mapping[str, str]) -> list[str]:
    """Add the outcome to the step's summary and outputs, where `environ` names files for them.

    Returns a note where that could not be done: what was promoted is promoted all the same.
    """
    pull_request = outcome.pull_request
    lines = [f"### {outcome.edge}: {outcome.result.words}", code(outcome.why, 500)]
    if pull_request is not None:
        lines.append(f"Pull request [#{pull_request.number}]({pull_request.url}): {code(pull_request.title, 256)}")
    lines += [f"Note: {code(note, 500)}" for note in outcome.notes]
    url = pull_request.url if pull_request else ""
    return _write(environ, "\n\n".join(lines), {"result": outcome.result.value, "pull_request": url})


def tell_failure(line: str, environ: Mapping[str, str]) -> list[str]:
    """As `tell`, for a run that failed with this line."""
    return _write(environ, f"### Promotion failed\n\n{code(line, 600)}", {"result": "failed", "pull_request": ""})


def shown_error(error: BaseException, secrets: Iterable[str]) -> str:
    """What went wrong, in one line that holds no secret."""
    return without_secrets(masked(one_line(str(error), 600), secrets))


def sweep_as_json(done: Sweep, secrets: Iterable[str]) -> dict[str, object]:
    """What a sweep has done, for scripts: each promotion as `as_json` has it, with the error where it failed."""
    return {
        "result": _sweep_result(done),
        "promotions": [
            {
                "application": one.due.request.application,
                "from": one.due.request.source,
                "to": one.due.request.target,
                "commitID": one.due.request.commit,
                "rollback": bool(one.due.request.rollback),
                "due": one.due.why,
                **(as_json(one.outcome) if one.outcome else {"result": _ending(one)}),
                "error": shown_error(one.error, secrets) if one.error else None,
            }
            for one in done.swept
        ],
        "left": done.left,
        "notes": list(done.notes),
    }


def sweep_as_lines(done: Sweep, secrets: Iterable[str]) -> list[str]:
    """The same for a person: one line for each."""
    lines = []
    for one in done.swept:
        if one.outcome is not None:
            lines += as_lines(one.outcome, changes=False)
        else:
            why = shown_error(one.error, secrets) if one.error else one_line(one.due.why, 400)
            lines.append(f"{one.due.edge}: {_ending(one)}: {why}")
    if done.left:
        lines.append(f"no time left for {done.left} more: the next sweep goes on")
    return lines or ["nothing to sweep" if done.notes else "everything that is verified has been promoted or decided"]


def tell_sweep(done: Sweep, environ: Mapping[str, str], secrets: Iterable[str]) -> list[str]:
    """As `tell`, for a sweep."""
    lines = [f"### Sweep: {_sweep_result(done)}", *(code(line, 600) for line in sweep_as_lines(done, secrets))]
    lines += [f"Note: {code(note, 500)}" for note in done.notes]
    return _write(environ, "\n\n".join(lines), {"result": _sweep_result(done), "pull_request": ""})


def _sweep_result(done: Sweep) -> str:
    return "failed" if done.failures else "swept" if done.swept else "nothing to do"


def _ending(one: Swept) -> str:
    if one.error is None:
        return "started"
    if not one.refused:
        return "failed"
    return "not rolled back" if one.due.request.rollback else "not ready"


def _write(environ: Mapping[str, str], summary: str, outputs: Mapping[str, str]) -> list[str]:
    try:
        _append(environ, "GITHUB_STEP_SUMMARY", f"{summary}\n")
        for name, value in outputs.items():
            # A delimiter that nobody can guess keeps a value from adding outputs.
            delimiter = f"end-{secrets.token_hex(16)}"
            _append(environ, "GITHUB_OUTPUT", f"{name}<<{delimiter}\n{value}\n{delimiter}\n")
    except OSError as error:
        return [f"the workflow's outputs were not written ({error.strerror})"]
    return []


def _append(environ: Mapping[str, str], variable: str, text: str) -> None:
    if environ.get(variable):
        with Path(environ[variable]).open("a", encoding="utf-8") as file:
            file.write(text)
