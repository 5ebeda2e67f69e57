#!/usr/bin/env python3
"""The quickstart's story: transfers between two banks, and a daemon that is killed three times.

usage: quickstart_story.py BUILD    BUILD: a folder with bin/stepd, bin/stepctl and plugins/

Everything it makes lies in one temporary folder that stays, to be looked at. Ends with 0 only when
every transfer settled and the ledgers are sound.
"""

import sys

sys.dont_write_bytecode = True

import json
import os
import shlex
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path

import transfers
from audit_ledgers import audit_ledgers, euros
from daemon import Daemon, Trouble

TRANSFERS = 200
OUTAGE = "4s"
PATIENCE = 180  # seconds for all of it; on a slow disk it takes about ten
SETTLED = {"succeeded", "compensated", "failed", "cancelled", "discarded"}

# When to kill: so many seconds after the submit and so many transfers settled.
KILLS = ((0.1, 0), (2.0, 0), (0.0, 60))


class Progress:
    """One line that changes on a terminal; elsewhere a line now and then."""

    def __init__(self):
        self.terminal = sys.stdout.isatty()
        self.shown = 0.0

    def show(self, settled, kills):
        filled = settled * 40 // TRANSFERS
        line = (f"  [{'#' * filled}{'.' * (40 - filled)}] {settled:3} of {TRANSFERS} settled, "
                f"killed {kills} of {len(KILLS)} times")
        if self.terminal:
            print(f"\r{line}", end="", flush=True)
        elif time.monotonic() - self.shown > 1:
            self.shown = time.monotonic()
            print(line, flush=True)

    def end(self):
        if self.terminal:
            print()


def say(text=""):
    print(text, flush=True)


def write_input(place):
    ledgers = place / "ledgers"
    (place / "stepd.toml").write_text(f'[plugin.bank]\nfolder = "{ledgers}"\n', encoding="utf-8")
    jobs = {"accounts.json": [transfers.accounts_job()],
            "outage.json": [transfers.outage_job(OUTAGE)],
            "transfers.jsonl": transfers.transfer_jobs(TRANSFERS)}
    for name, lines in jobs.items():
        (place / name).write_text("".join(json.dumps(job) + "\n" for job in lines),
                                  encoding="utf-8")
    return ledgers


def settled_jobs(daemon):
    counts = daemon.get("/v1/status")["jobs"]
    return sum(counts.get(state, 0) for state in SETTLED)


def run_transfers(daemon, place):
    """Submits the transfers and sees them through; answers how long each restart took."""
    before = settled_jobs(daemon)
    daemon.stepctl("job", "submit", str(place / "transfers.jsonl"), "--quiet")
    started = time.monotonic()
    progress = Progress()
    restarts = []
    settled = 0
    while settled < TRANSFERS:
        settled = settled_jobs(daemon) - before
        progress.show(settled, len(restarts))
        passed = time.monotonic() - started
        if passed > PATIENCE:
            progress.end()
            raise Trouble(f"only {settled} of {TRANSFERS} transfers settled in {PATIENCE} s (see "
                          f"{daemon.log})")
        if len(restarts) < len(KILLS) and settled < TRANSFERS:
            after, settled_first = KILLS[len(restarts)]
            if passed >= after and settled >= settled_first:
                daemon.kill()
                killed = time.monotonic()
                daemon.start()
                restarts.append(time.monotonic() - killed)
                continue
        time.sleep(0.03)
    progress.show(TRANSFERS, len(restarts))
    progress.end()
    return restarts


def transfers_as_settled(daemon):
    """The transfers' lines of `job list`, all pages."""
    answer = daemon.stepctl("job", "list", "--name", "transfer", "--all", "--output", "json")
    return json.loads(answer.stdout)["jobs"]


def causes_of(journals):
    """Of each job that turned back the error code that turned it: id -> code."""
    return {job: entry["error"]["code"] if entry["error"] else entry["cause"]
            for job, journal in journals.items()
            for entry in journal if entry["type"] == "turned_back"}


