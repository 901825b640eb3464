"""silences.py: a warning that is silenced has its reason beside it: two words at least, after what silences it or, for a
compiler's pragma or attribute and in a Makefile, in the comment above.

Looked for are the words by which compilers, analyzers and linters are told to be quiet, with the name of what they
silence."""
import re

from .fault import Fault

# (files, what silences, whether the comment above may be the reason)
SILENCES = [(re.compile(files), re.compile(words), above) for files, words, above in (
    (r"\.[ch]$", r"\bNOLINT(?:NEXTLINE|BEGIN)?\b(?:\([^)]*\))?", False),
    (r"\.[ch]$", r"\bcppcheck-suppress(?:-\w+)?\s+(?:\[[^\]]*\]|\w+)", False),
    (r"\.[ch]$", r'#\s*pragma\s+(?:GCC|clang)\s+(?:diagnostic\s+(?:ignored|warning)\s+"[^"]*"|optimize\b|system_header)', True),
    (r"\.[ch]$", r'\b_Pragma\s*\(\s*"(?:GCC|clang) diagnostic (?:ignored|warning)[^)]*\)', True),
    (r"\.[ch]$", r"__attribute__\s*\(\(\s*(?:__)?(?:unused|no_sanitize\w*|optimize)\b[^)]*\)+", True),
    (r"\.[ch]$", r"\[\[\s*(?:gnu::)?(?:maybe_unused|unused|no_sanitize\w*)\b[^\]]*\]\]", True),
    (r"(^|/)Makefile$", r"-Wno-(?!error\b)[\w-]+|-fno-sanitize=\w+", True),
    (r"\.py$", r"#\s*(?:noqa\b(?::\s*\w+)?|type:\s*ignore(?:\[[^\]]*\])?|pylint:\s*disable=[\w,-]+)", False),
    (r"(\.sh|^run|^test|^scripts/\w+)$", r"#\s*shellcheck\s+disable=\w+", False),
    (r"\.m?js$", r"eslint-disable[\w-]*(?:\s+[\w/-]+)?|@ts-(?:ignore|expect-error|nocheck)", False),
)]
UNNAMED = re.compile(r"NOLINT\w*$|#\s*noqa$|eslint-disable[\w-]*$")
REASON = re.compile(r"[^\W\d_]{2,}\W+[^\W\d_]{2,}")
COMMENT = re.compile(r"(?:^\s*(?:\*|#|//|/\*)|//|/\*|(?<!\w)#)(.*)")


def reason_after(line, found):
    """What follows in the comment that silences, or in the comment that follows what silences."""
    after = line[found.end():]
    within = re.search(r"//|/\*|#", line[:found.end()]) and not found.group().lstrip("# ").startswith("pragma")
    comment = COMMENT.search(after)
    return after if within else comment.group(1) if comment else ""


def comment_above(lines, number, paragraph):
    """The comment right above the line; in a Makefile the comments of its paragraph."""
    found = []
    for line in reversed(lines[:number]):
        comment = re.match(r"\s*(?://|/\*|\*|# )(.*)", line)
        if not line.strip() or not comment and not paragraph:
            break
        found.append(comment.group(1) if comment else "")
    return " ".join(found)


def check(files):
    faults = []
    for path, text in files.items():
        looked = [row for row in SILENCES if row[0].search(path) and row[1].search(text)]
        lines = text.split("\n") if looked and not path.startswith("tools/checks/") else []  # the checks name what they look for
        for number, line in enumerate(lines):
            for found, above in ((m, above) for _, words, above in looked for m in words.finditer(line)):
                if UNNAMED.search(found.group()):
                    faults.append(Fault(path, number + 1, f"{found.group()}: name what is silenced, and why"))
                elif not REASON.search(reason_after(line, found)) and not (
                        above and REASON.search(comment_above(lines, number, path.endswith("Makefile")))):
                    faults.append(Fault(path, number + 1, f"{found.group()}: a silenced warning has its reason beside it"))
    return faults


def c(line):
    return {"src/base/a.c": f"int a;\n\n{line}\n"}


BESIDE, NAMED = "its reason beside it", "name what is silenced"
PLANTED = [
    (c("free(x); // NOLINT"), NAMED),
    (c("free(x); // NOLINT: it is owned elsewhere"), NAMED),
    (c("free(x); // NOLINT(cert-x)"), BESIDE),
    (c("free(x); // NOLINT(cert-x): why"), BESIDE),
    (c("/* The caller owns what comes back. */\nfree(x); // NOLINT(cert-x)"), BESIDE),
    (c("// NOLINTNEXTLINE(cert-x)\nfree(x);"), BESIDE),
    (c("/* NOLINTBEGIN(cert-x) */\nfree(x);"), BESIDE),
    (c("/* cppcheck-suppress uninitvar */"), BESIDE),
    (c("// cppcheck-suppress [uninitvar, nullPointer]"), BESIDE),
    (c('#pragma GCC diagnostic ignored "-Wformat-nonliteral"'), BESIDE),
    (c('#pragma clang diagnostic ignored "-Wformat-nonliteral"'), BESIDE),
    (c("#pragma GCC optimize"), BESIDE),
    (c('_Pragma("GCC diagnostic ignored \\"-Wshadow\\"")'), BESIDE),
    (c("static int __attribute__((unused)) never;"), BESIDE),
    (c('__attribute__((no_sanitize("undefined"))) int f(void);'), BESIDE),
    (c("[[maybe_unused]] static int never;"), BESIDE),
    ({"Makefile": "a: b\n\tcc -Wno-psabi a\n"}, BESIDE),
    ({"tests/python/a.py": "import a  # noqa\n"}, NAMED),
    ({"tests/python/a.py": "import a  # noqa: E402\n"}, BESIDE),
    ({"tests/python/a.py": "def f():  # pylint: disable=no-self-use\n"}, BESIDE),
    ({"scripts/deps": "# shellcheck disable=SC2086\n"}, BESIDE),
    ({"assets/a.js": "// eslint-disable-next-line no-undef\n"}, BESIDE),
]
SOUND = [
    c("free(x); // NOLINT(cert-x): the caller owns it"),
    c("/* cppcheck-suppress uninitvar -- filled by the call above */"),
    c('#pragma GCC diagnostic push\n#pragma GCC diagnostic ignored "-Wx" /* spec was taken apart above */\n#pragma GCC diagnostic pop'),
    c('/* They return vectors by value, but are\n * always inlined. */\n#pragma GCC diagnostic ignored "-Wpsabi"'),
    c("static int __attribute__((unused)) never; /* read by a debugger */"),
    {"Makefile": "# Vectors are inlined, never passed.\na: b\n\tcc -Wno-psabi a\n"},
    {"tests/python/a.py": "import a  # noqa: E402  (after the path)\n"},
    {"scripts/deps": "# shellcheck disable=SC2086 # a list of names\n"},
]
