#!/usr/bin/env python3
"""Transfers between two banks, as jobs: what the quickstart submits.

usage: transfers.py accounts          a job that opens the accounts of both banks
       transfers.py transfers [N]     N jobs (200), JSON Lines, the same ones every time

Most transfers work. Of every twenty, one goes to a closed account, one comes from an account
without cover, and two give up soon when the other bank is down.
"""

import json
import random
import sys

ACCOUNTS = 20  # in each bank
OPENED_WITH = 1_000_00
POOR, POOR_HOLDS = "A-20", 1_00
CLOSED = "B-13"

PATIENT = {"attempts_max": 30, "initial": "200ms", "max": "1s"}
IMPATIENT = {"attempts_max": 2, "initial": "200ms"}
UNDO = {"initial": "200ms", "max": "1s"}


def account(bank, number):
    return f"{bank}-{number:02}"


def accounts_job():
    """One job: open every account, then close the one that is closed."""
    steps = []
    for bank in "AB":
        for number in range(1, ACCOUNTS + 1):
            name = account(bank, number)
            cents = POOR_HOLDS if name == POOR else OPENED_WITH
            steps.append({"id": f"open_{name}", "step": "bank.open",
                          "args": {"account": name, "cents": cents}})
    steps.append({"id": f"close_{CLOSED}", "step": "bank.close", "args": {"account": CLOSED}})
    return {"name": "open-accounts", "key": "open-accounts", "steps": steps}


def outage_job(span):
    return {"name": "outage", "steps": [{"id": "down", "step": "bank.go_down",
                                         "args": {"bank": "B", "lasts": span}}]}


def transfer_job(number, source, target, cents, retry):
    key = f"transfer-{number:03}"

    def step(which, end):
        return {"id": which, "step": f"bank.transfer_{which}",
                "args": {"account": {"$ref": f"/args/{end}"}, "cents": {"$ref": "/args/cents"},
                         "memo": key},
                "retry": retry, "compensate_retry": UNDO}

    return {"name": "transfer", "key": key,
            "args": {"from": source, "to": target, "cents": cents},
            "steps": [step("out", "from"), step("in", "to")]}


class Planner:
    """Picks accounts so that no transfer fails for lack of cover unless it is meant to."""

    def __init__(self):
        self._chance = random.Random(200)
        self._left = {account(bank, number): OPENED_WITH
                      for bank in "AB" for number in range(1, ACCOUNTS + 1)}
        del self._left[POOR], self._left[CLOSED]

    def _pick(self, bank, cents=0):
        return self._chance.choice(
            [name for name, left in self._left.items() if name[0] == bank and left >= cents])

    def transfer(self, number):
        cents = self._chance.randint(1, 99_99)
        kind = number % 20
        if kind == 13:
            return transfer_job(number, POOR, self._pick("B"), POOR_HOLDS + cents, PATIENT)
        banks = "AB" if kind in (3, 7, 16) else self._chance.choice(("AB", "BA"))
        source = self._pick(banks[0], cents)
        self._left[source] -= cents
        target = CLOSED if kind == 7 else self._pick(banks[1])
        retry = IMPATIENT if kind in (3, 16) else PATIENT
        return transfer_job(number, source, target, cents, retry)


def transfer_jobs(count=200):
    planner = Planner()
    return [planner.transfer(number) for number in range(1, count + 1)]


def main(arguments):
    if arguments == ["accounts"]:
        print(json.dumps(accounts_job(), indent=2))
        return 0
    if arguments and arguments[0] == "transfers" and len(arguments) <= 2:
        count = int(arguments[1]) if len(arguments) == 2 else 200
        for job in transfer_jobs(count):
            print(json.dumps(job))
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
