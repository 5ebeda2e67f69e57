"""The real daemon as a test holds it: started, asked over its socket, killed without warning."""

import http.client
import json
import os
import pathlib
import select
import signal
import socket
import subprocess


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=30):
        super().__init__("localhost", timeout=timeout)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Unreachable(Exception):
    """The daemon did not answer: it is dead, or died while it was asked."""


class Daemon:
    def __init__(self, binary, state, plugins, options=()):
        self.state = pathlib.Path(state)
        self.socket = self.state / "stepd.sock"
        self._command = [str(binary), "--state-dir", str(state), *options]
        for folder in plugins:
            self._command += ["--plugins", str(folder)]
        self._process = None
        self._log = self.state.parent / "daemon.log"

    def start(self):
        """Starts it and returns once it says that it listens."""
        log = open(self._log, "ab")
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        self._wait_for_answer()

    def _wait_for_answer(self):
        # The poll object waits on the process, so a daemon that cannot start is seen at once.
        poll = select.poll()
        handle = os.pidfd_open(self._process.pid)
        poll.register(handle, select.POLLIN)
        for _ in range(3000):
            try:
                self.ask("GET", "/v1/health")
                break
            except Unreachable:
                if poll.poll(10):
                    raise RuntimeError("stepd ended at start:\n" + self.log_end()) from None
        else:
            raise RuntimeError("stepd does not answer:\n" + self.log_end())
        os.close(handle)

    def log_end(self):
        return self._log.read_text(errors="replace")[-4000:]

    def kill(self):
        if self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self):
        """An orderly end; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout=60)
        self._process = None
        return code

    def ask(self, method, path, body=None, kind="application/json", timeout=30):
        """(status, text); raises Unreachable when there is no whole answer."""
        connection = UnixConnection(self.socket, timeout)
        try:
            headers = {"Content-Type": kind} if body is not None else {}
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(str(error)) from error
        finally:
            connection.close()

    def get(self, path):
        status, text = self.ask("GET", path)
        if status != 200:
            raise RuntimeError(f"GET {path} answered {status}: {text}")
        return json.loads(text)
