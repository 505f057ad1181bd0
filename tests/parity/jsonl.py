"""Answers the requests of `ironjar jsonl` through the Python package."""

import json
import sys

import ironjar
from ironjar import _library


def given(request, *names):
    python_names = {"nowMs": "now_ms", "clockSkew": "clock_skew"}
    return {python_names.get(name, name): request[name] for name in names if name in request}


def passwords(request):
    password = request["passwords"]
    return password if isinstance(password, str) else {int(id): text for id, text in password.items()}


def seal(request):
    more = given(request, "format", "ttl", "nowMs")
    if more["format"] == "native":  # Fe26.2 carries neither, and the package says so
        more.update(given(request, "purpose", "context"))
    return {"ok": True, "seal": ironjar.seal_data(request["data"], passwords(request), **more)}


def unseal(request):
    more = given(request, "formats", "clockSkew", "purpose", "context", "nowMs")
    return {"ok": True, "data": ironjar.unseal_data(request["seal"], passwords(request), **more)}


def cookies(request):
    header = request["header"].encode()
    pairs = (_library.PairStruct * max(1, len(header)))()
    count = _library.ctypes.c_size_t(len(pairs))
    _library.call(_library.library.ironjar_parse_cookies, header, len(header), pairs, _library.ctypes.byref(count))

    def text(at, size):
        return header[at : at + size].decode()

    found = [[text(p.name, p.name_size), text(p.value, p.value_size)] for p in pairs[: count.value]]
    return {"ok": True, "cookies": found}


def visit(request):
    jar = ironjar.SessionJar.from_options(request["options"])
    session = jar.open(request["header"], now_ms=request["nowMs"])
    answer = {"ok": True}
    if request["op"] == "open":
        answer["data"] = dict(session)
        if session.rejection:
            answer["rejection"] = {"error": session.rejection.code, "detail": session.rejection.detail}
    elif request["data"] is None:
        session.destroy()
    else:
        session.clear()
        session.update(request["data"])
    answer["setCookie"] = jar.commit(session, now_ms=request["nowMs"])
    return answer


OPERATIONS = {"seal": seal, "unseal": unseal, "cookies": cookies, "open": visit, "commit": visit}


def answer_to(request):
    try:
        return OPERATIONS[request["op"]](request)
    except ironjar.IronjarError as error:
        return {"ok": False, "error": error.code, "detail": error.detail}


for line in sys.stdin.buffer:
    print(json.dumps(answer_to(json.loads(line))))
