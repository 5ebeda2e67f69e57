#!/usr/bin/env python3
"""What an operator decides with stepctl, against the real daemon."""

import json
import sys

from case import (
    case, main, require, require_in, shown, step, submit, wait_for, wait_for_state, wait_for_step,
)

LONG = 600_000  # milliseconds: longer than any test
SMALL_OUTPUT = "[limits]\noutput_bytes_max = 64\n"
BANKS = '[plugin.bank]\nfolder = "PLACE/ledgers"\n'
LATER = {"initial": "10m", "max": "10m"}


def parked_job(daemon):
    """A job whose first step took effect and has an output that cannot be recorded (A10)."""
    job = submit(daemon, {"name": "parked", "steps": [
        step("big", "demo.greet", {"name": "A" * 100}),
        step("next", "demo.greet", {"name": {"$ref": "/steps/big/output/text"}})]})
    wait_for_state(daemon, job, "parked")
    return job


def refused(daemon, *arguments):
    """What stepctl says when the daemon refuses it."""
    answer = daemon.stepctl(*arguments, check=False)
    require(answer.returncode == 1, f"{arguments} ended with {answer.returncode}: {answer.stderr}")
    return answer.stderr


def operator_entries(daemon, job):
    return [(entry["verb"], entry["reason"]) for entry in daemon.journal(job)
            if entry["type"] == "operator_acted"]


@case("O1: cancel turns a waiting job back and the journal says why")
def _(daemon):
    daemon.start()
    job = submit(daemon, {"name": "trip", "steps": [
        step("hotel", "demo.undoable", {"note": "hotel"}),
        step("wait", "demo.suspend", {"milliseconds": LONG})]})
    wait_for_step(daemon, job, "wait", "suspended")

    daemon.stepctl("job", "cancel", job, "--reason", "changed my mind")

    done = wait_for_state(daemon, job, "cancelled")
    require(done["steps"][0]["state"] == "compensated", f"the hotel is {done['steps'][0]['state']}")
    require(operator_entries(daemon, job) == [("cancel", "changed my mind")],
            f"the journal says {operator_entries(daemon, job)}")
    require_in(job, refused(daemon, "job", "cancel", job))


@case("O1: a paused job lets its call end and starts nothing until it is resumed")
def _(daemon):
    daemon.start()
    job = submit(daemon, {"name": "trip", "steps": [
        step("first", "demo.sleep", {"milliseconds": 300}), step("second", "demo.noop")]})
    wait_for_step(daemon, job, "first", "running")

    daemon.stepctl("job", "pause", job, "--reason", "the bank is being moved")
    wait_for_step(daemon, job, "first", "succeeded")
    daemon.kill()
    daemon.start()

    paused = shown(daemon, job)
    require(paused["state"] == "paused", f"the job is {paused['state']}")
    require(paused["steps"][1]["calls"] == 0, "a step was started in spite of the pause")
    require_in(["the job is paused; resume it"], daemon.stepctl("job", "why", job).stdout)
    require_in([job], daemon.stepctl("job", "list", "--state", "paused").stdout)
    daemon.stepctl("job", "resume", job)
    wait_for_state(daemon, job, "succeeded")
    told = operator_entries(daemon, job)
    require(told == [("pause", "the bank is being moved"), ("resume", None)],
            f"the journal says {told}")


@case("A4: retry runs a waiting step at once and starts a new count of its attempts")
def _(daemon):
    daemon.start()
    job = submit(daemon, {"name": "flaky", "steps": [
        step("it", "demo.flaky", {"failures": 1}, retry=LATER)]})
    wait_for_step(daemon, job, "it", "retrying")

    daemon.stepctl("job", "retry", job, "it")

    wait_for("it was called again", lambda: shown(daemon, job)["steps"][0]["calls"] == 2)
    again = wait_for_step(daemon, job, "it", "retrying")
    require(again["attempts"] == 1, f"it counts {again['attempts']} attempts, not one")


@case("O1: abandon gives a waiting step up and undoes what was done")
def _(daemon):
    daemon.start()
    job = submit(daemon, {"name": "trip", "steps": [
        step("hotel", "demo.undoable", {"note": "hotel"}),
        step("wait", "demo.suspend", {"milliseconds": LONG})]})
    wait_for_step(daemon, job, "wait", "suspended")

    daemon.stepctl("job", "abandon", job, "wait", "--reason", "no longer needed")

    done = wait_for_state(daemon, job, "compensated")
    require([found["state"] for found in done["steps"]] == ["compensated", "abandoned"],
            f"the steps are {done['steps']}")


@case("O3: skip leaves a step out and needs an output where a later step refers to it",
      config=SMALL_OUTPUT)
def _(daemon):
    daemon.start()
    job = parked_job(daemon)

    said = refused(daemon, "job", "skip", job, "big", "--reason", "known")
    require_in("output", said)
    daemon.stepctl("job", "skip", job, "big", "--reason", "known", "--output", '{"text": "it"}')

    done = wait_for_state(daemon, job, "succeeded")
    require(done["steps"][0]["state"] == "skipped", f"big is {done['steps'][0]['state']}")
    require(done["output"] == {"text": "hello it"}, f"the output is {done['output']}")


