"""ctext.py: just enough of C's lexical grammar for the checks: identifiers, strings, punctuation, with their lines.

Comments and preprocessor lines are left out (an #include is offered by includes()); adjacent string literals are
joined as the compiler joins them, and a macro between two of them (such as PRId64) stands as one MACRO character."""
import functools
import re

MACRO = "\x01"

TOKEN = re.compile(r"""
    (?P<comment>/\*.*?\*/|//[^\n]*)
  | (?P<directive>(?<![^\n])[ \t]*\#(?:[^\n\\]|\\.|\\\n)*)
  | (?P<string>(?:u8|[uUL])?"(?:[^"\\\n]|\\.)*")
  | (?P<char>'(?:[^'\\\n]|\\.)*')
  | (?P<word>[A-Za-z_]\w*)
  | (?P<number>\.?\d(?:[\w.]|[eEpP][+-])*)
  | (?P<space>\s+)
  | (?P<mark>.)
""", re.X | re.S)

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


class Token:
    __slots__ = ("kind", "text", "line")

    def __init__(self, kind, text, line):
        self.kind, self.text, self.line = kind, text, line

    def __repr__(self):
        return f"{self.kind}:{self.text!r}@{self.line}"


def unescape(body):
    """The characters of a literal's inside."""
    def one(found):
        text = found.group(1)
        if text[0] == "x":
            return chr(int(text[1:], 16))
        if text[0] in "uU":
            return chr(int(text[1:], 16))
        if text[0] == "\n":
            return ""
        if text[0] in "01234567":
            return chr(int(text, 8))
        return ESCAPES.get(text, text)
    return re.sub(r"\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|.|\n)", one, body, flags=re.S)


@functools.lru_cache(maxsize=None)  # several checks look at the same file; nobody changes what comes back
def tokens(source):
    """Every token but comments, directives and space."""
    found, line = [], 1
    for match in TOKEN.finditer(source):
        kind, text = match.lastgroup, match.group()
        if kind == "string":
            found.append(Token(kind, unescape(text[text.index('"') + 1:-1]), line))
        elif kind not in ("comment", "directive", "space"):
            found.append(Token(kind, text, line))
        line += text.count("\n")
    return found


def comments_blanked(source):
    """The source with comments and literals' insides blanked, lines kept."""
    def blank(match):
        if match.lastgroup in ("comment", "string", "char"):
            return re.sub(r"[^\n]", " ", match.group())
        return match.group()
    return TOKEN.sub(blank, source)


def includes(source):
    """(line, name, quoted) of every #include."""
    for number, text in enumerate(source.split("\n"), 1):
        found = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', text)
        if found:
            yield number, found.group(2), found.group(1) == '"'


def joined(stream):
    """The stream with adjacent literals joined; a macro between two literals becomes one MACRO character."""
    result, i = [], 0
    while i < len(stream):
        token = stream[i]
        if token.kind != "string":
            result.append(token)
            i += 1
            continue
        text, j = token.text, i + 1
        while j < len(stream):
            if stream[j].kind == "string":
                text += stream[j].text
                j += 1
            elif (stream[j].kind == "word" and stream[j].text.upper() == stream[j].text and j + 1 < len(stream)
                  and (stream[j + 1].kind == "string" or stream[j + 1].text in ",);")):
                text += MACRO
                j += 1
            else:
                break
        result.append(Token("string", text, token.line))
        i = j
    return result


def calls(stream, names):
    """(name token, arguments) of each call of one of `names`; an argument is a list of tokens. A declaration or
    definition (a word or '*' before the name that is no keyword of a statement) is left out."""
    for i, token in enumerate(stream):
        if token.kind != "word" or token.text not in names or i + 1 >= len(stream) or stream[i + 1].text != "(":
            continue
        before = stream[i - 1] if i else None
        if before is not None and (before.text == "*" or (before.kind == "word" and before.text not in ("return", "else", "do"))):
            if before.text != "*" or (i > 1 and stream[i - 2].text in ("char", "void")):
                continue
        depth, arguments, current = 0, [], []
        for inner in stream[i + 1:]:
            if inner.text in ("(", "[", "{") and inner.kind == "mark":
                depth += 1
                if depth == 1:
                    continue
            elif inner.text in (")", "]", "}") and inner.kind == "mark":
                depth -= 1
                if depth == 0:
                    break
            if depth == 1 and inner.kind == "mark" and inner.text == ",":
                arguments.append(current)
                current = []
            else:
                current.append(inner)
        arguments.append(current)
        yield token, arguments
