"""markup.py: what html() and url() write, and what the page's own files hold.

Formats are literals; the conversions are those that html() knows; no word of a language stands in a format (words come
from src/base/words.def); nothing inline: no <script> body, <style>, style or on* attribute; a value within a tag stands
in double quotes; markup is written by html() alone."""
import re

from .ctext import MACRO, calls, joined, tokens
from .fault import Fault

HTML_CONVERSION = re.compile(r"%(?:s|d|ld|lld|zu|u|c|\.\d+f|%)")
URL_CONVERSION = re.compile(r"%(?:s|d|lld|%)")
ANY_CONVERSION = re.compile(r"%(?:[-+ #0]*[\d*]*(?:\.[\d*]+)?(?:hh|h|ll|l|z|j|t|L)?[a-zA-Z]|%|" + MACRO + ")")
SPOKEN = ("title", "alt", "placeholder", "aria-label", "aria-description", "aria-valuetext", "aria-roledescription", "label", "summary")
NAMES = {"Attune"}  # not a word of any language


def split_tags(text):
    """(inside tags, outside tags) of a format that may begin or end within a tag."""
    if re.match(r'^\s+[a-z][a-z-]*(=|\s|$|>)', text) and ("<" not in text or text.find(">") < text.find("<") and ">" in text):
        text = "<x" + text
    elif ">" in text and text.find(">") < (text.find("<") if "<" in text else len(text)) and not text.startswith("-"):
        text = '<x "' + text if re.match(r'^[^"]*"[^"]*>', text) and text.count('"') % 2 else "<x " + text
    inside, outside, i = [], [], 0
    while i < len(text):
        if text.startswith("<!--", i):
            end = text.find("-->", i)
            i = len(text) if end < 0 else end + 3
        elif text[i] == "<" and re.match(r"<[/!a-zA-Z]", text[i:]):
            quote, j = None, i + 1
            while j < len(text) and (quote or text[j] != ">"):
                if text[j] == '"':
                    quote = None if quote else '"'
                j += 1
            inside.append(text[i:j + 1])
            outside.append(" ")
            i = j + 1
        else:
            outside.append(text[i])
            i += 1
    return inside, "".join(outside)


def speaks(text):
    """The first word of letters that is left when conversions, entities and names are taken out; None if none."""
    text = ANY_CONVERSION.sub(" ", text).replace(MACRO, " ")
    text = re.sub(r"&(?:#\d+|#x[0-9a-fA-F]+|\w+);", " ", text)
    for word in re.findall(r"[^\W\d_]+", text):
        if word not in NAMES:
            return word
    return None


def check_tag(path, line, tag):
    faults = []
    if re.search(r"[\s\"']style\s*=", tag):
        faults.append(Fault(path, line, "a style attribute: the stylesheet has a class for it"))
    found = re.search(r"[\s\"'](on[a-z]+)\s*=", tag)
    if found:
        faults.append(Fault(path, line, f"an inline handler: {found.group(1)}"))
    if re.match(r"<style\b", tag):
        faults.append(Fault(path, line, "a <style> element: there is one stylesheet"))
    if re.match(r"<script\b", tag) and "src=" not in tag:
        faults.append(Fault(path, line, "a script without src: nothing runs inline"))
    if re.search(r"javascript:|data:text", tag, re.I):
        faults.append(Fault(path, line, "an address that runs"))
    bare = re.sub(r'"[^"]*"?', '""', tag)
    if re.search(r"=\s*[%'" + MACRO + "]", bare):
        faults.append(Fault(path, line, "a value within a tag stands in double quotes"))
    for name, value in re.findall(r'\s([a-z-]+)="([^"]*)', tag):
        word = speaks(value) if name in SPOKEN else None
        if word:
            faults.append(Fault(path, line, f"the word '{word}' in {name}: words come from src/base/words.def"))
    return faults


def check_format(path, token, argument):
    if len(argument) != 1 or argument[0].kind != "string":
        return [Fault(path, token.line, "the format of html() is a literal")]
    text, line, faults = argument[0].text, argument[0].line, []
    for conversion in ANY_CONVERSION.findall(text):
        if not HTML_CONVERSION.fullmatch(conversion):
            faults.append(Fault(path, line, f"html() does not know {conversion!r}"))
    inside, outside = split_tags(text)
    for tag in inside:
        faults += check_tag(path, line, tag)
    word = speaks(outside)
    if word:
        faults.append(Fault(path, line, f"the word '{word}' in a format: words come from src/base/words.def"))
    return faults


