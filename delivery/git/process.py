"""How git is run, and what its complaints mean: the environment of its processes, its messages with the fix.

Which commands are run is `repository.py`'s matter.
"""

import base64
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from delivery.model.hints import Hint, HintedError
from delivery.text import masked, one_line, without_secrets

_TRANSIENT = re.compile(
    r"returned error: (429|5\d\d)|Connection reset|unexpected disconnect|early EOF|hung up|timed out|"
    r"Could not resolve host|Failed to connect|Connection refused|Empty reply|Operation too slow|RPC failed",
    re.IGNORECASE,
)
_LEASE = re.compile(
    r"stale info|fetch first|non-fast-forward|cannot lock ref .*(but expected|reference already exists)"
)
# What git says, what to do about it, and the kind of hint that goes with it. The first that matches is used.
_FIXES: tuple[tuple[str, str, Hint | None], ...] = (
    (r"must have (verified|valid) signatures",
     "the branch takes signed commits alone: set delivery:promotionCommits to signed in Pulumi.yaml, and update the "
     "first stage's stack", None),
    (r"GH006|GH013|[Pp]rotected branch|rule violations|pre-receive hook declined",
     "the branch is protected: let the promoter's identity push to branches under promote/ and rollback/", None),
    (r"returned error: 401|Authentication failed|could not read Username|Invalid username or",
     "the token is wrong or expired, or there is none", Hint.TOKEN),
    (r"returned error: 403|Permission to .* denied|Write access to repository not granted",
     "the token lacks the permission Contents: write on this repository", None),
    (r"returned error: 30\d",
     "the repository has moved, and a redirect is not followed with the token: give its new owner and name", None),
    (r"returned error: 404|[Rr]epository not found|does not appear to be a git repository|not found",
     "the repository is not there, or the token may not see it", None),
    (r"exists; cannot create|directory file conflict|cannot lock ref|failed to update ref",
     "a branch in the way (one named like the folder of this one): delete or rename it", None),
    (r"could(n't| not) find remote ref refs/heads/(?P<branch>[\w./-]{1,200})",
     r"the default branch \g<branch> is not there: push a first commit to it, or give the one that is: "
     "delivery:defaultBranch in Pulumi.yaml", None),
    (r"not our ref|unadvertised object|could(n't| not) find remote ref|bad object|remote error: upload-pack",
     "the commit is not in the repository: give one that is on the default branch", None),
)  # fmt: skip


class GitError(HintedError):
    """Git did not do what it was asked to; `str()` is one line that says what to do."""


class AbsentError(GitError):
    """The remote does not have an object that it was asked for by name."""


class ConcurrentPushError(GitError):
    """Concurrent push: the branch on the remote is not (any more) where it was when it was read."""


def run_git(
    command: Sequence[str], given: bytes, environ: Mapping[str, str], seconds: float
) -> subprocess.CompletedProcess[bytes]:
    """What became of a git command that reads `given`. After `seconds` it is ended, with status 1 and a line about it.

    Git leaves transfers to processes of its own, which outlive it and hold its output open: all of them are ended.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, env=environ, start_new_session=True
    ) as process:
        try:
            out, said = process.communicate(given, timeout=seconds)
        except BaseException as error:
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            out, said = b"", f"timed out after {seconds:.0f} s".encode()
            process.returncode = 1
    return subprocess.CompletedProcess(command, process.returncode, out, said)


def is_concurrent_push(said: str) -> bool:
    """Whether git refused a push because the branch is not where it was."""
    return _LEASE.search(said) is not None


def is_transient(said: str) -> bool:
    """Whether trying again may help: the network, or a server that is busy."""
    return _TRANSIENT.search(said) is not None


def explain(said: str, token: str) -> tuple[str, Hint | None]:
    """One line about what git `said`, and a hint: the fix where it is known, else git's message without secrets."""
    for pattern, fix, hint in _FIXES:
        if found := re.search(pattern, said):
            return found.expand(fix), hint
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith(("To ", "Done"))]
    line = one_line(lines[0] if lines else "git gave no reason", 1000)
    line = without_secrets(masked(line, (token, _basic(token))))
    return line[:300] + ("; run again later" if is_transient(said) else ""), None


def shown(remote: str) -> str:
    """The remote as it may be shown."""
    return without_secrets(remote)


def _basic(token: str) -> str:
    return base64.b64encode(f"x-access-token:{token}".encode()).decode() if token else ""


def git_environment(
    remote: str, token: str, name: str, mail: str, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment of every git process: nobody's configuration, no prompts, English messages, the token.

    `remote` becomes the remote `origin`, `name` and `mail` who commits. `environ` is the process's own unless given.
    """
    kept = {
        name: value
        for name, value in (os.environ if environ is None else environ).items()
        if not name.startswith(("GIT_", "GITHUB_", "SECURE_")) or name.startswith(("GIT_SSL_", "GIT_SSH"))
    }
    settings = [
        ("remote.origin.url", remote),
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
        ("core.hooksPath", os.devnull),
        ("http.lowSpeedLimit", "1000"),
        ("http.lowSpeedTime", "30"),
        ("i18n.logOutputEncoding", "UTF-8"),
        # Redirected to another host, git would send it the token with its second request.
        ("http.followRedirects", "false"),
    ]
    address = urlsplit(remote)
    if token and address.scheme in ("http", "https"):
        # For this server only: git would otherwise send the header wherever it is redirected to.
        host = address.netloc.rpartition("@")[2]
        settings.append((f"http.{address.scheme}://{host}/.extraHeader", f"Authorization: Basic {_basic(token)}"))
    kept |= {"GIT_CONFIG_COUNT": str(len(settings)), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for number, (key, value) in enumerate(settings):
        kept |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    for role in ("AUTHOR", "COMMITTER"):
        kept |= {f"GIT_{role}_NAME": name, f"GIT_{role}_EMAIL": mail}
    return kept | {"GIT_LITERAL_PATHSPECS": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", "LANGUAGE": "C"}
