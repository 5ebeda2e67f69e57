#!/usr/bin/env python3
"""Who includes whom: rooms see only the rooms below them, third-party headers stay in their rooms.

usage: check_layers.py [ROOT]        the tree at ROOT, by default the one this file is in
       check_layers.py --self-test   plant breaches in a temporary tree; demand that they are found
"""

import sys

sys.dont_write_bytecode = True

import re
import tempfile
from pathlib import Path

from source_text import CPP, Finding, Source, demand, files_of, read, report

# Room -> the rooms it may include besides itself. A folder belongs to the deepest room above it.
EVERYTHING = None
MAY_INCLUDE = {
    "sdk": (),
    "host/engine": (),
    "storage": ("host/engine",),
    "storage/memory": ("storage", "host/engine"),
    "storage/sqlite": ("storage", "host/engine"),
    "host/plugin": ("sdk", "host/engine"),
    "host/contained": ("host/plugin", "host/engine", "sdk"),
    "host/runtime": ("host/plugin", "host/engine", "storage"),
    "host/rehearsal": (
        "host/runtime", "host/plugin", "host/engine", "storage", "storage/memory",
    ),
    "host/workshop": (
        "host/rehearsal", "host/runtime", "host/contained", "host/plugin", "host/engine", "sdk",
    ),
    "host/http": ("host/rehearsal", "host/runtime", "host/plugin", "host/engine", "storage"),
    "host/daemon": (
        "host/http", "host/workshop", "host/rehearsal", "host/runtime", "host/contained",
        "host/plugin", "host/engine", "storage", "storage/memory", "storage/sqlite",
    ),
    "plugins": ("sdk",),
    "tools/stepctl": (),
    "tools/bench": (
        "host/http", "host/runtime", "host/contained", "host/plugin", "host/engine",
        "storage", "storage/memory", "storage/sqlite", "sdk",
    ),
    "tests": EVERYTHING,
}

# Header -> where it may be included. What a person configures or reads stays at the edges.
CONFINED = {
    r"sqlite3\.h": (
        "storage/sqlite", "plugins/bank", "plugins/long_request", "tools/bench", "tests",
        "sdk/include/stepd/sqlite_barrier.hpp", "sdk/include/stepd/sqlite_transaction.hpp",
    ),
    r"Poco/": (
        "host/http", "host/daemon", "tools/stepctl", "tools/bench",
        "plugins/http", "plugins/long_request", "tests",
    ),
    r"boost/dll": ("host/plugin", "tests"),
    r"boost/asio": ("host/contained", "tests"),
    r"spdlog/": ("host/daemon", "host/runtime", "host/http", "host/plugin", "tests"),
    r"CLI/": ("host/daemon", "tools/stepctl", "tools/bench", "tests"),
    r"toml\+\+": ("host/daemon", "tests"),
    r"catch2/": ("tests",),
}

# The engine is a function of its arguments: nothing in it can wait, look or write.
IMPURE = re.compile(
    r"thread|mutex|shared_mutex|condition_variable|atomic|future|semaphore|latch|barrier|stop_token"
    r"|fstream|iostream|cstdio|stdio\.h|filesystem|random|ctime|time\.h|unistd\.h|fcntl\.h|sys/.*"
    r"|pthread\.h|dlfcn\.h|boost/asio.*|boost/process.*|boost/filesystem.*"
)

# Projects of their own that only lie in this tree: they are built against the installed SDK.
APART = ("tests/sdk/outside/", "sdk/template/")

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)


def room_of(path):
    """The deepest room above `path`; a bundled plugin is a room of its own name."""
    parts = path.split("/")
    if parts[0] == "plugins" and len(parts) > 2:
        return "/".join(parts[:2])
    for depth in (2, 1):
        room = "/".join(parts[:depth])
        if room in MAY_INCLUDE and len(parts) > depth:
            return room
    return None


def _within(path, places):
    return any(path == place or path.startswith(place + "/") for place in places)


def _between_rooms(path, target, line):
    here, there = room_of(path), room_of(target)
    if here is None or here == there:
        return None
    rules = MAY_INCLUDE["plugins" if here.startswith("plugins/") else here]
    if rules is EVERYTHING or there in rules:
        return None
    allowed = ", ".join(rules) if rules else "no other room"
    return Finding(path, line, "room", f"{here} includes {target}; it may include {allowed}")


def _include(root, path, quote, header, line):
    if quote == '"':
        if not (Path(root) / header).is_file():
            yield Finding(path, line, "quote",
                          f'"{header}" is no path from the root of the repository')
        else:
            yield _between_rooms(path, header, line)
        return
    if header.startswith("stepd/"):
        yield _between_rooms(path, "sdk/include/" + header, line)
    for pattern, places in CONFINED.items():
        if re.match(pattern, header) and not _within(path, places):
            yield Finding(path, line, "confined", f"<{header}> stays in {', '.join(places)}")
    if path.startswith("host/engine/") and IMPURE.fullmatch(header):
        yield Finding(path, line, "pure", f"<{header}> lets the engine wait, look or write")


