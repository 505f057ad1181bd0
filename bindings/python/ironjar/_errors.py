from __future__ import annotations


class IronjarError(Exception):
    """What came from outside was refused. `code` is one word to decide by, `detail` is for the log."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail)  # as they came, so that the error can be pickled
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"
