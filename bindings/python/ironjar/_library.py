"""The C interface, declared for ctypes."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any, Callable, Optional

from ._errors import IronjarError

NOW = -1
_BUFFER_TOO_SMALL = 100
_INVALID_ARGUMENT = 101
_OUT_OF_MEMORY = 102
_MACHINE = 103


class ErrorStruct(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_uint32),
        ("status", ctypes.c_int32),
        ("detail", ctypes.c_char * 248),
    ]


class PairStruct(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_size_t),
        ("name_size", ctypes.c_size_t),
        ("value", ctypes.c_size_t),
        ("value_size", ctypes.c_size_t),
    ]


def _load() -> ctypes.CDLL:
    name = "libironjar_c.so.1"
    named = os.environ.get("IRONJAR_LIBRARY")
    beside = Path(__file__).with_name(name)
    if named:
        return ctypes.CDLL(named)
    if beside.exists():
        return ctypes.CDLL(str(beside))
    return ctypes.CDLL(name)  # as the system's loader finds it


_HANDLE = ctypes.c_void_p
_TEXT = (ctypes.c_char_p, ctypes.c_size_t)
_OUT = (ctypes.c_char_p, ctypes.POINTER(ctypes.c_size_t))
_COUNT = ctypes.POINTER(ctypes.c_size_t)
_TIME = ctypes.c_int64
_MADE = ctypes.POINTER(ctypes.c_void_p)
_ERROR = ctypes.POINTER(ErrorStruct)

_SIGNATURES = {
    "ironjar_sealer_new": (*_TEXT, _MADE, _ERROR),
    "ironjar_sealer_free": (_HANDLE,),
    "ironjar_seal_data": (_HANDLE, *_TEXT, _TIME, *_OUT, _ERROR),
    "ironjar_unseal_data": (_HANDLE, *_TEXT, _TIME, *_OUT, _ERROR),
    "ironjar_jar_new": (*_TEXT, _MADE, _ERROR),
    "ironjar_jar_free": (_HANDLE,),
    "ironjar_jar_open": (_HANDLE, *_TEXT, _TIME, _MADE, _ERROR),
    "ironjar_session_free": (_HANDLE,),
    "ironjar_session_data": (_HANDLE, *_OUT, _ERROR),
    "ironjar_session_set_data": (_HANDLE, *_TEXT, _ERROR),
    "ironjar_session_replace": (_HANDLE, _TIME, _ERROR),
    "ironjar_session_destroy": (_HANDLE, _ERROR),
    "ironjar_session_info": (_HANDLE, *_OUT, _ERROR),
    "ironjar_session_commit": (_HANDLE, _TIME, _COUNT, _ERROR),
    "ironjar_session_set_cookie": (_HANDLE, ctypes.c_size_t, *_OUT, _ERROR),
    "ironjar_parse_cookies": (*_TEXT, ctypes.POINTER(PairStruct), _COUNT, _ERROR),
}


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    for name, arguments in _SIGNATURES.items():
        function = getattr(library, name)
        function.argtypes = arguments
        function.restype = ctypes.c_int32
    library.ironjar_status_name.argtypes = (ctypes.c_int32,)
    library.ironjar_status_name.restype = ctypes.c_char_p
    return library


library = _declare(_load())


def _raise(status: int, error: ErrorStruct) -> None:
    detail = error.detail.decode("utf-8", "replace")
    if status == _INVALID_ARGUMENT:
        raise ValueError(detail)
    if status == _OUT_OF_MEMORY:
        raise MemoryError(detail)
    if status == _MACHINE:
        raise RuntimeError(detail)
    raise IronjarError(library.ironjar_status_name(status).decode("ascii"), detail)


def call(function: Any, *arguments: Any) -> None:
    """Calls a function of the library, which ends in an error struct; raises what it reports."""
    error = ErrorStruct(size=ctypes.sizeof(ErrorStruct))
    status = function(*arguments, ctypes.byref(error))
    if status != 0:
        _raise(status, error)


def text(function: Any, *arguments: Any, guess: int = 4096) -> str:
    """Calls a function whose last arguments are a buffer and its size; the text that it wrote."""
    room = guess
    while True:
        buffer = ctypes.create_string_buffer(room)
        size = ctypes.c_size_t(room)
        error = ErrorStruct(size=ctypes.sizeof(ErrorStruct))
        status = function(*arguments, buffer, ctypes.byref(size), ctypes.byref(error))
        if status == 0:
            return buffer.raw[: size.value].decode("utf-8")
        if status != _BUFFER_TOO_SMALL:
            _raise(status, error)
        room = size.value


class Handle:
    """Owns a handle of the library, and gives it back."""

    def __init__(self, make: Any, free: Callable[[Any], int], *arguments: Any) -> None:
        self._free = free
        self.pointer = ctypes.c_void_p()
        call(make, *arguments, ctypes.byref(self.pointer))

    def __del__(self) -> None:
        if getattr(self, "pointer", None):
            self._free(self.pointer)
            self.pointer = ctypes.c_void_p()


def time_of(now_ms: Optional[int]) -> int:
    if now_ms is None:
        return NOW
    if not isinstance(now_ms, int) or isinstance(now_ms, bool) or not 0 <= now_ms < 2**63:
        raise ValueError("ironjar: now_ms is no count of milliseconds since 1970")
    return now_ms
