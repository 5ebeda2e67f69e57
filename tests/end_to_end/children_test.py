#!/usr/bin/env python3
"""Steps that start jobs: distributed tasks, over kills, cancels and failures."""

import hashlib
import json
import sys
from pathlib import Path

from case import (
    case, main, require, require_in, shown, step, submit, wait_for, wait_for_state, wait_for_step,
)

DEEDS = '[plugin.demo]\nundoable_file = "PLACE/deeds"\n'
PRIMES = ["1000000007", "1000000009", "998244353", "2147483647"]


def children_of(daemon, job):
    answer = daemon.stepctl("--output", "json", "job", "children", job)
    return json.loads(answer.stdout)["children"]


def make_tree(root, folders, files):
    """Folders three deep; answers how many folders, files and bytes there are, and their digest."""
    count, size, total = 1, 0, 0
    digest = bytes(32)
    root.mkdir()
    for number in range(folders):
        place = root / f"f{number % 7}" / f"g{number}"
        place.mkdir(parents=True)
        for index in range(files):
            path = place / f"{index}.txt"
            path.write_text(f"{number} {index}\n" * 50, encoding="utf-8")
            content = path.read_bytes()
            line = f"{path}\n{hashlib.sha256(content).hexdigest()}".encode()
            one = hashlib.sha256(line).digest()
            digest = bytes(left ^ right for left, right in zip(digest, one))
            size += len(content)
            total += 1
    count += min(folders, 7) + folders
    return {"folders": count, "files": total, "bytes": size, "digest": digest.hex(), "failed": []}


@case("W3: a directory tree is hashed folder by folder over kills of the daemon",
      plugins=("hash",))
def _(daemon):
    root = daemon.place / "tree"
    wanted = make_tree(root, 100, 3)
    daemon.start()
    job = submit(daemon, ("hash.tree", {"path": str(root)}))
    for settled in (20, 60):
        wait_for(f"{settled} folders are done", lambda wanted=settled: sum(
            1 for child in children_of(daemon, job) if child["state"]) >= wanted
            or shown(daemon, job)["state"] == "succeeded")
        daemon.kill()
        daemon.start()

    done = wait_for_state(daemon, job, "succeeded")

    require(done["output"] == wanted, f"the output is {done['output']}, not {wanted}")
    children = children_of(daemon, job)
    require(len(children) == wanted["folders"], f"{len(children)} folders were started")
    require(all(child["state"] == "succeeded" for child in children), "a folder did not succeed")


@case("W3: a tree whose root cannot be read is refused", plugins=("hash",))
def _(daemon):
    daemon.start()
    job = submit(daemon, ("hash.tree", {"path": str(daemon.place / "missing")}))
    failed = wait_for_state(daemon, job, "failed")
    require_in("cannot_read", failed["steps"][0]["error"]["code"])


@case("W3: a list of numbers is factored and the one that is none is told of",
      plugins=("factor",))
def _(daemon):
    daemon.start()
    products = [str(int(left) * int(right)) for left in PRIMES for right in PRIMES]
    job = submit(daemon, ("factor.all", {"numbers": products + ["1x"]}))

    done = wait_for_state(daemon, job, "succeeded")

    found = {each["number"]: each["factors"] for each in done["output"]["factored"]}
    wanted = {str(int(left) * int(right)): sorted([left, right], key=int)
              for left in PRIMES for right in PRIMES}
    require(found == wanted, f"the factors are {found}")
    require_in("no_number", done["output"]["failed"][0]["error"])
    require(done["output"]["failed"][0]["number"] == "1x", f"it is {done['output']['failed']}")
    require([each["number"] for each in done["output"]["factored"]] == products,
            "they are not in the order of the list")


@case("W3: no subtask at all completes at once", plugins=("factor",))
def _(daemon):
    daemon.start()
    job = submit(daemon, ("factor.all", {"numbers": []}), "--wait")
    require(shown(daemon, job)["output"] == {"factored": [], "failed": []},
            f"the output is {shown(daemon, job)['output']}")


@case("W3: a cancel reaches the jobs that the job has started", plugins=("demo", "factor"))
def _(daemon):
    daemon.start()
    # Its factors are so large that nobody waits for them.
    long = str((2**89 - 1) * (2**107 - 1))
    job = submit(daemon, {"name": "long", "steps": [
        step("first", "demo.undoable", {"note": "first"}),
        step("all", "factor.all", {"numbers": [long] * 10})]})
    wait_for("the numbers are at work", lambda: len(children_of(daemon, job)) == 10)
    require_in(["waits until another job"], daemon.stepctl("job", "why", job).stdout)

    daemon.stepctl("job", "cancel", job)

    done = wait_for_state(daemon, job, "cancelled")
    require({child["state"] for child in children_of(daemon, job)} == {"cancelled"},
            f"its jobs are {children_of(daemon, job)}")
    require(done["steps"][0]["state"] == "compensated", "the first step was not undone")
    child = shown(daemon, children_of(daemon, job)[0]["id"])
    require(child["parent"]["id"] == job, f"the parent is {child['parent']}")
    require_in("the job that started it turned back", child["reason"])


