#!/usr/bin/env python3
"""Jobs made from settled ones, and verbs about many jobs, against the real daemon."""

import json
import sqlite3
import sys
import threading

from case import (
    case, main, require, require_in, shown, step, submit, wait_for, wait_for_state, wait_for_step,
)

LONG = 600_000  # milliseconds: longer than any test
BANKS = '[plugin.bank]\nfolder = "PLACE/ledgers"\n'
DEEDS = '[plugin.demo]\nundoable_file = "PLACE/deeds"\n'


def refused(daemon, *arguments):
    """What stepctl says when the daemon refuses it."""
    answer = daemon.stepctl(*arguments, check=False)
    require(answer.returncode == 1, f"{arguments} ended with {answer.returncode}: {answer.stderr}")
    return answer.stderr


def made(daemon, *arguments):
    """The id that rerun or undo prints."""
    return daemon.stepctl("-q", "job", *arguments).stdout.strip()


def trip(daemon, *more):
    return submit(daemon, {"name": "trip", "steps": [
        step("hotel", "demo.undoable", {"note": "hotel"}),
        step("flight", "demo.undoable", {"note": "flight"}), *more]}, "--wait").split()[0]


def deeds(daemon):
    """Who did and undid what, as the steps wrote it down."""
    text = (daemon.place / "deeds").read_text(encoding="utf-8")
    return [tuple(line.split(" job=")) for line in text.splitlines()]


def deeds_of(daemon, job):
    return [deed for deed, of in deeds(daemon) if of.startswith(job)]


@case("J5: a rerun is a new job that names the old one and the old one stays as it is",
      config=DEEDS)
def _(daemon):
    daemon.start()
    old = trip(daemon)
    before = shown(daemon, old)

    again = made(daemon, "rerun", old, "--wait", "--reason", "once more").split()[0]

    require(deeds_of(daemon, again) == ["did hotel", "did flight"], f"it did {deeds(daemon)}")
    new = shown(daemon, again)
    require(new["origin"] == {"kind": "rerun", "job": old, "from": None}, f"it is {new}")
    after = shown(daemon, old)
    require(after.pop("derived") == [{"kind": "rerun", "job": again}], "it does not name its rerun")
    before.pop("derived")
    require(before == after, f"the old job changed: {before} to {after}")
    require_in([f"rerun of {old}"], daemon.stepctl("job", "show", again).stdout)
    require_in([f"rerun as   {again}"], daemon.stepctl("job", "show", old).stdout)
    acted = [entry for entry in daemon.journal(again) if entry["type"] == "operator_acted"]
    require([entry["reason"] for entry in acted] == ["once more"], f"the journal says {acted}")


@case("J5: a rerun from a step keeps earlier outputs and never compensates them", config=DEEDS)
def _(daemon):
    daemon.start()
    old = trip(daemon, step("greet", "demo.greet", {"name": "you"}))

    again = made(daemon, "rerun", old, "--from", "flight", "--wait").split()[0]

    require(deeds_of(daemon, again) == ["did flight"], f"it did {deeds(daemon)}")
    hotel = shown(daemon, again)["steps"][0]
    require((hotel["state"], hotel["effect"], hotel["kept_from"]) == ("succeeded", "none", old),
            f"the hotel is {hotel}")
    third = made(daemon, "rerun", again, "--from", "greet", "--wait").split()[0]
    kept = [found["kept_from"] for found in shown(daemon, third)["steps"]]
    require(kept == [old, again, None], f"it kept from {kept}")

    require_in([third, "keeps what it did"], refused(daemon, "job", "undo", again))
    daemon.stepctl("job", "delete", third)
    undone = made(daemon, "undo", again, "--wait").split()[0]
    require(deeds_of(daemon, undone) == ["undid flight"], f"it did {deeds(daemon)}")
    said = refused(daemon, "job", "rerun", again, "--from", "greet")
    require_in(["undone, or being undone, by job", undone, "rerun it whole"], said)
    require_in(["has no step \"nowhere\""], refused(daemon, "job", "rerun", old, "--from",
                                                    "nowhere"))
    made(daemon, "rerun", again, "--wait")


