"""test.py: runs the tests and counts them; `./test` calls it after scripts/deps. Standard library only.

Every part is a list of jobs; a job is one program, and its cases are counted from what the program itself reports
(cmocka, unittest, node's TAP, or a closing line `N passed, N failed`). A program that crashes, reports no case, or
ends with a status that its report does not explain, is a failure. Two jobs run at a time.

Everything that the tests leave is put into one temporary directory (TMPDIR) and removed at the end, with all
processes that were started, also on Ctrl-C.
"""
import argparse
import concurrent.futures
import contextlib
import glob
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORKERS = max(2, os.cpu_count() or 2)
FUZZ_SECONDS = 3
PG_PLACES = ["/usr/lib/postgresql/15/bin"] + sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)


class Tally:
    """What a job reports: cases passed, failed, skipped."""

    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def total(self):
        return self.passed + self.failed + self.skipped

    def text(self):
        more = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{more}"


def count_cmocka(output, status):
    """Sums cmocka's groups: planned cases less those reported OK or skipped have failed."""
    planned = sum(map(int, re.findall(r"^\[==========\] Running (\d+) test", output, re.M)))
    passed = len(re.findall(r"^\[       OK \] ", output, re.M))
    skipped = sum(map(int, re.findall(r"^\[  SKIPPED \] (\d+) test", output, re.M)))
    return Tally(passed, max(planned - passed - skipped, 0), skipped)


def count_unittest(output, status):
    ran = re.search(r"^Ran (\d+) tests? in", output, re.M)
    if not ran:
        return Tally()
    end = re.search(r"^(OK|FAILED)(?: \((.*)\))?\s*$", output, re.M)
    parts = dict(re.findall(r"([a-z ]+)=(\d+)", end.group(2) or "")) if end else {}
    failed = sum(int(parts.get(k, 0)) for k in ("failures", "errors", " errors", "unexpected successes"))
    skipped = int(parts.get("skipped", parts.get(" skipped", 0)))
    failed = min(failed, int(ran.group(1)) - skipped) if failed else 0
    return Tally(int(ran.group(1)) - failed - skipped, failed, skipped)


def count_tap(output, status):
    """Node's own closing figures (they count nested tests too)."""
    figure = {k: int(v) for k, v in re.findall(r"^# (pass|fail|cancelled|skipped|todo) (\d+)$", output, re.M)}
    return Tally(figure.get("pass", 0), figure.get("fail", 0) + figure.get("cancelled", 0),
                 figure.get("skipped", 0) + figure.get("todo", 0))


def count_closing(output, status):
    """The last line `N passed, N failed`; a program without one is a single case."""
    found = re.findall(r"^(?:\w+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$", output, re.M)
    if found:
        passed, failed, skipped = found[-1]
        return Tally(int(passed), int(failed), int(skipped or 0))
    return Tally(1, 0) if status == 0 else Tally(0, 1)


class Job:
    def __init__(self, name, command, count=count_closing, seconds=600, env=None):
        self.name, self.command, self.count, self.seconds, self.env = name, command, count, seconds, env or {}


class Runner:
    def __init__(self, verbose):
        self.verbose = verbose
        self.began = time.monotonic()
        self.total = Tally()
        self.broken = []  # names of the jobs with failures
        self.lock = threading.Lock()
        self.running = set()
        self.stopping = False
        self.env = dict(os.environ)
        self.scratch = tempfile.mkdtemp(prefix="attune-test-")
        os.chmod(self.scratch, 0o755)
        work = os.path.join(self.scratch, "tmp")
        os.mkdir(work, 0o777)
        os.chmod(work, 0o1777)
        self.env.update(TMPDIR=work, LC_ALL="C.UTF-8", TZ="UTC", UBSAN_OPTIONS="print_stacktrace=1",
                        ATTUNE_TEST_ROOT=str(ROOT))
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            self.env.pop(name, None)  # the tests talk to loopback alone

    def say(self, text):
        with self.lock:
            print(f"[{time.monotonic() - self.began:6.1f} s] {text}", flush=True)

    def execute(self, job):
        """Runs one program in a session of its own; returns (output, status)."""
        env = {**self.env, **job.env}
        with self.lock:
            if self.stopping:
                return "stopped", -1
            process = subprocess.Popen(job.command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, start_new_session=True)
            self.running.add(process)
        try:
            output, _ = process.communicate(timeout=job.seconds)
            status = process.returncode
        except subprocess.TimeoutExpired:
            kill_group(process)
            output, _ = process.communicate()
            output += f"\nstopped after {job.seconds} s\n".encode()
            status = -1
        finally:
            kill_group(process)  # what the program left running
            with self.lock:
                self.running.discard(process)
        return output.decode("utf-8", "replace"), status

    def run(self, job):
        began = time.monotonic()
        output, status = self.execute(job)
        if self.stopping:
            return Tally()
        tally = job.count(output, status)
        why = ""
        if tally.total() == 0:
            tally, why = Tally(0, 1), " (reported no case)"
        elif status != 0 and tally.failed == 0:
            tally.failed, why = 1, f" (ended with status {status})"
        with self.lock:
            self.total.add(tally)
            if tally.failed:
                self.broken.append(job.name)
        mark = "FAIL" if tally.failed else " ok "
        self.say(f"{mark} {job.name}: {tally.text()}{why}, {time.monotonic() - began:.1f} s")
        if tally.failed or self.verbose:
            with self.lock:
                lines = output.rstrip().splitlines()
                shown = lines if self.verbose else lines[-120:]
                print("".join(f"    | {line}\n" for line in shown), end="", flush=True)
        return tally

    def run_all(self, jobs, workers=WORKERS):
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            try:
                list(pool.map(self.run, jobs))
            except BaseException:
                self.stop()
                raise

    def stop(self):
        """No further program starts, and those that run are killed."""
        with self.lock:
            self.stopping = True
            for process in self.running:
                kill_group(process)


