#!/usr/bin/env python3
"""mail.py [--kills N] [--quick]: kill -9 in mid-queue loses no mail, and repeats none under another Message-ID.

A home has reminders waiting; the server sends them to a real mail server on loopback, which refuses some addresses, asks to
try later, hangs up in mid-message, and is away for a while. The server is killed at random moments and started again. At
the end every patient whose address is good has the message, each under one Message-ID; the others have none. The harness
counts its work: too few kills with the queue half done is a failure of the harness. Prints `N passed, N failed`; the
planted fault says of a message that it is sent before it is (build/fault/attune-mail-early): it must be caught."""
import argparse
import collections
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/http"))
from smtp_server import SmtpServer, free_port  # noqa: E402  (after the path)

PATIENCE = 120  # seconds at the end: what was put off comes after 15 s, what was on its way when the mail server left after 30


def start(program, home):
    # Its own log goes to a file that is read when something is wrong.
    with open(home + ".log", "ab") as log:
        return subprocess.Popen([program, "serve", home, "--listen", f"127.0.0.1:{free_port()}", "--base", "https://trial.example.org"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)


def states(home):
    with sqlite3.connect(f"file:{home}/attune.db?mode=ro", uri=True) as db:
        return collections.Counter(dict(db.execute("SELECT state, count(*) FROM run_outbox GROUP BY state ORDER BY state")))


def kill_often(program, home, server, kills, count, chance):
    """Returns how many kills hit a queue that was being worked on; the server that runs at the end."""
    in_queue, away = 0, {kills // 3}
    process = start(program, home)
    for kill in range(kills):
        before = len(server.taken)
        if kill in away:
            server.stop()
        until = time.monotonic() + 2  # it works on the queue, or finds nothing to do
        while time.monotonic() < until and len(server.taken) == before:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        process.wait()
        in_queue += before < len(server.taken) < count
        if kill in away:
            server.start()
        process = start(program, home)
    return in_queue, process


def judge(home, server, count):
    """What is wrong with what arrived."""
    wrong, by_person = [], collections.defaultdict(list)
    for taken in server.taken:
        by_person[taken.recipients[0]].append(taken.message_id)
    for number in range(count):
        address = f"patient{number}@example.org"
        ids = by_person.get(address, [])
        if address in server.refused:
            wrong += [f"{address}: refused, and yet it has {ids}"] if ids else []
        elif not ids:
            wrong.append(f"{address}: lost")
        elif len(set(ids)) > 1:
            wrong.append(f"{address}: one message under {sorted(set(ids))}")
    ids = collections.Counter(one[0] for one in by_person.values())
    wrong += [f"{one}: of several people" for one, times in ids.items() if times > 1]
    found, refused = states(home), len(server.refused)
    if found != {"sent": count - refused, "refused": refused}:
        wrong.insert(0, f"the outbox says {dict(found)}")
    return wrong


def run(program, kills, count):
    chance = random.Random(2)
    with tempfile.TemporaryDirectory(prefix="attune-mail-") as scratch:
        home = scratch + "/home"
        subprocess.run([str(ROOT / "build/fault/load_home"), home, str(count), "0", "remind"], check=True, stdout=subprocess.DEVNULL)
        server = SmtpServer(delay=0.006)
        addresses = [f"patient{i}@example.org" for i in range(count)]
        chance.shuffle(addresses)
        twentieth = max(count // 20, 1)
        server.refused = set(addresses[:twentieth])
        server.once = {a: "451 4.3.0 later" for a in addresses[twentieth:2 * twentieth]}
        server.once.update({a: "cut" for a in addresses[2 * twentieth:3 * twentieth]})
        server.start()
        subprocess.run([str(ROOT / "build/attune"), "mail", "set", home, "--smtp", server.url, "--from", "study@example.org"], check=True,
                       stdout=subprocess.DEVNULL)
        in_queue, process = kill_often(program, home, server, kills, count, chance)
        began = time.monotonic()
        while time.monotonic() < began + PATIENCE and set(states(home)) - {"sent", "refused"}:
            time.sleep(0.2)
        process.kill()
        process.wait()
        server.stop()
        wrong = judge(home, server, count)
        twice = len(server.taken) - len({t.message_id for t in server.taken})
        work = {"kills": kills, "in mid-queue": in_queue, "messages": count, "arrived": len(server.taken), "again under the same id": twice,
                "refused": len(server.refused), "put off": twentieth, "cut": twentieth}
        if os.environ.get("ATTUNE_TEST_LOG"):
            print(pathlib.Path(home + ".log").read_text(encoding="utf-8")[-2000:])
        return wrong, work


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--kills", type=int, default=100)
    options.add_argument("--quick", action="store_true", help="8 kills")
    given = options.parse_args()
    kills = 8 if given.quick else given.kills
    subprocess.run(["make", "-s", "build/fault/load_home", "build/fault/attune-mail-early"], cwd=ROOT, check=True)
    failed = 0
    wrong, work = run(os.environ.get("ATTUNE_PROGRAM", str(ROOT / "build/attune")), kills, kills * 20)
    print("mail:", ", ".join(f"{v} {k}" for k, v in work.items()))
    if work["in mid-queue"] < kills * 0.5 or (kills >= 50 and not work["again under the same id"]):
        wrong.append("the harness did too little for its word to count")
    for line in wrong[:10]:
        print("  FAILED:", line)
    failed += bool(wrong)
    wrong, work = run(str(ROOT / "build/fault/attune-mail-early"), 6, 200)
    lost = sum(line.endswith(": lost") for line in wrong)
    print(f"planted sent-before-it-is: {lost} losses noticed in {work['kills']} kills")
    failed += lost == 0
    print(f"{2 - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
