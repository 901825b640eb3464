"""test.py: which tests there are; `./test` calls it after scripts/deps. scripts/running.py runs them.

`./test changed` runs what the changes since a green run reach. Each job has a key, a hash of what its result rests on:
the linked program of a unit test, the rooms behind the pages for a test of pages. build/test/passed.json keeps the
key under which each job last passed; a job whose key is another is due. A key leaves nothing out for a unit test or a
fuzz target; a test of pages does not follow the rooms below those that it names, so one test is run in any case."""
import argparse
import functools
import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

from running import ROOT, Browser, Job, PostgreSQL, Runner, count_closing, count_cmocka, count_tap, count_unittest, remove

RECORD = ROOT / "build/test/passed.json"
# The rooms whose change is a reason to run all tests of pages; a change of another room runs SMOKE.
PAGES = ["src/web", "src/feedback", "src/report", "src/rehearsal", "src/people", "src/trial", "src/mail", "assets", "studies"]
SMOKE = "http test_account"
TOOLS = ["tools", "src/base", "src/ledger", "src/allocation", "src/cli", "src/store/sql"]  # what the Python tools read, and the commands
WRITING = ["src/base", "src/store", "src/ledger", "src/mail", "src/trial"]  # what a killed process is about
DATA = ["tests/golden", "studies"]  # what unit tests read beside what is linked into them
# name: (targets of make, in the order in which they are built)
BUILDS = {
    "plain": ["all"],
    "units": ["all", "units"],
    "faults": ["faults"],
    "san": ["SAN=1", "all"],
    "san-units": ["SAN=1", "all", "units"],
    "fuzzers": ["FUZZ=1", "fuzzers"],
}


@functools.cache
def digest(path):
    """The hash of a file, or of all files of a folder and their names."""
    total = hashlib.sha256()
    place = ROOT / path
    for file in sorted(p for p in place.rglob("*") if p.is_file() and not {"node_modules", "__pycache__"} & set(p.parts)) if place.is_dir() else [place]:
        total.update(str(file.relative_to(ROOT)).encode() + b"\0" + (hashlib.sha256(file.read_bytes()).digest() if file.exists() else b""))
    return total.hexdigest()


def key(*paths):
    """A job's key: what these files hold; sources now, so that one that is edited meanwhile is due again, and what is
    built when the key is asked for, which is after the builds."""
    now = "".join(digest(p) for p in paths if not p.startswith("build/"))
    built = [p for p in paths if p.startswith("build/")]
    return lambda: hashlib.sha256((now + "".join(digest(p) for p in built)).encode()).hexdigest()


def programs(directory, *patterns):
    return sorted(str(p.relative_to(ROOT)) for pattern in patterns for p in (ROOT / directory).glob(pattern))


def says(path, text):
    return text in (ROOT / path).read_text(encoding="utf-8")


def stem(path):
    return pathlib.Path(path).name.split(".")[0]


def part_check(runner, options):
    share = runner.turns.for_program()
    return [Job("check --self-test", ["tools/check", "--self-test"], needs=["plain"], key=key("tools", ".clang-tidy")),
            Job("check", ["tools/check", "--count"], seconds=1800, needs=["plain"], env=share, turns=False)]


def units(name, place, need, paths):
    return [Job(f"{name} {stem(p)}", [f"{place}/{stem(p)}"], count_cmocka, needs=[need, "postgresql"],
                key=key(f"{place}/{stem(p)}", *DATA)) for p in paths]


def part_unit(runner, options):
    return units("unit", "build/unit", "units", programs("tests/unit", "test_*.c"))


def part_sanitised(runner, options):
    return units("sanitised", "build/san/unit", "san-units", programs("tests/unit", "test_*.c"))


def python(path):
    return Job(f"python {stem(path)}", ["python3", "-B", path], count_unittest, needs=["plain"], key=key(path, *TOOLS))


def part_python(runner, options):
    return [python(p) for p in programs("tests/python", "test_*.py")]


def http(path):
    return Job(f"http {stem(path)}", ["python3", "-B", path], count_unittest, needs=["san"],
               env={"ATTUNE_PROGRAM": str(ROOT / "build/san/attune")}, key=key(path, "tests/http/served.py", *PAGES))


