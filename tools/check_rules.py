#!/usr/bin/env python3
"""Which promises have a test: each rule stands in the name of at least one test case.

usage: check_rules.py [--list | --self-test] [ROOT]

The rules are those of the project's semantics, by their numbers. One that is promised for later
stands in LATER, and must leave it with its first test. --list prints every rule and its tests.
"""

import re
import sys
import tempfile
from pathlib import Path

from source_text import Finding, demand, files_of, read, report

COUNTS = {"J": 9, "A": 10, "C": 7, "O": 3, "W": 3, "L": 1, "S": 1, "T": 1, "D": 6}
RULES = [letter + str(number) for letter, most in COUNTS.items() for number in range(1, most + 1)]

LATER = {
    "L1": "concurrency limits",
    "S1": "schedules",
}

# The name of a Catch2 case, of a case in end_to_end, and of a test that CMake names itself.
_NAMES = re.compile(
    r'(?:\b\w*TEST_CASE\w*\s*\(|^@case\(|\badd_test\(NAME)\s*"((?:[^"\\]|\\.)*)"', re.MULTILINE)
# Rules come first, before a colon: "A2 A3: a step ends …", "crash/D2: …".
_RULES = re.compile(r"(?:[a-z_]+/)?((?:[A-Z]\d{1,2} )*[A-Z]\d{1,2}):")


def tests_of_rules(root):
    """Rule -> the tests that name it, as "path: name"."""
    tests = {rule: [] for rule in RULES}
    strangers = []
    for path in files_of(root):
        if not path.startswith("tests/"):
            continue
        for name in _NAMES.findall(read(root, path)):
            named = _RULES.match(name)
            for rule in named[1].split() if named else []:
                if rule in tests:
                    tests[rule].append(f"{path}: {name}")
                else:
                    strangers.append(Finding(path, 0, "rule", 
                                             f'"{name}" names {rule}, which is none'))
    return tests, strangers


def check(root):
    tests, findings = tests_of_rules(root)
    for rule, found in tests.items():
        if not found and rule not in LATER:
            findings.append(Finding("tests", 0, "rule", f"{rule} has no test that names it"))
        if found and rule in LATER:
            findings.append(Finding(
                "tools/check_rules.py", 0, "rule",
                f"{rule} has a test by now ({found[0]}); take it out of LATER"))
    return findings


def print_list(root):
    for rule, found in tests_of_rules(root)[0].items():
        print(f"{rule}  {LATER.get(rule, '') if not found else len(found)}")
        for test in found:
            print(f"    {test}")


def self_test():
    every_rule = "".join(
        f'TEST_CASE("{rule}: it holds") {{}}\n' for rule in RULES if rule not in {*LATER, "D6"})
    plants = (
        ("tests/engine/all_test.cpp", every_rule, None),
        ("tests/crash/storm_test.py", '@case("A2 A3: two at once")\n', None),
        ("tests/CMakeLists.txt", 'add_test(NAME "crash/D2: kills")\n', None),
        # No rule is named by what stands behind the colon, or without one.
        ("tests/storage/a_test.cpp", 'STORE_TEST_CASE("a row has J99 in it: so what") {}\n', None),
    )
    with tempfile.TemporaryDirectory() as tmp:
        for path, text, _ in plants:
            place = Path(tmp) / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        (Path(tmp) / "tests/late_test.cpp").write_text(
            'TEST_CASE("S1: early") {}\nTEST_CASE("J12: none") {}\n', encoding="utf-8")
        found = sorted(finding.message.split()[0] for finding in check(Path(tmp)))
    expected = ['"J12:', "D6", "S1"]
    print(f"self-test: found {found}")
    return 0 if found == expected else 1


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    listing = "--list" in arguments
    rest = [argument for argument in arguments if argument != "--list"]
    if len(rest) > 1 or (rest and rest[0].startswith("-")):
        print(__doc__, file=sys.stderr)
        return 2
    root = Path(rest[0]) if rest else Path(__file__).resolve().parent.parent
    if listing:
        print_list(root)
        return 0
    return report(check(root), "rules", len(files_of(root)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
