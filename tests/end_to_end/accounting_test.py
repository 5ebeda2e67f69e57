#!/usr/bin/env python3
"""What calls use, as the journal and the figures of step types tell it, and what they may use."""

import json
import sys

from case import case, main, require, require_in, step, submit, wait_for_state

BUDGETS = """
[step."factor.one"]
cpu_max = "200ms"
[step."demo.sleep"]
time_max = "50ms"
"""
# The product of two primes that no machine finds in an hour.
HARD = str((10**40 + 121) * (10**45 + 9))


def ended(daemon, job):
    return [entry for entry in daemon.journal(job) if entry["type"] == "call_ended"]


@case("a call that is over tells what it used in the journal and in its step type's figures")
def _(daemon):
    daemon.start()
    job = submit(daemon, {"name": "nap", "steps": [
        step("nap", "demo.sleep", {"milliseconds": 30})]})
    wait_for_state(daemon, job, "succeeded")

    (call,) = ended(daemon, job)
    used = call["used"]
    require(used["memory_bytes"] > 1_000_000, f"it used {used}")
    require(all(used[name] is not None for name in ("waited", "ran", "cpu")), f"it used {used}")
    told = daemon.stepctl("job", "show", job, "--journal").stdout
    require_in(["succeeded", "(ran ", "waited ", "cpu ", "memory "], told)

    looked = daemon.stepctl("--output", "json", "top", "--once", "--interval", "100ms").stdout
    (sleep,) = [one for one in json.loads(looked)["step_types"] if one["type"] == "demo.sleep"]
    require(sleep["running"] == 0 and sleep["waiting"] == 0, f"it is shown as {sleep}")
    require(sleep["memory_bytes"] >= used["memory_bytes"], f"it is shown as {sleep}")
    require_in(["STEP TYPE", "demo.sleep"],
               daemon.stepctl("top", "--once", "--interval", "100ms", "--sort", "type").stdout)


@case("A5: a call over its budget is stopped, charged and retried like one over its time-out",
      plugins=("demo", "factor"), config=BUDGETS)
def _(daemon):
    daemon.start()
    twice = {"attempts_max": 2, "initial": "10ms"}
    slow = submit(daemon, {"name": "slow", "steps": [
        step("slow", "demo.sleep", {"milliseconds": 600_000}, retry=twice)]})
    busy = submit(daemon, {"name": "busy", "steps": [
        step("busy", "factor.one", {"number": HARD}, retry=twice)]})

    for job, budget in ((slow, "time_max"), (busy, "cpu_max")):
        done = wait_for_state(daemon, job, "failed")
        require_in(["over_budget", budget], done["reason"])
        require(done["steps"][0]["attempts"] == 2, f"charged {done['steps'][0]['attempts']}")
        calls = ended(daemon, job)
        require([call["outcome"] for call in calls] == ["timed_out", "timed_out"],
                f"its calls ended {calls}")
        details = calls[0]["error"]["details"]
        require(details["budget"] == budget and details["used_ms"] >= details["allowed_ms"],
                f"it tells {details}")


if __name__ == "__main__":
    sys.exit(main())
