#!/usr/bin/env python3
"""A store that breaks under a running daemon."""

import os
import sys

from case import case, main, require, require_in, submit, wait_for, wait_for_state
from daemon import Trouble


def break_store(daemon):
    """Takes from the store what it has yet to copy into its file; it notices when it does."""
    began = daemon.get("/v1/status")["started_at"]

    def begun_anew():
        try:
            return daemon.get("/v1/status")["started_at"] != began
        except Trouble:  # until then even reading fails
            return False

    for _ in range(20):
        submit(daemon, ("nobody.knows",))
        os.truncate(daemon.state / "stepd.db-wal", 0)
        try:
            return wait_for("the daemon begins anew", begun_anew, patience=3)
        except Trouble:
            require(not daemon.ended(within=0), f"it ended:\n{daemon.last_words()}")
    raise Trouble("the store never broke: it was always quicker")


@case("D4: a daemon whose store breaks begins anew by itself, and goes on")
def _(daemon):
    daemon.start()

    break_store(daemon)

    require_in(["cannot go on", "beginning anew restarts=1"],
               daemon.log.read_text(encoding="utf-8"))
    require(not daemon.ended(within=0), "the process ended")
    wait_for_state(daemon, submit(daemon, ("demo.noop",)), "succeeded")
    require(daemon.stop() == 0, "it did not end in good order")


if __name__ == "__main__":
    sys.exit(main())