def part_http(runner, options):
    return [http(p) for p in programs("tests/http", "test_*.py")]


def part_browser(runner, options):
    return [Job(f"browser {stem(p)}", ["node", "--test", "--test-reporter=tap", p], count_tap, needs=["plain", "browser"],
                key=key("tests/browser", *PAGES)) for p in programs("tests/browser", "*.test.mjs")]


def part_fault(runner, options):
    jobs = [Job(f"fault {stem(p)}", [f"build/fault/{stem(p)}", "--quick"], needs=["plain", "faults"], key=key(p, *WRITING))
            for p in programs("tests/fault", "*.c") if says(p, '"--quick"')]
    return jobs + [Job(f"fault {stem(p)}", [p, "--quick"], needs=["plain", "faults"], key=key(p, *WRITING))
                   for p in programs("tests/fault", "*.py", "*.sh") if os.access(ROOT / p, os.X_OK)]


def part_fuzz(runner, options):
    jobs = []
    for path in programs("tests/fuzz", "fuzz_*.c"):
        name = stem(path)
        corpus = "tests/fuzz/corpus/" + name.removeprefix("fuzz_")
        work = os.path.join(runner.scratch, name)
        os.mkdir(work)
        # One seed: this part guards what was found before; to look for more, run a target for an hour by itself.
        command = [f"build/fuzz/{name}", "-seed=1", f"-max_total_time={options.fuzz}", "-rss_limit_mb=2000", "-timeout=10",
                   "-print_final_stats=1", f"-artifact_prefix={work}/", work]
        jobs.append(Job(f"fuzz {name}", command + ([corpus] if (ROOT / corpus).is_dir() else []), needs=["fuzzers"],
                        key=key(f"build/fuzz/{name}", corpus)))
        if says(path, "ATTUNE_FUZZ_PLANT"):  # it must end, and say why, when a fault is planted
            planted = f"! ATTUNE_FUZZ_PLANT=1 build/fuzz/{name} -runs=0 -artifact_prefix={work}/ {corpus}"
            jobs.append(Job(f"fuzz {name}, planted fault", ["sh", "-c", planted], needs=["fuzzers"],
                            key=key(f"build/fuzz/{name}", corpus)))
    return jobs


def part_long(runner, options):
    """What is done at a tenth elsewhere, in full: whatever asks for ATTUNE_LONG (in C, by tests/unit/long.h)."""
    options.fuzz = 60
    counted = [p for p in programs("tests/unit", "test_*.c") if says(p, "long.h")]
    jobs = [Job("check --deep", ["tools/check", "--deep", "--count"], seconds=3600, needs=["plain"],
                env=runner.turns.for_program(), turns=False)]
    jobs += units("unit", "build/unit", "units", counted) + units("sanitised", "build/san/unit", "san-units", counted)
    jobs += [http(p) for p in programs("tests/http", "test_*.py") if says(p, "ATTUNE_LONG")]
    jobs += [python(p) for p in programs("tests/python", "test_*.py") if says(p, "ATTUNE_LONG")]
    for job in jobs:
        job.name, job.env, job.seconds = "long " + job.name, {**job.env, "ATTUNE_LONG": "1"}, 3600
    return jobs + part_fuzz(runner, options)


# name: (what runs it, one line of help); all but `long` are run by default
PARTS = {
    "check": (part_check, "static checks, and their planted faults"),
    "unit": (part_unit, "unit tests"),
    "fault": (part_fault, "killed processes, failing disks (quick)"),
    "browser": (part_browser, "a served demonstration in Chromium"),
    "python": (part_python, "tests of the Python tools"),
    "http": (part_http, "the same demonstration, by raw requests"),
    "sanitised": (part_sanitised, "unit tests under the address and undefined-behaviour sanitisers"),
    "fuzz": (part_fuzz, "every fuzz target for some seconds"),
    "long": (part_long, "what the others do at a tenth, in full; a minute for each fuzz target; the analyzers without a bound"),
}


def recorded():
    try:
        return json.loads(RECORD.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"jobs": {}}


