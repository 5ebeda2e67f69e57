#!/usr/bin/env python3
"""Adds up the ledgers of the bank plugin again, knowing nothing of jobs but what became of them.

usage: audit_ledgers.py FOLDER [STATES]   STATES: JSON, the state of each transfer by its memo
       audit_ledgers.py --self-test       falsify ledgers and demand that every fault is found

Demands that every balance is what the account was opened with plus its movements, that the balances
of all banks add up to what was opened with, that nothing was applied twice, that what was undone
was applied and undone once, and with STATES that money moved exactly where a transfer succeeded.
"""

import sys

sys.dont_write_bytecode = True

import json
import re
import sqlite3
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Audit:
    """What the books say; `faults` are sentences, none when all is well."""

    opened_with: int = 0
    balances: int = 0
    accounts: int = 0
    movements: int = 0
    reversals: int = 0
    blocked: int = 0  # undone before they ran
    faults: list = field(default_factory=list)
    # memo -> bank -> what is left of it, in cents
    moved: dict = field(default_factory=lambda: defaultdict(Counter))


def rows(database, question):
    return database.execute(question).fetchall()


def audit_balances(bank, database, audit):
    for account, opened_with, balance in rows(
            database, "SELECT account, opened_with, balance FROM accounts"):
        running = opened_with
        for movement, cents, after in rows_of_account(database, account):
            running += cents
            if after != running:
                audit.faults.append(f"{bank}/{movement}: the balance after it is {after} and "
                                    f"should be {running}")
        if balance != running:
            audit.faults.append(f"account {account}: holds {balance} cents, its movements make "
                                f"{running}")
        audit.opened_with += opened_with
        audit.balances += balance
        audit.accounts += 1


def rows_of_account(database, account):
    return database.execute(
        "SELECT movement, cents, balance FROM movements WHERE account = ? ORDER BY movement",
        (account,)).fetchall()


def audit_keys(bank, database, audit):
    """Every movement is of one phase of one key; a reversal undoes one movement of the same key."""
    for movement, undoes, phases, keys in rows(database, """
            SELECT m.movement, m.undoes, group_concat(a.phase), count(a.execute_key)
            FROM movements m LEFT JOIN applied a ON a.movement = m.movement
            GROUP BY m.movement"""):
        wanted = "execute" if undoes is None else "compensate"
        if keys != 1 or phases != wanted:
            audit.faults.append(f"{bank}/{movement}: booked by {keys} keys as {phases}, not by one "
                                f"as {wanted}")
    for movement, times in rows(database, """
            SELECT undoes, count(*) FROM movements WHERE undoes IS NOT NULL
            GROUP BY undoes HAVING count(*) > 1"""):
        audit.faults.append(f"{bank}/{movement}: undone {times} times")
    for movement, undoes in rows(database, """
            SELECT r.movement, r.undoes FROM movements r LEFT JOIN movements m
              ON m.movement = r.undoes AND m.account = r.account AND m.cents = -r.cents
            WHERE r.undoes IS NOT NULL AND m.movement IS NULL"""):
        audit.faults.append(f"{bank}/{movement}: is not the reverse of {bank}/{undoes}")
    audit.blocked += rows(database, """
            SELECT count(*) FROM applied WHERE phase = 'execute' AND movement IS NULL""")[0][0]


def audit_memos(bank, database, audit):
    """A memo, if any, names one transfer: booked once in a bank and undone at most once."""
    for movement, memo, cents, undoes in rows(database, """
            SELECT m.movement, coalesce(b.memo, m.memo), m.cents, m.undoes
            FROM movements m LEFT JOIN movements b ON b.movement = m.undoes"""):
        audit.moved[memo][bank] += cents
        audit.movements += 1
        audit.reversals += undoes is not None
    for memo, times in rows(database, """
            SELECT memo, count(*) FROM movements WHERE undoes IS NULL AND memo <> ''
            GROUP BY memo HAVING count(*) > 1"""):
        audit.faults.append(f"{memo}: booked {times} times in bank {bank}")


def audit_states(states, audit):
    for memo, state in states.items():
        moved = [cents for cents in audit.moved[memo].values() if cents]
        if state == "succeeded" and (len(moved) != 2 or sum(moved) != 0):
            audit.faults.append(f"{memo}: succeeded, and its movements are {moved}")
        if state != "succeeded" and moved:
            audit.faults.append(f"{memo}: {state}, and still moved {moved}")


def audit_ledgers(folder, states=None):
    audit = Audit()
    files = sorted(Path(folder).glob("*.sqlite"))
    if not files:
        audit.faults.append(f"there is no ledger in {folder}")
    for file in files:
        database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        try:
            for (finding,) in rows(database, "PRAGMA integrity_check"):
                if finding != "ok":
                    audit.faults.append(f"{file}: {finding}")
            audit_balances(file.stem, database, audit)
            audit_keys(file.stem, database, audit)
            audit_memos(file.stem, database, audit)
        finally:
            database.close()
    if audit.balances != audit.opened_with:
        audit.faults.append(f"all accounts hold {audit.balances} cents and were opened with "
                            f"{audit.opened_with}")
    audit_states(states or {}, audit)
    return audit


