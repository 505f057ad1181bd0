"""Writes copies of lib's sources in which a run of the tests chooses one fault of many; README.md says how.

    plant.py ROOT check             that each fault's fragment occurs once in its file, and its tests exist
    plant.py ROOT sources           what a program with the faults compiles anew: `fault FILE` is written by `write`,
                                    `lib FILE` includes one of those
    plant.py ROOT write FILE OUT    the copy of lib/FILE
    plant.py ROOT simulated OUT     that of what the simulator has in place of the scripts
    plant.py ROOT control           that `check` finds what it must find
"""

import re
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

FIRST_LINE = re.compile(r"(\d+) (\S+) \(([\w ]+)\)")
INCLUDE = re.compile(r'#include "([^"]+)"')
LUA = re.compile(r'constexpr const char\* (\w+) = R"\((.*?)\)";', re.DOTALL)
SIMULATED = "tests/sim/redis/data.cpp"
DECLARATION = "namespace ironjar::mutants { bool chosen(int id); }\n"


class Fault(NamedTuple):
    number: int
    file: str  # below lib
    topics: list
    meaning: str
    original: str
    mutated: str
    simulated: tuple = ()  # a script's: what it is in SIMULATED, and what takes its place


def read_faults(text):
    faults = []
    for paragraph in re.split(r"\n\s*\n", text):
        lines = [line for line in paragraph.splitlines() if line.strip() and not line.startswith("#")]
        if not lines:
            continue
        first = FIRST_LINE.fullmatch(lines[0])
        if not first or len(lines) < 4:
            raise SystemExit(f"mutants: `{lines[0]}` does not begin a fault: `NUMBER FILE (TESTS)`, meaning, -, +")
        marked = {mark: "\n".join(line[3:] for line in lines[2:] if line[1:2] == mark) for mark in "-+<>"}
        simulated = (marked["<"], marked[">"]) if marked["<"] else ()
        faults.append(Fault(int(first[1]), first[2], first[3].split(), lines[1].strip(), marked["-"], marked["+"],
                            simulated))
    return faults


# Blanks and line breaks count alike, so that formatting a source anew is no matter.
def pattern_of(fragment):
    return re.compile(r"\s+".join(re.escape(word) for word in fragment.split()))


def problems_of(faults, text_of, exists):
    problems = []
    for number, count in Counter(fault.number for fault in faults).items():
        if count > 1:
            problems.append(f"mutant {number}: the number is taken {count} times")
    for fault in faults:
        times = len(pattern_of(fault.original).findall(text_of(fault.file))) if fault.original else 0
        if times == 0:
            problems.append(f"mutant {fault.number}: its line is gone from lib/{fault.file}; write it anew")
        if times > 1:
            problems.append(f"mutant {fault.number}: its line occurs {times} times in lib/{fault.file}; say more of it")
        problems += [f"mutant {fault.number}: there is no test {t}" for t in fault.topics if not exists(t)]
    return problems


def in_place_of(fault, original):
    chosen = f"::ironjar::mutants::chosen({fault.number})"
    if original.endswith((";", "}")):
        return f"{{ if ({chosen}) {{ {fault.mutated} }} else {{ {original} }} }}"
    return f"({chosen} ? ({fault.mutated}) : ({original}))"


# A script's text is chosen as a whole, when the program starts.
def with_scripts(text, faults):
    def chosen(literal):
        name, script = literal.groups()
        choices = ""
        for fault in faults:
            mutated, times = pattern_of(fault.original).subn(lambda _, by=fault.mutated: by, script)
            if times:
                choices += f'::ironjar::mutants::chosen({fault.number}) ? R"({mutated})" : '
        return f'const char* const {name} = {choices}R"({script})";'

    return LUA.sub(chosen, text)