@case("C4 O2: where a job cannot turn back nobody is told to abandon or cancel",
      config=SMALL_OUTPUT)
def _(daemon):
    daemon.start()
    big = ("demo.greet", {"name": "A" * 100})
    job = submit(daemon, {"name": "sold", "steps": [
        {**step("pay", "demo.noop"), "pivot": True}, step("big", *big)]})
    wait_for_state(daemon, job, "parked")

    hint = daemon.stepctl("job", "show", job).stderr
    require_in([f"stepctl job {verb} {job} big" for verb in ("retry", "resolve", "skip")], hint)
    why = daemon.stepctl("job", "why", job).stdout
    require_in("an operator decides: stepctl job retry, skip or resolve", why)
    require("abandon" not in hint + why, f"abandon is advised: {hint}{why}")
    for verb in ("delete", "rerun", "undo"):
        said = refused(daemon, "job", verb, job)
        require_in("wait until it has (see: stepctl job show", said)

    parked = parked_job(daemon)
    require_in(f"stepctl job abandon {parked} big", daemon.stepctl("job", "show", parked).stderr)
    require_in("resolve or abandon", daemon.stepctl("job", "why", parked).stdout)
    require_in("wait until it has, or cancel it", refused(daemon, "job", "delete", parked))


@case("O3: resolve states that a parked step is done or took no effect", config=SMALL_OUTPUT)
def _(daemon):
    daemon.start()
    job = parked_job(daemon)
    require_in("parked", daemon.stepctl("job", "why", job).stdout)
    daemon.stepctl("job", "resolve", job, "big", "--reason", "seen", "--output", '{"text": "it"}')
    done = wait_for_state(daemon, job, "succeeded")
    require(done["steps"][0]["output"] == {"text": "it"}, f"big is {done['steps'][0]}")

    job = parked_job(daemon)
    daemon.stepctl("job", "resolve", job, "big", "--reason", "seen", "--none")
    done = wait_for_state(daemon, job, "failed")
    require([done["steps"][0][name] for name in ("state", "effect")] == ["abandoned", "none"],
            f"big is {done['steps'][0]}")


@case("O3: resolve states that a parked compensation is undone", ("demo", "bank"), BANKS)
def _(daemon):
    daemon.start()
    job = submit(daemon, {"name": "stuck", "steps": [
        step("open", "bank.open", {"account": "A-1", "cents": 100}),
        step("out", "bank.transfer_out", {"account": "A-1", "cents": 30},
             compensate_retry={"initial": "10ms", "attempts_max": 2}),
        step("down", "bank.go_down", {"bank": "A", "lasts": "1h"}),
        step("no", "demo.refuse")]})
    wait_for_state(daemon, job, "parked")

    daemon.stepctl("job", "resolve", job, "out", "--reason", "by hand", "--undone")

    done = wait_for_state(daemon, job, "compensated")
    require(done["steps"][1]["state"] == "compensated", f"out is {done['steps'][1]}")
    require(operator_entries(daemon, job) == [("resolve", "by hand")],
            f"the journal says {operator_entries(daemon, job)}")


@case("J5: a settled job can be deleted and one under way cannot")
def _(daemon):
    daemon.start()
    waiting = submit(daemon, ("demo.suspend", {"milliseconds": LONG}))
    done = submit(daemon, ("demo.noop",), "--wait").split()[0]

    require_in(waiting, refused(daemon, "job", "delete", waiting))
    daemon.stepctl("job", "delete", done)

    require_in(done, refused(daemon, "job", "show", done))
    require(daemon.stepctl("-q", "job", "list").stdout.split() == [waiting], "it is still listed")


@case("O1: verbs answer as documents and are refused for what does not exist")
def _(daemon):
    daemon.start()
    job = submit(daemon, ("demo.suspend", {"milliseconds": LONG}))
    answer = json.loads(daemon.stepctl("--output", "json", "job", "cancel", job).stdout)
    require(answer["id"] == job and answer["verb"] == "cancel" and answer["accepted"] is True,
            f"answered {answer}")
    nobody = "01900000-0000-7000-8000-000000000000"
    for arguments in (("cancel", nobody), ("retry", nobody), ("show", nobody), ("why", nobody),
                      ("abandon", nobody, "it", "--reason", "x"), ("delete", nobody)):
        require_in(nobody, refused(daemon, "job", *arguments))
    other = submit(daemon, ("demo.suspend", {"milliseconds": LONG}))
    require_in("elsewhere", refused(daemon, "job", "abandon", other, "elsewhere", "--reason", "x"))
    require(shown(daemon, other)["state"] in ("waiting", "running"), "it was abandoned")


if __name__ == "__main__":
    sys.exit(main())