def check(root):
    findings = []
    for path in files_of(root):
        if not path.endswith(CPP) or path.startswith(APART):
            continue
        source = Source(path, read(root, path))
        for match in _INCLUDE.finditer(source.no_comments):
            line = source.line_of(match.start())
            findings += filter(None, _include(root, path, match[1], match[2].strip(), line))
    return findings


PLANTS = (
    # What the others include.
    ("host/engine/id.hpp", "#pragma once\n#include <string>\n", None),
    ("host/plugin/line.hpp", '#include <stepd/plugin.h>\n#include "host/engine/id.hpp"\n', None),
    ("host/runtime/host.hpp",
     '#include "host/plugin/line.hpp"\n#include "storage/store.hpp"\n', None),
    ("sdk/include/stepd/plugin.h", "#include <stdint.h>\n", None),
    ("sdk/include/stepd/step.hpp", "#include <stepd/plugin.h>\n", None),
    ("sdk/include/stepd/sqlite_barrier.hpp", "#pragma once\n#include <sqlite3.h>\n", None),
    ("storage/store.hpp", '#include "host/engine/id.hpp"\n', None),
    ("storage/sqlite/store.hpp", '#include <sqlite3.h>\n#include "storage/store.hpp"\n', None),
    ("plugins/bank/ledger.hpp", "#include <sqlite3.h>\n", None),
    ("plugins/bank/bank.cpp",
     '#include <stepd/step.hpp>\n#include "plugins/bank/ledger.hpp"\n', None),
    ("tests/storage/a.cpp",
     '#include "storage/sqlite/store.hpp"\n#include <catch2/catch.hpp>\n', None),
    ("host/daemon/main.cpp",
     '#include "storage/sqlite/store.hpp"\n#include <spdlog/spdlog.h>\n', None),
    # Not an include.
    ("host/engine/text.cpp", '// #include "storage/store.hpp"\n/*\n#include <mutex>\n*/\n', None),
    ("tests/sdk/outside/step.cpp", '#include "step.hpp"\n', None),
    # Breaches.
    ("host/engine/up.cpp", '#include "storage/store.hpp"\n', "room"),
    ("host/engine/out.cpp", "#include <stepd/plugin.h>\n", "room"),
    ("host/engine/locks.cpp", "#include <mutex>\n", "pure"),
    ("storage/up.hpp", '#include "host/runtime/host.hpp"\n', "room"),
    ("storage/memory/beside.cpp", '#include "storage/sqlite/store.hpp"\n', "room"),
    ("host/plugin/up.cpp", '#include "host/runtime/host.hpp"\n', "room"),
    ("host/runtime/backend.cpp", '#include "storage/sqlite/store.hpp"\n', "room"),
    ("sdk/include/stepd/sql.hpp", "#pragma once\n#include <sqlite3.h>\n", "confined"),
    ("sdk/include/stepd/host.hpp", '#  include "host/engine/id.hpp"\n', "room"),
    ("plugins/demo/demo.cpp", '#include "host/engine/id.hpp"\n', "room"),
    ("plugins/demo/other.cpp", '#include "plugins/bank/ledger.hpp"\n', "room"),
    ("tools/stepctl/main.cpp", '#include "host/engine/id.hpp"\n', "room"),
    ("tools/stepctl/sdk.cpp", "#include <stepd/plugin.h>\n", "room"),
    ("host/daemon/tests.cpp", '#include "tests/storage/a.cpp"\n', "room"),
    ("host/http/near.cpp", '#include "near.hpp"\n', "quote"),
    ("host/http/up.cpp", '#include "../engine/id.hpp"\n', "quote"),
    ("host/http/sql.cpp", "#include <sqlite3.h>\n", "confined"),
    ("host/runtime/net.cpp", "#include <Poco/Net/HTTPServer.h>\n", "confined"),
    ("plugins/demo/net.cpp", "#include <Poco/Net/HTTPServer.h>\n", "confined"),
    ("host/runtime/dll.cpp", "#include <boost/dll/shared_library.hpp>\n", "confined"),
    ("storage/sqlite/log.cpp", "#include <spdlog/spdlog.h>\n", "confined"),
    ("host/http/test.cpp", "#include <catch2/catch.hpp>\n", "confined"),
)


def main(arguments):
    if arguments == ["--self-test"]:
        with tempfile.TemporaryDirectory() as tmp:
            return demand(check, PLANTS, tmp)
    if len(arguments) > 1 or (arguments and arguments[0].startswith("-")):
        print(__doc__, file=sys.stderr)
        return 2
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    return report(check(root), "layers", len(files_of(root)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
