#!/usr/bin/env python3
"""serve.py: what the served program takes, beside the limits of this machine, in one run.

  1. durable submissions a second at 1, 16 and 64 connections, the whole work done, beside fdatasync of the same disk;
     submissions a sync, 99th percentile against a batch's own time, resident memory
  2. a therapist's page whose showing stands, beside nginx serving a static file of that size, in turn; and the rate
     with every showing new
  3. from start to listening on a home with 100,000 entries

Needs wrk and nginx (Debian packages). Everything runs on loopback; the load generator shares the machine's processors."""
import argparse
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

from fdatasync import probe

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/http"))


def spread(values, form="%.0f"):
    return " / ".join(form % v for v in (min(values), statistics.median(values), max(values)))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listening(port, process, seconds=60):
    begun = time.perf_counter()
    while time.perf_counter() - begun < seconds:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return time.perf_counter() - begun
        except OSError:
            if process.poll() is not None:
                raise RuntimeError("the server ended instead of starting")
            time.sleep(0.002)
    raise RuntimeError("nothing listens")


class Server:
    def __init__(self, home, log):
        self.port, self.log = free_port(), log
        with open(log, "wb") as out:
            self.process = subprocess.Popen([ROOT / "build/attune", "serve", home, "--listen", f"127.0.0.1:{self.port}"], stdout=subprocess.DEVNULL, stderr=out)
        self.start_seconds = listening(self.port, self.process)

    def memory(self, field="VmRSS"):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(field + r":\s+(\d+)", status).group(1)) / 1024

    def stop(self):
        """Ends it; returns (jobs, entries, batches, us a batch) as its log says."""
        self.process.terminate()
        self.process.wait()
        found = re.findall(r"(\d+) jobs and (\d+) entries in (\d+) batches, (\d+) us a batch", pathlib.Path(self.log).read_text())
        return [int(n) for n in found[-1]] if found else None


def wrk(script, port, connections, seconds, **environment):
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", ROOT / "bench" / script, f"http://127.0.0.1:{port}/"],
                         capture_output=True, text=True, env={**os.environ, **environment})
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", out.stdout)
    if not found:
        raise RuntimeError(out.stdout + out.stderr)
    requests, duration, p50, p99, least, most, errors = map(int, found.groups())
    return {"rate": requests / (duration / 1e6), "requests": requests, "p50": p50, "p99": p99, "errors": errors}


def make_home(scratch, name, patients, rated=0):
    made = subprocess.run([ROOT / "build/fault/load_home", f"{scratch}/{name}", str(patients), str(rated)], capture_output=True, text=True, check=True)
    return f"{scratch}/{name}", json.loads(made.stdout)


def submissions(scratch, seconds, rounds):
    print("\nDurable submissions (validation, ledger, tables, detection, answer page); minimum / median / maximum of", rounds, "rounds")
    for connections in (1, 16, 64):
        rates, ratios, syncs, tails, memory = [], [], [], [], []
        for round_ in range(rounds):
            home, made = make_home(scratch, f"s{connections}-{round_}", 1500 * seconds if connections == 1 else 9000 * seconds)
            tokens = f"{scratch}/tokens"
            pathlib.Path(tokens).write_text("\n".join(made["tokens"]))
            sync = probe(scratch)[1]
            server = Server(home, f"{scratch}/log")
            got = wrk("submit.lua", server.port, connections, seconds, ATTUNE_TOKENS=tokens)
            memory.append(server.memory())
            jobs, entries, batches, batch_us = server.stop()
            if got["requests"] > len(made["tokens"]):
                print("  the tokens ran out: raise their number")
            rates.append(entries / seconds)
            ratios.append(entries / seconds * sync / 1e6)
            syncs.append(entries / batches)
            tails.append(got["p99"] / batch_us)
            shutil.rmtree(home)
        print(f"  {connections:3} connections: {spread(rates)} a second; {spread(ratios, '%.2f')} submissions in the time of one fdatasync; "
              f"{spread(syncs, '%.1f')} a sync; p99 {spread(tails, '%.1f')} times a batch; resident {spread(memory, '%.1f')} MB")


