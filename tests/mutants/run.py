"""Runs the tests with each planted fault in turn, several at once; fails when one survives.

    run.py ROOT PROGRAM [--jobs N] [--named] [--simulator PROGRAM --seeds N] [NUMBER…]

First the tests that the list names for it; if those pass, all: those of lib/redis when it is a fault there, else all but
those, which start servers; not with --named. A fault that makes the tests crash, or hang, has not survived. Number 0 is
no fault: with it all the named tests must pass.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from plant import Fault, read_faults

DEADLINE = 120  # seconds
WHOLE = 600  # for all tests
# Tests whose size is what they are about, with time limits of their own: asked when all others have passed.
LARGE = "*huge pages*,*a million*,*512 MB*"
SIMULATED = 0.9  # what the simulator must find, of the faults in what it plays
# Files below lib.
PLAYED = ("refresh/", "fetch/", "session/", "redis/", "oauth/token_")
FAILED = re.compile(r"^TEST CASE:\s+(.*)(?:\n(?!TEST CASE:).*)*? (?:FATAL )?ERROR: ", re.MULTILINE)
RUNNING = re.compile(r"^running: (.*)", re.MULTILINE)


class Run(NamedTuple):
    passed: bool
    by: str
    output: str


class Verdict(NamedTuple):
    fault: Fault
    by: str  # empty: it survived
    simulator: str
    seconds: float


def run(command, number, deadline):
    environment = {**os.environ, "IRONJAR_MUTANT": str(number)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, errors="replace", start_new_session=True)
    try:
        output, _ = process.communicate(timeout=deadline)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        output, _ = process.communicate()
        running = RUNNING.findall(output) or ["?"]
        return Run(False, f"{running[-1]} (hangs)", output)
    if process.returncode == 0:
        return Run(True, "", output)
    names = FAILED.findall(output) or [f"{name} (crash)" for name in RUNNING.findall(output)[-1:]] or ["?"]
    return Run(False, names[0], output)


def files_of(topics):
    return ",".join(f"*/{topic}_test.cpp" for topic in topics)


def try_tests(program, fault, only_named):
    command = [program, "--no-version", "--abort-after=1", "--no-breaks"]
    named = [f"--source-file={files_of(fault.topics)}", f"--test-case-exclude={LARGE}"]
    few = run([*command, *named], fault.number, DEADLINE)
    if only_named or not few.passed:
        return few.by
    which = "--source-file=*/redis_*" if fault.file.startswith("redis/") else "--source-file-exclude=*/redis_*"
    every = run([*command, which], fault.number, WHOLE)
    return every.by if every.passed else f"{every.by} (not named for it)"


def judge(arguments, fault):
    begin = time.monotonic()
    by = try_tests(arguments.program, fault, arguments.named)
    simulator = ""
    if arguments.simulator and fault.file.startswith(PLAYED):
        found = run([arguments.simulator, "--seeds", str(arguments.seeds)], fault.number, WHOLE)
        simulator = "-" if found.passed else "yes"
    return Verdict(fault, by, simulator, time.monotonic() - begin)


def show(verdict):
    by = verdict.by or "SURVIVES"
    simulator = f" {verdict.simulator:>3}" if verdict.simulator else ""
    print(f"{verdict.fault.number:>4} {verdict.seconds:6.1f} s{simulator}  {verdict.fault.meaning}")
    print(f"{'':>15}{by}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("program")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--named", action="store_true")
    parser.add_argument("--simulator")
    parser.add_argument("--seeds", type=int, default=20_000)
    parser.add_argument("numbers", type=int, nargs="*")
    arguments = parser.parse_intermixed_args()
    faults = read_faults((arguments.root / "tests/mutants/list").read_text())
    unknown = set(arguments.numbers) - {fault.number for fault in faults}
    if unknown:
        sys.exit(f"mutants: there is no mutant {min(unknown)}")
    faults = [fault for fault in faults if not arguments.numbers or fault.number in arguments.numbers]
    topics = sorted({topic for fault in faults for topic in fault.topics})
    for topic in topics:
        listed = run([arguments.program, "--list-test-cases", f"--source-file={files_of([topic])}"], 0, DEADLINE)
        if "filters: 0" in listed.output:
            sys.exit(f"mutants: the program has no test of {topic}")
    none = run([arguments.program, "--no-version", "--no-breaks", f"--source-file={files_of(topics)}",
                f"--test-case-exclude={LARGE}"], 0, WHOLE)
    if not none.passed:
        sys.exit(f"{none.output}\nmutants: the tests fail without one: {none.by}")
    with ThreadPoolExecutor(arguments.jobs) as pool:
        verdicts = []
        for verdict in pool.map(lambda fault: judge(arguments, fault), faults):
            show(verdict)
            verdicts.append(verdict)
    survivors = [verdict for verdict in verdicts if not verdict.by]
    print(f"{len(verdicts) - len(survivors)} of {len(verdicts)} mutants are killed by the tests")
    for verdict in survivors:
        print(f"mutant {verdict.fault.number} survives: {verdict.fault.meaning} ({verdict.fault.file})")
    played = [verdict for verdict in verdicts if verdict.simulator]
    missed = [verdict for verdict in played if verdict.simulator == "-"]
    if arguments.simulator:
        print(f"{len(played) - len(missed)} of {len(played)} by the simulator, within {arguments.seeds} seeds")
    sys.exit(bool(survivors) or len(missed) > len(played) * (1 - SIMULATED))


if __name__ == "__main__":
    main()
