#!/usr/bin/env python3
"""What bounds a call and a job in time, and what a wait becomes when the daemon is killed."""

import datetime
import sys

from case import (
    case, main, require, require_in, step, submit, wait_for, wait_for_state, wait_for_step,
)

LONG = 600_000  # milliseconds: longer than any test


def journal_of(daemon, job, kind, name):
    return [entry[name] for entry in daemon.journal(job) if entry["type"] == kind]


@case("A5: a call over its time-out is stopped and charged until its attempts are used up")
def _(daemon):
    daemon.start()
    job = submit(daemon, {"name": "slow", "steps": [
        step("first", "demo.undoable", {"note": "first"}),
        step("slow", "demo.sleep", {"milliseconds": LONG}, timeout="50ms",
             retry={"attempts_max": 2, "initial": "10ms"})]})

    done = wait_for_state(daemon, job, "compensated")

    require_in(["slow", "timed_out"], done["reason"])
    require(done["steps"][1]["attempts"] == 2, f"charged {done['steps'][1]['attempts']} attempts")
    outcomes = journal_of(daemon, job, "call_ended", "outcome")
    require(outcomes == ["succeeded", "timed_out", "timed_out", "succeeded"],
            f"its calls ended {outcomes}")


@case("A5: a deadline that passes turns a waiting job back")
def _(daemon):
    daemon.start()
    job = submit(daemon, {"name": "late", "deadline": "1s", "steps": [
        step("first", "demo.undoable", {"note": "first"}),
        step("wait", "demo.suspend", {"milliseconds": LONG})]})

    done = wait_for_state(daemon, job, "compensated")

    require_in("deadline", done["reason"])
    require(done["steps"][0]["state"] == "compensated", f"first is {done['steps'][0]['state']}")


@case("C3: a cancel asks a running call to stop and then undoes what was done")
def _(daemon):
    daemon.start()
    job = submit(daemon, {"name": "busy", "steps": [
        step("first", "demo.undoable", {"note": "first"}),
        step("busy", "demo.sleep", {"milliseconds": LONG})]})
    wait_for_step(daemon, job, "busy", "running")

    daemon.stepctl("job", "cancel", job)

    done = wait_for_state(daemon, job, "cancelled")
    require([found["state"] for found in done["steps"]] == ["compensated", "abandoned"],
            f"the steps are {done['steps']}")
    outcomes = journal_of(daemon, job, "call_ended", "outcome")
    require(outcomes == ["succeeded", "cancelled", "succeeded"], f"its calls ended {outcomes}")


@case("T1: a wait outlives a kill and ends neither early nor anew")
def _(daemon):
    daemon.start()
    job = submit(daemon, ("demo.suspend", {"milliseconds": 1000}))
    (due,) = wait_for("the job waits", lambda: [
        entry["due"] for entry in daemon.journal(job) if entry.get("state") == "suspended"])
    daemon.kill()
    daemon.start()

    done = wait_for_state(daemon, job, "succeeded")

    settled, wanted = (datetime.datetime.fromisoformat(time) for time in (done["settled_at"], due))
    require(settled >= wanted, f"it was due at {due} and settled at {done['settled_at']}")
    require(done["steps"][0]["attempts"] == 1, f"charged {done['steps'][0]['attempts']} attempts")


if __name__ == "__main__":
    sys.exit(main())
