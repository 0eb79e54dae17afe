"""GitHub's error answers: status, message and the `errors` list, as the REST documentation shows them.

Each function gives the exception for one documented situation; the server turns it into the JSON body.
"""

from collections.abc import Mapping

DOCUMENTATION = "https://docs.github.com/rest"


class ApiError(Exception):
    """An answer that is no success; `errors` is the list of details of a failed validation."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = dict(headers or {})

    def body(self) -> dict[str, object]:
        """The JSON body: `message`, `errors` where there are some, `documentation_url`, `status` as text."""
        return error_body(self.status, self.message, self.errors)


def error_body(status: int, message: str, errors: list[dict[str, str]] | None = None) -> dict[str, object]:
    """GitHub's error object."""
    details: dict[str, object] = {"errors": errors} if errors else {}
    return {"message": message, **details, "documentation_url": DOCUMENTATION, "status": str(status)}


def not_found() -> ApiError:
    """404, also for what the token may not see."""
    return ApiError(404, "Not Found")


def missing(field: str) -> ApiError:
    """422 for a body without a required property."""
    return ApiError(422, f'Invalid request.\n\n"{field}" wasn\'t supplied.')


def wrong_type(field: str, value: object, expected: str) -> ApiError:
    """422 for a property of another type than the schema's."""
    return ApiError(422, f"Invalid request.\n\nFor 'properties/{field}', {value!r} is not {expected}.")


def invalid(resource: str, field: str, code: str = "invalid") -> ApiError:
    """422 with one detail on a field (`invalid`, `missing_field`, `already_exists`)."""
    return ApiError(422, "Validation Failed", [{"resource": resource, "field": field, "code": code}])


def refused(resource: str, message: str) -> ApiError:
    """422 with one detail that says in words what is wrong."""
    return ApiError(422, "Validation Failed", [{"resource": resource, "code": "custom", "message": message}])