def git(*words):
    done = subprocess.run(["git", *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.split("\n")[:-1] if done.returncode == 0 else []


def say_changes(runner, commit):
    """Which rooms differ from the last green run, by name."""
    paths = set(git("diff", "--name-only", commit) + git("ls-files", "-o", "--exclude-standard")) if commit else set()
    rooms = {}
    for path in paths:
        place = "/".join(path.split("/")[:2]) if "/" in path else path
        rooms[place] = rooms.get(place, 0) + 1
    what = ", ".join(f"{room} ({count})" for room, count in sorted(rooms.items())) or "nothing"
    runner.say(f"     changed since {commit[:12]}: {what}" if commit else "     no green run is known here: everything is due")


def due(runner, jobs, record):
    """The jobs whose key is not that under which they passed; says which others are skipped."""
    wanted = [j for j in jobs if j.key is None or record["jobs"].get(j.name, {}).get("key") != j.key()]
    built = key("build/san/attune")()
    smoke = [j for j in jobs if j.name == SMOKE and j not in wanted]
    if smoke and record.get("smoke") != built:
        wanted += smoke
    parts = {}
    for job in jobs:
        if job not in wanted:
            parts.setdefault(job.name.split()[0], []).append(job.name.split()[-1])
    for part, names in parts.items():
        everything = len(names) == sum(j.name.split()[0] == part for j in jobs)
        runner.say(f"     skipped, unchanged since it passed: {part}: {'all ' + str(len(names)) if everything else ', '.join(names)}")
    return wanted


def save(runner, jobs, record, complete):
    """Notes the key of each job that passed, forgets that of each that failed; a green run notes the commit."""
    for job in jobs:
        if job.name in runner.passed:
            record["jobs"][job.name] = {"key": job.key() if job.key else None, "seconds": runner.passed[job.name]}
        elif job.name in runner.broken:
            record["jobs"].pop(job.name, None)
    if SMOKE in runner.passed:
        record["smoke"] = key("build/san/attune")()
    if complete and not runner.broken:
        record["commit"] = (git("rev-parse", "HEAD") or [""])[0]
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(json.dumps(record, indent=1), encoding="utf-8")


def run_parts(runner, options):
    names = [p for p in PARTS if p in options.parts] or [p for p in PARTS if p != "long"]
    jobs = [j for p in names for j in PARTS[p][0](runner, options)]
    record = recorded()
    services = [s(runner) for s in (PostgreSQL, Browser) if any(s.name in j.needs for j in jobs)]
    builds = [(n, t) for n, t in BUILDS.items() if any(n in j.needs for j in jobs)]
    try:
        if options.changed:
            say_changes(runner, record.get("commit", ""))
            runner.run_all(builds, [], [])
            jobs = due(runner, jobs, record) if not runner.broken else []
            services, builds = [s for s in services if any(s.name in j.needs for j in jobs)], []
        jobs.sort(key=lambda j: -record["jobs"].get(j.name, {}).get("seconds", 0))  # the longest first
        if not runner.broken:
            runner.run_all(builds, services, jobs)
        save(runner, jobs, record, complete=not options.parts)
    finally:
        runner.stop()
        for service in services:
            service.stop()
        remove(runner.scratch)


def interrupt(number, frame):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(prog="./test", description="Runs the tests; all parts, or those named.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS) + "; or changed: what the changes since a green run reach")
    parser.add_argument("--list", action="store_true", help="the parts, and what they are")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the output of what passes too")
    options = parser.parse_args()
    if options.list:
        for name, row in PARTS.items():
            print(f"{name:10} {row[1]}")
        return 0
    options.changed = "changed" in options.parts
    options.parts = [p for p in options.parts if p != "changed"]
    options.fuzz = 1 if options.changed else 3
    unknown = [p for p in options.parts if p not in PARTS]
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    runner = Runner(options.verbose)
    try:
        run_parts(runner, options)
    except KeyboardInterrupt:
        runner.say("stopped")
        return 130
    if runner.broken:
        runner.say("failed: " + "; ".join(sorted(runner.broken)))
    runner.say(runner.spent())
    print(runner.total.text(), flush=True)
    return 1 if runner.broken or not runner.total.total() and not options.changed else 0


if __name__ == "__main__":
    sys.exit(main())
