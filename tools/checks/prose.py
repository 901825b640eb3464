"""prose.py: words that the house writes in one way, in documents, in comments and in the English of the pages.

British spelling with -ise; plain words for what has a plain word. Titles and other quotations, code in backquotes and
identifiers are as they are."""
import re

from .fault import Fault

PHRASES = [(re.compile(words, re.I), instead) for words, instead in (
    (r"\bon[- ]line\b(?!\s*(?:[\d%{]|N\b|number))", "online"),
    (r"\boff[- ]line\b", "offline"),
    (r"\bcr(?:y|ies|ied|ying)\s+wolf\b", "false alarms, or the false-alarm rate"),
    (r"\b(?:text|comma|blank|space|quote|bracket|digits?|sign)\s+behind\s+(?:it|them|an?|the)\b", "after"),
    (r"\b\w*(?:random|optim|minim|maxim|standard|normal|summar|organ|recogn|sanit|initial|general|character|emphas|categor|real)iz(?:e[dsr]?|ers?|ing|ations?)\b(?!-space)", "-ise, -isation"),
    (r"\banalyz(?:e[ds]?|ing)\b", "analyse"),
    (r"\b(?:behavior|favor|neighbor|honor|labor|rumor)\w*\b", "-our"),
    (r"\b(?:label|model|cancel|travel|signal)(?:ed|ing)\b(?<!lled)(?<!lling)", "a double l"),
    (r"\b(?:centered|centering|fiber|meter)s?\b", "centred, centring, fibre, metre"),
)]
COMMENT = {"c": re.compile(r'"(?:[^"\\\n]|\\.)*"|/\*.*?\*/|//[^\n]*', re.S), "py": re.compile(r'"""(?:.*?)"""|#[^\n]*', re.S)}
QUOTED = re.compile(r'"[^"\n]*(?:\n[^"\n]*)?"|“[^”]*”|`[^`\n]*`|\S+://\S+|\b\w*[_(]\w*|\w+-\w+\(')


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def english(path, text):
    """The text with all blanked that is not English prose, lines kept; None for a file without any."""
    if re.search(r"\.(md|txt)$", path) and not path.startswith(("tests/", "src/")):
        text = re.sub(r"(?ms)^```.*?^```|^    .*?$", lambda m: blank(m.group()), text)
    elif path.endswith("words.def"):
        rows = []
        for line in text.split("\n"):  # a row's first text is English
            found = re.match(r'\s*\w+\(\w+, "((?:[^"\\]|\\.)*)"', line)
            rows.append(found.group(1) if found else "")
        return "\n".join(rows)
    elif re.search(r"^(src|include|tests|bench|tools|scripts)/.*\.(c|h|py)$", path) and not path.startswith("tools/checks/"):
        kept, last = [], 0
        for found in COMMENT["py" if path.endswith(".py") else "c"].finditer(text):
            kept.append(blank(text[last:found.start()]))
            kept.append(found.group().replace('"""', "   ") if not re.match(r'"[^"]', found.group()) else blank(found.group()))
            last = found.end()
        text = "".join(kept) + blank(text[last:])
    else:
        return None
    return QUOTED.sub(lambda m: blank(m.group()), text)


def check(files):
    faults = []
    for path, text in files.items():
        prose = english(path, text)
        for words, instead in PHRASES if prose else ():
            for found in words.finditer(prose):
                faults.append(Fault(path, prose.count("\n", 0, found.start()) + 1, f"'{found.group()}': write {instead}"))
    return faults


PLANTED = [
    ({"docs/a.md": "Judged on line, as it was then.\n"}, "write online"),
    ({"docs/a.md": "The limit\nworks off-line too.\n"}, "write offline"),
    ({"docs/a.md": "How often it cries wolf.\n"}, "false alarms"),
    ({"src/base/a.c": "/* Each number has a comma behind it. */\n"}, "write after"),
    ({"src/base/a.c": "int a; /* patients are randomized here */\n"}, "-ise"),
    ({"include/attune/a.h": "/* Optimizes.\n * How it analyzes. */\n"}, "a.h:2: 'analyzes'"),
    ({"tests/http/test_a.py": '"""The behavior of pages."""\n'}, "-our"),
    ({"tests/http/test_a.py": "x = 1  # the labeled points\n"}, "a double l"),
    ({"src/base/words.def": 'WORD(A, "What the centered rating is", "x")\n'}, "centred"),
]
SOUND = [
    {"docs/a.md": "Online. On line 12 of `on line`; \"Covariate-based randomized trials\".\n\n    $ attune --analyze\n"},
    {"src/base/a.c": '/* normalize_space() and "randomized" are names; labelled. */\nconst char *a = "randomized";\n'},
    {"src/base/words.def": 'WORD(A, "Randomised", "On line")\n'},
    {"tests/golden/README.md": "as R normalizes it\n"},
]
