#!/usr/bin/env python3
"""Steps that start jobs: distributed tasks, over kills, cancels and failures."""

import hashlib
import json
import sys
from pathlib import Path

from case import (
    case, main, require, require_in, shown, step, submit, wait_for, wait_for_state, wait_for_step,
)

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


if __name__ == "__main__":
    sys.exit(main())
