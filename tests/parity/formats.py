"""V08: which formats open, by what the caller says, through every way into the library.

    formats.py PARITY CLI PACKAGE

Fe26.2 carries no purpose and no context: once one of them is asked for, or the native format, a seal of iron-session's
opens only where `formats` lists it. Without any of these the ways that stand in for iron-session, and the command line's
commands, open both; all others native alone. PACKAGE is the Node package as built, or empty: it is then left out.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import ironjar

PASSWORD = "Zk3-first-password-that-is-long-enough-0001"
NATIVE, FE26, BOTH = {"native"}, {"fe26"}, {"native", "fe26"}
# What is said, and what opens; None: what the way opens by itself.
CASES = [
    ({}, None),
    ({"purpose": "magic-link"}, NATIVE),
    ({"purpose": "session"}, NATIVE),  # the default's value is said too
    ({"context": "ada"}, NATIVE),
    ({"context": ""}, NATIVE),
    ({"purpose": "magic-link", "context": "ada"}, NATIVE),
    ({"format": "native"}, NATIVE),
    ({"formats": ["native"]}, NATIVE),
    ({"formats": ["fe26"]}, FE26),
    ({"formats": ["native", "fe26"]}, BOTH),
    ({"formats": ["native", "fe26"], "purpose": "magic-link"}, BOTH),
    ({"formats": ["native", "fe26"], "format": "native"}, BOTH),
    ({"formats": ["fe26"], "purpose": "magic-link", "context": "ada"}, FE26),
]
parity, cli, package = sys.argv[1:4]
here = Path(__file__).parent


def answers(command, requests, **environment):
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    done = subprocess.run(
        command, input=lines, capture_output=True, text=True, check=True, env={**os.environ, **environment}
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def one_list(options):
    """Node alone has `format` beside `formats`: elsewhere it is the one format of the list."""
    options = dict(options)
    if "format" in options:
        options.setdefault("formats", [options.pop("format")])
        options.pop("format", None)
    return options


def single(command):
    """Through the form of requests that `ironjar jsonl` takes."""

    def open_all(requests):
        lines = []
        for r in requests:
            request = {"op": "unseal", "passwords": PASSWORD, "seal": r["seal"], "nowMs": r["now"]}
            lines.append({**request, **one_list(r["options"])})
        return [answer["ok"] for answer in answers(command, lines)]

    return open_all


def visits(command):
    def open_all(requests):
        lines = []
        for r in requests:
            seal = {"ttl": 1209600, "formats": ["native"], **one_list(r["options"])}
            options = {"cookieName": "sid", "passwords": PASSWORD, "seal": seal}
            lines.append({"op": "open", "options": options, "header": "sid=" + r["seal"], "nowMs": r["now"]})
        return [answer["ok"] and answer["data"] != {} for answer in answers(command, lines)]

    return open_all


def through_python(requests):
    def opens(seal, options):
        try:
            return bool(ironjar.unseal_data(seal, PASSWORD, **one_list(options)))
        except ironjar.IronjarError as error:
            assert error.code == "unsupported", error
            return False

    return [opens(r["seal"], r["options"]) for r in requests]


def through_python_sessions(requests):
    def opens(seal, options):
        return len(ironjar.SessionJar("sid", PASSWORD, **one_list(options)).open("sid=" + seal)) > 0

    return [opens(r["seal"], r["options"]) for r in requests]


def through_command(command):
    def opens(seal, options):
        arguments = []
        for name, value in one_list(options).items():
            arguments += ["--" + name, ",".join(value) if isinstance(value, list) else value]
        done = subprocess.run(
            [cli, command, *arguments], input=seal, capture_output=True, text=True, env={"IRONJAR_PASSWORD": PASSWORD}
        )
        assert done.returncode in (0, 1), done.stderr
        return done.returncode == 0

    return lambda requests: [opens(r["seal"], r["options"]) for r in requests]


def through_node(way):
    def open_all(requests):
        lines = [{"way": way, "password": PASSWORD, "seal": r["seal"], "options": r["options"]} for r in requests]
        return answers(["node", str(here / "formats.mjs")], lines, IRONJAR_NODE_PACKAGE=package)

    return open_all


# Each with what it opens by itself, and whether it opens the sessions of a cookie.
WAYS = {
    "C++, unsealData": (single([parity, "cpp"]), NATIVE, False),
    "C, ironjar_unseal_data": (single([parity, "c"]), NATIVE, False),
    "C, ironjar_jar_open": (visits([parity, "c"]), NATIVE, True),
    "Python, unseal_data": (through_python, NATIVE, False),
    "Python, SessionJar": (through_python_sessions, NATIVE, True),
    "ironjar jsonl, unseal": (single([cli, "jsonl"]), NATIVE, False),
    "ironjar jsonl, open": (visits([cli, "jsonl"]), NATIVE, True),
    "ironjar unseal": (through_command("unseal"), BOTH, False),
    "ironjar inspect": (through_command("inspect"), BOTH, False),
    "ironjar rotate": (through_command("rotate"), BOTH, False),
}
if package:
    for name, opened, sessions in (
        ("unsealDataSync", BOTH, False),
        ("unsealData", BOTH, False),
        ("getIronSession", BOTH, True),
        ("SessionJar", NATIVE, True),
    ):
        WAYS["Node, " + name] = (through_node(name), opened, sessions)
else:
    print("SKIPPED: Node", file=sys.stderr)


def seals_for(options, of_sessions):
    """A seal of each format, of which the native one is bound to what is asked for."""
    native = {name: options[name] for name in ("purpose", "context") if name in options}
    if of_sessions:
        native["context"] = "sid"
    return {
        "native": ironjar.seal_data({"n": 1}, PASSWORD, **native),
        "fe26": ironjar.seal_data({"n": 1}, PASSWORD, format="fe26"),
    }


wrong = 0
for name, (open_all, by_itself, of_sessions) in WAYS.items():
    requests, expected = [], []
    for options, opened in CASES:
        # A session has no purpose or context of its own here, but in a jar's options, which C++ alone decides.
        if of_sessions and ("purpose" in options or "context" in options):
            continue
        for format, seal in seals_for(options, of_sessions).items():
            now = time.time_ns() // 10**6
            requests.append({"seal": seal, "format": format, "options": options, "now": now})
            expected.append(format in (by_itself if opened is None else opened))
    for request, is_open, should in zip(requests, open_all(requests), expected, strict=True):
        if is_open == should:
            continue
        wrong += 1
        print(f"{name}: a {request['format']} seal with {request['options']} is {'open' if is_open else 'refused'}")
    print(f"{name}: {len(requests)} cases")
sys.exit(wrong > 0)
