"""analyzers.py: gcc -fanalyzer, clang-tidy and cppcheck over every file of src/, two at a time.

A file that was found clean is not looked at again until it, a header that it includes, the flags or the tool change:
build/check/TOOL/ holds a stamp of all these for each file."""
import concurrent.futures
import hashlib
import os
import pathlib
import re
import subprocess

from .fault import Fault

# Findings of -fanalyzer that are left out, each with its reason.
GCC_LEFT_OUT = [
    # gcc 12 does not know that the arena owns what arena_alloc() returns, nor that die() and cmocka never return
    # through a pointer: it follows paths that cannot be. The leak checks are AddressSanitizer's, on every test.
    "-Wno-analyzer-malloc-leak",
    "-Wno-analyzer-use-of-uninitialized-value",  # false on structures filled through pointers; -O2 -Wall and UBSan cover it
    "-Wno-analyzer-shift-count-overflow",  # takes a vector of 64-bit lanes for one of its lanes' indices; UBSan checks shifts
]
CPPCHECK = ["cppcheck", "--quiet", "--std=c11", "--enable=warning,performance,portability", "--inline-suppr",
            "--error-exitcode=1", "--suppress=missingIncludeSystem", "--library=tools/checks/cppcheck.cfg",
            "--template={file}:{line}: {severity}: {message} [{id}]", "-D__GNUC__=12", "-D_GNU_SOURCE", "-Isrc", "-Iinclude"]


def flags():
    """The compiler's flags as the Makefile has them."""
    done = subprocess.run(["make", "-s", "--no-print-directory", "flags"], stdout=subprocess.PIPE, check=True, text=True)
    return done.stdout.split()


def output_of(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          check=False, env={**os.environ, "LC_ALL": "C"})
    return done.returncode, done.stdout.decode("utf-8", "replace")


class Tool:
    """One analyzer: its command for a file, and how to read what it says."""

    def __init__(self, name, command, extra=""):
        self.name, self.command = name, command
        version = output_of([command("x.c")[0], "--version"])[1]
        self.salt = version + extra + " ".join(command("x.c"))

    def findings(self, path):
        status, output = output_of(self.command(path))
        faults = []
        for line in output.splitlines():
            found = re.match(r"(?:\./)?([^:\s][^:]*):(\d+):(?:\d+:)? ?(?:fatal )?(error|warning|style|performance|portability|information)?:? ?(.*)", line)
            if found and found.group(3) and found.group(4):
                faults.append(Fault(os.path.relpath(found.group(1)), int(found.group(2)), f"{self.name}: {found.group(4)}"))
        if status != 0 and not faults:
            faults.append(Fault(path, 1, f"{self.name} ended with status {status}: {output.strip()[-400:]}"))
        return faults if status != 0 else [f for f in faults if self.name == "cppcheck"]


def included(path):
    """What is read before the file itself: the banned functions, and what an analyzer must be told of base/err.h."""
    told = [] if re.match(r"src/(stats|alliance|operating|allocation)/|src/base/err\.c|/", path) else ["-include", "tools/checks/analyzer.h"]
    return ["-include", "src/base/banned.h", *told]


def tools(names=("gcc -fanalyzer", "clang-tidy", "cppcheck")):
    compiler = flags()
    config = pathlib.Path(".clang-tidy").read_text(encoding="utf-8")
    made = {
        "gcc -fanalyzer": lambda: Tool("gcc -fanalyzer", lambda p: ["gcc", *compiler, *included(p), "-O1", "-fanalyzer", *GCC_LEFT_OUT,
                                                                    "-c", "-o", "/dev/null", p]),
        "clang-tidy": lambda: Tool("clang-tidy", lambda p: ["clang-tidy", "--quiet", "--config-file=.clang-tidy", p, "--", *compiler, *included(p)],
                                           config + pathlib.Path("tools/checks/analyzer.h").read_text(encoding="utf-8")),
        "cppcheck": lambda: Tool("cppcheck", lambda p: [*CPPCHECK, p]),
    }
    return [made[n]() for n in names]


def digest(path, salt, cache):
    """The hash of all that the finding depends on: the tool, its flags, the file and the project's headers in it."""
    status, output = output_of(["gcc", "-MM", "-std=c17", "-D_GNU_SOURCE", "-Isrc", "-Iinclude", *cache["include"], path])
    names = output.replace("\\\n", " ").split()[1:] if status == 0 else [path]
    total = hashlib.sha256(salt.encode())
    for name in sorted(set(names)):
        if name not in cache:
            cache[name] = hashlib.sha256(pathlib.Path(name).read_bytes()).digest()
        total.update(name.encode() + cache[name])
    return total.hexdigest()


def analyze(paths, tool, cache, workers=2, progress=None):
    """All findings of one tool over the files; clean files are stamped."""
    faults = []

    def one(path):
        stamp = pathlib.Path("build/check", tool.name.replace(" ", ""), path + ".ok")
        key = digest(path, tool.salt, cache)
        if stamp.exists() and stamp.read_text() == key:
            return []
        found = tool.findings(path)
        if not found:
            stamp.parent.mkdir(parents=True, exist_ok=True)
            stamp.write_text(key)
        if progress:
            progress(path)
        return found

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for found in pool.map(one, paths):
            faults += found
    return list(dict.fromkeys(faults))


PLANTED = [
    ("gcc -fanalyzer", "#include <stdlib.h>\nint planted(void);\nint planted(void) {\n  int *p = malloc(sizeof *p);\n"
                       "  if (!p) return 1;\n  *p = 1;\n  free(p);\n  return *p;\n}\n", "use after"),
    ("clang-tidy", "#include <string.h>\nvoid planted(int *p, int n);\n"
                   "void planted(int *p, int n) { memset(p, 300, sizeof(int) * (unsigned)n); }\n", "memset"),
    ("clang-tidy", "int *planted(int n);\nint *planted(int n) {\n  int *p = &n;\n  return p;\n}\n", "stack"),
    ("cppcheck", "int planted(void);\nint planted(void) {\n  int rows[4] = {0, 1, 2, 3};\n  int n = 4;\n  return rows[n];\n}\n",
     "out of bounds"),
]