def schema():
    """The ledger's own, from where it is written down."""
    source = Path(__file__).resolve().parent.parent / "plugins/bank/ledger.cpp"
    return re.search(r'schema = R"\((.*?)\)"', source.read_text(encoding="utf-8"), re.DOTALL)[1]


def make_ledgers(folder):
    """One transfer of 30 that succeeded, one of 40 that was compensated, one undone unrun; two
    within a bank that have no memo.
    """
    booked = {
        "A": [("A-1", -30, 70, "t1", None), ("A-1", -40, 30, "t2", None), ("A-1", 40, 70, "u", 2)],
        "B": [("B-1", 30, 130, "t1", None), ("B-1", 5, 135, "", None),
              ("B-1", -5, 130, "", None)],
    }
    applied = {
        "A": [("k1", "execute", 1), ("k2", "execute", 2), ("k2", "compensate", 3)],
        "B": [("k3", "execute", 1), ("k4", "execute", None), ("k4", "compensate", None),
              ("k6", "execute", 2), ("k7", "execute", 3)],
    }
    for bank in "AB":
        database = sqlite3.connect(Path(folder) / f"{bank}.sqlite")
        database.executescript(schema())
        database.execute("INSERT INTO accounts VALUES (?, 'o', 100, ?, 0)",
                         (f"{bank}-1", booked[bank][-1][2]))
        database.executemany("INSERT INTO movements (account, cents, balance, memo, undoes)"
                             " VALUES (?, ?, ?, ?, ?)", booked[bank])
        database.executemany("INSERT INTO applied VALUES (?, ?, ?)", applied[bank])
        # What is planted below is what the ledger itself would not let happen.
        database.executescript("DROP TRIGGER movements_stay; DROP TRIGGER movements_remain")
        database.commit()
        database.close()


STATES = {"t1": "succeeded", "t2": "compensated", "t3": "failed"}
BOOK_AGAIN = ("INSERT INTO movements (account, cents, balance, memo) VALUES ('B-1', 30, 160, 't1');"
              "UPDATE accounts SET balance = 160;")
FAULTS = {
    "a balance that no movement explains": ("A", "UPDATE accounts SET balance = 69"),
    "a movement that the balance does not know": (
        "B", "UPDATE movements SET cents = 31 WHERE movement = 1"),
    "a transfer booked twice": (
        "B", BOOK_AGAIN + "INSERT INTO applied VALUES ('k5', 'execute', 4)"),
    "a movement without a key": ("B", BOOK_AGAIN),
    "a key that lost its movement": ("A", "UPDATE applied SET movement = NULL WHERE movement = 1"),
    "a reversal of another amount": (
        "A", "UPDATE movements SET cents = 41, balance = 71 WHERE movement = 3;"
             "UPDATE accounts SET balance = 71"),
    "a compensated transfer that was not undone": (
        "A", "DELETE FROM applied WHERE movement = 3; DELETE FROM movements WHERE movement = 3;"
             "UPDATE accounts SET balance = 30"),
    "half a transfer": (
        "B", "DELETE FROM applied WHERE movement IS NOT NULL; DELETE FROM movements;"
             "UPDATE accounts SET balance = 100"),
}


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        make_ledgers(folder)
        faults = audit_ledgers(folder, STATES).faults
        if faults:
            print("self-test: sound ledgers were found faulty:", *faults, sep="\n  ")
            return 1
    missed = 0
    for name, (bank, falsify) in FAULTS.items():
        with tempfile.TemporaryDirectory() as folder:
            make_ledgers(folder)
            database = sqlite3.connect(Path(folder) / f"{bank}.sqlite")
            database.executescript(falsify)
            database.close()
            if not audit_ledgers(folder, STATES).faults:
                print(f"self-test: {name} was not found")
                missed += 1
    if missed:
        return 1
    print(f"self-test: {len(FAULTS)} falsified ledgers found, and the sound ones passed")
    return 0


def euros(cents):
    return f"{cents // 100:,}.{cents % 100:02}"


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if not 1 <= len(arguments) <= 2 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    states = json.loads(Path(arguments[1]).read_text(encoding="utf-8")) if arguments[1:] else {}
    audit = audit_ledgers(arguments[0], states)
    print(f"{audit.accounts} accounts opened with {euros(audit.opened_with)} hold "
          f"{euros(audit.balances)} after {audit.movements} movements, {audit.reversals} of them "
          "undoing another")
    for fault in audit.faults:
        print(fault)
    return 1 if audit.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
