"""running.py: jobs, and what runs them; scripts/test.py says which jobs there are. Standard library only.

A job is one program, and its cases are counted from what the program itself reports (cmocka, unittest, node's TAP, or a
closing line `N passed, N failed`). A program that crashes, reports no case, or ends with a status that its report does
not explain, is a failure.

Everything overlaps: while one mode is compiled, the tests of another run, and the analyzers fill what is left. All of
them, make included, take turns (tools/checks/turns.py), so that no more programs run at a time than there are
processors, and one: a test waits as often as it computes.

Everything that the tests leave is put into one temporary directory (TMPDIR) and removed at the end, with all
processes that were started, also on Ctrl-C."""
import contextlib
import glob
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from checks.turns import Turns  # noqa: E402  (after the path)

WORKERS = max(2, os.cpu_count() or 2)
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
    """One program. `needs`: the builds and services that come first; `key`: a hash of what its result rests on, by
    which `./test changed` knows it again; `turns`: False for a program that takes turns for each of its own."""

    def __init__(self, name, command, count=count_closing, seconds=900, env=None, needs=(), key=None, turns=True):
        self.name, self.command, self.count, self.seconds = name, command, count, seconds
        self.env, self.needs, self.key, self.turns = env or {}, needs, key, turns


class Runner:
    def __init__(self, verbose):
        self.verbose = verbose
        self.began = time.monotonic()
        self.total = Tally()
        self.broken = []  # names of the jobs with failures
        self.passed = {}  # name: seconds, of those without
        self.ready = set()  # builds and services that are there
        self.change = threading.Condition(threading.RLock())
        self.running = set()
        self.stopping = False
        self.turns = Turns(WORKERS + 1)
        self.env = dict(os.environ)
        self.scratch = tempfile.mkdtemp(prefix="attune-test-")
        os.chmod(self.scratch, 0o755)
        work = os.path.join(self.scratch, "tmp")
        os.mkdir(work, 0o777)
        os.chmod(work, 0o1777)
        self.env.update(TMPDIR=work, LC_ALL="C.UTF-8", TZ="UTC", UBSAN_OPTIONS="print_stacktrace=1",
                        ATTUNE_TEST_ROOT=str(ROOT))
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "MAKEFLAGS", "MFLAGS"):
            self.env.pop(name, None)  # the tests talk to loopback alone; the turns are ours

    def say(self, text):
        with self.change:
            print(f"[{time.monotonic() - self.began:6.1f} s] {text}", flush=True)

    def execute(self, job):
        """Runs one program in a session of its own; returns (output, status, seconds of processor)."""
        with tempfile.TemporaryFile(dir=self.scratch) as output:
            with self.change:
                if self.stopping:
                    return "stopped", -1, 0
                process = subprocess.Popen(job.command, cwd=ROOT, env={**self.env, **job.env}, stdin=subprocess.DEVNULL,
                                           stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                                           pass_fds=self.turns.descriptors() if not job.turns or job.command[0] == "make" else ())
                self.running.add(process)
            late = threading.Timer(job.seconds, kill_group, [process])
            late.start()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            stopped = not late.is_alive()
            late.cancel()
            kill_group(process)  # what the program left running
            with self.change:
                self.running.discard(process)
            output.seek(0)
            text = output.read().decode("utf-8", "replace")
        return text + (f"\nstopped after {job.seconds} s\n" if stopped else ""), process.returncode, usage.ru_utime + usage.ru_stime

    def run(self, job):
        began = time.monotonic()
        output, status, processor = self.execute(job)
        if self.stopping:
            return
        tally = job.count(output, status)
        why = ""
        if tally.total() == 0:
            tally, why = Tally(0, 1), " (reported no case)"
        elif status != 0 and tally.failed == 0:
            tally.failed, why = 1, f" (ended with status {status})"
        took = time.monotonic() - began
        with self.change:
            self.total.add(tally)
            if tally.failed:
                self.broken.append(job.name)
            else:
                self.passed[job.name] = round(took, 1)
        mark = "FAIL" if tally.failed else " ok "
        self.say(f"{mark} {job.name}: {tally.text()}{why}, {took:.1f} s ({processor:.1f} s of processor)")
        if tally.failed or self.verbose:
            with self.change:
                lines = output.rstrip().splitlines()
                shown = lines if self.verbose else lines[-120:]
                print("".join(f"    | {line}\n" for line in shown), end="", flush=True)

    def fail(self, what, output=""):
        """One failure that belongs to no job."""
        with self.change:
            self.total.add(Tally(0, 1))
            self.broken.append(what)
            self.say(f"FAIL {what}")
            print(output[-6000:], end="", flush=True)

    def build(self, name, targets):
        """Builds by make, which takes turns with the tests that run meanwhile. A tree that does not build is one
        failure and the end."""
        began = time.monotonic()
        share = {"MAKEFLAGS": f" -j{WORKERS}{self.turns.for_make()}"}
        with self.turns.turn():  # the one that make does not take for itself
            output, status, processor = self.execute(Job(name, ["make", "-s", *targets], seconds=1800, env=share))
        if self.stopping:
            return
        if status != 0:
            self.fail(f"build {name}: make {' '.join(targets)}", output)
            self.stop()
            return
        self.say(f"     built {name}, {time.monotonic() - began:.1f} s ({processor:.1f} s of processor)")
        self.have(name)

    def have(self, name):
        with self.change:
            self.ready.add(name)
            self.change.notify_all()

    def run_all(self, builds, services, jobs):
        """Makes the builds (name, targets) in their order and starts the services, and runs each job as soon as what
        it needs is there. Of those that may run, the first in the list is taken."""
        waiting = list(jobs)

        def work():
            while True:
                with self.change:
                    self.change.wait_for(lambda: self.stopping or not waiting or any(self.ready.issuperset(j.needs) for j in waiting))
                    if self.stopping or not waiting:
                        return
                    job = next(j for j in waiting if self.ready.issuperset(j.needs))
                    waiting.remove(job)
                    self.change.notify_all()
                with self.turns.turn() if job.turns else contextlib.nullcontext():
                    self.run(job)

        def make():
            for name, targets in builds:
                if not self.stopping:
                    self.build(name, targets)

        def serve(service):
            try:
                service.start()
                self.say(f"     {service.name} started on loopback")
                self.have(service.name)
            except (RuntimeError, OSError) as error:
                self.fail(f"{service.name}: {error}")
                self.stop()

        threads = [threading.Thread(target=make)] + [threading.Thread(target=serve, args=[s]) for s in services]
        threads += [threading.Thread(target=work) for _ in range(WORKERS + 2)]  # with one for the analyzers, who wait most
        for thread in threads:
            thread.daemon = True
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except BaseException:
            self.stop()
            raise

    def stop(self):
        """No further program starts, and those that run are killed."""
        with self.change:
            self.stopping = True
            for process in self.running:
                kill_group(process)
            self.change.notify_all()

    def spent(self):
        """How long it took, and how much of the processors' time, in words."""
        usage = [resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
        return (f"{time.monotonic() - self.began:.0f} s, {sum(u.ru_utime + u.ru_stime for u in usage):.0f} s of "
                f"{os.cpu_count()} processors")


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
    name = "postgresql"

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


class Browser:
    """One Chromium for all browser tests; each test has a context of its own in it."""
    name = "browser"

    def __init__(self, runner):
        self.runner = runner
        self.process = None

    def start(self):
        self.process = subprocess.Popen(["node", "tests/browser/chromium.mjs"], cwd=ROOT, env=self.runner.env, text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
        address = self.process.stdout.readline().strip()
        if not address:
            raise RuntimeError("Chromium does not start")
        self.runner.env["ATTUNE_BROWSER"] = address

    def stop(self):
        if self.process:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
            kill_group(self.process)
