"""includes.py: who may lean on whom. A room may include the rooms in its row and all that those stand on, nothing
else; a header marked (inside) is for its own room; each library has the few files that may include it. ARCHITECTURE.md
explains the rooms."""
import fnmatch
import re

from .ctext import includes, tokens
from .fault import Fault

STANDS_ON = {
    "base": [],
    "stats": [],
    "alliance": ["stats"],
    "operating": ["alliance"],
    "allocation": [],
    "study": ["base", "stats"],
    "store": ["base"],
    "ledger": ["store"],
    "people": ["ledger"],
    "mail": ["people", "study"],
    "trial": ["mail", "allocation"],
    "feedback": ["trial", "alliance"],
    "programme": ["feedback"],
    "observing": ["programme"],
    "report": ["observing"],
    "registry": ["study", "store"],
    "rehearsal": ["report"],
    "web": ["rehearsal", "registry"],
    "cli": ["web", "operating"],
}

# What still leans where the table above does not let it: (room, the room it includes). A pair that is no longer
# needed is a fault, so that the list only becomes shorter.
NOT_YET = set()

# The rooms that are pure: the standard headers they may have, and what they may not call.
PURE = ("stats", "alliance", "operating", "allocation")
PURE_HEADERS = {"assert.h", "ctype.h", "errno.h", "float.h", "inttypes.h", "limits.h", "math.h", "pthread.h", "stdalign.h",
                "stdarg.h", "stdatomic.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h", "sodium.h"}
IMPURE_CALLS = {"fopen", "printf", "fprintf", "puts", "putchar", "fputs", "perror", "getenv", "time", "clock",
                "clock_gettime", "read", "write", "open", "random", "drand48", "getrandom", "setlocale", "exit"}

HERE = "tools/checks/includes.py"  # in the whole tree, and in none of the small ones planted below but one

# A library's header, and the files that may include it.
LIBRARIES = {
    "microhttpd.h": ["src/web/server.c"],
    "sqlite3.h": ["src/store/store_sqlite*.c", "src/store/index_sqlite.c"],
    "libpq-fe.h": ["src/store/store_postgresql*.c"],
    "libxml/*": ["src/study/expression*.c"],
    "sodium.h": ["src/base/crypto.c", "src/people/password.c", "src/allocation/*.c",
                 "src/ledger/tree.c"],  # incremental hashes and the checkpoint's signature, readable beside RFC 6962
    "jansson.h": ["src/base/json.h", "src/base/json.c"],
    "curl/*": ["src/mail/send.c"],
}


def closure(room):
    """The room and all that it stands on."""
    reached, waiting = set(), [room]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += STANDS_ON[name]
    return reached


def room_of(path):
    """src/base/buf.c, include/attune/stats.h, include/attune/stats_math.h to their rooms; None elsewhere."""
    found = re.match(r"src/([^/]+)/", path) or re.match(r"include/attune/([a-z]+)(?:_\w+)?\.h$", path)
    return found.group(1) if found else None


INSIDE = re.compile(r"/\* \w+\.h \(inside\)")  # how the manual of a header begins that is for its room alone


def check_inside(files, path, line, name):
    """Includes of another room's inside header; and headers that say so in other words, which nobody would find."""
    target = f"src/{name}"
    if target in files and INSIDE.match(files[target]) and room_of(target) != room_of(path):
        return [Fault(path, line, f"{name} is inside {room_of(target)}: its other headers say what the room offers")]
    return []


def check_library(path, line, name):
    for pattern, owners in LIBRARIES.items():
        if fnmatch.fnmatch(name, pattern) and not any(fnmatch.fnmatch(path, o) for o in owners):
            return [Fault(path, line, f"<{name}> may be included by {', '.join(owners)} alone")]
    return []