def tell_what_happened(jobs, causes, restarts):
    states = Counter(job["state"] for job in jobs)
    why = Counter((job["state"], causes.get(job["id"], "unknown")) for job in jobs)
    say("What happened")
    say(f"  {'succeeded':12} {states['succeeded']:4}")
    for state in ("compensated", "failed"):
        because = ", ".join(f"{count} {code}" for (of, code), count in sorted(why.items())
                            if of == state)
        say(f"  {state:12} {states[state]:4}  {because}".rstrip())
    for state in sorted(set(states) - {"succeeded", "compensated", "failed"}):
        say(f"  {state:12} {states[state]:4}")
    took = ", ".join(f"{seconds:.2f} s" for seconds in restarts)
    say(f"  kill -9      {len(restarts):4}  back at work after {took}")
    return states


def lived_through_a_kill(journal):
    return any(entry["type"] == "call_ended" and entry["outcome"] == "lost" for entry in journal)


def tell_story(daemon, jobs, wanted, wanted_title, title):
    """The journal of the first job that is as wanted, or of the first when none is."""
    if not jobs:
        return
    job = next(filter(wanted, jobs), None)
    say()
    say(f"The journal of one that {wanted_title if job else title}")
    shown = daemon.stepctl("job", "show", (job or jobs[0])["id"], "--journal").stdout
    say("\n".join("  " + line for line in shown.rstrip().splitlines()))


def tell_stories(daemon, jobs, journals, causes):
    tell_story(daemon, [job for job in jobs if job["state"] == "succeeded"],
               lambda job: lived_through_a_kill(journals[job["id"]]),
               "lost a call to a kill, and succeeded", "succeeded")
    tell_story(daemon, [job for job in jobs if job["state"] == "compensated"],
               lambda job: causes.get(job["id"]) == "account_closed",
               "found its account closed, and was compensated", "was compensated")


def tell_of_the_money(ledgers, jobs):
    """Whether the ledgers are sound."""
    audit = audit_ledgers(ledgers, {job["key"]: job["state"] for job in jobs})
    say()
    say("The money, added up from the two ledgers without asking stepd")
    say(f"  {audit.accounts} accounts were opened with {euros(audit.opened_with)}, "
        f"and hold {euros(audit.balances)}")
    say(f"  {audit.movements} movements, {audit.reversals} of them undoing another; "
        f"each applied by one key, once")
    if audit.faults:
        for fault in audit.faults:
            say(f"  FAULT {fault}")
        return False
    say("  conserved to the cent, and no transfer was applied twice")
    return True


def tell_what_next(daemon, place):
    stepctl = os.path.relpath(daemon.build / "bin/stepctl")
    stepd = shlex.join([os.path.relpath(daemon.command[0]), *daemon.command[1:]])
    say()
    say("What to try next")
    say(f"  {stepd} &")
    say(f"  export STEPD_SERVER={daemon.server}")
    say(f"  {stepctl} job list --state compensated")
    say(f"  {stepctl} step show bank.transfer_out")
    say(f"  {stepctl} job submit {place / 'accounts.json'}   # the same key: the same job")
    say(f"  everything lies in {place}; remove it when you are done")


def tell(build, place):
    ledgers = write_input(place)
    daemon = Daemon(build, place, ["--config", place / "stepd.toml"])
    try:
        say(f"starting stepd in {place}")
        daemon.start()
        say("opening 40 accounts in two banks; bank B will be down for the first 4 seconds")
        daemon.stepctl("job", "submit", str(place / "accounts.json"), "--wait", "--quiet")
        daemon.stepctl("job", "submit", str(place / "outage.json"), "--wait", "--quiet")
        say(f"submitting {TRANSFERS} transfers, and killing stepd with kill -9 on the way")
        restarts = run_transfers(daemon, place)
        jobs = transfers_as_settled(daemon)
        say()
        journals = {job["id"]: daemon.journal(job["id"]) for job in jobs}
        causes = causes_of(journals)
        states = tell_what_happened(jobs, causes, restarts)
        tell_stories(daemon, jobs, journals, causes)
    finally:
        daemon.stop()
    sound = tell_of_the_money(ledgers, jobs)
    tell_what_next(daemon, place)
    complete = sum(states.values()) == TRANSFERS and states["succeeded"] and states["compensated"]
    return 0 if sound and complete and len(restarts) == len(KILLS) else 1


def main(arguments):
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    build = Path(arguments[0]).resolve()
    # A socket's path may have 107 bytes: the folder stays short wherever the clone lies.
    place = Path(tempfile.mkdtemp(prefix="stepd-quickstart-", dir="/tmp"))
    # However this ends, the daemon ends with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return tell(build, place)
    except Trouble as trouble:
        print(f"\ntools/quickstart: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
