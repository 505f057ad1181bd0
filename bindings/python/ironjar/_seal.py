from __future__ import annotations

import json
from datetime import timedelta
from functools import lru_cache
from typing import Any, Dict, Mapping, Optional, Sequence, Union

from . import _json
from ._library import Handle, library, text, time_of

Password = Union[str, Mapping[int, str]]
"""One text of at least 32 random characters, or several by id, which all open. The highest seals, or `seal_under`."""

Format = str
"""'native', or 'fe26' for iron-session."""

Duration = Union[int, timedelta]


def seconds(duration: Duration) -> int:
    if isinstance(duration, timedelta):
        return duration // timedelta(seconds=1)
    return duration


def given(options: Dict[str, Any]) -> Dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def passwords(password: Password) -> Union[str, Dict[str, str]]:
    if isinstance(password, str):
        return password
    if not isinstance(password, Mapping):
        raise TypeError("ironjar: the password is neither a text nor texts by id: is its environment variable set?")
    return {str(id): text for id, text in password.items()}


@lru_cache(maxsize=128)  # deriving keys costs more than sealing
def _sealer(options: bytes) -> Handle:
    return Handle(library.ironjar_sealer_new, library.ironjar_sealer_free, options, len(options))


def seal_data(
    data: Any,
    password: Password,
    *,
    seal_under: Optional[int] = None,
    format: Format = "native",
    ttl: Duration = timedelta(days=14),
    purpose: Optional[str] = None,
    context: Optional[str] = None,
    now_ms: Optional[int] = None,
) -> str:
    """Seals what JSON can carry into a text that is safe in a cookie or a URL.

    It opens for `ttl` (0: for ever), and for the same purpose ("session" by default) and context ("") only, which Fe26.2
    does not carry. Raises IronjarError for what cannot be sealed (`malformed`, `tooLarge`), and ValueError for
    impossible options.
    """
    if format != "native" and (purpose is not None or context is not None):
        raise ValueError("ironjar: purpose and context are bound into native seals only: leave them out, or the format")
    options = {
        "passwords": passwords(password),
        "formats": [format],
        "ttl": seconds(ttl),
        **given({"sealUnder": seal_under, "purpose": purpose, "context": context}),
    }
    sealer = _sealer(_json.dump(options))
    payload = _json.dump(data)
    return text(
        library.ironjar_seal_data,
        sealer.pointer,
        payload,
        len(payload),
        time_of(now_ms),
        guess=2 * len(payload) + 512,
    )


def unseal_data(
    seal: str,
    password: Password,
    *,
    formats: Sequence[Format] = ("native",),
    clock_skew: Duration = 60,
    purpose: Optional[str] = None,
    context: Optional[str] = None,
    now_ms: Optional[int] = None,
) -> Any:
    """What was sealed, in one of `formats`, for this purpose ("session" by default) and context ("").

    Fe26.2 carries neither: with "fe26" among the formats every seal of iron-session's under these passwords opens.
    Raises IronjarError with the codes `malformed`, `unsupported`, `unknownKey`, `tampered`, `expired`, `notYetValid`
    and `tooLarge`, and ValueError for impossible options.
    """
    options = {
        "passwords": passwords(password),
        "formats": list(formats),
        "clockSkew": seconds(clock_skew),
        **given({"purpose": purpose, "context": context}),
    }
    sealer = _sealer(_json.dump(options))
    sealed = seal.encode("utf-8", "replace")
    json_text = text(
        library.ironjar_unseal_data, sealer.pointer, sealed, len(sealed), time_of(now_ms), guess=len(sealed) + 1
    )
    return json.loads(json_text)