def check(files):
    faults, used = [], set()
    for path, text in files.items():
        room = room_of(path)
        if room is None or not re.search(r"\.(c|h|inc|def)$", path):
            continue
        if room not in STANDS_ON:
            faults.append(Fault(path, 1, f"room {room} is not in the table of tools/checks/includes.py"))
            continue
        allowed = closure(room)
        if path.endswith(".h") and re.search(r"\binside src/|\bfiles only\)", text[:200]):
            faults.append(Fault(path, 1, f'an inside header begins "/* {path.split("/")[-1]} (inside): ..."'))
        for line, name, quoted in includes(text):
            faults += check_library(path, line, name) + (check_inside(files, path, line, name) if quoted else [])
            target = room_of(f"src/{name}") if not name.startswith("attune/") else room_of(f"include/{name}")
            if (room, target) in NOT_YET:
                used.add((room, target))
            elif target in STANDS_ON and target not in allowed:
                faults.append(Fault(path, line, f"room {room} may not include {name}: it stands on "
                                                f"{', '.join(sorted(allowed - {room})) or 'nothing'}"))
            if quoted and target not in STANDS_ON and "/" not in name:
                faults.append(Fault(path, line, f'include "{name}" by its room: "{room}/{name}"'))
            if room in PURE and not quoted and name not in PURE_HEADERS and not name.startswith("attune/"):
                faults.append(Fault(path, line, f"room {room} is pure: <{name}> has no place in it"))
        if room in PURE:
            stream = tokens(text)
            for i, token in enumerate(stream[:-1]):
                if token.kind == "word" and token.text in IMPURE_CALLS and stream[i + 1].text == "(" and (
                        i == 0 or stream[i - 1].text not in (".", ">")):
                    faults.append(Fault(path, token.line, f"room {room} is pure: no {token.text}() in it"))
    if HERE in files:
        faults += [Fault(HERE, 1, f"{room} no longer includes {target}: take the pair out of NOT_YET")
                   for room, target in NOT_YET - used]
    return faults


PLANTED = [
    ({"src/base/a.c": '#include "store/store.h"\n'}, "may not include store/store.h"),
    ({"src/stats/a.c": '#include "base/buf.h"\n'}, "may not include base/buf.h"),
    ({"src/study/a.c": '#include "attune/alliance.h"\n'}, "may not include attune/alliance.h"),
    ({"src/trial/a.c": '#include "feedback/who_sees.h"\n'}, "may not include feedback/who_sees.h"),
    ({"src/registry/a.c": '#include "trial/home.h"\n'}, "may not include trial/home.h"),
    *[({"src/base/a.c": "", HERE: ""}, "take the pair out") for _ in sorted(NOT_YET)[:1]],
    ({"include/attune/stats_model.h": '#include "attune/alliance.h"\n'}, "room stats may not include"),
    ({"src/ledger/a.c": '\n#  include "trial/visit.h"\n'}, "may not include trial/visit.h"),
    ({"src/web/page_form.c": "#include <microhttpd.h>\n"}, "<microhttpd.h> may be included by"),
    ({"src/trial/a.c": "#include <sqlite3.h>\n"}, "<sqlite3.h> may be included by"),
    ({"src/study/form.c": "#include <libxml/tree.h>\n"}, "<libxml/tree.h> may be included by"),
    ({"src/store/store_sqlite.c": "#include <libpq-fe.h>\n"}, "<libpq-fe.h> may be included by"),
    ({"src/people/accounts.c": "#include <sodium.h>\n"}, "<sodium.h> may be included by"),
    ({"src/web/a.c": "#include <jansson.h>\n"}, "<jansson.h> may be included by"),
    ({"src/mail/outbox.c": "#include <curl/curl.h>\n"}, "<curl/curl.h> may be included by"),
    ({"src/stats/a.c": "#include <unistd.h>\n"}, "room stats is pure"),
    ({"src/alliance/a.c": "void f(void) { double t = time(NULL); }\n"}, "no time() in it"),
    ({"src/misc/a.c": ""}, "not in the table"),
    ({"src/base/a.c": '#include "buf.h"\n'}, "by its room"),
    ({"src/cli/a.c": '#include "store/b.h"\n', "src/store/b.h": "/* b.h (inside): what a back end gives.\n */\n"}, "store/b.h is inside store"),
    ({"src/store/b.h": "/* b.h: inside src/store/ only: what a back end gives. */\n"}, "an inside header begins"),
]
SOUND = [
    {"src/store/a.c": '#include "store/b.h"\n', "src/store/b.h": "/* b.h (inside): what a back end gives. */\n"},
    {"src/cli/a.c": '#include "store/b.h"\n', "src/store/b.h": "/* b.h: (inside) the room, what a back end gives. */\n"},
    {"src/trial/visit.c": '#include "base/buf.h"\n#include "ledger/ledger.h"\n#include "attune/stats.h"\n#include "study/form.h"\n'},
    {"src/web/server.c": '#include <microhttpd.h>\n#include "report/flow.h"\n'},
    {"src/alliance/a.c": '#include "attune/alliance.h"\n#include "attune/stats.h"\n#include <math.h>\n/* time( */\nint f(void) { return o.time(1); }\n'},
]
