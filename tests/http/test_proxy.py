"""Whose address counts, without a proxy and behind one; and the nginx of docs/serving.md in front of a real home."""
import contextlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
import unittest
import urllib.parse

from served import ROOT, read_all, read_answer
from test_real_home import PROGRAM, Real

NAME = "trial.example.org"
TRIES = 10  # people/throttle.h


class Serving(Real):
    def __init__(self, *options, listen="127.0.0.1:0"):
        super().__init__()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([PROGRAM, "serve", self.home, "--listen", listen, *options], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=log)
        place = urllib.parse.urlsplit(self.process.stdout.readline().decode().strip())
        self.address, self.origin = (place.hostname, place.port), f"{place.scheme}://{place.netloc}"

    def close(self):
        status = self.pause()
        shutil.rmtree(self.scratch, ignore_errors=True)
        assert status == 0, f"the server ended with status {status}"


def wrong_try(served, number, headers, ask=None):
    """The status of a wrong sign-in under a name of its own: 403, or 429 once the network has had its tries."""
    ask = ask or served.ask
    page = ask("GET", "/practice/sign-in", headers)
    cookie = page.header("set-cookie").split(";")[0]
    token = re.search(r'name="form_token" value="([^"]+)"', page.text).group(1)
    body = urllib.parse.urlencode({"form_token": token, "login": f"nobody-{number}", "password": "wrong words here"}).encode()
    return ask("POST", "/practice/sign-in", [*headers, ("Cookie", cookie), ("Content-Type", "application/x-www-form-urlencoded")], body).status


class Addresses(unittest.TestCase):
    def tries(self, served, forwarded, count=TRIES + 1):
        """The statuses of wrong tries; `forwarded(i)` is the value of X-Forwarded-For, or several, or None."""
        found = []
        for i in range(count):
            values = forwarded(i)
            values = values if isinstance(values, list) else [values]
            found.append(wrong_try(served, i, [("X-Forwarded-For", v) for v in values if v]))
        return found

    def check_held(self, statuses):
        self.assertEqual(statuses[:TRIES], [403] * TRIES)
        self.assertEqual(statuses[TRIES:], [429] * (len(statuses) - TRIES))

    def test_without_a_proxy_the_header_means_nothing(self):
        served = Serving()
        try:
            self.check_held(self.tries(served, lambda i: f"192.0.2.{i}"))
        finally:
            served.close()

    def test_behind_a_proxy_the_last_address_counts(self):
        served = Serving("--behind-tls", "--base", f"https://{NAME}")
        try:
            self.check_held(self.tries(served, lambda i: f"203.0.113.{i}, 198.51.100.7"))
            self.assertEqual(self.tries(served, lambda i: "198.51.100.7, 192.0.2.1", 1), [403])  # another network
            self.assertEqual(self.tries(served, lambda i: ["192.0.2.1", "198.51.100.7"], 1), [429])  # the last header, too
            self.assertEqual(self.tries(served, lambda i: "::ffff:198.51.100.7", 1), [429])
            self.check_held(self.tries(served, lambda i: f"2001:db8:1:2::{i + 1:x}"))  # one /64 is one network
            self.assertEqual(self.tries(served, lambda i: "2001:db8:1:3::1", 1), [403])
        finally:
            served.close()

    def test_a_named_proxy_alone_is_believed(self):
        served = Serving("--proxy", "127.0.7.7")
        try:
            self.check_held(self.tries(served, lambda i: f"192.0.2.{i}"))  # we are 127.0.0.1
            served.source = ("127.0.7.7", 0)
            served.connect = lambda seconds=20: socket.create_connection(served.address, seconds, served.source)
            self.assertEqual(self.tries(served, lambda i: f"192.0.2.{i}"), [403] * (TRIES + 1))
        finally:
            served.close()
        done = subprocess.run([PROGRAM, "serve", "/nowhere", "--proxy", "proxy.example.org"], stderr=subprocess.PIPE, text=True, check=False)
        self.assertNotEqual(done.returncode, 0)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@unittest.skipUnless(shutil.which("nginx") or os.path.exists("/usr/sbin/nginx"), "there is no nginx here; scripts/deps installs it")
