"""Loads one context of a kubeconfig with the official client. No error quotes the file, which holds logins.

A kubeconfig is given as text or as a path; without one it is where kubectl looks for it.
"""

import logging
import os
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from delivery.config.errors import Json, set_command
from delivery.model.secret import SecretText
from delivery.timeouts import run_with_timeout

LOGIN_SECONDS = 60.0
"""How long a kubeconfig's login command may take: it may wait for somebody to log in with a browser."""


class ClusterError(Exception):
    """The cluster cannot be used at all. `found` says why in one line, `fix` how to change that."""

    def __init__(self, found: str, fix: str) -> None:
        super().__init__(found)
        self.found = found
        self.fix = fix


def load(configuration: object, context: str, kubeconfig: SecretText | None) -> None:
    """Fill the client's `configuration` for `context`. Raises `ClusterError`.

    This runs the login command that the kubeconfig names, if any. The file is not written, which the client would do
    with a renewed login.
    """
    from kubernetes.config import kube_config

    given = kubeconfig.reveal() if kubeconfig else ""
    is_text = "\n" in given or given.lstrip().startswith("{")
    paths = given or os.environ.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser())
    where = "delivery:kubeconfig" if kubeconfig else paths
    contexts = sorted(_contexts([given] if is_text else _texts(paths)))
    give = "give the file as text: pulumi config set --secret delivery:kubeconfig < FILE, or set KUBECONFIG"
    if not contexts:
        raise ClusterError(f"no kubeconfig with contexts in {where}", give)
    if context not in contexts:
        found = f"no context {context!r} in {where}; there are {', '.join(contexts)}"
        raise ClusterError(found, set_command("kubeContext", "NAME"))

    def read() -> None:
        if is_text:
            kube_config.load_kube_config_from_dict(  # type: ignore[no-untyped-call]
                yaml.safe_load(given), context=context, client_configuration=configuration, persist_config=False
            )
        else:
            kube_config.load_kube_config(  # type: ignore[no-untyped-call]
                paths, context=context, client_configuration=configuration, persist_config=False
            )

    try:
        with _quiet():
            run_with_timeout(LOGIN_SECONDS, read)
    except TimeoutError:
        found = f"the login of context {context!r} has not ended after {LOGIN_SECONDS:g} s"
        login = f"log in by hand, until this works: kubectl --context {shlex.quote(context)} get namespaces"
        raise ClusterError(found, login) from None
    except Exception as error:
        # Its text may quote the file.
        raise ClusterError(f"context {context!r} of {where} cannot be used ({type(error).__name__})", give) from None


def logins(kubeconfig: str) -> list[str]:
    """The tokens, passwords and keys in the text of a kubeconfig, to be masked; none in what is no kubeconfig."""
    found = []
    for entry in _entries(kubeconfig, "users"):
        user = entry.get("user")
        values = dict(user) if isinstance(user, dict) else {}
        provider = values.get("auth-provider")
        settings = provider.get("config") if isinstance(provider, dict) else None
        values |= settings if isinstance(settings, dict) else {}
        found += [value for value in values.values() if isinstance(value, str)]
    return found


def _texts(paths: str) -> Iterator[str]:
    for path in paths.split(os.pathsep):
        try:
            yield Path(path).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue


def _contexts(texts: Iterable[str]) -> set[str]:
    return {str(entry["name"]) for text in texts for entry in _entries(text, "contexts") if "name" in entry}


def _entries(text: str, key: str) -> list[dict[str, Json]]:
    """The maps in the list `key` of a kubeconfig."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        return []
    entries = document.get(key) if isinstance(document, dict) else None
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the client's log of what a failing login command printed: the refused login that follows is reported."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