def cookie_of(port, home_name, token):
    from served import forms_of
    page = urllib.request.urlopen(f"http://127.0.0.1:{port}/{home_name}/sign-in/link/{token}")
    jar = [c.split(";")[0] for c in page.headers.get_all("Set-Cookie") or []]
    form = [f for f in forms_of(page.read().decode()) if f["method"] == "post"][-1]
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{home_name}/sign-in/link/{token}", urllib.parse.urlencode(form["fields"]).encode(),
                                     {"Cookie": "; ".join(jar), "Origin": f"http://127.0.0.1:{port}"})
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None
    try:
        answer = urllib.request.build_opener(Stay).open(request)
    except urllib.error.HTTPError as error:
        answer = error
    return "; ".join(jar + [c.split(";")[0] for c in answer.headers.get_all("Set-Cookie") or []])


def nginx(scratch, size):
    port, place = free_port(), f"{scratch}/nginx"
    os.makedirs(f"{place}/www", exist_ok=True)
    pathlib.Path(f"{place}/www/page.html").write_bytes(os.urandom(size))
    pathlib.Path(f"{place}/nginx.conf").write_text(
        f"worker_processes 2; daemon off; pid {place}/pid; error_log {place}/error; user root;\n"
        f"events {{ worker_connections 512; }}\nhttp {{ access_log off; sendfile on; keepalive_requests 1000000; client_body_temp_path {place}/b;\n"
        f"server {{ listen 127.0.0.1:{port}; root {place}/www; }} }}\n")
    process = subprocess.Popen(["nginx", "-p", place, "-c", f"{place}/nginx.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    listening(port, process)
    return port, process


def pages(scratch, seconds, rounds):
    home, made = make_home(scratch, "pages", 40, 12000)
    server = Server(home, f"{scratch}/log")
    cookie = cookie_of(server.port, "practice", made["sign_in"])
    paths = [f"/practice/patients/{code}" for code in made["patients"]]
    one, fresh = f"{scratch}/one", f"{scratch}/fresh"
    pathlib.Path(one).write_text(paths[0] + "\n")
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{paths[0]}", headers={"Cookie": cookie})
    size = len(urllib.request.urlopen(request).read())
    port, process = nginx(scratch, size)
    pathlib.Path(f"{scratch}/static").write_text("/page.html\n")
    ours, theirs, news = [], [], []
    for round_ in range(rounds):
        a = wrk("pages.lua", server.port, 16, seconds, ATTUNE_PATHS=one, ATTUNE_COOKIE=cookie)
        b = wrk("pages.lua", port, 16, seconds, ATTUNE_PATHS=f"{scratch}/static", ATTUNE_COOKIE=cookie)
        ours.append(a["rate"])
        theirs.append(b["rate"])
        if a["errors"]:
            print("  errors:", a["errors"])
    share = len(paths) // rounds
    for round_ in range(rounds):
        pathlib.Path(fresh).write_text("\n".join(paths[1 + round_ * share:1 + (round_ + 1) * share]))
        got = wrk("pages.lua", server.port, 16, 1, ATTUNE_PATHS=fresh, ATTUNE_COOKIE=cookie)
        if got["requests"] < share:
            news.append(got["rate"])
    process.terminate()
    server.stop()
    print(f"\nA therapist's page of {size} bytes whose showing stands, 16 connections: {spread(ours)} a second; nginx with a static file of that size: "
          f"{spread(theirs)}; ratio {spread([x / y for x, y in zip(ours, theirs)], '%.2f')}")
    print(f"With every showing new (an entry before each page): {spread(news) if news else 'not measured: too few patients'} a second")


def start(scratch, rounds):
    home, _ = make_home(scratch, "large", 49500)
    times = []
    for _ in range(rounds):
        server = Server(home, f"{scratch}/log")
        times.append(server.start_seconds)
        server.stop()
    print(f"\nStart to listening on a home with about 100,000 entries: {spread(times, '%.3f')} s")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=int, default=4)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("parts", nargs="*", default=["submissions", "pages", "start"])
    given = options.parse_args()
    subprocess.run(["make", "-s", "build/attune", "build/fault/load_home"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory(prefix="attune-bench-", dir=os.environ.get("TMPDIR")) as scratch:
        print("fdatasync of 4 kB on this disk: min %.0f, median %.0f, max %.0f us" % probe(scratch))
        if "submissions" in given.parts:
            submissions(scratch, given.seconds, given.rounds)
        if "pages" in given.parts:
            pages(scratch, given.seconds, given.rounds)
        if "start" in given.parts:
            start(scratch, given.rounds)


main()
