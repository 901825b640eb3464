"""sql.py: the statements in the C sources (string literals, joined as the compiler joins them) and in src/store/sql/.

One text serves SQLite and PostgreSQL, gives the same rows in the same order on both, and keeps the masked reader's
allow-list whole: no USING, no NATURAL; functions count, sum, min, max, coalesce alone; $n placeholders; every SELECT
has an ORDER BY of its own, or aggregates only, or is asked for its existence or for one value."""
import re

from .ctext import MACRO, joined, tokens
from .fault import Fault

STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|REPLACE|CREATE|ALTER|DROP)\s+[A-Za-z_(*$" + MACRO + "]")
FUNCTIONS = {"count", "sum", "min", "max", "coalesce"}
AGGREGATES = {"count", "sum", "min", "max"}
# The two back ends speak their own engine's language where no other can: the catalogue, pragmas, copies.
ENGINE_FILES = re.compile(r"src/store/store_(sqlite|postgresql)\w*\.c$")

FORBIDDEN = [
    (r"\bUSING\b", "USING hides columns from the authorizer: write ON"),
    (r"\bNATURAL\b", "NATURAL hides columns from the authorizer: write ON"),
    (r"\bAUTOINCREMENT\b|\b(BIG)?SERIAL\s+(PRIMARY|NOT|,)|\bGENERATED\b", "ids are assigned in C"),
    (r"\bCURRENT_(TIMESTAMP|TIME|DATE)\b|\bnow\s*\(", "time comes in from C"),
    (r"\bINSERT\s+OR\b|\bREPLACE\s+INTO\b|\bUPDATE\s+OR\b", "SQLite alone knows this: ON CONFLICT serves both engines"),
    (r"\bGLOB\b|\bILIKE\b|\bREGEXP\b|::|\bNULLS\s+(FIRST|LAST)\b", "one engine alone knows this"),
    (r"\bSELECT\s+(DISTINCT\s+)?\*", "name the columns: their order is part of the answer"),
    (r"\?\d*(?=\s|,|\)|$)", "placeholders are $1, $2, ..."),
    (r"[a-z0-9_)](SELECT|FROM|WHERE|ORDER BY|GROUP BY|VALUES|AND|JOIN|LIMIT)\b", "two literals join without a space between"),
    (r"%[ds]|%l", "nothing is printed into a statement: bind a value"),
    (r"\b\d+\.\d+\b|\b(REAL|FLOAT|DOUBLE|NUMERIC)\b", "integers and text only"),
]

WORD = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\$\d+|[A-Za-z_]\w*|\d+|\S")
BEFORE_NAME = {"INTO", "TABLE", "INDEX", "ON", "REFERENCES", "UPDATE", "JOIN", "FROM", "AS", "WITH"}


def words_of(statement):
    return [w for w in WORD.findall(statement.replace(MACRO, " "))]


def scopes(words):
    """The statement's parenthesised levels: lists of (word or nested list)."""
    top, stack = [], []
    current = top
    for word in words:
        if word == "(":
            inner = []
            current.append(inner)
            stack.append(current)
            current = inner
        elif word == ")":
            if stack:
                current = stack.pop()
        else:
            current.append(word)
    return top


def upper(item):
    return item.upper() if isinstance(item, str) else ""


def aggregates_only(columns):
    """True when every selected column is one aggregate, perhaps within coalesce, or a constant."""
    column, parts = [], []
    for item in columns:
        if item == ",":
            parts.append(column)
            column = []
        else:
            column.append(item)
    parts.append(column)

    def single(items):
        if not items:
            return False
        if any(isinstance(b, list) and isinstance(a, str) and a.lower() in AGGREGATES for a, b in zip(items, items[1:])):
            return True
        if isinstance(items[0], str) and items[0].lower() == "coalesce" and len(items) > 1 and isinstance(items[1], list):
            return single(items[1])
        return False
    return all(single(p) for p in parts)


def check_select(level, before, faults, inserted):
    """One level of a statement; `before` is the word before its parenthesis, `inserted` whether INSERT ... SELECT."""
    heads = [i for i, item in enumerate(level) if upper(item) == "SELECT"]
    if heads:
        first = heads[0]
        ordered = any(upper(a) == "ORDER" and upper(b) == "BY" for a, b in zip(level, level[1:]))
        grouped = any(upper(a) == "GROUP" for a in level)
        existence = upper(before) in ("EXISTS", "IN")
        end = next((i for i in range(first, len(level)) if upper(level[i]) == "FROM"), len(level))
        single = aggregates_only(level[first + 1:end]) and not grouped and len(heads) == 1
        tableless = not any(upper(item) == "FROM" for item in level)
        if not (ordered or existence or single or inserted or tableless):
            faults.append("a SELECT without ORDER BY: " + " ".join(w for w in level if isinstance(w, str))[:80])
        if any(upper(a) == "LIMIT" for a in level) and not ordered and not existence:
            faults.append("LIMIT without ORDER BY")
    previous = ""
    for item in level:
        if isinstance(item, list):
            check_select(item, previous, faults, inserted and not heads)
        else:
            previous = item


def check_functions(words, faults):
    for i, word in enumerate(words[:-1]):
        if words[i + 1] != "(" or not re.fullmatch(r"[A-Za-z_]\w*", word):
            continue
        before = words[i - 1].upper() if i else ""
        if word.upper() == word or word.lower() in FUNCTIONS or before in BEFORE_NAME or before == ",":
            continue
        faults.append(f"the function {word}(): count, sum, min, max and coalesce alone")


def check_statement(statement, engine=False, store=False):
    """`engine`: of one back end; `store`: in the store, which may write a table's name out of its own list."""
    faults = []
    if store:
        statement = statement.replace("%s", "t")
    plain = re.sub(r"'(?:[^']|'')*'", "''", statement)
    for pattern, why in FORBIDDEN:
        flags = 0 if pattern.startswith("[a-z0-9_)]") else re.I
        if re.search(pattern, plain, flags) and not (engine and "USING" not in pattern and "NATURAL" not in pattern):
            faults.append(why)
    words = words_of(plain)
    if not engine:
        check_functions(words, faults)
        kind = words[0].upper() if words else ""
        if kind in ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE"):
            inserted = kind == "INSERT" and "RETURNING" not in [w.upper() for w in words]
            check_select(scopes(words), "", faults, inserted)
    return faults


def check_schema(path, text):
    """A migration: typed columns, a primary key on every table, an arm only in tables that tell it by name."""
    faults = []
    bare = re.sub(r"--[^\n]*", lambda m: " " * len(m.group()), text)
    for found in re.finditer(r"CREATE\s+TABLE\s+(\w+)\s*\((.*?)\n\)", bare, re.S | re.I):
        line, name, body = text[:found.start()].count("\n") + 1, found.group(1), found.group(2)
        if not re.search(r"PRIMARY\s+KEY", body, re.I):
            faults.append(Fault(path, line, f"table {name} has no PRIMARY KEY"))
        for column, kind in re.findall(r"^\s*(\w+)\s+([A-Za-z]+)", body, re.M):
            if column.upper() in ("PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "CONSTRAINT"):
                continue
            if kind.upper() not in ("BIGINT", "TEXT", "BLOB"):
                faults.append(Fault(path, line, f"{name}.{column}: the types are BIGINT, TEXT and BLOB"))
            if column == "arm" and not name.startswith("arm_") and not name.startswith("ledger_"):
                faults.append(Fault(path, line, f"{name}.arm: what tells the arm stands in a table named arm_..."))
    for number, line in enumerate(bare.split("\n"), 1):
        for pattern, why in FORBIDDEN[:5]:
            if re.search(pattern, line, re.I):
                faults.append(Fault(path, number, why))
    return faults


def check(files):
    faults = []
    for path, text in files.items():
        if re.match(r"src/store/sql/.*\.sql$", path):
            faults += check_schema(path, text)
        elif re.match(r"src/.*\.(c|h)$", path):
            for token in joined(tokens(text)):
                if token.kind == "string" and STATEMENT.match(token.text):
                    faults += [Fault(path, token.line, why) for why in
                               check_statement(token.text, bool(ENGINE_FILES.match(path)), path.startswith("src/store/"))]
    return faults


def c(literal):
    return {"src/trial/x.c": "void f(void) {\n  rows_open(&r, db, " + literal + ", NO_ARGS);\n}\n"}


PLANTED = [
    (c('"SELECT code FROM person"'), "without ORDER BY"),
    (c('"SELECT code, count(*) FROM person GROUP BY code"'), "without ORDER BY"),
    (c('"SELECT p.code FROM person p "\n  "JOIN visit v USI" "NG (code) ORDER BY p.code"'), "USING hides"),
    (c('"SELECT code FROM person NATURAL JOIN visit ORDER BY code"'), "NATURAL hides"),
    (c('"SELECT code FROM person WHERE x = (SELECT y FROM z) ORDER BY code"'), "without ORDER BY: SELECT y"),
    (c('"WITH a AS (SELECT code FROM person) SELECT code FROM a ORDER BY code"'), "without ORDER BY"),
    (c('"SELECT code FROM a UNION SELECT code FROM b"'), "without ORDER BY"),
    (c('"SELECT max(a), b FROM t"'), "without ORDER BY"),
    (c('"SELECT code FROM person" "WHERE kind = $1 ORDER BY code"'), "join without a space"),
    (c('"SELECT * FROM person ORDER BY code"'), "name the columns"),
    (c('"UPDATE visit SET time_ms = now() WHERE id = $1"'), "time comes in"),
    (c('"INSERT INTO visit (a) VALUES (CURRENT_TIMESTAMP)"'), "time comes in"),
    (c('"INSERT OR REPLACE INTO visit (a) VALUES ($1)"'), "SQLite alone"),
    (c('"DELETE FROM visit WHERE id = ?1"'), "placeholders"),
    (c('"DELETE FROM visit WHERE id = %d"'), "nothing is printed"),
    (c('"SELECT avg(x) FROM t"'), "the function avg()"),
    (c('"SELECT length(name) FROM t ORDER BY id"'), "the function length()"),
    (c('"SELECT sum(x) FROM t WHERE x > 1.5"'), "integers and text"),
    (c('"SELECT code FROM person WHERE k IN (SELECT b FROM c LIMIT 1) LIMIT 2"'), "LIMIT without"),
    ({"src/store/store_sqlite.c": 'x("SELECT a FROM b NATURAL JOIN c");\n'}, "NATURAL hides"),
    ({"src/store/sql/001.sql": "CREATE TABLE a (\n  b BIGINT\n);\n"}, "no PRIMARY KEY"),
    ({"src/store/sql/001.sql": "CREATE TABLE a (\n  b REAL PRIMARY KEY\n);\n"}, "the types are"),
    ({"src/store/sql/001.sql": "CREATE TABLE person (\n  code TEXT PRIMARY KEY,\n  arm TEXT NOT NULL\n);\n"}, "named arm_"),
    ({"src/store/sql/001.sql": "CREATE TABLE a (\n  b INTEGER PRIMARY KEY AUTOINCREMENT\n);\n"}, "assigned in C"),
]
SOUND = [
    c('"SELECT code, site FROM person WHERE kind = $1 ORDER BY code"'),
    c('"SELECT count(*), coalesce(max(number), 0) + 1 FROM audit_masked"'),
    c('"SELECT code FROM person p WHERE EXISTS (SELECT 1 FROM visit v WHERE v.code = p.code) ORDER BY code"'),
    c('"SELECT code FROM a UNION ALL SELECT code FROM b ORDER BY code"'),
    c('"INSERT INTO visit (a, b) VALUES ($1, $2) ON CONFLICT (a) DO NOTHING"'),
    c('"UPDATE ledger_head SET size = size WHERE one = 1 RETURNING size, frontier"'),
    c('"INSERT INTO a (b) SELECT c FROM d"'),
    c('"SELECT code FROM person WHERE name = \'SELECT ? now()\' ORDER BY code"'),
    c('"Select the patients"'),
    {"src/store/store.c": 'x("DELETE FROM %s WHERE subject = $1", table);\n'},
    {"src/store/store_sqlite.c": 'x("SELECT sql FROM sqlite_schema");\n'},
    {"src/store/sql/001.sql": "CREATE TABLE arm_slot (\n  code TEXT PRIMARY KEY, -- now() USING\n  arm TEXT NOT NULL\n);\n"},
]
