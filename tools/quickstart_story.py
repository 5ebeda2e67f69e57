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
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

import transfers
from audit_ledgers import audit_ledgers, euros

TRANSFERS = 200
OUTAGE = "4s"
PATIENCE = 180  # seconds for all of it; on a slow disk it takes about ten
SETTLED = {"succeeded", "compensated", "failed", "cancelled", "discarded"}

# When to kill: so many seconds after the submit and so many transfers settled.
KILLS = ((0.7, 0), (2.0, 0), (0.0, 60))


class Trouble(Exception):
    """What went wrong, as a sentence for the person who ran this."""


class Daemon:
    """stepd in a state folder of its own, started and killed as the story wants."""

    def __init__(self, build, place):
        self.build = build
        self.socket = f"unix:{place / 'state' / 'stepd.sock'}"
        self.log = place / "stepd.log"
        self.command = [str(build / "bin/stepd"), "--state-dir", str(place / "state"),
                        "--plugins", str(build / "plugins"), "--config", str(place / "stepd.toml")]
        self.process = None

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        end = time.monotonic() + 30
        while self.stepctl("status", check=False).returncode != 0:
            if self.process.poll() is not None:
                raise Trouble(f"stepd ended by itself:\n{self.last_words()}")
            if time.monotonic() > end:
                raise Trouble(f"stepd does not answer:\n{self.last_words()}")
            time.sleep(0.02)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.kill()

    def stepctl(self, *arguments, check=True):
        """Runs one command; its output is on the answer's stdout."""
        answer = subprocess.run([str(self.build / "bin/stepctl"), "--server", self.socket,
                                 *arguments], capture_output=True, text=True, check=False)
        if check and answer.returncode != 0:
            raise Trouble(f"`stepctl {shlex.join(arguments)}` ended with {answer.returncode}:\n"
                          f"{answer.stdout}{answer.stderr}")
        return answer

    def counts(self):
        """How many jobs are in each state."""
        return Counter(json.loads(self.stepctl("status", "--output", "json").stdout)["jobs"])

    def last_words(self):
        return "\n".join(self.log.read_text(encoding="utf-8").splitlines()[-15:])


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


def settled_transfers(counts, before):
    return sum(counts[state] for state in SETTLED) - before


def run_transfers(daemon, place):
    """Submits the transfers and sees them through; answers how long each restart took."""
    before = settled_transfers(daemon.counts(), 0)
    daemon.stepctl("job", "submit", str(place / "transfers.jsonl"), "--quiet")
    started = time.monotonic()
    progress = Progress()
    restarts = []
    settled = 0
    while settled < TRANSFERS:
        settled = settled_transfers(daemon.counts(), before)
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


def reasons(daemon, jobs):
    """Why each job that did not succeed did not: error code -> how many."""
    found = Counter()
    for job in jobs:
        if job["state"] == "succeeded":
            continue
        shown = json.loads(daemon.stepctl("job", "show", job["id"], "--output", "json").stdout)
        codes = [step["error"]["code"] for step in shown["steps"] if step["error"]]
        found[job["state"], codes[-1] if codes else "unknown"] += 1
    return found


def tell_what_happened(daemon, jobs, restarts):
    states = Counter(job["state"] for job in jobs)
    why = reasons(daemon, jobs)
    say("What happened")
    for state in ("succeeded", "compensated", "failed"):
        causes = ", ".join(f"{count} {code}" for (of, code), count in sorted(why.items())
                           if of == state)
        say(f"  {state:12} {states[state]:4}  {causes}".rstrip())
    for state in sorted(set(states) - {"succeeded", "compensated", "failed"}):
        say(f"  {state:12} {states[state]:4}")
    took = ", ".join(f"{seconds:.2f} s" for seconds in restarts)
    say(f"  kill -9      {len(restarts):4}  back at work after {took}")
    return states


def tell_stories(daemon, jobs):
    for state in ("succeeded", "compensated"):
        one = next((job for job in jobs if job["state"] == state), None)
        if one is None:
            continue
        say()
        say(f"The journal of one that {'succeeded' if state == 'succeeded' else 'was compensated'}")
        shown = daemon.stepctl("job", "show", one["id"], "--journal").stdout
        say("\n".join("  " + line for line in shown.rstrip().splitlines()))


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
    say(f"  export STEPD_SERVER={daemon.socket}")
    say(f"  {stepctl} job list --state compensated")
    say(f"  {stepctl} step show bank.transfer_out")
    say(f"  {stepctl} job submit {place / 'accounts.json'}   # the same key: the same job")
    say(f"  everything lies in {place}; remove it when you are done")


def tell(build, place):
    ledgers = write_input(place)
    daemon = Daemon(build, place)
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
        states = tell_what_happened(daemon, jobs, restarts)
        tell_stories(daemon, jobs)
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