def kill_group(process):
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def remove(directory):
    for _ in range(5):
        shutil.rmtree(directory, ignore_errors=True)
        if not os.path.exists(directory):
            return
        time.sleep(0.2)


class PostgreSQL:
    """A private server on loopback, in the scratch directory; as user postgres when we are root (it refuses root)."""

    def __init__(self, runner):
        self.bin = next((p for p in PG_PLACES if os.path.exists(p + "/initdb")), None)
        self.home = os.path.join(runner.scratch, "postgresql")
        self.runner = runner
        self.started = False

    def command(self, *words):
        return (["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []) + list(words)

    def call(self, *words):
        done = subprocess.run(self.command(*words), cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
                              start_new_session=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{words[0]} failed:\n{done.stdout.decode('utf-8', 'replace')[-2000:]}")

    def start(self):
        if not self.bin:
            raise RuntimeError("there is no PostgreSQL here; scripts/deps installs it")
        os.mkdir(self.home, 0o700)
        if os.geteuid() == 0:
            shutil.chown(self.home, "postgres", "postgres")
        data = self.home + "/data"
        self.call(self.bin + "/initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = (f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={self.home} -c fsync=off "
                   "-c shared_buffers=64MB -c max_connections=80 -c autovacuum=off -c timezone=UTC")
        self.started = True  # from here on there may be something to stop
        self.call(self.bin + "/pg_ctl", "-D", data, "-w", "-t", "60", "-l", self.home + "/log", "-o", options, "start")
        self.runner.env["ATTUNE_TEST_POSTGRESQL"] = f"host=127.0.0.1 port={port} user=postgres dbname=postgres"

    def stop(self):
        if self.started:
            with contextlib.suppress(RuntimeError, OSError):
                self.call(self.bin + "/pg_ctl", "-D", self.home + "/data", "-m", "immediate", "-w", "stop")
            self.started = False


def programs(directory, *patterns):
    return sorted(str(p.relative_to(ROOT)) for pattern in patterns for p in (ROOT / directory).glob(pattern))


def make(*targets, sanitised=False):
    return ["make", "-s", f"-j{WORKERS}"] + (["SAN=1"] if sanitised else []) + list(targets)


def part_check(runner):
    runner.run_all([Job("check, planted faults", ["tools/check", "--self-test"], seconds=900),
                    Job("check", ["tools/check", "--count"], seconds=1800)], workers=1)


def part_unit(runner):
    names = [pathlib.Path(p).stem for p in programs("tests/unit", "test_*.c")]
    runner.run_all([Job(f"unit {n}", [f"build/unit/{n}"], count_cmocka) for n in names])


def part_sanitised(runner):
    names = [pathlib.Path(p).stem for p in programs("tests/unit", "test_*.c")]
    runner.run_all([Job(f"sanitised {n}", [f"build/san/unit/{n}"], count_cmocka) for n in names])


def part_python(runner):
    runner.run_all([Job(f"python {pathlib.Path(p).stem}", ["python3", "-B", p], count_unittest)
                    for p in programs("tests/python", "test_*.py")])


def part_http(runner):
    runner.run_all([Job(f"http {pathlib.Path(p).stem}", ["python3", "-B", p], count_unittest,
                         env={"ATTUNE_PROGRAM": str(ROOT / "build/san/attune")})
                    for p in programs("tests/http", "test_*.py")])


def part_browser(runner):
    runner.run_all([Job(f"browser {pathlib.Path(p).name.split('.')[0]}",
                        ["node", "--test", "--test-reporter=tap", p], count_tap)
                    for p in programs("tests/browser", "*.test.mjs")])


def part_fault(runner):
    jobs = [Job(f"fault {pathlib.Path(p).stem}", [f"build/fault/{pathlib.Path(p).stem}", "--quick"], seconds=900)
            for p in programs("tests/fault", "*.c") if '"--quick"' in (ROOT / p).read_text(encoding="utf-8")]
    scripts = [p for p in programs("tests/fault", "*.py", "*.sh") if os.access(ROOT / p, os.X_OK)]
    jobs += [Job(f"fault {pathlib.Path(p).stem}", [p, "--quick"], seconds=900) for p in scripts]
    runner.run_all(jobs)


def part_fuzz(runner):
    jobs = []
    for path in programs("tests/fuzz", "fuzz_*.c"):
        name = pathlib.Path(path).stem
        corpus = ROOT / "tests/fuzz/corpus" / name.removeprefix("fuzz_")
        work = os.path.join(runner.scratch, name)
        os.mkdir(work)
        # One seed: this part guards what was found before; to look for more, run a target for an hour by itself.
        command = [f"build/fuzz/{name}", "-seed=1", f"-max_total_time={FUZZ_SECONDS}", "-rss_limit_mb=2000", "-timeout=10",
                   "-print_final_stats=1", f"-artifact_prefix={work}/", work]
        jobs.append(Job(f"fuzz {name}", command + ([str(corpus)] if corpus.is_dir() else [])))
    runner.run_all(jobs)


# name: (what it needs built, whether it needs PostgreSQL, what it runs, one line of help)
PARTS = {
    "check": ([], False, part_check, "static checks, and their planted faults"),
    "unit": (["plain-units"], True, part_unit, "unit tests"),
    "sanitised": (["san-units"], True, part_sanitised, "unit tests under the address and undefined-behaviour sanitisers"),
    "python": (["plain"], False, part_python, "tests of the Python tools"),
    "http": (["san"], True, part_http, "a served demonstration, by raw requests"),
    "browser": (["plain"], False, part_browser, "the same in Chromium"),
    "fault": (["plain", "plain-faults"], True, part_fault, "killed processes, failing disks (quick)"),
    "fuzz": (["fuzzers"], False, part_fuzz, f"every fuzz target for {FUZZ_SECONDS} seconds"),
}
BUILDS = {
    "plain": make("all"),
    "plain-units": make("all", "units"),
    "plain-faults": make("faults"),
    "san": make("all", sanitised=True),
    "san-units": make("all", "units", sanitised=True),
    "fuzzers": make("fuzzers"),
}


def build(runner, wanted):
    """Builds what the parts need; a tree that does not build is one failure and the end."""
    for name, command in BUILDS.items():
        if name not in wanted or name + "-units" in wanted:
            continue
        began = time.monotonic()
        output, status = runner.execute(Job(name, command, seconds=1800))
        if status != 0:
            runner.total.add(Tally(0, 1))
            runner.broken.append("build " + name)
            runner.say(f"FAIL build {name}: {' '.join(command)}")
            print(output[-6000:], flush=True)
            return False
        runner.say(f"     built {name}, {time.monotonic() - began:.1f} s")
    return True


def run_parts(runner, names):
    database = PostgreSQL(runner)
    try:
        if not build(runner, {b for n in names for b in PARTS[n][0]}):
            return
        if any(PARTS[n][1] for n in names):
            database.start()
            runner.say("     private PostgreSQL started on loopback")
        for name in names:
            PARTS[name][2](runner)
    finally:
        runner.stop()
        database.stop()
        remove(runner.scratch)


def interrupt(number, frame):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(prog="./test", description="Runs the tests; all parts, or those named.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--list", action="store_true", help="the parts, and what they are")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the output of what passes too")
    options = parser.parse_args()
    if options.list:
        for name, row in PARTS.items():
            print(f"{name:10} {row[3]}")
        return 0
    unknown = [p for p in options.parts if p not in PARTS]
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    runner = Runner(options.verbose)
    status = 0
    try:
        run_parts(runner, [n for n in PARTS if not options.parts or n in options.parts])
    except KeyboardInterrupt:
        runner.say("stopped")
        return 130
    except RuntimeError as error:
        runner.total.add(Tally(0, 1))
        runner.broken.append(str(error))
    if runner.broken:
        status = 1
        runner.say("failed: " + "; ".join(sorted(runner.broken)))
    if runner.total.total() == 0:
        status = 1
    print(runner.total.text(), flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
