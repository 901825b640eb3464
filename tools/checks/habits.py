"""habits.py: what holds for every text file of the project: length, unsafe functions, marks of unfinished work."""
import re

from .ctext import tokens
from .fault import Fault

LONGEST = 800
# Those of base/banned.h, for the files that it does not reach, and what it cannot poison.
UNSAFE = {"strcpy", "strcat", "strncpy", "strncat", "sprintf", "vsprintf", "gets", "strtok", "atoi", "atol", "atof",
          "system", "popen", "tmpnam", "mktemp", "alloca", "setjmp", "longjmp", "vfork", "scanf", "fscanf", "strtok_r"}
UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK")) + r")\b")
ONE_USE = {"setjmp": "src/base/arena.c", "longjmp": "src/base/arena.c"}
HARNESS = {"popen", "system", "atoi", "atol", "strncat", "strncpy"}  # a test or benchmark may run a program, and trusts its input
CODE = re.compile(r"^(src|include|tests|bench|tools|scripts|assets)/.*\.(c|h|py|js|mjs|sh|css|sql)$")


def check(files):
    faults = []
    for path, text in files.items():
        lines = text.count("\n")
        if CODE.match(path) and lines > LONGEST:
            faults.append(Fault(path, lines, f"{lines} lines: at most {LONGEST}"))
        for number, line in enumerate(text.split("\n"), 1):
            found = UNFINISHED.search(line)
            if found:
                faults.append(Fault(path, number, f"{found.group()}: finish it, or file an issue"))
            if re.match(r"/\* --- .*-{5}$", line):
                faults.append(Fault(path, number, "a banner ends on its line"))
            if "\r" in line and CODE.match(path):
                faults.append(Fault(path, number, "a carriage return"))
        if re.match(r"(src|tests|bench|include)/.*\.[ch]$", path) and path != "src/base/banned.h":
            stream = tokens(text)
            for token, after in zip(stream, stream[1:]):
                if token.kind == "word" and token.text in UNSAFE and after.text == "(" and path != ONE_USE.get(token.text) and not (
                        token.text in HARNESS and not path.startswith(("src/", "include/"))):
                    faults.append(Fault(path, token.line, f"{token.text}() has no safe use here"))
    return faults


PLANTED = [
    ({"src/base/a.c": "/* TO" + "DO: more */\n"}, "finish it"),
    ({"docs/a.md": "FIX" + "ME\n"}, "finish it"),
    ({"src/base/a.c": "\n" * (LONGEST + 1)}, "at most"),
    ({"tests/unit/test_a.c": "void f(void) { strcpy(a, b); }\n"}, "no safe use"),
    ({"src/cli/a.c": 'system("ls");\n'}, "no safe use"),
    ({"src/cli/b.c": "int x = atoi(argv[1]);\n"}, "no safe use"),
    ({"src/base/a.c": "if (setjmp(place)) return;\n"}, "no safe use"),
    ({"src/base/a.c": "/* --- one value -----\n */\n"}, "a banner"),
    ({"src/base/a.c": "int a;\r\n"}, "carriage return"),
]
SOUND = [
    {"src/base/arena.c": "if (setjmp(place)) return;\n"},
    {"src/base/a.c": "/* strcpy() is banned; the TODOS of others */ int strcpy_safe(void);\n" + "\n" * (LONGEST - 1)},
    {"src/base/a.c": "/* --- one value ----- */\n"},
]