def planted(text, faults, path):
    if LUA.search(text):
        return DECLARATION + with_scripts(text, faults)
    places = sorted((pattern_of(fault.original).search(text).span(), fault) for fault in faults)
    parts, end = [DECLARATION, f'#line 1 "{path}"\n'], 0
    for (first, last), fault in places:
        if first < end:
            raise SystemExit(f"mutant {fault.number}: overlaps with another one")
        parts += [text[end:first], in_place_of(fault, text[first:last])]
        end = last
    return "".join(parts) + text[end:]


def includes_of(path, folder, known):
    if path not in known:
        known[path] = set()
        for name in INCLUDE.findall(path.read_text()):
            if (folder / name).exists():
                known[path] |= {folder / name} | includes_of(folder / name, folder, known)
    return known[path]


# The same faults as ones of the simulator's scripts, which are C++.
def in_simulator(faults):
    return [f._replace(file=f"../{SIMULATED}", original=f.simulated[0], mutated=f.simulated[1]) for f in faults
            if f.simulated]


def sources_of(root, faults):
    lib = root / "lib"
    files = {lib / fault.file for fault in faults}
    yield from (f"fault {path.relative_to(lib)}" for path in sorted(files))
    known = {}
    for source in sorted(lib.glob("*/*.cpp")):
        if source not in files and includes_of(source, lib, known) & files:
            yield f"lib {source.relative_to(lib)}"


def control():
    good = Fault(1, "a.cpp", ["a"], "", "now < end", "true")
    text = "return  now <\n    end;\nif (isFree(x)) go();\n"
    bad = {
        "its line is gone from lib/a.cpp": good._replace(original="now > end"),
        "its line occurs 2 times in lib/a.cpp": good._replace(original="go();"),
        "there is no test b": good._replace(topics=["b"]),
    }
    for problem, fault in bad.items():
        found = problems_of([fault], lambda _: text + "go();\n", lambda topic: topic == "a")
        assert any(problem in one for one in found), (problem, found)
    assert problems_of([good], lambda _: text, lambda _: True) == []
    assert "taken 2 times" in problems_of([good, good], lambda _: text, lambda _: True)[0]
    expected = "return  (::ironjar::mutants::chosen(1) ? (true) : (now <\n    end));"
    assert expected in planted(text, [good], "a.cpp"), planted(text, [good], "a.cpp")
    statement = good._replace(original="go();", mutated="")
    expected = "if (isFree(x)) { if (::ironjar::mutants::chosen(1)) {  } else { go(); } }"
    assert expected in planted(text, [statement], "a.cpp"), planted(text, [statement], "a.cpp")


def main(root, task, *arguments):
    faults = read_faults((root / "tests/mutants/list").read_text())

    def text_of(file):
        path = root / "lib" / file
        return path.read_text() if path.exists() else ""

    if task == "control":
        return control()
    if task == "sources":
        return print("\n".join(sources_of(root, faults)))
    if task == "write":
        faults = [fault for fault in faults if fault.file == arguments[0]]
    if task == "simulated":
        task, faults, arguments = "write", in_simulator(faults), (f"../{SIMULATED}", *arguments)
    counterparts = in_simulator(faults) if task == "check" else []
    problems = problems_of(faults, text_of, lambda topic: (root / f"tests/{topic}_test.cpp").exists())
    problems += problems_of(counterparts, text_of, lambda _: True)
    problems += [f"mutant {fault.number}: it has no counterpart in {SIMULATED}" for fault in faults
                 if task == "check" and fault.file == "redis/scripts.cpp" and not fault.simulated]
    if problems:
        raise SystemExit("\n".join(problems))
    if task == "write":
        out = Path(arguments[1])
        out.parent.mkdir(parents=True, exist_ok=True)
        text = planted(text_of(arguments[0]), faults, f"lib/{arguments[0]}")
        if not out.exists() or out.read_text() != text:  # or all would be compiled anew
            out.write_text(text)
    else:
        print(f"{len(faults)} faults, each in its place")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), *sys.argv[2:])
