"""Git's smart HTTP protocol over the bare repositories: fetch by git itself, push with GitHub's refusals.

Fetching hands the request to `git upload-pack --stateless-rpc` (protocol 0 to 2, filters, any commit by id).
Pushing unpacks with git and moves the refs here, because the refusals (a protected branch, a workflow file
without the permission) must read as GitHub's do, ref by ref. Push options and signed pushes are not served.
"""

import subprocess
from dataclasses import dataclass

from lab.forge.environment import git_environment
from lab.forge.errors import ApiError
from lab.forge.repositories import ZERO, RefError, Repository
from lab.forge.tokens import Token

SERVICES = {"git-upload-pack": "read", "git-receive-pack": "write"}
_WORKFLOWS = ".github/workflows"


@dataclass(frozen=True)
class RefUpdate:
    """One line of a push: the ref, the object at which the client saw it, and the object that it is to point to."""

    old: str
    new: str
    ref: str


def advertise(repository: Repository, service: str, protocol: str) -> bytes:
    """The answer to `GET info/refs?service=…`."""
    done = _serve(repository, service, ["--advertise-refs"], b"", protocol)
    greeting = b"" if "version=2" in protocol and service == "git-upload-pack" else _line(f"# service={service}\n")
    return (greeting + b"0000" if greeting else b"") + done


def upload_pack(repository: Repository, body: bytes, protocol: str) -> bytes:
    """The answer to a fetch's POST."""
    return _serve(repository, "git-upload-pack", [], body, protocol)


def receive_pack(repository: Repository, body: bytes, token: Token) -> bytes:
    """Carry out a push and report on each ref; objects of a refused push stay behind, unreachable."""
    updates, capabilities, pack = _parse(body)
    if not updates:
        return b""  # as git itself: a client that found nothing to push sends an empty list
    unpacked = repository.run("unpack-objects", "-q", data=pack) if pack else None
    if unpacked is not None and unpacked.returncode:
        reason = unpacked.stderr.decode(errors="replace").strip().split("\n")[0]
        return _report([f"unpack {reason}"] + [f"ng {update.ref} unpacker error" for update in updates], [])
    refusals = {update.ref: refusal for update in updates if (refusal := _refusal(repository, update, token))}
    atomic = "atomic" in capabilities
    lines, remarks = ["unpack ok"], []
    for update in updates:
        why, said = refusals.get(update.ref, ("", []))
        if not why and atomic and refusals:
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
    if update.ref.startswith("refs/pull/"):
        return "deny updating a hidden ref", []
    if branch in repository.protections and update.ref != branch:
        return "protected branch hook declined", [
            f"error: GH006: Protected branch update failed for {update.ref}.",
            "",
            "- Changes must be made through a pull request.",
        ]
    if update.new == ZERO:
        current = branch == repository.default_branch
        return (f"refusing to delete the current branch: {update.ref}", []) if current else None
    if not token.allows("workflows", "write"):
        before = update.old if update.old != ZERO else repository.branch(repository.default_branch)
        changed = repository.changed_paths(before, update.new, _WORKFLOWS)
        if changed:
            who = "GitHub App" if token.actions else "Personal Access Token"
            needed = "`workflows` permission" if token.actions else "`workflow` scope"
            return f"refusing to allow a {who} to create or update workflow `{changed[0]}` without {needed}", []
    return None


def _parse(body: bytes) -> tuple[list[RefUpdate], set[str], bytes]:
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
    done = subprocess.run(
        ["git", service.removeprefix("git-"), "--stateless-rpc", *options, str(repository.path)],
        input=body,
        capture_output=True,
        env=git_environment(**extra),
        check=False,
    )
    return done.stdout
