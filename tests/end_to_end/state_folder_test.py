#!/usr/bin/env python3
"""State folders that a daemon must not open."""

import json
import sqlite3
import sys

from case import case, main, require, require_in, step, submit, wait_for_state
from daemon import Daemon


def refusal_to_start(daemon):
    """What it says when it ends at once, which it must, with exit code 1."""
    before = len(daemon.log.read_text(encoding="utf-8")) if daemon.log.exists() else 0
    daemon.launch()
    code = daemon.exit_code()
    said = daemon.log.read_text(encoding="utf-8")[before:]
    require(code == 1, f"it ended with {code}, not 1, and said: {said}")
    return said


@case("D3: a second daemon on a state folder is refused and the first is unharmed")
def _(daemon):
    daemon.start()
    second = Daemon(daemon.build, daemon.place, daemon.command[-2:], daemon.place / "plugins")
    second.log = daemon.place / "second.log"

    require_in(str(daemon.state), refusal_to_start(second))

    wait_for_state(daemon, submit(daemon, ("demo.noop",)), "succeeded")
    require(daemon.stop() == 0, "the first did not end in good order")


@case("a damaged database is refused by name and left as it is")
def _(daemon):
    daemon.start()
    submit(daemon, ("demo.noop",), "--wait")
    daemon.stop()
    database = daemon.state / "stepd.db"
    damaged = b"\x00" * 100 + database.read_bytes()[100:]
    database.write_bytes(damaged)

    said = refusal_to_start(daemon)

    require_in([str(database), "damaged"], said)
    require(database.read_bytes() == damaged, "it wrote to the file that it refused")


@case("a database damaged behind its first page is given up with its name")
def _(daemon):
    daemon.start()
    jobs = "\n".join(json.dumps({"name": "n", "args": {"ballast": "A" * 2000}, "steps": [
        step("it", "demo.suspend", {"milliseconds": 600_000})]}) for _ in range(100))
    daemon.stepctl("job", "submit", "-", given=jobs)
    daemon.stop()
    database = daemon.state / "stepd.db"
    damaged = bytearray(database.read_bytes())
    for page in range(1, len(damaged) // 4096):
        damaged[page * 4096:page * 4096 + 64] = b"\xff" * 64
    database.write_bytes(damaged)

    require_in([str(database), "damaged"], refusal_to_start(daemon))


@case("a database of a newer schema is refused with both versions and left as it is")
def _(daemon):
    daemon.start()
    daemon.stop()
    database = sqlite3.connect(daemon.state / "stepd.db")
    (known,) = database.execute("PRAGMA user_version").fetchone()
    database.execute(f"PRAGMA user_version = {known + 1}")
    database.close()

    said = refusal_to_start(daemon)

    require_in([str(daemon.state / "stepd.db"), str(known), str(known + 1)], said)
    database = sqlite3.connect(daemon.state / "stepd.db")
    require(database.execute("PRAGMA user_version").fetchone() == (known + 1,), "it was changed")
    database.close()


if __name__ == "__main__":
    sys.exit(main())
