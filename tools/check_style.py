#!/usr/bin/env python3
"""The mechanical part of the house style.

usage: check_style.py [ROOT]        the tree at ROOT, by default the one this file is in
       check_style.py --self-test   plant breaches in a temporary tree; demand that they are found
"""

import sys

sys.dont_write_bytecode = True

import re
import tempfile
from pathlib import Path

from source_text import (
    CPP, SCRIPTS, Finding, Source, demand, files_of, is_script, read, report,
)

LINES_MAX = 500
FUNCTION_LINES_MAX = 60
COLUMNS_MAX = 100

BANNED_WORDS = {
    "activity", "handler", "executor", "manager", "processor",
    "data", "info", "item", "util", "helper", "impl", "abstract",
}
BANNED_FILES = {"common", "types", "misc"}

# Only the clocks of the runtime and of a plugin's process ask the system, and that of threads;
# elsewhere time is an argument.
TIMELESS = ("host/", "storage/", "sdk/include/stepd/", "tests/engine/", "tests/storage/",
            "tests/runtime/", "tests/simulation/", "tests/http/", "plugins/", "tools/stepctl/")
MAY_ASK_TIME = re.compile(
    r"host/(runtime|contained)/[a-z_]*clock[a-z_]*\.(cpp|hpp)|host/plugin/thread_clock\.cpp"
    r"|sdk/include/stepd/testing/.*")
_WALL_CLOCK = re.compile(
    r"system_clock\s*::\s*now|\bgettimeofday\s*\(|\bclock_gettime\s*\("
    r"|\btime\s*\(\s*(nullptr|NULL|0)\s*\)")

_TYPE = re.compile(
    r"\b(?:class|struct|union|enum(?:\s+class|\s+struct)?|concept|using)\s+"
    r"(?:\[\[[^\]]*\]\]\s*)?([A-Za-z_]\w*)")
_SLEEP = re.compile(r"\bsleep_(?:for|until)\s*\(|(?<![.>])\b(?:u|nano)?sleep\s*\(")
_SWALLOW = re.compile(
    r"catch\s*\(\s*(?:\.\.\.|(?:const\s+)?std::exception\s*(?:const\s*)?&?\s*\w*)\s*\)\s*\{\s*\}")
_SQL = re.compile(
    r"\b(?:SELECT\s|INSERT\s+(?:OR\s+\w+\s+)?INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s"
    r"|(?:CREATE|DROP|ALTER)\s+(?:TABLE|INDEX|UNIQUE|VIEW)\s|PRAGMA\s|BEGIN\s+IMMEDIATE)"
    r"|\b(?:insert\s+into\s+\w+\s*[(]|create\s+table\s|delete\s+from\s+\w+\s+where\s"
    r"|pragma\s+\w+\s*=|select\s.*\sfrom\s+\w+\s+(?:where|order|limit)\s)")
