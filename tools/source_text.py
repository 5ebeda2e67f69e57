"""How the checks read the tree: which files are ours, and C++ without its comments and strings."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

ROOMS = ("host", "plugins", "sdk", "storage", "tests", "tools")
CPP = (".cpp", ".hpp", ".c", ".h")
SCRIPTS = (".py", ".sh", ".cmake", ".map")

_TOKEN = re.compile(
    r"""(?P<line>//[^\n]*)
      | (?P<block>/\*.*?\*/)
      | (?P<raw>R"(?P<mark>[^()\\\s]*)\(.*?\)(?P=mark)")
      | (?P<text>"(?:\\.|[^"\\\n])*")
      | (?P<char>(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])*')""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Finding:
    """One breach of a rule; `line` 0 speaks of the file as a whole."""

    path: str
    line: int
    rule: str
    message: str

    def __str__(self):
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.rule}: {self.message}"


class Source:
    """A C++ file, and the same text with comments, or comments and literals, blanked out.

    Blanking keeps every newline, so that a position is on the same line in all three.
    """

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.literals = []  # (position, content)
        self.no_comments = self._blank(("line", "block"))
        self.code = self._blank(("line", "block", "raw", "text", "char"))

    def _blank(self, kinds):
        collect = len(kinds) > 2

        def replace(match):
            if collect and match.lastgroup in ("raw", "text", "mark"):
                self.literals.append((match.start(), match.group()))
            kind = "raw" if match.lastgroup == "mark" else match.lastgroup
            if kind not in kinds:
                return match.group()
            return re.sub(r"[^\n]", " ", match.group())

        return _TOKEN.sub(replace, self.text)

    def line_of(self, position):
        return self.text.count("\n", 0, position) + 1


def files_of(root):
    """All files of the rooms under `root`, as sorted paths relative to it with `/`."""
    found = []
    for room in ROOMS:
        for folder, folders, files in os.walk(Path(root) / room):
            folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__pycache__")
            found += [(Path(folder) / f).relative_to(root).as_posix() for f in sorted(files)]
    return found


def read(root, path):
    return (Path(root) / path).read_text(encoding="utf-8", errors="replace")


def is_script(root, path):
    """A script by its name, or by its first line where it has no suffix."""
    if path.endswith(SCRIPTS):
        return True
    if "." in path.rsplit("/", 1)[-1]:
        return False
    with open(Path(root) / path, "rb") as file:
        return file.read(2) == b"#!"


def report(findings, name, count):
    """Prints what was found; the answer is the exit status."""
    for finding in findings:
        print(finding)
    if findings:
        print(f"{name}: {len(findings)} found in {count} files")
        return 1
    if not count:
        print(f"{name}: there is not one file to look at")
        return 1
    print(f"{name}: {count} files are as they should be")
    return 0


def demand(check, plants, tmp):
    """The self-test of a check: every plant is found by its rule, at its file, and nothing else.

    `plants` are (path, text, rule or None); a rule of None is text that must be let through.
    """
    for path, text, _ in plants:
        file = Path(tmp) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    found = {(finding.path, finding.rule) for finding in check(tmp)}
    wanted = {(path, rule) for path, _, rule in plants if rule}
    for path, rule in sorted(wanted - found):
        print(f"self-test: {path} breaks the rule \"{rule}\", and that was not found")
    for path, rule in sorted(found - wanted):
        print(f"self-test: {path} was accused of \"{rule}\", and does not break it")
    if not wanted:
        print("self-test: nothing was planted")
    if found != wanted or not wanted:
        return 1
    print(f"self-test: {len(wanted)} planted breaches found, and nothing else")
    return 0
