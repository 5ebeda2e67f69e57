#!/usr/bin/env python3
"""Plugin code that ends its process again and again: the step is parked, the others go on."""

import json
import signal
import sys
from pathlib import Path

from case import (
    case, main, require, require_in, shown, step, submit, wait_for,
    wait_for_state, wait_for_step,
)
from daemon import Unreachable

SOON = {"initial": "10ms", "max": "10ms"}
HERE = 'in_process = ["demo"]\n'


def keep_alive_until_parked(daemon, key):
    """Starts it again after each end, as a service manager would: (the job's id, how many ends)."""
    ends = 0
    while True:
        if daemon.ended(within=0.01):
            ends += 1
            require(ends <= 6, f"it ended {ends} times and the step is not parked")
            daemon.launch()
        try:
            (job,) = daemon.get(f"/v1/jobs?key={key}")["jobs"]
            if job["state"] == "parked":
                return job["id"], ends
        except Unreachable:
            pass


def crash_until_parked(daemon, how):
    daemon.start()
    require_in(["in process"], daemon.stepctl("plugin", "list").stdout)
    neighbour = submit(daemon, {"name": "neighbour", "steps": [
        step("first", "demo.undoable", {"note": "first"}),
        step("wait", "demo.suspend", {"milliseconds": 600_000}),
        step("last", "demo.undoable", {"note": "last"})]})
    wait_for_step(daemon, neighbour, "wait", "suspended")
    busy = submit(daemon, ("demo.sleep", {"milliseconds": 600_000}))
    wait_for_step(daemon, busy, "it", "running")
    crash = {"name": "crash", "key": "crash", "steps": [
        step("bang", "demo.crash", {"how": how}, retry=SOON)]}

    # The answer may die with the daemon; the job cannot, for its step has run.
    daemon.stepctl("job", "submit", "-", given=json.dumps(crash), check=False)
    crash, ends = keep_alive_until_parked(daemon, "crash")

    require(ends == 3, f"the daemon ended {ends} times, not three")
    parked = shown(daemon, crash)["steps"][0]
    require(parked["calls"] == 3, f"the parked step was called {parked['calls']} times")
    why = daemon.stepctl("job", "why", crash).stdout
    require_in([crash, "bang", "parked", "crash"], why)

    daemon.stepctl("job", "skip", neighbour, "wait", "--reason", "it waited long enough")
    wait_for_state(daemon, neighbour, "succeeded")
    wait_for_step(daemon, busy, "it", "running")

    daemon.stepctl("job", "abandon", crash, "bang", "--reason", "it crashes")
    require(wait_for_state(daemon, crash, "failed")["settled_at"], "it failed and has no end")
    require(daemon.stop() == 0, "the daemon did not end in good order")


@case("A7: three aborts in the daemon park the step and harm no neighbour", config=HERE)
def _(daemon):
    crash_until_parked(daemon, "abort")


@case("A7: three faults in the daemon park the step and harm no neighbour", config=HERE)
def _(daemon):
    crash_until_parked(daemon, "segv")


@case("A7: three calls that exit the daemon park the step and harm no neighbour", config=HERE)
def _(daemon):
    crash_until_parked(daemon, "exit")


def crash_contained(daemon, how, says):
    """The daemon goes on as if nothing had happened, and so do the plugin's other steps."""
    daemon.start()
    busy = submit(daemon, ("demo.sleep", {"milliseconds": 600_000}))
    wait_for_step(daemon, busy, "it", "running")
    crash = submit(daemon, {"name": "crash", "steps": [
        step("bang", "demo.crash", {"how": how}, retry=SOON)]})

    parked = wait_for_state(daemon, crash, "parked")["steps"][0]

    require(not daemon.ended(within=0.01), "the daemon ended")
    require(parked["attempts"] == 3, f"the parked step was charged {parked['attempts']} times")
    require_in([crash, "bang", "parked", "crash"], daemon.stepctl("job", "why", crash).stdout)
    ended = [entry for entry in daemon.journal(crash) if entry["type"] == "call_ended"]
    require([entry["outcome"] for entry in ended] == ["crashed"] * 3, f"its calls ended {ended}")
    require_in(["plugin demo", says, "demo.crash"], ended[-1]["error"]["message"])

    wait_for_step(daemon, busy, "it", "running")
    beside = shown(daemon, busy)["steps"][0]
    require(beside["attempts"] == 0, f"the call beside was charged: {beside}")
    outcomes = {entry["outcome"] for entry in daemon.journal(busy) if entry["type"] == "call_ended"}
    require(outcomes == {"interrupted"}, f"the calls beside ended {outcomes}")
    daemon.stepctl("job", "cancel", busy, "--reason", "it has seen enough")
    wait_for_state(daemon, busy, "failed", "cancelled")
    require(daemon.stop() == 0, "the daemon did not end in good order")


@case("A7: three aborts park the step and the daemon does not notice")
def _(daemon):
    crash_contained(daemon, "abort", "signal 6, Aborted")


@case("A7: three segmentation faults park the step and the daemon does not notice")
def _(daemon):
    crash_contained(daemon, "segv", "signal 11, Segmentation fault")


@case("A7: three calls that exit park the step and the daemon does not notice")
def _(daemon):
    crash_contained(daemon, "exit", "exit status 70")


def end_from_outside(daemon, number):
    """Ends it four times by a signal while one step runs alone: once more than would park it."""
    daemon.start()
    job = submit(daemon, {"name": "innocent", "steps": [
        step("it", "demo.sleep", {"milliseconds": 600_000}, retry=SOON)]})
    for call in range(1, 5):
        wait_for("the step is called", lambda: shown(daemon, job)["steps"][0]["calls"] == call)
        wait_for_step(daemon, job, "it", "running")
        daemon.signal(number)
        daemon.exit_code()
        daemon.start()

    wait_for("the step is called again", lambda: shown(daemon, job)["steps"][0]["calls"] == 5)
    outcomes = [entry["outcome"] for entry in daemon.journal(job) if entry["type"] == "call_ended"]
    require(outcomes == ["lost"] * 4, f"its calls ended {outcomes}")


@case("A7: a step is not blamed for a kill from outside")
def _(daemon):
    end_from_outside(daemon, signal.SIGKILL)


@case("A7: a step is not blamed for a fault that was sent from outside")
def _(daemon):
    end_from_outside(daemon, signal.SIGSEGV)


def children_of(process):
    """The processes that this one has started and that live: their ids."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text(encoding="utf-8").split()]


def lives(process):
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return False


@case("A8: a daemon that is killed leaves no process of a plugin behind")
def _(daemon):
    daemon.start()
    busy = submit(daemon, ("demo.sleep", {"milliseconds": 600_000}))
    wait_for_step(daemon, busy, "it", "running")
    (plugin,) = children_of(daemon.process_id())

    daemon.kill()

    wait_for("the plugin's process has ended", lambda: not lives(plugin))


if __name__ == "__main__":
    sys.exit(main())
