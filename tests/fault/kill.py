#!/usr/bin/env python3
"""kill.py [--kills N] [--program FILE]: kill -9 under load loses nothing acknowledged and stores nothing twice.

Eight clients submit questionnaires as fast as they can, each with a key of its own; the server is killed at a random
moment, started again on the same home, and so on. A client whose connection broke sends the same submission again,
under the same key, to the next server. At the end the home is read: every acknowledged submission is there, every key
at most once, and the ledger verifies. The harness counts its work: too few acknowledgements in front of the kills is
a failure of the harness, not a pass. Prints `N passed, N failed`; the planted fault is a program that replies before it
commits (build/fault/attune-reply-early): it must be caught."""
import argparse
import http.client
import json
import os
import pathlib
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ANSWERS = {"feeling": "4", "goal": "5", "way": "5", "understood": "4", "open": "5", "trust": "6", "tension": "0"}
CLIENTS = 8


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, program, home):
        self.program, self.home, self.port = program, home, free_port()
        self.process = None

    def start(self):
        self.process = subprocess.Popen([self.program, "serve", self.home, "--listen", f"127.0.0.1:{self.port}"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(2000):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError(f"the server ended with {self.process.returncode} instead of starting")
                time.sleep(0.005)
        raise RuntimeError("the server did not start listening")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Client(threading.Thread):
    """Submits token after token; `acknowledged` holds the keys that the server said yes to."""

    def __init__(self, number, port, tokens, over):
        super().__init__(daemon=True)
        self.number, self.port, self.tokens, self.over = number, port, tokens, over
        self.acknowledged, self.again, self.refused = set(), 0, []

    def send(self, connection, token, key):
        body = urllib.parse.urlencode({**ANSWERS, "attune-key": key, "attune-action": "send"})
        connection.request("POST", f"/f/{token}", body, {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        for at, token in enumerate(self.tokens):
            key, tries = f"kill-{self.number}-{at}", 0
            while not self.over.is_set():
                try:
                    status = self.send(connection, token, key)
                except (OSError, http.client.HTTPException):
                    connection.close()
                    tries += 1
                    time.sleep(0.002)
                    continue
                if status in (200, 303):
                    self.acknowledged.add(key)
                    self.again += tries > 0
                elif status == 503:
                    time.sleep(0.01)
                    continue
                else:
                    self.refused.append((key, status))
                break
            if self.over.is_set():
                return


def stored_keys(home):
    with sqlite3.connect(f"file:{home}/attune.db?mode=ro", uri=True) as db:
        return [key.rsplit("/", 1)[1] for (key,) in db.execute("SELECT key FROM submission ORDER BY key")]


def run(program, kills, forms):
    """Returns (what is wrong, how much was done)."""
    with tempfile.TemporaryDirectory(prefix="attune-kill-") as scratch:
        home = scratch + "/home"
        made = subprocess.run([str(ROOT / "build/fault/load_home"), home, str(forms)], capture_output=True, text=True, check=True)
        tokens = json.loads(made.stdout)["tokens"]
        server, over = Server(program, home), threading.Event()
        server.start()
        clients = [Client(i, server.port, tokens[i::CLIENTS], over) for i in range(CLIENTS)]
        for client in clients:
            client.start()
        killed, chance, under_load = 0, random.Random(1), 0
        while killed < kills and any(c.is_alive() for c in clients):
            before = sum(len(c.acknowledged) for c in clients)
            time.sleep(chance.uniform(0.01, 0.12))
            under_load += sum(len(c.acknowledged) for c in clients) > before
            server.kill()
            killed += 1
            server.start()
        time.sleep(0.3)
        over.set()
        for client in clients:
            client.join(20)
        server.kill()
        acknowledged = set().union(*(c.acknowledged for c in clients))
        wrong = [f"{key}: refused with {status}" for c in clients for key, status in c.refused]
        keys = stored_keys(home)
        wrong += [f"{key}: acknowledged and lost" for key in sorted(acknowledged - set(keys))]
        wrong += [f"{len(keys) - len(set(keys))} keys stored twice"] if len(keys) != len(set(keys)) else []
        verify = subprocess.run([str(ROOT / "build/attune"), "verify", home], capture_output=True, text=True)
        if verify.returncode:
            wrong.append(f"verify: {verify.stdout[-300:]}{verify.stderr[-300:]}")
        work = {"kills": killed, "kills under load": under_load, "acknowledged": len(acknowledged), "stored": len(keys),
                "acknowledged on a second try": sum(c.again for c in clients), "never tried": forms - len(keys)}
        return wrong, work


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--quick", action="store_true", help="60 kills")
    given = options.parse_args()
    kills = 60 if given.quick else given.kills
    subprocess.run(["make", "-s", "build/fault/load_home", "build/fault/attune-reply-early"], cwd=ROOT, check=True)
    failed = 0
    wrong, work = run(os.environ.get("ATTUNE_PROGRAM", str(ROOT / "build/attune")), kills, kills * 200)
    print("kill -9:", ", ".join(f"{v} {k}" for k, v in work.items()))
    if work["kills"] < kills or work["kills under load"] < kills * 0.6 or work["acknowledged"] < kills * 5:
        wrong.append("the harness did too little for its word to count")
    for line in wrong[:10]:
        print("  FAILED:", line)
    failed += bool(wrong)
    wrong, work = run(str(ROOT / "build/fault/attune-reply-early"), min(kills, 30), 6000)
    caught = sum("acknowledged and lost" in line for line in wrong)
    print(f"planted reply-before-commit: {caught} losses noticed in {work['kills']} kills, {work['acknowledged']} acknowledged")
    failed += caught == 0
    print(f"{2 - failed} passed, {failed} failed")
    return failed > 0


sys.exit(main())
