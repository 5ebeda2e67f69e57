#!/usr/bin/env python3
"""SIGTERM amid calls: they are asked to stop, are not charged, and run again after the start."""

import signal
import sys

from case import case, main, require, submit, wait_for_state, wait_for_step


@case("A4: an orderly end charges no call and each runs again after the start",
      config='stop_grace = "2s"\n')
def _(daemon):
    daemon.start()
    long = submit(daemon, ("demo.sleep", {"milliseconds": 600_000}))
    short = submit(daemon, ("demo.sleep", {"milliseconds": 300}))
    wait_for_step(daemon, long, "it", "running")

    daemon.signal(signal.SIGTERM)
    code = daemon.exit_code(within=30)
    require(code == 0, f"the daemon ended with {code}, not 0")

    daemon.start()
    done = wait_for_state(daemon, short, "succeeded")["steps"][0]
    require(done["attempts"] == 1, f"the short call was charged {done['attempts']} times")
    require(wait_for_step(daemon, long, "it", "running")["calls"] == 2, "it was not called again")
    journal = daemon.journal(long)
    attempts = [entry["attempt"] for entry in journal if entry["type"] == "call_started"]
    require(attempts == [1, 1], f"its calls were the attempts {attempts}")
    outcomes = [entry["outcome"] for entry in journal if entry["type"] == "call_ended"]
    require(len(outcomes) == 1 and outcomes[0] != "lost", f"its first call ended {outcomes}")


if __name__ == "__main__":
    sys.exit(main())
