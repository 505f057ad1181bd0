from __future__ import annotations

import ctypes
import json
from datetime import datetime, timezone
from typing import Any, Dict, Iterator, List, Mapping, MutableMapping, NamedTuple, Optional, Sequence, Union

from . import _json
from ._library import Handle, call, library, text, time_of
from ._seal import Duration, Format, Password, given, passwords, seconds


class Rejection(NamedTuple):
    """Why a cookie that came was not accepted."""

    code: str
    detail: str


class Session(MutableMapping[str, Any]):
    """One visitor's data for the length of one request. Made by SessionJar.open; not for several threads at once."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._data: Dict[str, Any] = json.loads(text(library.ironjar_session_data, handle.pointer))

    def __getitem__(self, key: str) -> Any:
        return self._data[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._data[key] = value

    def __delitem__(self, key: str) -> None:
        del self._data[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:  # the data is the user's, and may hold tokens
        return f"<Session {self.id} with {len(self)} members>"

    @property
    def id(self) -> str:
        """32 hexadecimal characters that stay for the session's life, in the native format."""
        return str(self._info()["id"])

    @property
    def started_at(self) -> datetime:
        return _datetime(self._info()["startedAt"])

    @property
    def expires_at(self) -> Optional[datetime]:
        """When the cookie that came stops opening; None for a new session and for one that never does."""
        expires = self._info()["expiresAt"]
        return None if expires is None else _datetime(expires)

    @property
    def reseal_only(self) -> bool:
        """Whether commit would seal it anew though nobody changed it: a slow response may leave that out."""
        return bool(self._info()["resealOnly"])

    @property
    def destroyed(self) -> bool:
        return bool(self._info()["destroyed"])

    @property
    def rejection(self) -> Optional[Rejection]:
        rejection = self._info()["rejection"]
        return None if rejection is None else Rejection(rejection["error"], rejection["detail"])

    def replace(self, *, now_ms: Optional[int] = None) -> None:
        """Puts a new and empty session in this one's place. Call it at login, against session fixation."""
        call(library.ironjar_session_replace, self._handle.pointer, time_of(now_ms))
        self._data = {}

    def destroy(self) -> None:
        """Signs out: commit deletes the cookie, and what is set afterwards is refused."""
        call(library.ironjar_session_destroy, self._handle.pointer)
        self._data = {}

    def _info(self) -> Dict[str, Any]:
        info: Dict[str, Any] = json.loads(text(library.ironjar_session_info, self._handle.pointer))
        return info

    def _commit(self, now_ms: Optional[int]) -> List[str]:
        if self._data or not self.destroyed:
            data = _json.dump(self._data)
            _json.require_exact(self._data)
            call(library.ironjar_session_set_data, self._handle.pointer, data, len(data))
        count = ctypes.c_size_t()
        call(library.ironjar_session_commit, self._handle.pointer, time_of(now_ms), ctypes.byref(count))
        return [text(library.ironjar_session_set_cookie, self._handle.pointer, i) for i in range(count.value)]


class SessionJar:
    """Opens and commits the sessions of one cookie. Immutable; any number of threads may use it.

    Raises ValueError, saying what to change, for options that cannot be.
    """

    def __init__(
        self,
        cookie_name: str,
        password: Password,
        *,
        seal_under: Optional[int] = None,
        formats: Sequence[Format] = ("native",),
        ttl: Optional[Duration] = None,
        clock_skew: Optional[Duration] = None,
        purpose: Optional[str] = None,
        context: Optional[str] = None,
        fe26_iterations: Optional[Sequence[int]] = None,
        max_age: Optional[Duration] = None,
        domain: Optional[str] = None,
        path: Optional[str] = None,
        expires: Optional[datetime] = None,
        http_only: Optional[bool] = None,
        secure: Optional[bool] = None,
        partitioned: Optional[bool] = None,
        priority: Optional[str] = None,
        same_site: Optional[str] = None,
        former: Optional[Sequence[Mapping[str, Any]]] = None,
        until_browser_closes: Optional[bool] = None,
        chunk: Optional[bool] = None,
        max_cookie_header: Optional[int] = None,
        rolling: Optional[bool] = None,
        absolute_ttl: Optional[Duration] = None,
        token_names: Optional[Mapping[str, str]] = None,
    ) -> None:
        seal = {
            "formats": list(formats),
            "ttl": _seconds(ttl),
            "clockSkew": _seconds(clock_skew),
            "purpose": purpose,
            "context": context,
            "fe26Iterations": None if fe26_iterations is None else list(fe26_iterations),
        }
        cookie = {
            "maxAge": _seconds(max_age),
            "domain": domain,
            "path": path,
            "expires": None if expires is None else int(expires.timestamp() * 1000),
            "httpOnly": http_only,
            "secure": secure,
            "partitioned": partitioned,
            "priority": priority,
            "sameSite": same_site,
        }
        options = {
            "cookieName": cookie_name,
            "passwords": passwords(password),
            "sealUnder": seal_under,
            "seal": given(seal),
            "cookie": given(cookie),
            "former": None if former is None else [dict(shape) for shape in former],
            "untilBrowserCloses": until_browser_closes,
            "chunk": chunk,
            "maxCookieHeader": max_cookie_header,
            "rolling": rolling,
            "absoluteTtl": _seconds(absolute_ttl),
            "tokenNames": None if token_names is None else dict(token_names),
        }
        self._handle = _jar(given(options))

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> SessionJar:
        """From the options of the C interface, by their names there, such as a configuration file may hold."""
        jar = cls.__new__(cls)
        jar._handle = _jar(dict(options))
        return jar

    def open(self, cookie_header: Union[str, bytes, None], *, now_ms: Optional[int] = None) -> Session:
        """The session that a Cookie header brings: HTTP_COOKIE of WSGI, the `cookie` header's bytes of ASGI.

        Total: whatever the header holds, up to a megabyte, there is a session. When a cookie came and did not open, it is empty and
        `rejection` says why.
        """
        header = cookie_header or b""
        if isinstance(header, str):
            header = header.encode("utf-8", "replace")
        return Session(
            Handle(
                library.ironjar_jar_open,
                library.ironjar_session_free,
                self._handle.pointer,
                header,
                len(header),
                time_of(now_ms),
            )
        )

    def commit(self, session: Session, *, now_ms: Optional[int] = None) -> List[str]:
        """The Set-Cookie values due; none when nothing changed. Call it once, when the response is ready.

        Raises IronjarError with code `tooLarge` for a session that no cookie holds, `malformed` for an integer that 64
        bits do not hold, and `notAllowed` for data that was written into a destroyed one.
        """
        return session._commit(now_ms)


def _jar(options: Mapping[str, Any]) -> Handle:
    payload = _json.dump(options)
    return Handle(library.ironjar_jar_new, library.ironjar_jar_free, payload, len(payload))


def _seconds(duration: Optional[Duration]) -> Optional[int]:
    return None if duration is None else seconds(duration)


def _datetime(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
