"""analyzers.py: gcc -fanalyzer, clang-tidy and cppcheck over every file of src/.

A file that was found clean is not looked at again until it, a header that it includes, the flags or the tool change:
build/check/TOOL/ holds a stamp of all these for each file.

Both path-walking analyzers spend most of their time on a few functions with very many paths. `make check` and ./test
bound the walk (SHALLOW: a fifth of the time); ./test long and `tools/check --deep` walk as far as the tools do by
themselves. The kinds of fault that are looked for are the same."""
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

# The bounds of a walk: nodes that are entered for one place, or in all for one function.
SHALLOW = {
    "gcc -fanalyzer": ["--param=analyzer-bb-explosion-factor=3"],
    "clang-tidy": ["--extra-arg=-Xclang", "--extra-arg=-analyzer-config", "--extra-arg=-Xclang", "--extra-arg=max-nodes=20000"],
    "cppcheck": [],
}


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

    def __init__(self, name, command, deep, extra=""):
        self.name, self.command = name, command
        self.place = name.replace(" ", "") + ("-deep" if deep else "")
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


def tools(names=("gcc -fanalyzer", "clang-tidy", "cppcheck"), deep=False):
    compiler = flags()
    config = pathlib.Path(".clang-tidy").read_text(encoding="utf-8")
    library = pathlib.Path("tools/checks/cppcheck.cfg").read_text(encoding="utf-8")

    def made(name):
        bound = [] if deep else SHALLOW[name]
        if name == "gcc -fanalyzer":
            return Tool(name, lambda p: ["gcc", *compiler, *included(p), "-O1", "-fanalyzer", *bound, *GCC_LEFT_OUT,
                                         "-S", "-o", "/dev/null", p], deep)
        if name == "clang-tidy":
            return Tool(name, lambda p: ["clang-tidy", "--quiet", "--config-file=.clang-tidy", *bound, p, "--", *compiler,
                                         *included(p)], deep, config)
        return Tool(name, lambda p: [*CPPCHECK, p], deep, library)
    return [made(n) for n in names]


class Sources:
    """The project's files by content, and what each includes; read once."""

    def __init__(self, compiler):
        self.places = ["."] + [f[2:] for f in compiler if f.startswith("-I") and not f.startswith("-I/")]
        self.known = {}

    def of(self, path):
        """(hash of the content, paths of the project's files that it includes by a quoted name)."""
        if path not in self.known:
            text = pathlib.Path(path).read_bytes()
            names = re.findall(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', text.decode("utf-8", "replace"), re.M)
            found = [next((q for q in (os.path.normpath(os.path.join(p, n)) for p in (os.path.dirname(path), *self.places))
                           if os.path.isfile(q)), None) for n in names]
            self.known[path] = hashlib.sha256(text).digest(), [f for f in found if f]
        return self.known[path]

    def digest(self, path, salt):
        """The hash of all that a finding depends on: the tool, its flags, the file and the project's headers in it."""
        reached, waiting = set(), [path, *included(path)[1::2]]
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting += self.of(name)[1]
        total = hashlib.sha256(salt.encode())
        for name in sorted(reached):
            total.update(name.encode() + self.of(name)[0])
        return total.hexdigest()


def analyze(paths, tool, sources, turns, progress):
    """All findings of one tool over the files, some at a time; clean files are stamped. progress(path) is called after
    each file that was looked at."""
    faults = []

    def one(path):
        stamp = pathlib.Path("build/check", tool.place, path + ".ok")
        key = sources.digest(path, tool.salt)
        if stamp.exists() and stamp.read_text() == key:
            return []
        with turns.turn():
            found = tool.findings(path)
        if not found:
            stamp.parent.mkdir(parents=True, exist_ok=True)
            stamp.write_text(key)
        progress(path)
        return found

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
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
