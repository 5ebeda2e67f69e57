#!/usr/bin/env python3
"""Whose plugins a daemon loads: signatures and the lock, with the keys that people make."""

import json
import shutil
import subprocess
import sys

from case import Skip, case, main, require, require_in, wait_for

REQUIRE = 'plugins_lock = "plugins.lock"\n[signatures]\npolicy = "require"\nkeys = ["a.pub"]\n'


def openssl(*words):
    if shutil.which("openssl") is None:
        raise Skip("there is no openssl command here")
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def make_keys(daemon):
    """As those do it who have no stepctl."""
    openssl("genpkey", "-algorithm", "ed25519", "-out", daemon.place / "a.key")
    openssl("pkey", "-in", daemon.place / "a.key", "-pubout", "-out", daemon.place / "a.pub")


def demo(daemon):
    listed = json.loads(daemon.stepctl("plugin", "list", "--output", "json").stdout)["plugins"]
    return next(plugin for plugin in listed if plugin["file"].endswith("/demo.so"))


def wait_for_refusal(daemon, words):
    refused = wait_for(f"it is refused: {words}",
                       lambda: words in (demo(daemon)["refused"] or "") and demo(daemon)["refused"])
    require_in([str(daemon.place / "plugins/demo.so")], refused)
    return refused


@case("a plugin is loaded by itself once it stands in the lock and is signed", config=REQUIRE)
def _(daemon):
    make_keys(daemon)
    plugin = daemon.place / "plugins/demo.so"
    daemon.start()

    refused = wait_for_refusal(daemon, "is locked out")
    line = refused.rsplit(": ", 1)[-1]
    require(line == f"demo sha256:{demo(daemon)['sha256']}", f"the line to add is {line}")
    (daemon.place / "plugins.lock").write_text(line + "\n", encoding="utf-8")
    wait_for_refusal(daemon, "is not signed")
    daemon.stepctl("plugin", "sign", plugin, "--key", daemon.place / "a.key")

    wait_for("it is loaded", lambda: demo(daemon)["refused"] is None)
    require(demo(daemon)["signed_by"] == str(daemon.place / "a.pub"), f"{demo(daemon)}")
    openssl("pkeyutl", "-verify", "-pubin", "-inkey", daemon.place / "a.pub", "-rawin",
            "-in", plugin, "-sigfile", f"{plugin}.sig")
    require(daemon.stepctl("plugin", "lock").stdout == line + "\n", "it locks something else")
    require_in(["signed by", "a.pub", demo(daemon)["sha256"]],
               daemon.stepctl("plugin", "show", "demo").stdout)


@case("a signature that openssl makes is as good and one of another key is none",
      config='[signatures]\npolicy = "require"\nkeys = ["a.pub"]\n')
def _(daemon):
    make_keys(daemon)
    plugin = daemon.place / "plugins/demo.so"
    daemon.stepctl("plugin", "keygen", daemon.place / "b.key")
    daemon.stepctl("plugin", "sign", plugin, "--key", daemon.place / "b.key")
    daemon.start()
    wait_for_refusal(daemon, "is signed by none of the keys")

    openssl("pkeyutl", "-sign", "-inkey", daemon.place / "a.key", "-rawin", "-in", plugin,
            "-out", f"{plugin}.sig")

    wait_for("it is loaded", lambda: demo(daemon)["refused"] is None)


@case("an unsigned plugin runs with a warning until it is signed",
      config='[signatures]\npolicy = "warn"\nkeys = ["a.pub"]\n')
def _(daemon):
    make_keys(daemon)
    plugin = daemon.place / "plugins/demo.so"
    daemon.start()
    require(demo(daemon)["refused"] is None, "it is refused")
    require_in(["is not signed", "stepctl plugin sign"], demo(daemon)["warning"])
    require_in(["plugin doubted plugin=demo"], daemon.log.read_text(encoding="utf-8"))
    require_in(["(warning: "], daemon.stepctl("plugin", "list").stdout)

    daemon.stepctl("plugin", "sign", plugin, "--key", daemon.place / "a.key")
    wait_for("the warning is over", lambda: demo(daemon)["warning"] is None)

    shutil.move(f"{plugin}.sig", daemon.place)
    wait_for("there is one again", lambda: demo(daemon)["warning"])


@case("a daemon whose keys cannot be read does not start and says why",
      config='[signatures]\npolicy = "require"\nkeys = ["a.pub"]\n')
def _(daemon):
    ended = subprocess.run([*daemon.command], capture_output=True, text=True, check=False)

    require(ended.returncode == 2, f"it ended with {ended.returncode}")
    require_in(["stepd.toml:3: signatures.keys: ", "a.pub cannot be read: No such file"],
               ended.stderr)


if __name__ == "__main__":
    sys.exit(main())