class Nginx(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.served = served = Serving("--behind-tls", "--base", f"https://{NAME}")
        cls.port = free_port()
        place = served.scratch + "/nginx"
        os.mkdir(place)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                        f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", place + "/key.pem", "-out", place + "/certificate.pem"],
                       check=True, stderr=subprocess.DEVNULL)
        text = re.search(r"```nginx\n(.*?)```", (ROOT / "docs/serving.md").read_text("utf-8"), re.S).group(1)
        for of_docs, here in (("listen 443 ", f"listen 127.0.0.1:{cls.port} "), ("127.0.0.1:8080", f"127.0.0.1:{served.address[1]}"),
                              ("/etc/ssl/attune/", place + "/"), ("/var/log/nginx/attune.log", place + "/log")):
            assert of_docs in text, of_docs
            text = text.replace(of_docs, here)
        temporary = "".join(f"{kind}_temp_path {place}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(place + "/conf", "w", encoding="utf-8") as conf:
            conf.write(f"daemon off;\nmaster_process off;\npid {place}/pid;\nerror_log {place}/errors;\nevents {{}}\nhttp {{\n{temporary}{text}}}\n")
        cls.nginx = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-p", place, "-c", place + "/conf"], stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.context = ssl.create_default_context(cafile=place + "/certificate.pem")
        for _ in range(100):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", cls.port), 1).close()
                return
            time.sleep(0.1)
        raise RuntimeError("nginx does not answer: " + open(place + "/errors", encoding="utf-8").read())

    @classmethod
    def tearDownClass(cls):
        cls.nginx.terminate()
        cls.nginx.wait(20)
        cls.served.close()

    def connect(self, name=NAME, source="127.0.0.1"):
        plain = socket.create_connection(("127.0.0.1", self.port), 20, (source, 0))
        return self.context.wrap_socket(plain, server_hostname=name)

    def ask(self, method, path, headers=(), body=None, source="127.0.0.1"):
        head = [("Host", NAME), *headers, ("Connection", "close")] + ([("Content-Length", str(len(body)))] if body is not None else [])
        lines = "\r\n".join([f"{method} {path} HTTP/1.1"] + [f"{k}: {v}" for k, v in head]) + "\r\n\r\n"
        with self.connect(source=source) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(lines.encode() + (body or b""))
            return read_answer(connection, method)

    def test_pages_come_through(self):
        page = self.ask("GET", "/practice/sign-in")
        self.assertEqual(page.status, 200)
        self.assertIn("__Host-attune-door=", page.header("set-cookie"))
        self.assertIn("Secure", page.header("set-cookie"))
        self.assertEqual(page.header("strict-transport-security"), "max-age=31536000")
        self.assertEqual(self.ask("HEAD", "/practice/help").status, 200)
        self.assertEqual(self.ask("POST", "/f/none", [("Content-Type", "application/x-www-form-urlencoded")], b"a" * (300 << 10)).status, 413)
        with self.assertRaises(ssl.SSLError):
            self.connect(name="elsewhere.example.org")

    def test_the_clients_address_is_counted(self):
        def ask(*words):
            return self.ask(*words, source="127.0.9.9")
        statuses = [wrong_try(self.served, i, [("X-Forwarded-For", f"192.0.2.{i}")], ask) for i in range(TRIES + 1)]
        self.assertEqual(statuses, [403] * TRIES + [429])
        self.assertEqual(wrong_try(self.served, 99, [], self.ask), 403)  # another client of the same proxy

    def test_what_the_program_cannot_see_is_refused_or_written_anew(self):
        host = f"Host: {NAME}\r\n".encode()
        after = b"GET /after HTTP/1.1\r\n" + host + b"\r\n"
        refused = (b"GET / HTTP/1.1\r\n" + host + b"X: a\r\n b\r\n\r\n",  # folded
                   b"GET / HTTP/1.1\r\n" + host + b"X: a\0b\r\n\r\n", b"GET /\0 HTTP/1.1\r\n" + host + b"\r\n",
                   b"GET / HTTP/1.1\r\n" + host + b"Content-Length : 5\r\n\r\n", b"GET / HTTP/1.1\r\n" + host + host + b"\r\n",
                   b"GET / HTTP/1.1\r\n" + host + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
                   b"GET / HTTP/1.1\r\n" + host + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")
        for sent in refused:
            with self.subTest(sent=sent[:80]), self.connect() as connection:
                connection.sendall(sent + after)
                said = read_all(connection)
                self.assertTrue(said.startswith(b"HTTP/1.1 400 "), said[:200])
                self.assertEqual(said.count(b"HTTP/1.1 "), 1)
        for ending in (b"\n", b"\r\n"):  # a bare line feed is an end of line, for both of us
            with self.subTest(ending=ending), self.connect() as connection:
                lines = [b"POST /f/none HTTP/1.1", host.strip(), b"Content-Type: application/x-www-form-urlencoded", b"Content-Length: 7", b"", b"a=b&c=d"]
                connection.sendall(ending.join(lines) + after.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                said = read_all(connection)
                self.assertEqual(re.findall(rb"HTTP/1.1 (\d+) ", said), [b"404", b"404"], said)


if __name__ == "__main__":
    unittest.main()
