#!/usr/bin/env python3
"""Transfers run while the daemon is killed with SIGKILL again and again at moments of chance.

Afterwards, and from outside the daemon, `oracle.py` demands that every acknowledged job has
settled, that no step recorded as succeeded ran again, that what was turned back was undone whole
and in exact reverse order, that nothing ran after settling, that no reader was shown what a kill
could take back, and that the ledgers hold every cent they were opened with, each booking once.
Prints its seed; run it again with --seed to get the same choices.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import json
import random
import shutil
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from daemon import Daemon, Trouble, Unreachable, wait_for  # noqa: E402
from oracle import Record, judge  # noqa: E402

ACCOUNTS = 20
OPENED_WITH = 1_000_000
CLOSED = "B-0"
SETTLED = {"succeeded", "compensated", "failed", "cancelled"}
ROUND_SECONDS = (0.02, 0.30)  # of life before a kill
START_SECONDS = (0.0, 0.25)   # of life of one that may not even answer
SAGA = {"out", "fee_out", "fee_in", "in"}


class Storm:
    def __init__(self, arguments):
        self.chance = random.Random(arguments.seed)
        self.kills = arguments.kills
        self.folder = Path(tempfile.mkdtemp(prefix="stepd-storm-"))
        self.ledgers = self.folder / "ledgers"
        config = self.folder / "stepd.toml"
        config.write_text(f'[plugin."bank"]\nfolder = "{self.ledgers}"\n', encoding="utf-8")
        # The others only make each of the many starts longer.
        plugins = self.folder / "plugins"
        plugins.mkdir()
        for name in ("bank.so", "demo.so"):
            shutil.copy(arguments.build / "plugins" / name, plugins)
        self.daemon = Daemon(arguments.build, self.folder,
                             ["--config", config, "--log-level", "warn"], plugins)
        self.acknowledged = {}  # key -> job id
        self.unsure = {}        # key -> body: sent, and no answer came
        self.seen = {}          # job id -> its journal as it was shown between two kills
        self.sent = 0

    # What is sent ------------------------------------------------------------------------------

    def open_accounts(self):
        accounts = [f"{bank}-{number}" for bank in "AB" for number in range(ACCOUNTS)] + ["C-0"]
        steps = [{"id": account, "step": "bank.open",
                  "args": {"account": account, "cents": OPENED_WITH}} for account in accounts]
        steps.append({"id": "close", "step": "bank.close", "args": {"account": CLOSED}})
        status, text = self.daemon.ask("POST", "/v1/jobs", json.dumps(
            {"name": "open", "key": "open", "steps": steps}))
        require(status in (200, 201), f"accounts cannot be opened: {status} {text}")
        job = json.loads(text)["id"]
        self.wait_until_settled()
        require(self.daemon.get(f"/v1/jobs/{job}")["state"] == "succeeded", "accounts not opened")

    def transfer(self):
        """One in ten goes to the closed account, when three steps were done already."""
        self.sent += 1
        key = f"t{self.sent}"
        target = CLOSED if self.chance.random() < 0.1 else \
            f"B-{self.chance.randrange(1, ACCOUNTS)}"

        def pay(which, account, cents, memo):
            return {"id": which, "step": f"bank.transfer_{which.removeprefix('fee_')}",
                    "args": {"account": account, "cents": cents, "memo": memo},
                    "retry": {"initial": "20ms", "max": "100ms", "attempts_max": 12},
                    "compensate_retry": {"initial": "20ms", "max": "100ms"}}

        cents = {"$ref": "/args/cents"}
        steps = [pay("out", f"A-{self.chance.randrange(ACCOUNTS)}", cents, key),
                 {"id": "note", "step": "demo.greet",
                  "args": {"name": {"$ref": "/steps/out/output/receipt"}},
                  "retry": {"initial": "20ms", "max": "100ms"}},
                 pay("fee_out", f"A-{self.chance.randrange(ACCOUNTS)}", 1, fee(key)),
                 pay("fee_in", "C-0", 1, fee(key)),
                 pay("in", target, cents, key)]
        return key, json.dumps({"name": "transfer", "key": key, "steps": steps,
                                "args": {"cents": self.chance.randint(1, 500)}})

    def submit(self, key, body):
        """True when the daemon answered; an answer is a promise."""
        try:
            status, text = self.daemon.ask("POST", "/v1/jobs", body)
        except Unreachable:
            self.unsure[key] = body
            return False
        if status in (200, 201):
            self.acknowledged[key] = json.loads(text)["id"]
            self.unsure.pop(key, None)
            return True
        require(status in (503, 507), f"a transfer was answered {status}: {text}")
        self.unsure[key] = body
        return False

    # The storm ---------------------------------------------------------------------------------

    def rage(self):
        for round_number in range(self.kills):
            life = self.chance.uniform(*ROUND_SECONDS)
            killer = threading.Timer(life, self.daemon.kill)
            killer.start()
            while killer.is_alive():
                repeat = next(iter(self.unsure.items()), None)
                key, body = repeat or self.transfer()
                if not self.submit(key, body):
                    break
                if self.sent % 5 == 0 and not self.read_along():
                    break
                if len(self.acknowledged) > 30 * (round_number + 1):
                    break  # the rest of this life is for running, not for accepting
            while killer.is_alive() and self.read_along():
                pass
            killer.join()
            if round_number % 4 == 3:
                self.kill_while_it_starts()
            self.daemon.start()
            if round_number % 25 == 24:
                print(f"  {round_number + 1} kills, {len(self.acknowledged)} transfers "
                      "acknowledged", flush=True)

    def kill_while_it_starts(self):
        """Recovery must survive being cut short, too, wherever that is."""
        self.daemon.launch()
        self.daemon.ended(within=self.chance.uniform(*START_SECONDS))
        self.daemon.kill()

    def read_along(self):
        """Looks at a job while it may run: what is shown must outlive the kill."""
        jobs = list(self.acknowledged.values())[-20:]
        if not jobs:
            return True
        job = self.chance.choice(jobs)
        try:
            self.seen[job] = self.daemon.journal(job)
        except Unreachable:
            return False
        return True

    def settle(self):
        for key, body in list(self.unsure.items()):
            require(self.submit(key, body), f"transfer {key} is not accepted in peace")
        self.wait_until_settled()

    def wait_until_settled(self):
        def all_settled():
            return set(self.daemon.get("/v1/status")["jobs"]) <= SETTLED

        wait_for("every job settles", all_settled, patience=240)

    # The judge ---------------------------------------------------------------------------------

    def records(self):
        for key, job in self.acknowledged.items():
            yield Record(job, key, self.daemon.get(f"/v1/jobs/{job}"), self.daemon.journal(job),
                         SAGA, [key, fee(key)], self.seen.get(job, []))

    def run(self):
        self.daemon.start()
        self.open_accounts()
        self.rage()
        self.settle()
        records = list(self.records())
        require(self.daemon.stop() == 0, "stepd did not end in order")
        ends, audit, faults = judge(records, self.ledgers)
        require(not faults, "\n".join([f"{len(faults)} faults", *faults[:20]]))
        require(audit.opened_with == (2 * ACCOUNTS + 1) * OPENED_WITH, "not all accounts are there")
        return ends, audit

    def remove(self):
        shutil.rmtree(self.folder)


def fee(key):
    """The memo of a transfer's fee."""
    return f"{key}-fee"


def require(holds, what):
    if not holds:
        raise AssertionError(what)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path, help="a folder with bin/stepd and plugins/")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    arguments = parser.parse_args()
    print(f"kill storm: {arguments.kills} kills, --seed {arguments.seed}", flush=True)
    storm = Storm(arguments)
    try:
        ends, audit = storm.run()
    except (AssertionError, Trouble) as error:
        print(f"FAILED: {error}\nall is kept in {storm.folder}\n{storm.daemon.last_words()}")
        return 1
    finally:
        storm.daemon.kill()
    print(f"{len(storm.acknowledged)} transfers acknowledged and settled: {dict(ends)}; "
          f"{len(storm.seen)} read on the way; {audit.movements} movements, {audit.reversals} of "
          "them undoing another: money conserved, nothing booked twice, no step run again")
    storm.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
