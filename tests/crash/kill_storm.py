#!/usr/bin/env python3
"""Transfers run while the daemon is killed with SIGKILL again and again at moments of chance.

Afterwards, and from outside the daemon, it must be true that every acknowledged job has settled,
that no step recorded as succeeded ran again, that compensations ran in exact reverse order, that
nothing ran after settling, and that the ledgers hold every cent they were opened with, no booking
twice. Prints its seed; run it again with --seed to get the same choices.
"""

import argparse
import json
import pathlib
import random
import shutil
import sqlite3
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from daemon import Daemon, Unreachable  # noqa: E402

ACCOUNTS = 20
OPENED_WITH = 1_000_000
SETTLED = {"succeeded", "compensated", "failed", "cancelled"}
ROUND_SECONDS = (0.02, 0.30)  # of life before a kill


class Storm:
    def __init__(self, arguments):
        self.chance = random.Random(arguments.seed)
        self.kills = arguments.kills
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="stepd-storm-"))
        (self.folder / "state").mkdir(mode=0o700)
        self.ledgers = self.folder / "ledgers"
        self.ledgers.mkdir()
        config = self.folder / "stepd.toml"
        config.write_text(f'[plugin."bank"]\nfolder = "{self.ledgers}"\n')
        self.daemon = Daemon(arguments.stepd, self.folder / "state", arguments.plugins,
                             ["--config", str(config), "--log-level", "warn"])
        self.acknowledged = {}  # key -> job id
        self.unsure = {}        # key -> body: sent, and no answer came
        self.sent = 0

    # What is sent ------------------------------------------------------------------------------

    def open_accounts(self):
        steps = [{"id": f"{bank}{number}", "step": "bank.open",
                  "args": {"account": f"{bank}-{number}", "cents": OPENED_WITH}}
                 for bank in "AB" for number in range(ACCOUNTS)]
        steps.append({"id": "close", "step": "bank.close", "args": {"account": "B-0"}})
        status, text = self.daemon.ask("POST", "/v1/jobs", json.dumps(
            {"name": "open", "key": "open", "steps": steps}))
        require(status in (200, 201), f"accounts cannot be opened: {status} {text}")
        job = json.loads(text)["id"]
        self.wait_until_settled([job])
        require(self.daemon.get(f"/v1/jobs/{job}")["state"] == "succeeded", "accounts not opened")

    def transfer(self):
        self.sent += 1
        cents = self.chance.randint(1, 500)
        to = self.chance.choice([0] + list(range(1, ACCOUNTS)) * 2)
        retry = {"initial": "20ms", "max": "100ms", "attempts_max": 12}
        steps = [
            {"id": "out", "step": "bank.transfer_out", "retry": retry,
             "args": {"account": f"A-{self.chance.randrange(ACCOUNTS)}",
                      "cents": {"$ref": "/args/cents"}}},
            {"id": "fee", "step": "bank.transfer_in", "retry": retry,
             "args": {"account": "A-1", "cents": 1}},
            {"id": "fee_out", "step": "bank.transfer_out", "retry": retry,
             "args": {"account": "A-2", "cents": 1}},
            {"id": "in", "step": "bank.transfer_in", "retry": retry,
             "args": {"account": f"B-{to}", "cents": {"$ref": "/args/cents"},
                      "memo": {"$ref": "/steps/out/output/receipt"}}}]
        for step in steps:
            step["compensate_retry"] = {"initial": "20ms", "max": "100ms"}
        key = f"t{self.sent}"
        return key, json.dumps({"name": "transfer", "key": key, "args": {"cents": cents},
                                "steps": steps})

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
                if len(self.acknowledged) > 40 * (round_number + 1):
                    break  # the rest of this life is for running, not for accepting
            killer.join()
            self.daemon.start()
            if round_number % 25 == 24:
                print(f"  {round_number + 1} kills, {len(self.acknowledged)} transfers "
                      "acknowledged", flush=True)

    def settle(self):
        for key, body in list(self.unsure.items()):
            require(self.submit(key, body), f"transfer {key} is not accepted in peace")
        self.wait_until_settled(self.acknowledged.values())

    def wait_until_settled(self, jobs):
        open_jobs = set(jobs)
        deadline = time.monotonic() + 240
        while open_jobs:
            open_jobs = {job for job in open_jobs
                         if self.daemon.get(f"/v1/jobs/{job}")["state"] not in SETTLED}
            if time.monotonic() > deadline:
                job = next(iter(open_jobs))
                why = self.daemon.get(f"/v1/jobs/{job}/why")
                raise AssertionError(f"{len(open_jobs)} jobs do not settle; of one: {why}")

    # The judge ---------------------------------------------------------------------------------

    def judge(self):
        ends = {}
        for key, job in self.acknowledged.items():
            shown = self.daemon.get(f"/v1/jobs/{job}")
            require(shown["key"] == key, f"job {job} has key {shown['key']}, not {key}")
            ends[shown["state"]] = ends.get(shown["state"], 0) + 1
            self.judge_journal(job, [step["id"] for step in shown["steps"]])
        self.judge_ledgers()
        return ends

    def journal(self, job):
        after, entries = 0, []
        while after is not None:
            page = self.daemon.get(f"/v1/jobs/{job}/journal?after={after}&limit=200")
            entries += [entry for row in page["rows"] for entry in row["entries"]]
            after = page["next"]
        return entries

    def judge_journal(self, job, steps):
        succeeded, undone, running, settled = set(), [], {}, False
        for entry in self.journal(job):
            require(not settled, f"job {job}: {entry} after it settled")
            step = entry.get("step")
            if entry["type"] == "call_started":
                require(step not in running, f"job {job}: two calls of {step} at once")
                running[step] = entry["call"]
                if entry["phase"] == "execute":
                    require(step not in succeeded, f"job {job}: {step} ran again after success")
                    require(step not in undone, f"job {job}: {step} ran after its compensation")
                    require(set(steps[:steps.index(step)]) <= succeeded,
                            f"job {job}: {step} started too early")
            elif entry["type"] == "call_ended":
                require(running.pop(step, None) == entry["call"],
                        f"job {job}: {step} ended a call that was not running")
            elif entry["type"] == "step_moved":
                if entry["state"] == "succeeded":
                    succeeded.add(step)
                if entry["state"] == "compensated":
                    later = [other for other in undone
                             if steps.index(other) < steps.index(step)]
                    require(not later, f"job {job}: {step} was undone after {later}")
                    undone.append(step)
            elif entry["type"] == "settled":
                settled = True
                require(not running, f"job {job} settled while {running} ran")
        require(settled, f"job {job} has no end in its journal")

    def judge_ledgers(self):
        total, booked = 0, {}
        for ledger in sorted(self.ledgers.glob("*.sqlite")):
            with sqlite3.connect(ledger) as bank:
                require(bank.execute("PRAGMA integrity_check").fetchone()[0] == "ok",
                        f"{ledger.name} is damaged")
                total += bank.execute("SELECT sum(balance) FROM accounts").fetchone()[0]
                wrong = bank.execute(
                    "SELECT account FROM accounts a WHERE balance <> opened_with + (SELECT "
                    "coalesce(sum(cents), 0) FROM movements m WHERE m.account = a.account)")
                require(not wrong.fetchall(), f"{ledger.name}: movements and balances differ")
                for key, phase in bank.execute("SELECT execute_key, phase FROM applied"):
                    booked[key, phase] = booked.get((key, phase), 0) + 1
        twice = [key for key, times in booked.items() if times > 1]
        require(not twice, f"booked twice: {twice[:5]}")
        require(total == 2 * ACCOUNTS * OPENED_WITH,
                f"money was not conserved: {total} cents, {2 * ACCOUNTS * OPENED_WITH} opened")

    def run(self):
        self.daemon.start()
        self.open_accounts()
        self.rage()
        self.settle()
        ends = self.judge()
        require(self.daemon.stop() == 0, "stepd did not end in order")
        return ends

    def remove(self):
        shutil.rmtree(self.folder)


def require(holds, what):
    if not holds:
        raise AssertionError(what)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stepd", required=True, help="the daemon's executable")
    parser.add_argument("--plugins", required=True, action="append", help="folder with bank.so")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    arguments = parser.parse_args()
    print(f"kill storm: {arguments.kills} kills, --seed {arguments.seed}", flush=True)
    storm = Storm(arguments)
    try:
        ends = storm.run()
    except (AssertionError, RuntimeError, Unreachable) as error:
        print(f"FAILED: {error}\nstate kept in {storm.folder}\n{storm.daemon.log_end()}")
        storm.daemon.kill()
        return 1
    print(f"{len(storm.acknowledged)} transfers acknowledged and settled: {ends}; money conserved, "
          "nothing applied twice, no step run again")
    storm.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
