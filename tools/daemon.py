"""The real daemon as a script holds it: started, asked, stopped, or killed without warning."""

import http.client
import json
import shlex
import signal
import socket
import subprocess
import time
from pathlib import Path


class Trouble(Exception):
    """What went wrong, as a sentence for the person who ran the script."""


class Unreachable(Trouble):
    """The daemon did not answer: it is dead, or died while it was asked."""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Daemon:
    """The stepd of `build` (a folder with bin/ and plugins/), with its state and log in `place`."""

    def __init__(self, build, place, options=(), plugins=None):
        self.build = Path(build)
        self.place = Path(place)
        self.state = self.place / "state"
        self.socket = self.state / "stepd.sock"
        self.server = f"unix:{self.socket}"
        self.log = self.place / "stepd.log"
        self.command = [str(self.build / "bin/stepd"), "--state-dir", str(self.state), "--plugins",
                        str(plugins or self.build / "plugins"), *map(str, options)]
        self._process = None

    def launch(self):
        """Starts it, and does not wait for anything."""
        # An interrupt in between would leave a process behind that nobody knows.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, before))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def start(self):
        """Starts it and returns once it answers."""
        self.launch()
        end = time.monotonic() + 60
        while True:
            try:
                self.ask("GET", "/v1/health")
                return
            except Unreachable:
                if self.ended(within=0.01):
                    raise Trouble(f"stepd ended by itself:\n{self.last_words()}") from None
                if time.monotonic() > end:
                    raise Trouble(f"stepd does not answer:\n{self.last_words()}") from None

    def ended(self, within):
        """Whether it has ended, or does within so many seconds."""
        try:
            self._process.wait(timeout=within)
            return True
        except subprocess.TimeoutExpired:
            return False

    def exit_code(self, within=60):
        """Waits for its end; below zero: the signal that ended it."""
        if not self.ended(within):
            raise Trouble(f"stepd does not end:\n{self.last_words()}")
        return self._process.returncode

    def process_id(self):
        return self._process.pid

    def signal(self, number):
        self._process.send_signal(number)

    def kill(self):
        if self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def stop(self):
        """Has it end in good order, and answers its exit code; None when it never started."""
        if self._process is None:
            return None
        if self._process.poll() is None:
            self._process.terminate()
            if not self.ended(within=60):
                self.kill()
        return self._process.returncode

    def ask(self, method, path, body=None, kind="application/json", timeout=30):
        """(status, text); Unreachable when there is no whole answer."""
        status, _, text = self.exchange(method, path, body, kind, timeout)
        return status, text

    def exchange(self, method, path, body=None, kind="application/json", timeout=30):
        """(status, content type, text) as `ask`."""
        connection = UnixConnection(self.socket, timeout)
        try:
            headers = {"Content-Type": kind} if body is not None else {}
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type", ""), answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(str(error)) from error
        finally:
            connection.close()

    def get(self, path):
        status, text = self.ask("GET", path)
        if status != 200:
            raise Trouble(f"GET {path} answered {status}: {text}")
        return json.loads(text)

    def journal(self, job):
        """All entries of a job's journal, in order."""
        after, entries = 0, []
        while after is not None:
            page = self.get(f"/v1/jobs/{job}/journal?after={after}&limit=200")
            entries += [entry for row in page["rows"] for entry in row["entries"]]
            after = page["next"]
        return entries

    def stepctl(self, *arguments, check=True, given=None):
        """Runs one command with `given` as its input; code, stdout and stderr are in the answer."""
        answer = subprocess.run(
            [str(self.build / "bin/stepctl"), "--server", self.server, *map(str, arguments)],
            input=given, stdin=None if given is not None else subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=60)
        if check and answer.returncode != 0:
            raise Trouble(f"`stepctl {shlex.join(map(str, arguments))}` ended with "
                          f"{answer.returncode}:\n{answer.stdout}{answer.stderr}")
        return answer

    def last_words(self):
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-25:])


def wait_for(what, fact, patience=60):
    """Looks until `fact()` is true, and answers what it found; Trouble when it stays untrue."""
    end = time.monotonic() + patience
    while True:
        found = fact()
        if found:
            return found
        if time.monotonic() > end:
            raise Trouble(f"not within {patience} s: {what}")
        time.sleep(0.01)
