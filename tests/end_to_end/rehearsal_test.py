#!/usr/bin/env python3
"""Jobs tested with the steps' own code: the real daemon, the real bank, real money."""

import json
import sqlite3
import sys

from case import case, main, require, require_in, step, submit

BANK = '[plugin.bank]\nfolder = "PLACE/ledgers"\n'
REAL = BANK + "[rehearsal]\nreal_steps = true\n"


def transfer(source="A-1"):
    return json.dumps({"name": "transfer", "steps": [
        step("out", "bank.transfer_out", {"account": source, "cents": 500}),
        step("in", "bank.transfer_in", {"account": "B-1", "cents": 500})]})


def open_accounts(daemon):
    submit(daemon, {"name": "accounts", "steps": [
        step("a", "bank.open", {"account": "A-1", "cents": 1_000_000}),
        step("b", "bank.open", {"account": "B-1", "cents": 0})]}, "--wait")


def tested(daemon, job, *flags):
    return daemon.stepctl("--output", "json", "job", "test", "-", *flags, given=job, check=False)


def balances(daemon):
    """Of both accounts; demands that each is what it was opened with and its movements make."""
    found = []
    for bank in "AB":
        database = sqlite3.connect(daemon.place / f"ledgers/{bank}.sqlite")
        opened_with, balance = database.execute(
            "SELECT opened_with, balance FROM accounts").fetchone()
        moved, = database.execute("SELECT coalesce(sum(cents), 0) FROM movements").fetchone()
        database.close()
        require(balance == opened_with + moved, f"{bank}: {balance} != {opened_with} + {moved}")
        found.append(balance)
    return found


@case("a test has no code of the steps called where the daemon does not allow it",
      plugins=("bank",), config=BANK)
def not_allowed(daemon):
    daemon.start()
    open_accounts(daemon)
    answer = tested(daemon, transfer(), "--real", "--yes")
    require(answer.returncode == 1, f"it ended with {answer.returncode}")
    require_in(["real_steps = true under [rehearsal]", "--real-steps"], answer.stderr)
    require(tested(daemon, transfer()).returncode == 0, "scripted steps are always allowed")
    require(balances(daemon) == [1_000_000, 0], "money moved")


@case("C7: every path of a transfer with the real bank leaves the money where it belongs",
      plugins=("bank",), config=REAL)
def every_path(daemon):
    daemon.start()
    open_accounts(daemon)
    unsaid = tested(daemon, transfer(), "--real")
    require(unsaid.returncode == 1, "it went on without being told to")
    require_in(["the steps' own code runs about", "say --yes"], unsaid.stderr)

    answer = tested(daemon, transfer(), "--real", "--yes")

    require(answer.returncode == 0, answer.stdout + answer.stderr)
    result = json.loads(answer.stdout)
    require(result["played"] == result["paths"] > 30, f"{result['played']} of {result['paths']}")
    require(result["code_calls"] > 100, f"only {result['code_calls']} calls")
    require(result["verdicts"]["broken"] + result["verdicts"]["step_at_fault"] == 0,
            answer.stdout)
    require(result["remarks"] == [], f"remarks: {result['remarks']}")
    require(len(daemon.get("/v1/jobs")["jobs"]) == 1, "the test left jobs behind")
    succeeded = sum(path["ended"] == "succeeded" for path in result["results"])
    require(balances(daemon) == [1_000_000 - 500 * succeeded, 500 * succeeded],
            "money is not where the paths that succeeded put it")


@case("a step that refuses by itself is at fault in a test and named with its words",
      plugins=("bank",), config=REAL)
def at_fault(daemon):
    daemon.start()
    open_accounts(daemon)
    answer = daemon.stepctl("job", "test", "-", "--real", "--yes", given=transfer("A-2"),
                            check=False)
    require(answer.returncode == 1, f"it ended with {answer.returncode}")
    require_in(["step at fault", "unknown_account", "--real --path 'all_well'"], answer.stdout)
    plain_run = answer.stdout.splitlines()[1]
    require_in(["the plain run", "already ends failed", "unknown_account"], plain_run)
    require(balances(daemon) == [1_000_000, 0], "money moved")


if __name__ == "__main__":
    sys.exit(main())
