"""Which cluster a kubeconfig's context means: read by the official client, its errors told without the file's content.

A kubeconfig is given as text or as a path, else it is where kubectl looks for it.
"""

import logging
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import yaml

from delivery.config.errors import set_command
from delivery.model.secret import SecretText
from delivery.timeouts import TooLong, within

LOGIN_SECONDS = 60.0
"""How long a kubeconfig's login command may take: a person may have to answer it in a browser."""


class ClusterError(Exception):
    """The cluster cannot be asked at all: `str()` says why in one line, `mend` what to do."""

    def __init__(self, found: str, mend: str) -> None:
        super().__init__(found)
        self.found = found
        self.mend = mend


def load(configuration: object, context: str, kubeconfig: SecretText | None) -> None:
    """Fill the client's `configuration` for `context`. Raises `ClusterError`, which quotes nothing of the file.

    Nothing is written back, as the client would to renew a login.
    """
    from kubernetes.config import kube_config
    from kubernetes.config.config_exception import ConfigException

    text = kubeconfig.reveal() if kubeconfig else ""
    is_text = "\n" in text or text.lstrip().startswith("{")
    paths = "" if is_text else text or os.environ.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser())
    where = "delivery:kubeconfig" if kubeconfig else paths

    def read() -> None:
        if is_text:
            kube_config.load_kube_config_from_dict(  # type: ignore[no-untyped-call]
                yaml.safe_load(text), context=context, client_configuration=configuration, persist_config=False
            )
        else:
            kube_config.load_kube_config(  # type: ignore[no-untyped-call]
                paths, context=context, client_configuration=configuration, persist_config=False
            )

    with _quiet(), _no_login_left():
        try:
            within(LOGIN_SECONDS, read)
        except TooLong:
            found = f"the login of context {context!r} has not ended after {LOGIN_SECONDS:g} s"
            mend = f"log in by hand, until this works: kubectl --context {shlex.quote(context)} get namespaces"
            raise ClusterError(found, mend) from None
        except (ConfigException, OSError, yaml.YAMLError, ValueError, TypeError, AttributeError, KeyError) as error:
            # Anything else that the client says may quote the file, and the file holds a login.
            known = _contexts(text if is_text else None, paths)
            if known and context not in known:
                found = f"no context {context!r} in {where}; there are {', '.join(sorted(known))}"
                raise ClusterError(found, set_command("kubeContext", sorted(known)[0])) from None
            if not known:
                found = f"no kubeconfig with contexts in {where}"
            else:
                found = f"context {context!r} of {where} cannot be used ({type(error).__name__})"
            mend = "give the file as text: pulumi config set --secret delivery:kubeconfig < FILE, or set KUBECONFIG"
            raise ClusterError(found, mend) from None


def _contexts(text: str | None, paths: str) -> frozenset[str]:
    """The contexts of a kubeconfig, as far as it can be read at all."""
    texts = [text] if text is not None else []
    for path in paths.split(os.pathsep) if text is None else ():
        try:
            texts.append(Path(path).expanduser().read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            continue
    names: set[str] = set()
    for each in texts:
        try:
            document = yaml.safe_load(each)
        except yaml.YAMLError:
            continue
        entries = document.get("contexts") if isinstance(document, dict) else None
        for entry in entries if isinstance(entries, list) else []:
            names |= {str(entry["name"])} if isinstance(entry, dict) and "name" in entry else set()
    return frozenset(names)


@contextmanager
def _quiet() -> Iterator[None]:
    """The client logs what a failing login plugin prints; what follows is a refused login, which is said here."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def _no_login_left() -> Iterator[None]:
    """End a login command that is still running: the client waits for those that it starts for as long as they like."""
    from kubernetes.config import exec_provider, kube_config

    started: list[subprocess.Popen[str]] = []

    class Noted(subprocess.Popen[str]):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)  # type: ignore[call-overload]
            started.append(self)

    clients = (exec_provider, kube_config)
    for each in clients:
        vars(each)["subprocess"] = SimpleNamespace(Popen=Noted, PIPE=subprocess.PIPE)
    try:
        yield
    finally:
        for each in clients:
            vars(each)["subprocess"] = subprocess
        for login in started:
            if login.poll() is None:
                login.terminate()
                try:
                    login.wait(1)
                except subprocess.TimeoutExpired:
                    login.kill()
