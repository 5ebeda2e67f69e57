#!/usr/bin/env python3
"""stepctl that follows a job while the daemon is killed and started again."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from case import case, main, require, require_in, submit, wait_for, wait_for_step

WAIT = {"name": "wait", "key": "wait",
        "steps": [{"id": "it", "step": "demo.suspend", "args": {"milliseconds": 600_000}}]}


def follow(daemon, *arguments):
    """A stepctl that runs beside the test; what it says about things goes to a file."""
    with said_file(daemon).open("w", encoding="utf-8") as said:
        return subprocess.Popen(
            [str(daemon.build / "bin/stepctl"), "--server", daemon.server, *arguments], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said)


def said_file(daemon):
    return daemon.place / "follower.txt"


def require_success(daemon, follower):
    """Waits for its end, and answers what it said."""
    code = follower.wait(timeout=60)
    said = said_file(daemon).read_text(encoding="utf-8")
    require(code == 0, f"it ended with {code}: {said}")
    return said


@case("submit --wait outlasts a kill of the daemon and ends with what became of the job")
def _(daemon):
    daemon.start()
    file = daemon.place / "job.json"
    file.write_text(json.dumps(WAIT), encoding="utf-8")
    follower = follow(daemon, "job", "submit", str(file), "--wait")
    (job,) = wait_for("the job is accepted", lambda: daemon.get("/v1/jobs?key=wait")["jobs"])
    wait_for_step(daemon, job["id"], "it", "suspended")

    daemon.kill()
    daemon.start()
    daemon.stepctl("job", "skip", job["id"], "it", "--reason", "it waited long enough")

    printed = follower.stdout.read()
    require_in("succeeded", require_success(daemon, follower))
    require(printed.splitlines()[0] == job["id"], f"stdout is {printed}")


@case("watch tells every entry of the journal once over a kill of the daemon")
def _(daemon):
    daemon.start()
    job = submit(daemon, WAIT)
    follower = follow(daemon, "--output", "json", "job", "watch", job)
    first = follower.stdout.readline()
    wait_for_step(daemon, job, "it", "suspended")

    daemon.kill()
    daemon.start()
    daemon.stepctl("job", "skip", job, "it", "--reason", "it waited long enough")

    rest = follower.stdout.read()
    require_success(daemon, follower)
    lines = [json.loads(line) for line in [first, *rest.splitlines()]]
    told = [entry for line in lines if "row" in line for entry in line["entries"]]
    require(told == daemon.journal(job), f"told was {told}, recorded is {daemon.journal(job)}")
    require(lines[-1]["settled"]["state"] == "succeeded", f"the last line is {lines[-1]}")


@case("whoever interrupts the wait is told that the job goes on")
def _(daemon):
    daemon.start()
    file = daemon.place / "job.json"
    file.write_text(json.dumps(WAIT), encoding="utf-8")
    follower = follow(daemon, "job", "submit", str(file), "--wait")
    (job,) = wait_for("the job is accepted", lambda: daemon.get("/v1/jobs?key=wait")["jobs"])
    wait_for("somebody watches it", lambda: handles_interrupts(follower.pid))

    follower.send_signal(signal.SIGINT)

    require(follower.wait(timeout=60) == -signal.SIGINT, f"it ended with {follower.returncode}")
    require_in(f"the job goes on; to look at it again: stepctl job watch {job['id']}",
               said_file(daemon).read_text(encoding="utf-8"))
    require(daemon.get(f"/v1/jobs/{job['id']}")["settled_at"] is None, "the job did not go on")


def handles_interrupts(process):
    """Whether it has a handler for SIGINT by now."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    (caught,) = (int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:"))
    return caught >> (signal.SIGINT - 1) & 1


if __name__ == "__main__":
    sys.exit(main())
