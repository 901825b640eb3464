"""served.py: what the HTTP tests share: a served demonstration and raw requests to it. Standard library only.

Requests are written byte by byte to a socket, so that a test can send what no client library would."""
import base64
import contextlib
import hashlib
import hmac
import html
import html.parser
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def totp(key, seconds):
    """RFC 6238, by another hand than the program's."""
    mac = hmac.new(base64.b32decode(key), struct.pack(">Q", int(seconds) // 30), hashlib.sha1).digest()
    at = mac[-1] & 15
    return "%06d" % ((struct.unpack(">I", mac[at:at + 4])[0] & 0x7fffffff) % 1000000)


class Served:
    """`attune demo --frozen --json` on a free port of loopback; `world` is the line that it prints."""

    def __init__(self, *more, frozen=True, seconds=180):
        self.scratch = tempfile.mkdtemp(prefix="attune-http-")
        program = os.environ.get("ATTUNE_PROGRAM", str(ROOT / "build/attune"))
        command = [program, "demo", *(["--frozen"] if frozen else []), "--json", "--home", self.scratch + "/homes",
                   "--listen", "127.0.0.1:0", *more]
        self.log_path = self.scratch + "/log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        late = threading.Timer(seconds, self.process.kill)
        late.start()
        line = self.process.stdout.readline()
        late.cancel()
        if not line:
            text = self.log()
            self.stop()
            raise RuntimeError(f"attune demo ended or said nothing in {seconds} s:\n{text[-2000:]}")
        self.world = json.loads(line)
        place = urllib.parse.urlsplit(self.world["url"])
        self.address = (place.hostname, place.port)
        self.origin = f"{place.scheme}://{place.netloc}"

    def log(self):
        return pathlib.Path(self.log_path).read_text("utf-8", "replace")

    def study(self, name):
        return next(s for s in self.world["studies"] if s["name"] == name)

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        """Asks it to end; returns its status."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.scratch, ignore_errors=True)
        return self.process.returncode

    def connect(self, seconds=20):
        return socket.create_connection(self.address, timeout=seconds)

    def raw(self, request, seconds=20, method="GET"):
        """Sends the bytes as they are; returns an Answer, or None when the connection closed without one."""
        with self.connect(seconds) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(request)
            return read_answer(connection, method)

    def ask(self, method, path, headers=(), body=None, cookies=None, seconds=20):
        """An ordinary request. `headers` is a list of pairs; a Host of our own is added if there is none."""
        head = list(headers)
        if not any(name.lower() == "host" for name, _ in head):
            head.insert(0, ("Host", f"{self.address[0]}:{self.address[1]}"))
        if cookies:
            head.append(("Cookie", "; ".join(f"{k}={v}" for k, v in cookies.items())))
        if isinstance(body, (dict, list)):
            body = urllib.parse.urlencode(body).encode()
            head.append(("Content-Type", "application/x-www-form-urlencoded"))
        if isinstance(body, str):
            body = body.encode()
        if body is not None and not any(n.lower() in ("content-length", "transfer-encoding") for n, _ in head):
            head.append(("Content-Length", str(len(body))))
        head.append(("Connection", "close"))
        lines = [f"{method} {path} HTTP/1.1"] + [f"{name}: {value}" for name, value in head]
        return self.raw(("\r\n".join(lines) + "\r\n\r\n").encode("utf-8") + (body or b""), seconds, method)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def header(self, name):
        """The value of a header; None when absent; joined by a comma when repeated."""
        found = [v for k, v in self.headers if k.lower() == name.lower()]
        return ", ".join(found) if found else None

    def cookies(self):
        """name: (value, attributes in lower case) of every Set-Cookie."""
        made = {}
        for name, value in self.headers:
            if name.lower() == "set-cookie":
                pair, *attributes = [part.strip() for part in value.split(";")]
                made[pair.split("=", 1)[0]] = (pair.split("=", 1)[1], [a.lower() for a in attributes])
        return made

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def __repr__(self):
        return f"Answer({self.status}, {self.headers}, {self.body[:300]!r})"


def read_head(connection, data):
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            break
        data += piece
    return data


def read_all(connection):
    """Everything that comes until the other side closes (or says nothing for as long as the socket waits)."""
    data = b""
    with contextlib.suppress(ConnectionResetError, socket.timeout):
        while piece := connection.recv(65536):
            data += piece
    return data


def read_answer(connection, method="GET"):
    data = b""
    with contextlib.suppress(ConnectionResetError, socket.timeout):
        data = read_head(connection, data)
        if data.startswith(b"HTTP/1.1 100"):
            data = read_head(connection, data.partition(b"\r\n\r\n")[2])
    if b"\r\n\r\n" not in data:
        return None
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
    answer = Answer(int(lines[0].split()[1]), headers, body)
    length = answer.header("content-length")
    with contextlib.suppress(ConnectionResetError, socket.timeout):
        while method != "HEAD" and (length is None or len(answer.body) < int(length)):
            piece = connection.recv(65536)
            if not piece:
                break
            answer.body += piece
    return answer


class Person:
    """Someone with a browser's habits: keeps cookies, follows redirects, says where a form was posted from."""

    def __init__(self, served):
        self.served, self.cookies = served, {}
        self.path = "/"

    @staticmethod
    def path_of(url):
        place = urllib.parse.urlsplit(url)
        return (place.path or "/") + (f"?{place.query}" if place.query else "")

    def ask(self, method, url, headers=(), body=None):
        answer = self.served.ask(method, self.path_of(url), headers, body, self.cookies)
        if answer:
            for name, (value, attributes) in answer.cookies().items():
                if "max-age=0" in attributes or value == "":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = value
        return answer

    def get(self, url, headers=(), follow=True):
        answer = self.ask("GET", url, headers)
        for _ in range(5):
            if not (follow and answer and answer.status in (301, 302, 303, 307, 308)):
                break
            url = urllib.parse.urljoin(url, answer.header("location"))
            answer = self.ask("GET", url, headers)
        self.path = self.path_of(url)
        return answer

    def own_headers(self):
        return [("Origin", self.served.origin), ("Sec-Fetch-Site", "same-origin"), ("Referer", self.served.origin + self.path)]

    def post(self, url, fields, headers=None, follow=False):
        """Posts as a page of ours would, from the same origin."""
        answer = self.ask("POST", url, self.own_headers() if headers is None else headers, fields)
        if follow and answer and answer.status in (302, 303):
            return self.get(urllib.parse.urljoin(url, answer.header("location")))
        return answer

    def sign_in(self, link):
        """Opens a one-time sign-in link, and confirms it where the page asks for that."""
        answer = self.get(link)
        forms = [f for f in forms_of(answer.text) if f["method"] == "post"]
        if answer.status == 200 and self.path.startswith(self.path_of(link)) and forms:
            answer = self.post(urllib.parse.urljoin(self.path, forms[-1]["action"] or self.path), forms[-1]["fields"], follow=True)
        return answer


class FormReader(html.parser.HTMLParser):
    """The forms of a page: action, method, the fields as a browser would send them untouched, and `all` controls."""

    def __init__(self):
        super().__init__()
        self.forms, self.current, self.select, self.area = [], None, None, None

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if tag == "form":
            self.current = {"action": a.get("action", ""), "method": a.get("method", "get").lower(), "id": a.get("id"),
                            "fields": {}, "all": []}
            self.forms.append(self.current)
        form = next((f for f in self.forms if f["id"] == a["form"]), None) if a.get("form") else self.current
        if form is None or tag not in ("input", "select", "textarea", "button", "option"):
            return
        if tag == "option":
            if self.select and ("selected" in a or self.select not in form["fields"]):
                form["fields"][self.select] = a.get("value", "")
            return
        form["all"].append((tag, a))
        if a.get("name") and "disabled" not in a:
            self.control(form, tag, a)

    def control(self, form, tag, a):
        name, kind = a["name"], a.get("type", "text")
        if tag == "select":
            self.select = name
        elif tag == "textarea":
            self.area = name
            form["fields"][name] = ""
        elif tag == "input" and kind in ("radio", "checkbox"):
            if "checked" in a:
                form["fields"][name] = a.get("value", "on")
        elif tag == "input" and kind not in ("submit", "button", "reset", "file"):
            form["fields"][name] = a.get("value", "")

    def handle_endtag(self, tag):
        if tag == "form":
            self.current = None
        elif tag == "select":
            self.select = None
        elif tag == "textarea":
            self.area = None

    def handle_data(self, data):
        if self.area and self.current is not None:
            self.current["fields"][self.area] += data


def forms_of(text):
    reader = FormReader()
    reader.feed(text)
    return reader.forms


def words_of(text):
    """What a person reads on the page: the text without markup."""
    text = re.sub(r"(?s)<(script|style|svg)\b.*?</\1>", " ", text)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"(?s)<[^>]+>", " ", text))).strip()
