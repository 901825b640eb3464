"""words.py: src/base/words.def holds every word of the pages, in English and in French.

A row is WORD(NAME, "English", "French"): neither empty, the same places {1}, {2} ... in both (in any order), the same
conversions if there are any, no name twice, no markup; and no row that no page uses. French has a no-break space, written
\\u00a0, before : ; ? ! % and inside guillemets, and no forms with a median dot; so has the French of studies/."""
import csv
import io
import json
import re

from .ctext import joined, tokens
from .fault import Fault

PATH = "src/base/words.def"
# Rows for what is named elsewhere: a kind of entry of KIND(), an error of fail().
PREFIX = {"LOGGED": "LOG_", "PROBLEM": "PROBLEM_", "DONE": "DONE_"}
PLACE = re.compile(r"\{\d+\}")
CONVERSION = re.compile(r"%(?:[-+ #0]*[\d*]*(?:\.[\d*]+)?(?:hh|h|ll|l|z|j|t|L)?[a-zA-Z]|%)")

# A sign without its no-break space (a colon within figures and a conversion are none).
SPACES = re.compile(r"(?<!\u00a0)(?:[;?!»]|%(?![a-z])|:(?!\d))|«(?!\u00a0)|\u202f")


def rows(stream):
    """(macro, line, [arguments as tokens]) of every MACRO(...) row."""
    i = 0
    while i < len(stream) - 1:
        if stream[i].kind == "word" and stream[i + 1].text == "(":
            name, line, depth, arguments = stream[i].text, stream[i].line, 1, [[]]
            i += 2
            while i < len(stream) and depth:
                token = stream[i]
                if token.kind == "mark" and token.text in "()":
                    depth += 1 if token.text == "(" else -1
                if depth and token.kind == "mark" and token.text == "," and depth == 1:
                    arguments.append([])
                elif depth:
                    arguments[-1].append(token)
                i += 1
            yield name, line, arguments
        else:
            i += 1


def french_of(path, text):
    """(line, text) of every French text of a study: "fr" in its JSON, columns ending in (fr) in its sheets."""
    if path.endswith(".json"):
        for found in re.finditer(r'"fr"\s*:\s*("(?:[^"\\]|\\.)*")', text):
            yield text.count("\n", 0, found.start()) + 1, json.loads(found.group(1))
    elif path.endswith(".csv"):
        reader = csv.reader(io.StringIO(text))
        columns = [i for i, name in enumerate(next(reader, [])) if name.rstrip().endswith("(fr)")]
        for row in reader:
            yield from ((reader.line_num, row[i]) for i in columns if i < len(row))


def check_studies(files):
    faults = []
    for path, text in files.items():
        for line, french in french_of(path, text) if path.startswith("studies/") else ():
            if SPACES.search(re.sub(r"https?://\S+|[\w.]+@\S+", "", french)):
                faults.append(Fault(path, line, "French has a no-break space before : ; ? ! % and inside guillemets"))
            if "·" in french:
                faults.append(Fault(path, line, "neutral words instead of a median dot"))
    return faults


def check(files):
    faults, seen = check_studies(files), {}
    text = files.get(PATH)
    if text is None:
        return faults
    for macro, line, arguments in rows(joined(tokens(text))):
        name = arguments[0][0].text if arguments[0] else ""
        if macro in PREFIX:
            name = PREFIX[macro] + name
        texts = [a[0].text if len(a) == 1 and a[0].kind == "string" else None for a in arguments[1:]]
        if len(texts) < 2 or any(t is None for t in texts):
            faults.append(Fault(PATH, line, f"{name}: a row is {macro}(name, \"English\", \"French\")"))
            continue
        if name in seen:
            faults.append(Fault(PATH, line, f"{name} stands twice (line {seen[name]} too)"))
        seen[name] = line
        if any(not t.strip() for t in texts):
            faults.append(Fault(PATH, line, f"{name}: a text is empty"))
        if len({tuple(CONVERSION.findall(t)) for t in texts}) > 1:
            faults.append(Fault(PATH, line, f"{name}: the conversions differ between the languages"))
        if len({tuple(sorted(set(PLACE.findall(t)))) for t in texts}) > 1:
            faults.append(Fault(PATH, line, f"{name}: the places differ between the languages"))
        if any(re.search(r"<[/!a-zA-Z]|&\w+;", t) for t in texts):
            faults.append(Fault(PATH, line, f"{name}: words hold no markup"))
        if SPACES.search(texts[1]):
            faults.append(Fault(PATH, line, f"{name}: French has a no-break space before : ; ? ! % and inside guillemets"))
        if "·" in texts[1]:
            faults.append(Fault(PATH, line, f"{name}: neutral words instead of a median dot"))
    for number, written in enumerate(text.split("\n"), 1):
        if "\u00a0" in written:
            faults.append(Fault(PATH, number, "a no-break space that nobody can see: write \\u00a0"))
    used = set()
    for path, text in files.items():
        if path.startswith("src/") and path != PATH:
            used |= set(re.findall(r"\bWORD_(\w+)", text))
            used |= {"LOG_" + kind for kind in re.findall(r"^KIND\((\w+),.*LOG_MASKED", text, re.M)}
            used |= {"DONE_" + done for done in re.findall(r"[?&]done=(\w+)", text)}
            if "done=%s" in text:
                used |= {"DONE_" + literal for literal in re.findall(r'"(\w+)"', text)}
            used |= {"PROBLEM_" + text_id.replace("-", "_") for text_id in re.findall(r'"([a-z]+(?:-[a-z]+)*)"', text)}
    for name, line in seen.items():
        if used and name not in used:
            faults.append(Fault(PATH, line, f"{name}: no page uses it"))
    return faults


