#!/usr/bin/env python3
"""mail.py [--messages N]: mails a second through a mail server on loopback (aiosmtpd), from the queue to the server's 250 and the
commit behind it, beside fdatasync of the same disk: two commits a message, its claim and what came of it."""
import argparse
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

from fdatasync import probe

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/http"))
from smtp_server import SmtpServer, free_port  # noqa: E402  (after the path)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--messages", type=int, default=1000)
    count = options.parse_args().messages
    subprocess.run(["make", "-s", "all", "build/fault/load_home"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory(prefix="attune-bench-") as scratch:
        print("fdatasync of 4 kB: min %.0f, median %.0f, max %.0f us" % probe(scratch))
        home, program = scratch + "/home", str(ROOT / "build/attune")
        subprocess.run([str(ROOT / "build/fault/load_home"), home, str(count), "0", "remind"], check=True, stdout=subprocess.DEVNULL)
        server = SmtpServer()
        server.start()
        subprocess.run([program, "mail", "set", home, "--smtp", server.url, "--from", "study@example.org"], check=True, stdout=subprocess.DEVNULL)
        with subprocess.Popen([program, "serve", home, "--listen", f"127.0.0.1:{free_port()}"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:
            while not server.taken:
                time.sleep(0.001)
            first, begun = len(server.taken), time.perf_counter()
            while len(server.taken) < count and time.perf_counter() < begun + 300:
                time.sleep(0.01)
            seconds = time.perf_counter() - begun
            time.sleep(0.5)
            process.kill()
        server.stop()
        with sqlite3.connect(home + "/attune.db") as db:
            sent = db.execute("SELECT count(*) FROM run_outbox WHERE state = 'sent'").fetchone()[0]
    print(f"{sent} of {count} sent: {(len(server.taken) - first) / seconds:.0f} a second")
    return sent != count


if __name__ == "__main__":
    sys.exit(main())