@case("J5: a job is not undone while a rerun keeps what it did", config=DEEDS)
def _(daemon):
    daemon.start()
    old = trip(daemon)
    again = made(daemon, "rerun", old, "--from", "flight", "--wait").split()[0]

    require_in([again, "keeps what it did"], refused(daemon, "job", "undo", old))
    made(daemon, "undo", again, "--wait")
    made(daemon, "undo", old, "--wait")

    require(deeds_of(daemon, again) == ["did flight"], f"the rerun did {deeds(daemon)}")


@case("J5 A6: an undo gives back what the job booked under the keys of the old job",
      ("demo", "bank"), BANKS)
def _(daemon):
    daemon.start()
    job = submit(daemon, {"name": "pay", "args": {"cents": 30}, "steps": [
        step("open", "bank.open", {"account": "A-1", "cents": 100}),
        step("out", "bank.transfer_out", {"account": "A-1", "cents": {"$ref": "/args/cents"}})]},
        "--wait").split()[0]

    def balance():
        with sqlite3.connect(next((daemon.place / "ledgers").glob("*.sqlite"))) as ledger:
            found = ledger.execute("SELECT balance FROM accounts WHERE account = 'A-1'")
            return found.fetchone()[0]

    require(balance() == 70, f"the account has {balance()}")
    undone = made(daemon, "undo", job, "--request-id", "r-1")
    daemon.kill()
    daemon.start()
    done = wait_for_state(daemon, undone, "compensated")
    require(balance() == 100, f"the account has {balance()}")
    require_in([f"it undoes job {job}"], done["reason"])
    require(made(daemon, "undo", job, "--request-id", "r-1") == undone, "it is undone twice")
    require_in([undone, "has its undo already"], refused(daemon, "job", "undo", job))
    require_in(["is not undone itself"], refused(daemon, "job", "undo", undone))
    require_in(["has left nothing"], refused(daemon, "job", "rerun", undone))


