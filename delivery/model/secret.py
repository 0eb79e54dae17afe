"""A secret in memory: it shows as `[secret]` wherever it is printed, logged or formatted by accident."""

from delivery.text import MASK


class SecretText:
    """Holds one secret. Only `reveal` gives it out, which is easy to search for."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__
