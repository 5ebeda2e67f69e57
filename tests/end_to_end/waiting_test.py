#!/usr/bin/env python3
"""Steps that wait for events and for time, while the daemon is killed around them."""

import datetime
import json
import sys

from case import (
    case, main, require, require_in, shown, step, submit, wait_for, wait_for_state, wait_for_step,
)


def approval(key, **args):
    return {"name": "approved", "steps": [
        step("reserve", "demo.undoable", {"note": "reserve"}),
        step("approval", "wait.event", {"key": key, **args}),
        step("book", "demo.greet", {"name": {"$ref": "/steps/approval/output/data/by"}})]}


@case("W2: a person approves what has waited over a kill", plugins=("demo", "wait"))
def _(daemon):
    daemon.start()
    job = submit(daemon, approval("approval/1", timeout="3d"))
    wait_for_step(daemon, job, "approval", "suspended")
    daemon.kill()
    daemon.start()

    why = daemon.stepctl("job", "why", job).stdout
    sent = daemon.stepctl("event", "send", "approval/1", "--data", '{"by":"ann"}').stdout

    require_in(['waits for event "approval/1"', "stepctl event send approval/1"], why)
    require_in(f"given to job {job}", sent)
    done = wait_for_state(daemon, job, "succeeded")
    require(done["output"] == {"text": "hello ann"}, f"the output is {done['output']}")
    require_in(['event approval/1 came: {"by":"ann"}'],
               daemon.stepctl("job", "show", job, "--journal").stdout)


@case("W2: an event that comes first is kept over a kill and taken once",
      plugins=("demo", "wait"))
def _(daemon):
    daemon.start()
    sent = daemon.stepctl("event", "send", "approval/2", "--id", "e-1", "--data", '{"by":"bob"}')
    again = daemon.stepctl("event", "send", "approval/2", "--id", "e-1", "--data", '{"by":"bob"}')
    daemon.kill()
    daemon.start()

    first = submit(daemon, approval("approval/2"))
    wait_for_state(daemon, first, "succeeded")
    second = submit(daemon, approval("approval/2"))

    require_in("event e-1: kept until somebody waits for it", sent.stdout)
    require_in("event e-1 (sent before): kept", again.stdout)
    wait_for_state(daemon, second, "waiting")
    listed = json.loads(daemon.stepctl("--output", "json", "event", "list").stdout)
    require([event["given_to"] for event in listed["events"]] == [first],
            f"the events are {listed}")


@case("W2: an event is refused whose id names another, or whose job is not there",
      plugins=("demo", "wait"))
def _(daemon):
    daemon.start()
    settled = submit(daemon, ("demo.noop", {}), "--wait")
    daemon.stepctl("event", "send", "k", "--id", "e-1", "--data", "1")

    def refused(*flags):
        answer = daemon.stepctl("event", "send", *flags, check=False)
        require(answer.returncode in (1, 2), f"it ended with {answer.returncode}")
        return answer.stderr

    require_in(["e-1", "names an event with another key, job or data"],
               refused("k", "--id", "e-1", "--data", "2"))
    require_in(["has settled"], refused("k", "--job", settled))
    require_in(["no job id"],
               refused("k", "--job", settled[:-1] + ("0" if settled[-1] != "0" else "1")))
    require_in(["--data is JSON"], refused("k", "--data", "{"))
    events = json.loads(daemon.stepctl("--output", "json", "event", "list").stdout)["events"]
    require([event["id"] for event in events] == ["e-1"], f"the events are {events}")


@case("W1: a wait without an event turns the job back once its time is up",
      plugins=("demo", "wait"))
def _(daemon):
    daemon.start()
    job = submit(daemon, approval("approval/3", timeout="300ms"))
    patient = submit(daemon, {"name": "patient", "steps": [
        step("it", "wait.event", {"key": "approval/3", "timeout": "300ms",
                                  "on_timeout": "go_on"})]})

    done = wait_for_state(daemon, job, "compensated")
    went_on = wait_for_state(daemon, patient, "succeeded")

    require_in('no event "approval/3" came in time', done["reason"])
    require(went_on["output"]["timed_out"] is True, f"the output is {went_on['output']}")


@case("W2: a step sends what another job waits for, once, however often it is called",
      plugins=("demo", "wait"))
def _(daemon):
    daemon.start()
    waiting = [submit(daemon, {"name": "w", "steps": [step("it", "wait.event", {"key": "go"})]})
               for _ in range(2)]
    for job in waiting:
        wait_for_step(daemon, job, "it", "suspended")

    sender = submit(daemon, {"name": "s", "steps": [
        step("it", "wait.send", {"key": "go", "data": {"n": 1}})]}, "--wait")

    first = wait_for_state(daemon, waiting[0], "succeeded")
    require(shown(daemon, sender)["state"] == "succeeded", "the sender did not succeed")
    require(first["output"]["data"] == {"n": 1}, f"the output is {first['output']}")
    require(shown(daemon, waiting[1])["state"] == "waiting", "both were given the one event")


@case("W1: a durable sleep holds no thread, outlives a kill and is no longer than asked",
      plugins=("demo", "wait"), config="workers = 1\n")
def _(daemon):
    daemon.start()
    one = {"name": "s", "steps": [step("it", "wait.sleep", {"time": "8s"})]}
    given = "\n".join([json.dumps(one)] * 20)
    jobs = daemon.stepctl("-q", "job", "submit", "-", given=given).stdout.split()
    for job in jobs:
        wait_for_step(daemon, job, "it", "suspended")
    require(daemon.get("/v1/status")["calls_running"] == 0, "a sleep holds a call")
    daemon.kill()
    daemon.start()

    for job in jobs:
        done = wait_for_state(daemon, job, "succeeded")
        require(done["steps"][0]["attempts"] == 1, f"charged {done['steps'][0]['attempts']}")
        spans = [datetime.datetime.fromisoformat(done[name]) for name in
                 ("created_at", "settled_at")]
        require(spans[1] - spans[0] >= datetime.timedelta(seconds=8), f"it slept {spans}")



if __name__ == "__main__":
    sys.exit(main())