PLANTED = [
    ({"studies/a/study.json": '{"title": {"en": "Now?", "fr": "Maintenant ?"}}'}, "study.json:1: French has"),
    ({"studies/a/study.json": '{"title":\n {"fr": "«Oui»"}}'}, "study.json:2: French has"),
    ({"studies/a/forms/b.csv": 'type,label::English (en),label::Français (fr)\ntext,"a: b","a : b"\n'}, "b.csv:2: French has"),
    ({PATH: 'WORD(hello, "Hello", "")\n'}, "a text is empty"),
    ({PATH: 'WORD(hello, "Hello")\n'}, "a row is"),
    ({PATH: 'WORD(hello, "Hello", "Bonjour")\nWORD(hello, "Hi", "Salut")\n'}, "stands twice"),
    ({PATH: 'WORD(hello, "Hello %s", "Bonjour")\n'}, "conversions differ"),
    ({PATH: 'WORD(hello, "%s of %d", "%d de %s")\n'}, "conversions differ"),
    ({PATH: 'WORD(hello, "{1} of {2}", "{2} de")\n'}, "places differ"),
    ({PATH: 'WORD(A, "a", "a")\nWORD(B, "b", "b")\n', "src/web/x.c": "say(r, WORD_B);"}, "A: no page uses it"),
    ({PATH: 'LOGGED(a_b, "a", "a")\n', "src/trial/x.c": 'KIND(a_c, "a.c", LOG_MASKED, f);\n'}, "LOG_a_b: no page uses it"),
    ({PATH: 'DONE(a, "a", "a")\n', "src/web/x.c": 'address(r, "/x?done=b");\n'}, "DONE_a: no page uses it"),
    ({PATH: 'PROBLEM(a_b, "a", "a")\n', "src/trial/x.c": 'fail(error, ERR_INPUT, "a-c", "", "");\n'}, "PROBLEM_a_b: no page uses it"),
    ({PATH: 'WORD(hello, "<b>Hello</b>", "Bonjour")\n'}, "no markup"),
    ({PATH: 'WORD(hello, "Hello!", "Bonjour !")\n'}, "no-break space before"),
    ({PATH: 'WORD(hello, "Hello!", "Bonjour\u00a0!")\n'}, "nobody can see"),
    ({PATH: 'WORD(hello, "a: b", "a: b")\n'}, "no-break space before"),
    ({PATH: 'WORD(hello, "“a”", "« a\\u00a0»")\n'}, "inside guillemets"),
    ({PATH: 'WORD(hello, "Connected", "Connecté\\u00b7e")\n'}, "median dot"),
]
SOUND = [
    {"studies/a/study.json": '{"fr": "Voir\\u00a0: https://a.fr/?b, 10:30"}', "studies/a/forms/b.csv": "a (fr),b\n51\u00a0%,c: d?\n"},
    {PATH: '/* words */\nWORD(hello, "Hello %s, "\n  "%d", "Bonjour %s, %d")\nWORD(of, "{1} of {2}", "sur {2}, {1}")\nWORD(less, "a < b", "a < b")\nWORD(at, "10:30: “Now?”", "10:30\\u00a0: «\\u00a0Maintenant\\u00a0?\\u00a0»")\n'},
]
