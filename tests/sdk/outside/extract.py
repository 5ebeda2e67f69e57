"""extract.py TUTORIAL FOLDER: writes the tutorial's named files, so that they can be built.

A named file is a line with its name in backticks and a colon, followed by a fenced block."""

import pathlib
import re
import sys

NAMED_BLOCK = re.compile(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main() -> int:
    tutorial, folder = map(pathlib.Path, sys.argv[1:])
    files = NAMED_BLOCK.findall(tutorial.read_text(encoding="utf-8"))
    if not any(name == "CMakeLists.txt" for name, _ in files):
        print(f"{tutorial} names no CMakeLists.txt; a named file is `name`: and a fenced block")
        return 1
    folder.mkdir(parents=True)
    for name, text in files:
        (folder / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
