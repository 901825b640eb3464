"""circles.py: inside a room the files stand on one another as the rooms do, in one direction.

A file (a .c with its .h) needs another when it uses a function or table that the other defines. No two files need each
other in a circle, nor do headers include each other in one: a circle is one file in several pieces, which can be
neither read nor tested in an order."""
import re

from .ctext import includes, tokens
from .fault import Fault

HERE = "tools/checks/circles.py"  # in the whole tree, and in none of the small ones planted below but one

# Circles that still stand. A file named here that is in none any more is a fault, so that the list only becomes shorter.
NOT_YET = {
    "allocation/balance", "allocation/rules",
    "cli/allocation", "cli/allocation_compare", "cli/allocation_redraw", "cli/allocation_rehearse",
    "people/account", "people/account_apply", "people/account_change", "people/account_rule", "people/ask",
    "store/store", "store/store_postgresql", "store/store_schema", "store/store_sqlite",
    "store/store_reader", "store/store_tables",
    "web/fields", "web/page",
    "web/gate", "web/page_again", "web/page_door", "web/page_problem", "web/web",
}


def defined(stream):
    """(names that a file defines for others, names that it keeps): functions and tables at its outermost level."""
    shown, kept, depth, begin = set(), set(), 0, 0
    for i, token in enumerate(stream):
        if token.kind != "mark" or token.text not in "{};":
            continue
        if token.text == "}":
            depth -= 1
        if depth == 0 and token.text != "}":
            words = [t.text for t in stream[begin:i]]
            if token.text == "{" or "=" in words:
                (kept if "static" in words else shown).add(name_of(stream[begin:i]))
        if token.text == "{":
            depth += 1
        if depth == 0 and token.text in "};":
            begin = i + 1
    return shown - {None}, kept


def name_of(declaration):
    """The name of the function or table that is declared, or None when it is a type."""
    for i, token in enumerate(declaration):
        before = declaration[i - 1] if i else None
        if token.text == "(" and before is not None and before.kind == "word" and not before.text.startswith("__"):
            return before.text
        if token.text in ("=", "[") and before is not None and before.kind == "word":
            return before.text
    return None


def used(stream):
    """(line, name) of every word that may be a use of another file's name."""
    for i, token in enumerate(stream):
        if token.kind != "word":
            continue
        before = stream[i - 1].text if i else ""
        member = before == "." or (before == ">" and i > 1 and stream[i - 2].text == "-")
        if not member and before not in ("struct", "enum", "union"):
            yield token.line, token.text


def circles(needs):
    """The strongly connected parts of more than one file (Tarjan); `needs` is {file: {file: ...}}."""
    order, low, stack, found = {}, {}, [], []

    def visit(name):
        order[name] = low[name] = len(order)
        stack.append(name)
        for other in needs.get(name, {}):
            if other not in order:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], order[other])
        if low[name] == order[name]:
            part = stack[stack.index(name):]
            del stack[stack.index(name):]
            if len(part) > 1:
                found.append(part)

    for name in sorted(needs):
        if name not in order:
            visit(name)
    return found


def needs_by_use(files):
    """{room/file: {room/file: (path, line, name)}} of what each file uses of another of its room."""
    streams = {p: tokens(t) for p, t in files.items() if re.fullmatch(r"src/\w+/\w+\.c", p)}
    owners = {}
    for path, stream in streams.items():
        for name in defined(stream)[0]:
            owners.setdefault((path.split("/")[1], name), set()).add(path)
    needs = {}
    for path, stream in streams.items():
        room, kept = path.split("/")[1], defined(stream)[1]
        for line, name in used(stream):
            owner = owners.get((room, name), ())
            if len(owner) == 1 and path not in owner and name not in kept:
                needs.setdefault(path[4:-2], {}).setdefault(next(iter(owner))[4:-2], (path, line, name))
    return needs


def needs_by_include(files):
    """{header: {header: (path, line, name)}}."""
    needs = {}
    for path, text in files.items():
        if re.fullmatch(r"(src/\w+|include/attune)/\w+\.h", path):
            for line, name, quoted in includes(text):
                target = next((p + name for p in ("src/", "include/") if p + name in files), None)
                if quoted and target:
                    needs.setdefault(path, {})[target] = (path, line, name)
    return needs


def check(files):
    faults, in_circles = [], set()
    for needs in (needs_by_use(files), needs_by_include(files)):
        for circle in circles(needs):
            in_circles |= set(circle)
            if set(circle) <= NOT_YET:
                continue
            for name in sorted(circle):
                for other in sorted(set(needs[name]) & set(circle)):
                    path, line, what = needs[name][other]
                    faults.append(Fault(path, line, f"a circle of files: {name} needs {other} for {what}, and is needed by it in turn"))
    if HERE in files:
        faults += [Fault(HERE, 1, f"{name} is in no circle any more: take it out of NOT_YET") for name in sorted(NOT_YET - in_circles)]
    return faults


A = "#include \"study/b.h\"\nint a_read(int x) {\n  return b_check(x);\n}\n"
PLANTED = [
    ({"src/study/a.c": A, "src/study/b.c": "int b_check(int x) {\n  return x ? a_read(x - 1) : 0;\n}\n"}, "a circle of files"),
    ({"src/study/a.c": A, "src/study/b.c": "int b_check(int x) { return c_say(x); }\n",
      "src/study/c.c": "int c_say(int x) { return a_read(x); }\n"}, "study/c needs study/a for a_read"),
    ({"src/study/a.c": A + "const int a_table[] = {1, 2};\n", "src/study/b.c": "int b_check(int x) { return a_table[x]; }\n"},
     "for a_table"),
    ({"src/web/a.h": '#include "web/b.h"\n', "src/web/b.h": '#include "web/a.h"\n'}, "a circle of files"),
    *[({HERE: ""}, "take it out") for _ in sorted(NOT_YET)[:1]],
]
SOUND = [
    {"src/study/a.c": A, "src/study/b.c": "static int a_read(int x) { return x; }\nint b_check(int x) { return a_read(x); }\n"},
    {"src/study/a.c": A, "src/study/b.c": "int b_check(int x) { struct a_read *p = 0; return p->a_read + x; }\n"},
    {"src/study/a.c": A, "src/trial/b.c": "int b_check(int x) { return a_read(x); }\n"},
]