# Split, so that this file does not accuse itself.
_LATER = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b(?!\s*\(#\d+\))")
_TEST_NAME = re.compile(r"\b(?:\w+_)?TEST_CASE\w*\s*\(")
_NAME_LITERAL = re.compile(r'\s*"((?:\\.|[^"\\\n])*)"')


def words_of(name):
    """The words of a PascalCase or snake_case name, in lower case and without a plural s."""
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    singular = [re.sub(r"ies$", "y", word) if word.endswith("ies") else word.removesuffix("s")
                for word in words]
    return {*words, *singular}


def banned_in(name):
    return sorted(words_of(name) & BANNED_WORDS)


def check_names(source):
    for match in _TYPE.finditer(source.code):
        name = match[1]
        line = source.line_of(match.start(1))
        for word in banned_in(name):
            yield Finding(source.path, line, "name", f'"{word}" in the name {name} says nothing')
        if re.match(r"I[A-Z][a-z]", name):
            yield Finding(source.path, line, "name", f"{name}: an interface needs no I")


def check_file_name(path):
    for part in path.split("/"):
        stem = part.split(".")[0]
        for word in banned_in(stem) or sorted({stem} & BANNED_FILES):
            yield Finding(path, 0, "file name", f'"{word}" in {part} says nothing')


def check_patterns(source):
    """What a pattern in the code proper can tell."""
    def found(pattern, rule, message, text=source.code):
        for match in pattern.finditer(text):
            yield Finding(source.path, source.line_of(match.start()), rule, message)

    yield from found(_SWALLOW, "swallow", "a catch-all that does nothing hides what broke")
    if source.path.startswith("tests/"):
        yield from found(_SLEEP, "sleep", "a test waits for what happens, never for time")
    if source.path.startswith(TIMELESS) and not MAY_ASK_TIME.fullmatch(source.path):
        yield from found(_WALL_CLOCK, "clock",
                         "only the clocks of host/runtime and host/contained ask for the time")
    if source.path.endswith(".hpp") and "#pragma once" not in source.code:
        yield Finding(source.path, 1, "pragma once", "is missing")


# What a plugin author's own database is asked, not the host's.
OF_A_PARTICIPANT = re.compile(r"sdk/include/stepd/sqlite_[a-z]+\.hpp")


def check_sql(source):
    if OF_A_PARTICIPANT.fullmatch(source.path):
        return
    port = re.fullmatch(r"storage/[^/]+\.hpp", source.path)
    if not port and not source.path.startswith(("host/", "sdk/")):
        return
    for position, literal in source.literals:
        if _SQL.search(literal):
            yield Finding(source.path, source.line_of(position), "sql",
                          "belongs in a storage backend")


def check_test_names(source):
    """ctest passes a test it cannot name: the name matches nothing, nothing runs, nothing fails."""
    for match in _TEST_NAME.finditer(source.code):
        literal = _NAME_LITERAL.match(source.no_comments, match.end())
        if not literal:
            continue
        line = source.line_of(match.start())
        if re.search(r'[;"\\,\[\]]', literal[1]):
            yield Finding(source.path, line, "test name",
                          f"\"{literal[1]}\" has one of ; \" \\ , [ ] and ctest would not run it")


def _opens_function(before):
    """Whether the `{` after the text `before`, back to the last ; { or }, begins a function."""
    if re.search(r"\b(namespace|enum)\b|\bextern\s*$|=\s*$", before) or ")" not in before:
        return False
    head = before.split("(", 1)[0]
    return not re.search(r"^\s*(template\s*<[^;{]*>\s*)?(class|struct|union)\b", head)


def functions_of(code):
    """(begin, end) of the braces of each function outside any other.

    Good enough for clang-formatted C++: what stands before a brace tells what the brace is. A
    constructor's `: a_{1} {` is a function that closes at once, then its own continuation.
    """
    stack = []  # (is a function, position)
    inside = 0
    start = 0
    continues = False
    for match in re.finditer(r"[{};]", code):
        before = code[start:match.start()]
        start = match.end()
        mark = match.group()
        if mark == "{":
            function = not inside and (
                _opens_function(before) or (continues and re.fullmatch(r"\s*(,[^{}]*)?", before)))
            stack.append((bool(function), match.start()))
            inside += bool(function)
        elif mark == "}" and stack:
            function, begin = stack.pop()
            inside -= function
            continues = function
            if function:
                yield begin, match.start()
            continue
        continues = False


def check_functions(source):
    code = re.sub(r"(?m)^[ \t]*#.*(?:\\\n.*)*", lambda m: re.sub(r"[^\n]", " ", m.group()),
                  source.code)
    for begin, end in functions_of(code):
        lines = code.count("\n", begin, end) + 1
        if lines > FUNCTION_LINES_MAX:
            yield Finding(source.path, source.line_of(begin), "function",
                          f"{lines} lines; more than {FUNCTION_LINES_MAX} are two functions")


def check_text(path, text):
    """What holds for any text of ours, whatever its language."""
    lines = text.splitlines()
    if len(lines) > LINES_MAX:
        yield Finding(path, 0, "length", f"{len(lines)} lines; more than {LINES_MAX} are two files")
    for number, line in enumerate(lines, 1):
        if _LATER.search(line):
            yield Finding(path, number, "later", "do it, or name the issue: (#12)")
        if len(line) > COLUMNS_MAX and "://" not in line:
            yield Finding(path, number, "columns", f"{len(line)}; the limit is {COLUMNS_MAX}")
    if text and not text.endswith("\n"):
        yield Finding(path, len(lines), "newline", "the last line does not end")
    if path.startswith("tests/") and path.endswith(".py"):
        for match in re.finditer(r"\btime\.sleep\s*\(", text):
            yield Finding(path, text.count("\n", 0, match.start()) + 1, "sleep",
                          "a test waits for what happens, never for time")


# Folders that are rooms, besides every folder just below host/, storage/ and plugins/.
ROOMS = ("sdk", "host", "storage", "plugins", "tests", "tools", "tools/stepctl", "tools/bench")


def rooms_of(files):
    """The rooms that hold anything but their own build files, as folders."""
    rooms = set()
    for path in files:
        parts = path.split("/")
        name = parts[-1]
        if name in ("CMakeLists.txt", "README.md"):
            continue
        if len(parts) > 2 and parts[0] in ("host", "storage", "plugins"):
            rooms |= {parts[0], "/".join(parts[:2])}
        rooms |= {room for room in ROOMS if path.startswith(room + "/")}
    return sorted(rooms)


def check_readme(root, room):
    path = f"{room}/README.md"
    if not (Path(root) / path).is_file():
        return [Finding(path, 0, "readme",
                        "is missing: what lives here, what never does, where to start")]
    head = read(root, path).splitlines()[:20]
    prose = [line for line in head if line.strip() and not line.startswith("#")]
    if len(" ".join(prose)) < 80:
        return [Finding(path, 0, "readme",
                        "does not begin with what lives here, what never does, where to start")]
    return []


def check_cpp(source):
    for rule in (check_names, check_patterns, check_sql, check_functions):
        yield from rule(source)
    if source.path.startswith("tests/"):
        yield from check_test_names(source)


def check(root):
    files = files_of(root)
    findings = []
    for path in files:
        findings += check_file_name(path)
        if path.endswith(CPP):
            text = read(root, path)
            findings += check_text(path, text)
            findings += check_cpp(Source(path, text))
        elif path.endswith((*SCRIPTS, "CMakeLists.txt")) or is_script(root, path):
            findings += check_text(path, read(root, path))
    for room in rooms_of(files):
        findings += check_readme(root, room)
    return findings


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments == ["--self-test"]:
        from style_plants import PLANTS

        with tempfile.TemporaryDirectory() as tmp:
            sys.exit(demand(check, PLANTS, tmp))
    if len(arguments) > 1 or (arguments and arguments[0].startswith("-")):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    tree = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    sys.exit(report(check(tree), "style", len(files_of(tree))))
