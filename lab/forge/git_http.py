"""Git's smart HTTP protocol over the bare repositories: fetch by git itself, push with GitHub's refusals.

Fetching hands the request to `git upload-pack --stateless-rpc` (protocol 0 to 2, filters, any commit by id).
Pushing unpacks with git and moves the refs here, because the refusals (a protected branch, a workflow file
without the permission) must read as GitHub's do, ref by ref. Push options and signed pushes are not served.
"""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from lab.forge.model import ApiError, Token
from lab.forge.objects import git_environment
from lab.forge.repositories import WORKFLOWS, ZERO, RefError, Repository
from lab.forge.rest import Reply, authenticate
from lab.forge.state import State

SERVICES = {"git-upload-pack": "read", "git-receive-pack": "write"}
_PATH = re.compile(r"/(?P<name>[^/]+/[^/]+?)(\.git)?/(?P<call>info/refs|git-upload-pack|git-receive-pack)")


@dataclass(frozen=True)
class RefUpdate:
    """One line of a push: the object at which the client saw the ref, the one that it is to point to, and the ref."""

    old: str
    new: str
    ref: str


def answer(state: State, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply | None:
    """Answer a git client; None when the path is none of git's."""
    parts = urlsplit(target)
    found = _PATH.fullmatch(unquote(parts.path))
    if found is None:
        return None
    advertising = found["call"] == "info/refs"
    service = dict(parse_qsl(parts.query)).get("service", "") if advertising else found["call"]
    if service not in SERVICES or method != ("GET" if advertising else "POST"):
        return _plain(403, "Please upgrade your git client.\n")
    try:
        token = authenticate(state, headers)
        repository = state.repository(found["name"], token)
    except ApiError as error:
        if error.status != 401:
            return _plain(404, "Repository not found.\n")
        reply = _plain(401, "Invalid username or token. Password authentication is not supported for Git operations.\n")
        reply.headers["WWW-Authenticate"] = 'Basic realm="GitHub"'
        return reply
    if not token.allows("contents", SERVICES[service]):
        return _plain(403, f"Permission to {repository.full_name}.git denied to {token.login}.\n")
    protocol = headers.get("Git-Protocol", "")
    try:
        if advertising:
            raw = _advertise(repository, service, protocol)
        elif service == "git-upload-pack":
            raw = _serve(repository, service, [], body, protocol)
        else:
            with state.lock:
                person, state.actor = state.actor, token.login
                try:
                    raw = _receive(repository, body, token)
                finally:
                    state.actor = person
    except ApiError as error:
        return _plain(error.status, f"{error.message}\n")
    kind = "advertisement" if advertising else "result"
    return Reply(200, raw=raw, content_type=f"application/x-{service}-{kind}", headers={"Cache-Control": "no-cache"})


def _advertise(repository: Repository, service: str, protocol: str) -> bytes:
    done = _serve(repository, service, ["--advertise-refs"], b"", protocol)
    if "version=2" in protocol and service == "git-upload-pack":
        return done
    return _line(f"# service={service}\n") + b"0000" + done


def _receive(repository: Repository, body: bytes, token: Token) -> bytes:
    """Carry out a push and report on each ref; objects of a refused push stay behind, unreachable."""
    updates, capabilities, pack = _parse(body)
    if not updates:
        return b""  # as git itself: a client that found nothing to push sends an empty list
    unpacked = repository.run("unpack-objects", "-q", data=pack) if pack else None
    if unpacked is not None and unpacked.returncode:
        reason = unpacked.stderr.decode(errors="replace").strip().split("\n")[0]
        return _report([f"unpack {reason}"] + [f"ng {update.ref} unpacker error" for update in updates], [])
    refusals = {update.ref: refusal for update in updates if (refusal := _refusal(repository, update, token))}
    lines, remarks = ["unpack ok"], []
    for update in updates:
        why, said = refusals.get(update.ref, ("", []))
        if not why and "atomic" in capabilities and refusals:
            why = "atomic push failure"
        if not why:
            try:
                repository.update_ref(update.ref, update.new, update.old)
            except RefError as error:
                why, said = "failed to update ref", [f"error: {error}"]
        lines.append(f"ng {update.ref} {why}" if why else f"ok {update.ref}")
        remarks += said
    return _report(lines, remarks)


def _refusal(repository: Repository, update: RefUpdate, token: Token) -> tuple[str, list[str]] | None:
    """Why GitHub would refuse the update (the reason on the ref, and what it prints besides); None where not."""
    branch = update.ref.removeprefix("refs/heads/")
    if branch in repository.protections and update.ref != branch:
        return "protected branch hook declined", [
            f"error: GH006: Protected branch update failed for {update.ref}.",
            "",
            "- Changes must be made through a pull request.",
        ]
    if update.new == ZERO:
        current = branch == repository.default_branch
        return (f"refusing to delete the current branch: {update.ref}", []) if current else None
    if update.ref != branch and (unsigned := repository.refused_unsigned(branch, update.new)):
        rules = f"https://github.com/{repository.full_name}/rules?ref={quote(update.ref, safe='')}"
        return "push declined due to repository rule violations", [
            f"error: GH013: Repository rule violations found for {update.ref}.",
            f"Review all repository rules at {rules}",
            "",
            "- Commits must have verified signatures.",
            f"  Found {len(unsigned)} violation{'s' if unsigned[1:] else ''}:",
            "",
            *(f"  {commit}" for commit in unsigned),
            "",
        ]
    if not token.allows("workflows", "write"):
        # Of a new ref only what it adds to the default branch's history counts.
        tip = repository.branch(repository.default_branch)
        base = repository.run("merge-base", tip, update.new).stdout.decode().strip() if tip else ""
        before = update.old if update.old != ZERO else base or None
        if changed := repository.changed_paths(before, update.new, WORKFLOWS):
            who = "GitHub App" if token.bot else "Personal Access Token"
            needed = "`workflows` permission" if token.bot else "`workflow` scope"
            return f"refusing to allow a {who} to create or update workflow `{changed[0]}` without {needed}", []
    return None


def _parse(body: bytes) -> tuple[list[RefUpdate], set[str], bytes]:
    """The updates of a push, the client's capabilities, and the pack."""
    updates: list[RefUpdate] = []
    capabilities: set[str] = set()
    position = 0
    while True:
        try:
            size = int(body[position : position + 4], 16)
        except ValueError as error:
            raise ApiError(400, "malformed push") from error
        if size == 0:
            return updates, capabilities, body[position + 4 :]
        line, _, extra = body[position + 4 : position + size].partition(b"\0")
        position += size
        capabilities |= set(extra.decode().split())
        words = line.decode(errors="surrogateescape").strip().split(" ", 2)
        if len(words) == 3 and len(words[0]) == 40:
            updates.append(RefUpdate(*words))


def _report(lines: list[str], remarks: list[str]) -> bytes:
    """`report-status` within the side band, after what GitHub prints as `remote:`."""
    said = "".join(f"{remark}\n" for remark in remarks).encode()
    report = b"".join(_line(f"{line}\n") for line in lines) + b"0000"
    bands = [b"\x02" + said] if said else []
    bands += [b"\x01" + report[start : start + 60000] for start in range(0, len(report), 60000)]
    return b"".join(f"{len(band) + 4:04x}".encode() + band for band in bands) + b"0000"


def _line(text: str) -> bytes:
    return f"{len(text.encode()) + 4:04x}{text}".encode()


def _serve(repository: Repository, service: str, options: list[str], body: bytes, protocol: str) -> bytes:
    extra = {"GIT_PROTOCOL": protocol} if protocol else {}
    command = ["git", service.removeprefix("git-"), "--stateless-rpc", *options, str(repository.path)]
    done = subprocess.run(command, input=body, capture_output=True, env=git_environment(**extra), check=False)
    return done.stdout


def _plain(status: int, text: str) -> Reply:
    return Reply(status, raw=text.encode(), content_type="text/plain; charset=UTF-8")
