#!/usr/bin/env python3
"""The first commands of the project's README, run as they stand there."""

import os
import re
import subprocess
import sys
from pathlib import Path

from case import case, main, require

TREE = Path(__file__).resolve().parents[2]


def job_section():
    text = (TREE / "README.md").read_text(encoding="utf-8")
    return re.search(r"^## A job\n(.*?)^## ", text, re.DOTALL | re.MULTILINE)[1]


@case("the first commands of the README do what it says", ("bank", "demo"),
      '[plugin.bank]\nfolder = "PLACE/ledgers"\n')
def _(daemon):
    clone = daemon.place / "clone"
    (clone / "build").mkdir(parents=True)
    (clone / "build/release").symlink_to(daemon.build)
    (clone / "tools").symlink_to(TREE / "tools")
    section = job_section()
    (clone / "transfer.json").write_text(re.search(r"```json\n(.*?)```", section, re.DOTALL)[1],
                                         encoding="utf-8")
    start, *commands = re.findall(r"^    (.*)$", section.split("```")[-1], re.MULTILINE)
    require(start == "build/release/bin/stepd --plugins build/release/plugins &",
            f"the first command is {start}")
    daemon.start()

    printed = []
    for command in commands:
        ran = subprocess.run(
            ["bash", "-c", command.replace("ID", printed[1] if len(printed) > 1 else "ID")],
            cwd=clone, env={**os.environ, "STEPD_SERVER": daemon.server}, text=True, timeout=60,
            stdin=subprocess.DEVNULL, capture_output=True, check=False)
        require(ran.returncode == 0, f"`{command}` ended with {ran.returncode}: {ran.stderr}")
        printed.append(ran.stdout.strip())

    transfer = daemon.get(f"/v1/jobs/{printed[1]}")
    require((transfer["name"], transfer["state"]) == ("transfer", "succeeded"),
            f"the transfer is {transfer}")
    require("settled: succeeded" in printed[2], f"the journal shown is {printed[2]}")


if __name__ == "__main__":
    sys.exit(main())
