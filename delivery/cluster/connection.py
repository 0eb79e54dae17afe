"""A connection to the cluster that a stack names, for reading.

The official client reads the kubeconfig and logs in. The few answers that are needed are taken as JSON, which spares
the import of the client's thousand models. The kubeconfig's current context is never used.
"""

import json
import shlex
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from delivery.cluster.kubeconfig import KEYS, ClusterError, load
from delivery.config.errors import Json
from delivery.model.secret import SecretText
from delivery.text import one_line, without_secrets

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
PATIENCE = 10
"""How often a server is asked that is not ready to answer."""

_JSON = "application/json"
_METADATA = f"{_JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,{_JSON}"

Object = Mapping[str, Json]


class RefusedError(Exception):
    """The cluster answered, but not with what was asked for: that stays unknown. `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"the cluster answered {status}: {message}")
        self.status = status


class Connection:
    """Reads from one API server. `address` is its URL, `context` the kubeconfig's name for it.

    Every call raises `ClusterError` when the server cannot be reached (5 s to connect, 10 s for each read, no second
    try) or refuses the login, and `RefusedError` for any other answer that is neither a success nor "not found". A
    server that asks for patience (429, as for the first list of a custom resource) is asked again for some seconds.
    """

    def __init__(self, client: "ApiClient", context: str) -> None:
        self._client = client
        self.context = context
        self.pause_seconds = 1.0
        self.address = without_secrets(str(client.configuration.host))

    @property
    def kubectl(self) -> str:
        """How a kubectl command for this cluster begins."""
        return f"kubectl --context {shlex.quote(self.context)}"

    def get(self, path: str, **query: str) -> Object | None:
        """The object at `path`, None when the server has none."""
        return self._get(path, query, _JSON)

    def items(self, path: str, *, metadata_only: bool = False, **query: str) -> Sequence[Object] | None:
        """The items of the list at `path`, None when the server does not serve this kind.

        With `metadata_only` they have nothing else: the definition of one kind of Argo CD's is larger than a megabyte.
        """
        found = self._get(path, query, _METADATA if metadata_only else _JSON)
        if found is None:
            return None
        items = found.get("items")
        return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []

    def ask(self, path: str, question: Object) -> Object:
        """The server's answer to a review, which is posted and not stored."""
        return self._call("POST", path, question) or {}

    def _get(self, path: str, query: Mapping[str, str], accept: str) -> Object | None:
        return self._call("GET", f"{path}?{urlencode(query)}" if query else path, None, accept)

    def _call(self, method: str, path: str, body: Object | None, accept: str = _JSON) -> Object | None:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        headers = {"Accept": accept, "Content-Type": _JSON}
        try:
            request = self._client.param_serialize(
                method, path, header_params=headers, body=body, auth_settings=["BearerToken"]
            )
            for _ in range(PATIENCE):
                response = self._client.call_api(*request, _request_timeout=(CONNECT_SECONDS, READ_SECONDS))
                status, data = int(response.status), response.read()  # type: ignore[no-untyped-call]
                if status != 429:
                    break
                time.sleep(self.pause_seconds)
            return self._answer(status, data)
        except (ApiException, HTTPError, OSError) as error:
            raise self.unusable(_reason(error)) from None

    def _answer(self, status: int, data: bytes) -> Object | None:
        try:
            answer = json.loads(data)
        except (ValueError, RecursionError):
            answer = None
        if status == 401:
            raise ClusterError(
                f"the login of context {self.context!r} is refused (401)",
                f"log in again, until this works: {self.kubectl} get namespaces",
            )
        if status == 404:
            return None
        if not 200 <= status < 300 or not isinstance(answer, dict):
            message = answer.get("message") if isinstance(answer, dict) else None
            raise RefusedError(status, one_line(str(message or "no object of the Kubernetes API")))
        return answer

    def unusable(self, why: str) -> ClusterError:
        """The error for an address at which there is no working cluster."""
        fix = f"start it or make it reachable, until this works: {self.kubectl} version"
        return ClusterError(f"no cluster at {self.address} ({why})", fix)


def connect(context: str, kubeconfig: SecretText | None, keys: tuple[str, str] = KEYS) -> Connection:
    """The cluster that `context` names in `kubeconfig` (its text, or a path), else in the user's own files.

    `keys` are those of the configuration that set the two.

    Nothing is sent yet, except by a login command that the kubeconfig names. Raises `ClusterError`.
    """
    from kubernetes.client import ApiClient, Configuration
    from urllib3 import disable_warnings
    from urllib3.exceptions import InsecureRequestWarning

    configuration = Configuration()
    load(configuration, context, kubeconfig, keys)
    configuration.retries = False
    # A kubeconfig that trusts any certificate is its owner's decision.
    disable_warnings(InsecureRequestWarning)
    return Connection(ApiClient(configuration), context)


def _reason(error: BaseException) -> str:
    """The innermost cause of a failed request: the client wraps it several times."""
    while isinstance(cause := error.__cause__ or error.__context__ or getattr(error, "reason", None), BaseException):
        error = cause
    return without_secrets(one_line(getattr(error, "strerror", None) or str(error) or type(error).__name__))