def check_code(path, text):
    faults, stream = [], joined(tokens(text))
    for token, arguments in calls(stream, {"html"}):
        if len(arguments) > 1:
            faults += check_format(path, token, arguments[1])
        for value in (t for a in arguments[2:] for t in a if t.kind == "string"):
            if re.search(r'="|<[/a-z]|&\w+;', value.text):
                faults.append(Fault(path, value.line, "a value is escaped: markup in it will be read as text"))
    for token, arguments in calls(stream, {"url", "address"}):
        if len(arguments) < 2:
            continue
        if len(arguments[1]) != 1 or arguments[1][0].kind != "string":
            faults.append(Fault(path, token.line, "the format of url() is a literal"))
        elif any(not URL_CONVERSION.fullmatch(c) for c in ANY_CONVERSION.findall(arguments[1][0].text)):
            faults.append(Fault(path, token.line, "url() knows %s, %d and %lld alone"))
    if path.startswith(("src/web/", "src/report/")):
        for token, arguments in calls(stream, {"buf_add", "buf_adds", "buf_addf"}):
            if any(t.kind == "string" and re.search(r"<[/!a-zA-Z]", t.text) for a in arguments[1:2] for t in a):
                faults.append(Fault(path, token.line, "markup is written by html() alone"))
    return faults


def check_asset(path, text):
    """Scripts and stylesheets: nothing from elsewhere, nothing that runs text."""
    faults = []
    for number, line in enumerate(text.split("\n"), 1):
        if path.endswith(".js") and re.search(r"\beval\s*\(|new\s+Function\b|innerHTML|outerHTML|insertAdjacentHTML|document\.write", line):
            faults.append(Fault(path, number, "a script neither runs text nor writes markup"))
        if re.search(r"https?://|@import|url\(\s*['\"]?(?!#|data:image|/)", line) and "www.w3.org" not in line and not re.match(r"\s*(/?\*|//)", line):
            faults.append(Fault(path, number, "nothing is fetched from elsewhere"))
    return faults


def check(files):
    faults = []
    for path, text in files.items():
        if re.match(r"src/.*\.[ch]$", path) and path not in ("src/base/buf.c", "src/base/buf.h"):
            faults += check_code(path, text)
        elif re.match(r"assets/.*\.(js|css)$", path):
            faults += check_asset(path, text)
    return faults


def c(body):
    return {"src/web/page_x.c": "void f(struct buf *o) {\n" + body + "\n}\n"}


PLANTED = [
    (c("html(o, name);"), "is a literal"),
    (c('html(o, wide ? "<p>" : "<b>");'), "is a literal"),
    (c('html(o, "<p>Hello</p>");'), "the word 'Hello'"),
    (c('html(o, "<p>%s patients</p>", n);'), "the word 'patients'"),
    (c('html(o, "<p>"\n "Bon" "jour</p>");'), "the word 'Bonjour'"),
    (c('html(o, "<td>%s</td><td>n/a</td>", x);'), "the word 'n'"),
    (c('html(o, "<button aria-label=\\"Close\\">&times;</button>");'), "the word 'Close'"),
    (c('html(o, "<img alt=\\"A chart\\" src=\\"%s\\">", u);'), "the word 'A'"),
    (c('html(o, "\\">Next</a>");'), "the word 'Next'"),
    (c('html(o, "<p style=\\"color:red\\">");'), "a style attribute"),
    (c('html(o, "<p onclick=\\"x()\\">");'), "an inline handler"),
    (c('html(o, "<script>%s</script>", x);'), "a script without src"),
    (c('html(o, "<style>p{}</style>");'), "a <style> element"),
    (c('html(o, "<a href=%s>", u);'), "in double quotes"),
    (c('html(o, "<a href=\\"javascript:%s\\">", u);'), "an address that runs"),
    (c('html(o, "<p>%x</p>", n);'), "does not know"),
    (c('html(o, "<p>%5.2f</p>", n);'), "does not know"),
    (c('html(o, "<b%s>", wide ? " class=\\"wide\\"" : "");'), "read as text"),
    (c('html(o, "<p>%s</p>", found ? name : "&ndash;");'), "read as text"),
    (c('buf_adds(o, "<p>");'), "by html() alone"),
    (c("return url(a, path);"), "url() is a literal"),
    (c("return address(r, path);"), "url() is a literal"),
    ({"assets/a.js": "box.innerHTML = name;\n"}, "neither runs text"),
    ({"assets/a.css": "@import 'x.css';\n"}, "from elsewhere"),
    ({"assets/a.js": "fetch('https://example.org/x');\n"}, "from elsewhere"),
]
SOUND = [
    c('html(o, "<td class=\\"wide %s\\" data-x=\\"%d\\">%s &middot; %.1f&nbsp;%%</td>", k, n, name, v);'),
    c('html(o, " aria-current=\\"page\\"");'),
    c('html(o, " hidden");'),
    c('html(o, "\\">%s</a>", name);'),
    c('html(o, "<script src=\\"/attune.js\\" defer></script><title>%s &ndash; Attune</title>", w);'),
    c('/* html(o, name); */ html(o, "%lld", (long long)n);'),
    {"src/web/html.h": "void html(struct buf *out, const char *format, ...);\n"},
    {"assets/a.css": "a { background: url(data:image/svg+xml,x); }\n"},
]
