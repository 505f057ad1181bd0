"""V31: what npm installs here runs none of its scripts, and is what a lock file says, to the byte.

    locked.py ROOT

Every use of npm that installs is `npm ci --ignore-scripts`, nothing is fetched by npx, yarn or pnpm; every package.json
with dependencies names exact versions and has a lock file beside it, each entry of which has an integrity. A lock file
names no place to fetch from: that is the machine's choice. First the check is tried on what it must find.
"""

import json
import re
import sys
import tempfile
from pathlib import Path

INSTALLS = re.compile(r"\bnpm\s+(?:-\S+\s+)*(install|i|ci|add|update|up|rebuild|exec|x|init|create|link)\b([^;&|\n]*)")
OTHERS = re.compile(r"(?:^|[;&|($\s])(npx|yarn|pnpm|bunx|corepack)\s+[\w@-]", re.MULTILINE)
PACKS = re.compile(r"\bnpm\s+(?:-\S+\s+)*(pack|run|test|start|publish)\b([^;&|\n]*)")
EXACT = re.compile(r"(npm:(@[\w.-]+/)?[\w.-]+@)?\d+\.\d+\.\d+")
SCRIPTS = {".sh", ".bash", ".yml", ".yaml", ".cmake", ".mjs", ".js", ".ts", ".py", ".mk", ""}
LEFT_OUT = {".git", "node_modules", "__pycache__", ".cache"}


def files_of(root):
    for path in sorted(root.iterdir()):
        if path.name in LEFT_OUT or path.is_symlink() or (path.is_dir() and path.name.startswith("build")):
            continue
        if path.is_dir():
            yield from files_of(path)
        else:
            yield path


def commands_in(text):
    lines = [line for line in text.replace("\\\n", " ").splitlines() if not re.match(r"\s*(#|//|\*)", line)]
    return "\n".join(lines)


def problems_of_script(text):
    text = commands_in(text)
    for verb, rest in INSTALLS.findall(text):
        if verb != "ci":
            yield f"npm {verb} in place of npm ci"
        if "--ignore-scripts" not in rest:
            yield f"npm {verb} without --ignore-scripts"
    for verb, rest in PACKS.findall(text):
        if "--ignore-scripts" not in rest:
            yield f"npm {verb} without --ignore-scripts"
    for program in OTHERS.findall(text):
        yield f"{program} fetches or runs packages"


def dependencies_of(package):
    kinds = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
    found = {(kind, name): version for kind in kinds for name, version in package.get(kind, {}).items()}
    # npm installs no optional peer: it is the application's own, in the version that it has.
    for name, meta in package.get("peerDependenciesMeta", {}).items():
        if meta.get("optional") is True:
            found.pop(("peerDependencies", name), None)
    return {name: version for (_, name), version in found.items()}


def problems_of_package(folder, package):
    dependencies = dependencies_of(package)
    for name, version in dependencies.items():
        if not EXACT.fullmatch(version):
            yield f"{name} has no exact version"
    if "scripts" in package:
        yield "scripts of its own"
    if not dependencies:
        return
    lock_file = folder / "package-lock.json"
    if not lock_file.exists():
        yield "no lock file"
        return
    lock = json.loads(lock_file.read_text())
    entries = lock.get("packages", {})
    if dependencies_of(entries.get("", {})) != dependencies:
        yield "the lock file is of other dependencies"
    for name in dependencies:
        if f"node_modules/{name}" not in entries:
            yield f"the lock file has no {name}"
    for name, entry in entries.items():
        if name != "" and not entry.get("integrity", "").startswith("sha512-"):
            yield f"{name} has no integrity"
        if "resolved" in entry or entry.get("link"):
            yield f"{name} says where it comes from"


def problems_in(root):
    for path in files_of(root):
        found = []
        if path.name == "package.json":
            found = problems_of_package(path.parent, json.loads(path.read_text()))
        elif path.suffix in SCRIPTS and path.resolve() != Path(__file__).resolve():
            found = problems_of_script(path.read_text(errors="replace"))
        for problem in found:
            yield f"{path.relative_to(root)}: {problem}"


def lock_of(entry):
    root = {"dependencies": {"a": "1.0.0"}}
    return {"package.json": json.dumps(root), "package-lock.json": json.dumps({"packages": {"": root, "node_modules/a": entry}})}


GOOD = {"integrity": "sha512-AAAA", "version": "1.0.0"}
CONTROLS = [
    {"a.sh": "npm install left-pad\n"},
    {"a.sh": "npm i --ignore-scripts left-pad\n"},
    {"a.sh": "timeout 9 npm --silent install \\\n  --ignore-scripts a\n"},
    {"a.sh": "cd x && npm ci\n"},
    {"a.sh": "npm ci; echo --ignore-scripts\n"},
    {"CMakeLists.txt.cmake": "execute_process(COMMAND npm ci)\n"},
    {"run": "npm exec tool\n"},
    {".github/workflows/w.yml": "      - run: npx tool\n"},
    {"a.sh": "yarn install\n"},
    {"a.sh": "npm pack\n"},
    {"package.json": json.dumps({"dependencies": {"a": "1.0.0"}})},
    {"package.json": json.dumps({"scripts": {"install": "x"}})},
    {"package.json": json.dumps({"devDependencies": {"a": "^1.0.0"}})},
    {"package.json": json.dumps({"dependencies": {"a": "https://example.com/a.tgz"}})},
    lock_of({"version": "1.0.0"}),
    lock_of({**GOOD, "integrity": "sha1-AAAA"}),
    lock_of({**GOOD, "resolved": "https://registry.example/a.tgz"}),
    {**lock_of(GOOD), "package.json": json.dumps({"dependencies": {"a": "1.0.1"}})},
]
INNOCENT = [lock_of(GOOD), {"a.sh": "# npm install\nnpm ci --ignore-scripts --prefix x\necho npm could not install\n"}]


def is_found(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return any(problems_in(Path(folder)))


for control in CONTROLS:
    assert is_found(control), f"the check does not find {control}"
for control in INNOCENT:
    assert not is_found(control), f"the check finds fault with {control}"
problems = list(problems_in(Path(sys.argv[1]).resolve()))
locks = list(Path(sys.argv[1], "tests", "packages").glob("*/package-lock.json"))
assert len(locks) >= 5, "the lock files are elsewhere"
print("\n".join(problems) or f"{len(CONTROLS)} controls are found; {len(locks)} lock files and every script are in order")
sys.exit(bool(problems))