def deeds(daemon):
    """What the steps wrote down of what they did and undid, sorted."""
    text = (daemon.place / "deeds").read_text(encoding="utf-8")
    return sorted(line.split(" job=")[0] for line in text.splitlines())


def many(daemon, *more):
    notes = [f"n{number:02}" for number in range(30)]
    job = submit(daemon, {"name": "many", "steps": [
        step("all", "demo.undoable_many", {"notes": notes}), *more]})
    return job, [f"did {note}" for note in notes], [f"undid {note}" for note in notes]


def undos_of(daemon, job):
    return [child for child in children_of(daemon, job) if child["key"].startswith("undo:")]


@case("W3: a task that is compensated undoes its subtasks once each over kills of the daemon",
      config=DEEDS)
def _(daemon):
    daemon.start()
    job, did, undid = many(daemon, step("no", "demo.refuse"))
    for undone in (5, 15):
        wait_for(f"{undone} subtasks are undone", lambda undone=undone: sum(
            1 for child in undos_of(daemon, job) if child["state"]) >= undone
            or shown(daemon, job)["state"] == "compensated")
        daemon.kill()
        daemon.start()

    done = wait_for_state(daemon, job, "compensated")

    require(done["steps"][0]["output"] == {"done": 30, "failed": 0}, f"it is {done['steps'][0]}")
    undos = undos_of(daemon, job)
    require(len(undos) == 30, f"{len(undos)} undos were started")
    require({undo["state"] for undo in undos} == {"compensated"}, f"they are {undos}")
    told = set(deeds(daemon))
    require(told == set(did + undid), f"it did {deeds(daemon)}")
    child = shown(daemon, undos[0]["id"])
    require(child["parent"]["id"] == job, f"the parent is {child['parent']}")
    require(child["origin"]["kind"] == "undo", f"it comes from {child['origin']}")
    require_in("undo:0", daemon.stepctl("job", "children", job).stdout)


@case("W3 J5: undoing a job undoes what its steps have started", config=DEEDS)
def _(daemon):
    daemon.start()
    job, did, undid = many(daemon)
    wait_for_state(daemon, job, "succeeded")

    undo = daemon.stepctl("-q", "job", "undo", job, "--wait").stdout.split()[0]

    require(shown(daemon, undo)["state"] == "compensated", f"it is {shown(daemon, undo)}")
    require(deeds(daemon) == sorted(did + undid), f"it did {deeds(daemon)}")
    require(len(undos_of(daemon, undo)) == 30, f"its jobs are {children_of(daemon, undo)}")


@case("W3: a subtask whose undo fails parks the compensation until that is gone on with",
      config=DEEDS)
def _(daemon):
    daemon.start()
    job = submit(daemon, {"name": "many", "steps": [
        step("all", "demo.undoable_many", {"notes": ["one"]}),
        step("hold", "demo.suspend", {"milliseconds": 600_000})]})
    wait_for_step(daemon, job, "hold", "suspended")
    file, aside = daemon.place / "deeds", daemon.place / "deeds.aside"
    file.rename(aside)
    file.mkdir()
    daemon.stepctl("job", "cancel", job)
    wait_for("the undo has begun", lambda: undos_of(daemon, job))
    undo = undos_of(daemon, job)[0]["id"]
    wait_for("the undo is skipped between two attempts", lambda: daemon.stepctl(
        "job", "skip", undo, "subtask", "--reason", "leave it", check=False).returncode == 0)
    wait_for_step(daemon, job, "all", "parked")
    file.rmdir()
    aside.rename(file)

    require_in(["child_not_undone", f"stepctl job rerun {undo}"],
               json.dumps(shown(daemon, job)["steps"][0]["error"]))
    daemon.stepctl("job", "rerun", undo, "--wait")
    daemon.stepctl("job", "retry", job, "all")

    wait_for_state(daemon, job, "cancelled")
    require(deeds(daemon) == ["did one", "undid one"], f"it did {deeds(daemon)}")


@case("W3: a subtask that has been removed is named and its siblings are undone", config=DEEDS)
def _(daemon):
    daemon.start()
    job = submit(daemon, {"name": "many", "steps": [
        step("all", "demo.undoable_many", {"notes": ["one", "two", "three"]})]})
    wait_for_state(daemon, job, "succeeded")
    gone = next(child["id"] for child in children_of(daemon, job) if child["key"] == "1")
    daemon.stepctl("job", "delete", gone)

    undo = daemon.stepctl("-q", "job", "undo", job).stdout.split()[0]

    wait_for_step(daemon, undo, "all", "parked")
    require(deeds(daemon) == ["did one", "did three", "did two", "undid one", "undid three"],
            f"it did {deeds(daemon)}")
    require_in(["child_not_undone", f"job {gone} (1) has been removed",
                f"stepctl job resolve {undo} all --undone"],
               json.dumps(shown(daemon, undo)["steps"][0]["error"]))
    daemon.stepctl("job", "resolve", undo, "all", "--undone", "--reason", "by hand")
    wait_for_state(daemon, undo, "compensated")


if __name__ == "__main__":
    sys.exit(main())
