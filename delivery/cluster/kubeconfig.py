"""Loads one context of a kubeconfig with the official client. No error quotes the file, which holds logins.

A kubeconfig is given as text or as a path; without one it is where kubectl looks for it.
"""

import logging
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from delivery.model.secret import SecretText
from delivery.text import one_line
from delivery.timeouts import run_with_timeout

LOGIN_SECONDS = 60.0
"""How long a kubeconfig's login command may take: it may wait for somebody to log in with a browser."""


class ClusterError(Exception):
    """The cluster cannot be used at all. `found` says why in one line, `fix` how to change that."""

    def __init__(self, found: str, fix: str) -> None:
        super().__init__(found)
        self.found = found
        self.fix = fix


KEYS = ("kubeContext", "kubeconfig")
"""The configuration keys of the stage's cluster."""


def load(configuration: object, context: str, kubeconfig: SecretText | None, keys: tuple[str, str] = KEYS) -> None:
    """Fill the client's `configuration` for `context`; `keys` set it and its kubeconfig. Raises `ClusterError`.

    Keys of another project than `delivery` have its name: `platform:kubeContext`.

    This runs the login command that the kubeconfig names, if any. The file is not written, which the client would do
    with a renewed login.
    """
    from kubernetes.config import ConfigException, load_kube_config, load_kube_config_from_dict

    given = kubeconfig.reveal() if kubeconfig else ""
    paths = given or os.environ.get("KUBECONFIG") or "~/.kube/config"
    context_key, kubeconfig_key = (key if ":" in key else f"delivery:{key}" for key in keys)
    where = kubeconfig_key if kubeconfig else paths
    options = {"context": context, "client_configuration": configuration, "persist_config": False}

    def read() -> None:
        if "\n" in given or given.lstrip().startswith("{"):
            load_kube_config_from_dict(yaml.safe_load(given), **options)  # type: ignore[no-untyped-call]
        else:
            load_kube_config(paths, **options)  # type: ignore[no-untyped-call]

    try:
        with _quiet():
            run_with_timeout(LOGIN_SECONDS, read)
    except TimeoutError:
        found = f"the login of context {context!r} has not ended after {LOGIN_SECONDS:g} s"
        login = f"log in by hand, until this works: kubectl --context {shlex.quote(context)} get namespaces"
        raise ClusterError(found, login) from None
    except Exception as error:
        # Only this kind of error is known to quote nothing but names.
        why = str(error) if isinstance(error, ConfigException) else type(error).__name__
        raise ClusterError(
            f"context {context!r} of {where} cannot be used: {one_line(why)}",
            f"set {context_key} to one of its contexts (kubectl config get-contexts), or {kubeconfig_key} to another "
            "file",
        ) from None


def logins(kubeconfig: str) -> list[str]:
    """The tokens, passwords and keys in the text of a kubeconfig, to be masked; none in what is no kubeconfig."""
    try:
        document = yaml.safe_load(kubeconfig)
    except yaml.YAMLError:
        return []
    users = document.get("users") if isinstance(document, dict) else None
    found: list[str] = []
    for entry in users if isinstance(users, list) else []:
        user = entry.get("user") if isinstance(entry, dict) else None
        values = dict(user) if isinstance(user, dict) else {}
        provider = values.get("auth-provider")
        settings = provider.get("config") if isinstance(provider, dict) else None
        values |= settings if isinstance(settings, dict) else {}
        found += [value for value in values.values() if isinstance(value, str)]
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the client's log of what a failing login command printed: the refused login that follows is reported."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
