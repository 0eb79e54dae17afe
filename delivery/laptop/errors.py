"""Why a step cannot go on, and what a person does about it."""


class LaptopError(Exception):
    """`found` says in one line what is wrong, `fix` how to change that. Neither has a secret in it."""

    def __init__(self, found: str, fix: str) -> None:
        super().__init__(found)
        self.found = found
        self.fix = fix
