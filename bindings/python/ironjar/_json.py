from __future__ import annotations

import json
from typing import Any


def dump(data: Any) -> bytes:
    """JSON as short as it can be written. Raises TypeError or ValueError for what JSON cannot carry."""
    try:
        return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate, which can only be written as an escape
        return json.dumps(data, allow_nan=False, separators=(",", ":")).encode("ascii")
