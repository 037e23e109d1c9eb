"""The one exception that ends a backend before it serves."""


class StartFailure(Exception):
    """A backend cannot start.

    Args:
        what: What could not be done.
        why: The cause, as the system told it.
        hint: What the user can do about it.
    """

    def __init__(self, *, what: str, why: str, hint: str) -> None:
        super().__init__(what, why, hint)
        self.what = what
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}: {self.why}; {self.hint}."
