from __future__ import annotations

import json
from typing import Any, List

from ._errors import IronjarError


def dump(data: Any) -> bytes:
    """JSON as short as it can be written. Raises TypeError or ValueError for what JSON cannot carry, and IronjarError with
    code `tooLarge` for what is nested deeper than Python writes."""
    try:
        return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")
    except RecursionError:
        raise IronjarError("tooLarge", "more than 64 levels") from None
    except UnicodeEncodeError:  # a lone surrogate, which can only be written as an escape
        return json.dumps(data, allow_nan=False, separators=(",", ":")).encode("ascii")


def require_exact(data: Any) -> None:
    """Raises IronjarError for an integer that a session would round. `data` was dumped before, and so has no cycle."""
    pending: List[Any] = [data]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, (list, tuple)):
            pending.extend(value)
        elif isinstance(value, int) and not -(2**63) <= value < 2**64:
            raise IronjarError("malformed", "an integer of more than 64 bits")