@case("O1: the same request made by many at once makes one job also after a crash", config=DEEDS)
def _(daemon):
    daemon.start()
    old = trip(daemon)
    answers = []

    def ask():
        answers.append(made(daemon, "rerun", old, "--request-id", "r-1"))

    askers = [threading.Thread(target=ask) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    daemon.kill()
    daemon.start()
    answers.append(made(daemon, "rerun", old, "--request-id", "r-1"))

    require(len(answers) == 9 and len(set(answers)) == 1, f"answered {answers}")
    wait_for_state(daemon, answers[0], "succeeded")
    require(len(daemon.get("/v1/jobs")["jobs"]) == 2, "there are more than two jobs")
    require_in(["was used for rerun before"],
               refused(daemon, "job", "undo", old, "--request-id", "r-1"))


def out_of_reach(daemon):
    """The file in which deeds are undone, made unwritable; answers what puts it back."""
    file, aside = daemon.place / "deeds", daemon.place / "deeds.aside"
    file.rename(aside)
    file.mkdir()

    def put_back():
        file.rmdir()
        aside.rename(file)
    return put_back


@case("J5: an undo that failed is gone on with and undoes nothing twice also after a crash",
      config=DEEDS)
def _(daemon):
    daemon.start()
    once = {"compensate_retry": {"initial": "10ms", "attempts_max": 1}}
    job = submit(daemon, {"name": "trip", "steps": [
        step(name, "demo.undoable", {"note": name}, **once) for name in ("hotel", "flight")]},
        "--wait").split()[0]
    put_back = out_of_reach(daemon)
    first = made(daemon, "undo", job)
    wait_for_step(daemon, first, "flight", "parked")
    put_back()
    daemon.stepctl("job", "skip", first, "flight", "--reason", "the airline does not answer")
    failed = wait_for_state(daemon, first, "failed")
    require(failed["left"] == ["flight"], f"it left {failed['left']}")

    said = refused(daemon, "job", "undo", job)
    require_in([first, "has left something", f"stepctl job rerun {first}"], said)
    require_in(["rerun it whole"], refused(daemon, "job", "rerun", first, "--from", "flight"))
    second = made(daemon, "rerun", first, "--request-id", "r-2")
    daemon.kill()
    daemon.start()

    done = wait_for_state(daemon, second, "compensated")
    undone = [deed for deed, _ in deeds(daemon)]
    require(undone == ["did hotel", "did flight", "undid hotel", "undid flight"],
            f"it did {undone}")
    require([found["kept_from"] for found in done["steps"]] == [first, None], f"it is {done}")
    require(made(daemon, "rerun", first, "--request-id", "r-2") == second, "it went on twice")
    require_in(["gone on with already", second], refused(daemon, "job", "rerun", first))
    require_in(["has its undo already", second], refused(daemon, "job", "undo", job))
    require_in([f"gone on    {second}"], daemon.stepctl("job", "show", first).stdout)


@case("O1: a request id used again for something else is refused also after a crash", config=DEEDS)
def _(daemon):
    daemon.start()
    job = submit(daemon, {"name": "two", "steps": [
        step("one", "demo.suspend", {"milliseconds": LONG}),
        step("two", "demo.suspend", {"milliseconds": LONG}, after=[])]})
    for name in ("one", "two"):
        wait_for_step(daemon, job, name, "suspended")
    skip = ("job", "skip", job, "one", "--request-id", "r-1", "--reason")
    daemon.stepctl(*skip, "enough")
    daemon.kill()
    daemon.start()

    said = refused(daemon, "job", "skip", job, "two", "--request-id", "r-1", "--reason", "enough")
    require_in(['request id "r-1" was used for skip of step "one" before'], said)
    require_in(["with another reason"], refused(daemon, *skip, "more than enough"))
    require_in(["with other content"], refused(daemon, *skip, "enough", "--output", "{}"))
    daemon.stepctl(*skip, "enough")
    states = [found["state"] for found in shown(daemon, job)["steps"]]
    require(states == ["skipped", "suspended"], f"its steps are {states}")

    old = trip(daemon)
    again = made(daemon, "rerun", old, "--request-id", "r-2", "--from", "flight")
    require(made(daemon, "rerun", old, "--request-id", "r-2", "--from", "flight") == again,
            "it ran twice")
    require_in(["used for rerun before", "with other content"],
               refused(daemon, "job", "rerun", old, "--request-id", "r-2"))


@case("O1: a rerun on a filter under one request id has its effect once", config=DEEDS)
def _(daemon):
    daemon.start()
    for _ in range(3):
        trip(daemon)
    rerun = ("-q", "job", "rerun", "--name", "trip", "--request-id", "r-1", "--yes")
    first = daemon.stepctl(*rerun).stdout.split()
    require(len(set(first)) == 3, f"made {first}")
    for job in first:
        wait_for_state(daemon, job, "succeeded")
    daemon.kill()
    daemon.start()

    again = daemon.stepctl(*rerun).stdout.split()

    require(again == first, f"made {again}, and {first} before")
    require(len(daemon.get("/v1/jobs")["jobs"]) == 6, "there are more jobs than six")
    said = refused(daemon, "job", "rerun", first[0], "--request-id", "r-1")
    require_in([f"has made job {first[0]} itself"], said)
    other = daemon.stepctl("-q", "job", "rerun", "--name", "trip", "--request-id", "r-2", "--yes")
    require(len(other.stdout.split()) == 6, "another request does not find all of them")


@case("D5: what an unsettled job comes from is not deleted")
def _(daemon):
    daemon.start()
    old = submit(daemon, {"name": "wait", "steps": [
        step("it", "demo.suspend", {"milliseconds": LONG})]})
    wait_for_step(daemon, old, "it", "suspended")
    require_in(["has not settled"], refused(daemon, "job", "rerun", old))
    daemon.stepctl("job", "cancel", old)
    wait_for_state(daemon, old, "cancelled")
    again = made(daemon, "rerun", old)
    wait_for_step(daemon, again, "it", "suspended")

    require_in([again, "has not settled"], refused(daemon, "job", "delete", old))
    daemon.stepctl("job", "cancel", again)
    wait_for_state(daemon, again, "cancelled")
    daemon.stepctl("job", "delete", old)
    require_in(old, refused(daemon, "job", "show", old))
    require(shown(daemon, again)["origin"]["job"] == old, "it does not name the old job any more")


@case("a job with a higher priority goes first", config="workers = 1\n")
def _(daemon):
    daemon.start()
    blocker = submit(daemon, ("demo.sleep", {"milliseconds": 1500}))
    wait_for_step(daemon, blocker, "it", "running")
    plain, low, high, raised = (
        submit(daemon, {"name": name, **more, "steps": [step("it", "demo.sleep",
                                                             {"milliseconds": 20})]})
        for name, more in (("plain", {}), ("low", {"priority": -50}), ("high", {"priority": 50}),
                           ("raised", {"priority": -100})))
    daemon.stepctl("job", "priority", raised, "60")

    ends = {name: wait_for_state(daemon, job, "succeeded")["settled_at"]
            for name, job in (("plain", plain), ("low", low), ("high", high), ("raised", raised))}
    order = sorted(ends, key=ends.get)
    require(order == ["raised", "high", "plain", "low"], f"they ended as {order}")
    require_in(["priority   60"], daemon.stepctl("job", "show", raised).stdout)
    require_in(["PRIORITY", "-50"], daemon.stepctl("job", "list").stdout)
    require_in(["settled"], refused(daemon, "job", "priority", plain, "1"))


@case("O1: a verb on a filter counts and needs a yes and hits those jobs alone")
def _(daemon):
    daemon.start()
    waiting = [submit(daemon, {"name": "many", "steps": [
        step("it", "demo.suspend", {"milliseconds": LONG})]}) for _ in range(5)]
    other = submit(daemon, ("demo.suspend", {"milliseconds": LONG}))
    for job in [*waiting, other]:
        wait_for_step(daemon, job, "it", "suspended")

    said = refused(daemon, "job", "cancel", "--name", "many")
    require_in(["5 jobs match, and nothing was done", "--yes"], said)
    require(shown(daemon, waiting[0])["state"] in ("waiting", "running"), "it was cancelled")
    daemon.stepctl("job", "pause", "--name", "many", "--yes")
    require(all(shown(daemon, job)["state"] == "paused" for job in waiting), "not all are paused")
    answer = json.loads(daemon.stepctl("--output", "json", "job", "cancel", "--name", "many",
                                       "--yes", "--reason", "all of them").stdout)
    require(answer["matched"] == 5 and answer["accepted"] == 5, f"answered {answer}")
    for job in waiting:
        wait_for_state(daemon, job, "cancelled")
    require(shown(daemon, other)["state"] in ("waiting", "running"), "the other one was hit")

    again = daemon.stepctl("-q", "job", "rerun", "--name", "many", "--yes").stdout.split()
    require(len(set(again) - set(waiting)) == 5, f"made {again}")
    mixed = daemon.stepctl("job", "delete", "--name", "many", "--yes", check=False)
    require(mixed.returncode == 1, "deleting what is unsettled was no trouble")
    require_in(["has not settled", "10 jobs refused"], mixed.stderr)
    daemon.stepctl("job", "abandon", "--name", "many", "--state", "waiting", "--state", "running",
                   "it", "--reason", "x", "--yes")
    for job in again:
        wait_for_state(daemon, job, "failed")
    daemon.stepctl("job", "delete", "--name", "many", "--yes")
    left = daemon.stepctl("-q", "job", "list").stdout.split()
    require(left == [other], f"there are still {left}")
    require_in(["no such jobs"], daemon.stepctl("job", "delete", "--name", "many").stderr)


if __name__ == "__main__":
    sys.exit(main())
