"""A connection to the cluster that a stack names, by its kubeconfig, for reading alone.

The official client reads the kubeconfig and knows every way to log in; the few answers that are wanted from
the API are taken as JSON, which spares importing its thousand models. The current context is never used.
"""

import json
import shlex
import ssl
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from delivery.cluster.kubeconfig import ClusterError, load
from delivery.config.errors import Json
from delivery.model.secret import SecretText
from delivery.text import one_line
from delivery.timeouts import TooLong, within

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
ANSWER_SECONDS = 20.0
"""For a whole answer: a server that sends a little now and then never exceeds the time of one read."""

Object = Mapping[str, Json]


class Refused(Exception):  # noqa: N818 - an answer, which the caller may well live with
    """The cluster answered, but not with what was asked for: what it answered stays unknown."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"the cluster answered {status}: {message}")
        self.status = status


class Connection:
    """Asks one API server. `address` is its URL, `context` the kubeconfig's name for it.

    Every call raises `ClusterError` when no answer comes (5 s to connect, 10 s to answer, 20 s in all, no second try)
    or the login is refused, and `Refused` for any other answer that is neither a success nor "not found".
    """

    def __init__(self, client: "ApiClient", context: str) -> None:
        self._client = client
        self.context = context
        self.address = str(client.configuration.host)

    @property
    def kubectl(self) -> str:
        """The beginning of a command that a person may type to look at the same cluster."""
        return f"kubectl --context {shlex.quote(self.context)}"

    def get(self, path: str, **query: str) -> Object | None:
        """The object at `path`, None when the server knows none."""
        return self._call("GET", f"{path}?{urlencode(query)}" if query else path, None)

    def items(self, path: str, **query: str) -> Sequence[Object] | None:
        """The items of the list at `path`, None when the server does not know such things."""
        found = self.get(path, **query)
        items = found.get("items") if found else None
        if found is None:
            return None
        return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []

    def ask(self, path: str, question: Object) -> Object:
        """The server's answer to a review: these are posted, and leave nothing behind."""
        return self._call("POST", path, question) or {}

    def _call(self, method: str, path: str, body: Object | None) -> Object | None:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        headers = {"Accept": "application/json", "Content-Type": "application/json"}

        def answer() -> tuple[int, bytes]:
            request = self._client.param_serialize(
                method, path, header_params=headers, body=body, auth_settings=["BearerToken"]
            )
            response = self._client.call_api(*request, _request_timeout=(CONNECT_SECONDS, READ_SECONDS))
            return int(response.status), response.read()  # type: ignore[no-untyped-call]

        try:
            status, data = within(ANSWER_SECONDS, answer)
        except TooLong:
            raise self.useless(f"its answer has not ended after {ANSWER_SECONDS:g} s") from None
        except (ApiException, HTTPError, OSError) as error:
            raise self.useless(_reason(error)) from None
        return self._answer(status, data)

    def _answer(self, status: int, data: bytes) -> Object | None:
        try:
            answer = json.loads(data)
        except ValueError:
            answer = None
        if status == 401:
            raise ClusterError(
                f"the login of context {self.context!r} is refused (401)",
                f"log in again, until this works: {self.kubectl} get namespaces",
            )
        if status == 404:
            return None
        if not 200 <= status < 300 or not isinstance(answer, dict):
            said = answer.get("message") if isinstance(answer, dict) else None
            raise Refused(status, one_line(str(said or "no object of the Kubernetes API")))
        return answer

    def useless(self, why: str) -> ClusterError:
        """The error for an address where no cluster can be worked with."""
        mend = f"{self.kubectl} version"
        return ClusterError(
            f"no cluster at {self.address} ({why})", f"start it or open the way to it, until this works: {mend}"
        )


@contextmanager
def connect(context: str, kubeconfig: SecretText | None) -> Iterator[Connection]:
    """The cluster that `context` names in `kubeconfig` (its text, or a path), else in the person's own files.

    Nothing is sent yet, except by a login plugin that the kubeconfig itself names. Raises `ClusterError`.
    """
    from kubernetes.client import ApiClient, Configuration
    from urllib3.exceptions import InsecureRequestWarning

    configuration = Configuration()
    load(configuration, context, kubeconfig)
    configuration.retries = False
    with warnings.catch_warnings(), ApiClient(configuration) as client:
        # A kubeconfig that trusts any certificate is its owner's decision; once said there is enough.
        warnings.simplefilter("ignore", InsecureRequestWarning)
        yield Connection(client, context)


def namespaced(group_version: str, namespace: str, resource: str) -> str:
    """The path of a resource in a namespace: `apis/apps/v1`, `argocd`, `deployments`."""
    return f"/{group_version}/namespaces/{quote(namespace, safe='')}/{resource}"


def _reason(error: BaseException) -> str:
    """The innermost cause in a few words: the client wraps it several times."""
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in seen:
        seen.append(current)
        current = current.__cause__ or current.__context__ or getattr(current, "reason", None)
        if not isinstance(current, BaseException):
            current = None
    if any("Timeout" in type(each).__name__ for each in seen):
        return f"no answer within {CONNECT_SECONDS:.0f} s to connect and {READ_SECONDS:.0f} s to read"
    for each in reversed(seen):
        if isinstance(each, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {each.verify_message}"
        if isinstance(each, OSError) and each.strerror:
            return each.strerror
    return one_line(str(getattr(error, "reason", "") or type(seen[-1]).__name__))
