"""compiling.py: every header compiles by itself, and what the house promises "does not compile" does not."""
import concurrent.futures
import os
import pathlib
import subprocess
import tempfile

from .fault import Fault
from .turns import Turns


def compiles(flags, path, banned=True):
    command = ["gcc", *flags, *(["-include", "src/base/banned.h"] if banned else []), "-Wno-unused", "-fsyntax-only", "-x", "c", path]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=False)
    return done.returncode == 0, done.stderr.strip().split("\n")[0]


def check(paths, flags, turns):
    """Faults of the headers among `paths`."""
    def one(path):
        with turns.turn():
            good, why = compiles(flags, path)
        return [] if good else [Fault(path, 1, f"does not compile by itself: {why}")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        return [f for found in pool.map(one, paths) for f in found]


HANDLER = '#include "web/route.h"\n#include "web/request.h"\nvoid page(struct request *request);\nconst struct route planted[] = {\n  %s\n};\n'
BUFFER = '#include "base/buf.h"\n#include "base/err.h"\nvoid planted(struct buf *out, const char *text, int n);\nvoid planted(struct buf *out, const char *text, int n) {\n  %s\n}\n'
# (headers that it needs, source, whether it compiles)
PLANTED = [
    (["src/web/route.h"], HANDLER % 'ROUTE(GET, "/x", page, ROLE_THERAPIST, READER_OPEN, "sound")', True),
    (["src/web/route.h"], HANDLER % 'ROUTE(GET, "/x", page, 0, READER_NONE, "no roles")', False),
    (["src/web/route.h"], HANDLER % 'ROUTE(GET, "/x", page, ROLE_ANALYST, READER_OPEN, "open to a masked role")', False),
    (["src/web/route.h"], HANDLER % 'ROUTE(GET, "/x", page, ROLE_TRAINER | ROLE_PATIENT, READER_OPEN, "open to a patient")', False),
    (["src/base/buf.h"], BUFFER % 'html(out, "<b>%s</b>%d", text, n);', True),
    (["src/base/buf.h"], BUFFER % 'html(out, "<b>%s</b>", n);', False),
    (["src/base/buf.h"], BUFFER % "html(out, text);", False),
    (["src/base/buf.h"], BUFFER % 'buf_addf(out, "%d", text);', False),
    (["src/base/buf.h"], BUFFER % 'char copy[8]; strcpy(copy, text); buf_adds(out, copy); (void)n;', False),
    (["src/base/buf.h"], BUFFER % 'buf_adds(out, text); (void)atoi(text); (void)n;', False),
    (["src/base/buf.h"], BUFFER % 'char room[n]; room[0] = *text; buf_add(out, room, 1);', False),
]


def self_test(flags, note):
    """Calls note(good, text) for each planted source whose headers are there."""
    with tempfile.TemporaryDirectory() as directory:
        for number, (headers, source, wanted) in enumerate(PLANTED):
            if not all(pathlib.Path(h).exists() for h in headers):
                continue
            path = pathlib.Path(directory, f"planted{number}.c")
            path.write_text(source, encoding="utf-8")
            good, why = compiles(flags, str(path))
            note(good == wanted, f"compiling: {'this should compile' if wanted else 'this should not compile'} ({why}):\n{source}")
        path = pathlib.Path(directory, "alone.h")
        path.write_text("struct buf *planted(uint64_t n);\n", encoding="utf-8")
        note(bool(check([str(path)], flags, Turns(1))), "compiling: missed a header that does not stand alone")
