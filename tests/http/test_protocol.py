"""What every answer carries, and what the server says to requests that no browser of ours would send."""
import json
import os
import re
import subprocess
import unittest

from served import ROOT, Person, Served, read_all, words_of

# Header: what its value must hold.
SECURITY = {
    "content-security-policy": ["default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"],
    "x-content-type-options": ["nosniff"],
    "x-frame-options": ["DENY"],
    "referrer-policy": ["no-referrer"],
    "cross-origin-opener-policy": ["same-origin"],
    "cross-origin-resource-policy": ["same-origin"],
    "permissions-policy": ["camera=()", "geolocation=()", "microphone=()"],
}


def routes():
    """The route table, as the program prints it."""
    program = os.environ.get("ATTUNE_PROGRAM", str(ROOT / "build/attune"))
    done = subprocess.run([program, "routes", "--json"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    table = json.loads(done.stdout)
    return table["routes"] if isinstance(table, dict) else table


class Protocol(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.served = Served()

    @classmethod
    def tearDownClass(cls):
        status = cls.served.stop()
        assert status == 0, f"the server ended with status {status}"

    def ask(self, method, path, *more, **named):
        answer = self.served.ask(method, path, *more, **named)
        self.assertTrue(self.served.alive(), "the server has ended")
        return answer

    def check_headers(self, answer, what, stored=False):
        self.assertIsNotNone(answer, what)
        for name, parts in SECURITY.items():
            for part in parts:
                self.assertIn(part, answer.header(name) or "", f"{what}: {name}")
        policy = answer.header("content-security-policy")
        self.assertNotIn("unsafe", policy, what)
        self.assertNotIn("*", policy, what)
        if not stored:
            self.assertEqual(answer.header("cache-control"), "no-store", what)
        self.assertIsNone(answer.header("server"), what)
        if answer.body and answer.status != 304:
            self.assertTrue(answer.header("content-type"), what)

    def addresses(self):
        """An address for every row of the route table; values that nobody has stand for its parameters."""
        name = self.served.world["studies"][0]["name"]
        for row in routes():
            path = re.sub(r":\w+", "none", row["path"])
            yield row, path if row.get("site") else "/" + name + (path if path != "/" else "/")

    def test_every_route_answers_with_the_security_headers(self):
        count = 0
        for row, path in self.addresses():
            for method in ("GET", "POST"):
                with self.subTest(method=method, path=path):
                    self.check_headers(self.ask(method, path), f"{method} {path}", stored="assets" in path)
                    count += 1
        self.assertGreaterEqual(count, 40)

    def test_refusals_carry_them_too(self):
        for path in ("/", "/none", "/none/none", "/f/none", "/assets/none.css", "/%ff", "/%", "/a%00b", "//", "/../etc/passwd"):
            with self.subTest(path=path):
                answer = self.ask("GET", path)
                self.check_headers(answer, path, stored="assets" in path and answer.status == 200)

    def test_what_is_not_there_is_a_plain_page(self):
        for path in ("/none", "/none/patients", "/f/none", "/f/", "/assets/none.js", "/trial-none/"):
            with self.subTest(path=path):
                answer = self.ask("GET", path)
                self.assertEqual(answer.status, 404)
                self.assertGreater(len(words_of(answer.text)), 20)

    def test_other_methods_are_refused(self):
        name = self.served.world["studies"][0]["name"]
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "FOO", "TRACE"):
            for path in ("/", f"/{name}/", f"/{name}/sign-in", "/none"):
                with self.subTest(method=method, path=path):
                    answer = self.ask(method, path)
                    self.assertIsNotNone(answer)
                    self.assertIn(answer.status, (404, 405, 501))
                    self.assertNotIn("TRACE", answer.text[:100])

    def test_405_names_the_other_method(self):
        seen = 0
        have = {(row["path"], row["method"]) for row, _ in self.addresses()}
        for row, path in self.addresses():
            other = "POST" if row["method"] == "GET" else "GET"
            if ":" in row["path"] or (row["path"], other) in have:
                continue
            with self.subTest(path=path, method=other):
                answer = self.ask(other, path)
                self.assertEqual(answer.status, 405)
                self.assertIn(row["method"], answer.header("allow"))
                seen += 1
        self.assertGreater(seen, 3)

    def test_head_is_get_without_a_body(self):
        name = self.served.world["studies"][0]["name"]
        for path in ("/", f"/{name}/sign-in", "/none"):
            with self.subTest(path=path):
                get, head = self.ask("GET", path), self.ask("HEAD", path)
                self.assertEqual(head.status, get.status)
                self.assertEqual(head.body, b"")
                self.assertEqual(head.header("content-length"), get.header("content-length"))
                names = {n.lower() for n, _ in get.headers} - {"set-cookie"}
                self.assertEqual({n.lower() for n, _ in head.headers} - {"set-cookie"}, names)

    def test_assets_are_kept_for_ever_under_their_hash(self):
        page = self.ask("GET", "/").text
        assets = set(re.findall(r'"(/assets/[^"]+)"', page))
        self.assertTrue(assets)
        for path in assets:
            with self.subTest(path=path):
                answer = self.ask("GET", path)
                self.assertEqual(answer.status, 200)
                self.assertIn("immutable", answer.header("cache-control"))
                self.assertRegex(path, r"\.[0-9a-f]{8,}\.\w+$")
                self.assertNotEqual(self.ask("GET", re.sub(r"\.[0-9a-f]{8,}", ".0000000000000000", path)).status, 200)
                self.check_headers(answer, path, stored=True)

    def test_bodies_that_are_too_large(self):
        name = self.served.world["studies"][0]["name"]
        form = [("Content-Type", "application/x-www-form-urlencoded")]
        for path in (f"/{name}/sign-in", "/f/none"):
            with self.subTest(path=path, how="declared"):
                answer = self.ask("POST", path, form + [("Content-Length", str(1 << 40))], b"login=a")
                self.assertEqual(answer.status, 413)
            with self.subTest(path=path, how="sent"):
                answer = self.ask("POST", path, form, b"login=" + b"a" * (600 << 10))
                self.assertTrue(answer is None or answer.status == 413)
            with self.subTest(path=path, how="chunked"):
                piece = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
                answer = self.ask("POST", path, form + [("Transfer-Encoding", "chunked")], piece * 12 + b"0\r\n\r\n")
                self.assertTrue(answer is None or answer.status == 413)

    def test_bodies_of_another_kind(self):
        name = self.served.world["studies"][0]["name"]
        for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x", "application/xml"):
            with self.subTest(kind=kind):
                answer = self.ask("POST", f"/{name}/sign-in", [("Content-Type", kind)], b'{"login": 1}')
                self.assertEqual(answer.status, 415)

    def test_forms_that_cannot_be_read(self):
        name = self.served.world["studies"][0]["name"]
        form = [("Content-Type", "application/x-www-form-urlencoded")]
        for body in (b"login=%zz", b"login=%", b"&".join(b"a%d=1" % i for i in range(3000))):
            with self.subTest(body=body[:20]):
                self.assertEqual(self.ask("POST", f"/{name}/sign-in", form, body).status, 400)

    def test_queries_that_cannot_be_read(self):
        name = self.served.world["studies"][0]["name"]
        pages = set()
        for query in ("?%zz", "?%", "?done=%", "?a=1&%zz", "?%zz&a=1", "?a=%zz", "?a=%z", "?%00=1", "?=%", "?a=1&b=%f"):
            for path in ("/", f"/{name}/", f"/{name}/sign-in", f"/{name}/caseload", "/f/none", "/none"):
                for method in ("GET", "HEAD", "POST"):
                    with self.subTest(method=method, path=path + query):
                        answer = self.ask(method, path + query)
                        self.assertEqual(answer.status, 400)
                        self.check_headers(answer, path + query)
                        if method == "GET" and not path.startswith("/f/"):
                            pages.add(answer.text)
            for method in ("PUT", "DELETE", "PATCH"):
                with self.subTest(method=method, query=query):
                    self.assertIn(self.ask(method, f"/{name}/sign-in{query}").status, (400, 405))
        self.assertEqual(len(pages), 1)  # one page, whatever was asked for
        answer = self.ask("GET", "/?" + "&".join(f"a{i}=1" for i in range(3000)))
        self.assertTrue(answer is None or answer.status in (400, 413, 414, 431), answer)
        self.assertIn('lang="fr', self.ask("GET", "/?%zz", [("Accept-Language", "fr")]).text)

    def test_a_body_where_none_belongs(self):
        """Refused and the connection closed: what follows on it is not taken for a request."""
        name = self.served.world["studies"][0]["name"]
        host = f"Host: {self.served.address[0]}".encode()
        chunked = b"5\r\nhello\r\n0\r\n\r\n"
        asked = 0
        for path, want in (("/", 400), (f"/{name}/sign-in", 400), ("/f/none", 400), ("/none/none", 404), (f"/{name}/none", 404)):
            for framing, body in ((b"Content-Length: 5", b"hello"), (b"Transfer-Encoding: chunked", chunked)):
                with self.subTest(path=path, framing=framing):
                    head = b"GET " + path.encode() + b" HTTP/1.1\r\n" + host + b"\r\n" + framing + b"\r\n\r\n"
                    after = b"GET /after HTTP/1.1\r\n" + host + b"\r\n\r\n"
                    with self.served.connect() as connection:
                        connection.sendall(head + body + after)
                        said = read_all(connection)
                    self.assertEqual(said.count(b"HTTP/1.1 "), 1, said)
                    self.assertIn(b"HTTP/1.1 %d " % want, said)
                    asked += 1
        for method, want in (("PUT", 405), ("DELETE", 405), ("FOO", 405)):
            self.assertEqual(self.ask(method, "/", body=b"hello").status, want)
        self.assertEqual(self.ask("PUT", "/none/none", body=b"hello").status, 404)
        self.assertEqual(self.ask("GET", "/", [("Content-Length", "0")]).status, 200)
        self.assertEqual(asked, 10)

    def test_requests_that_are_not_http(self):
        host = f"Host: {self.served.address[0]}".encode()
        for sent in (b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n" + host + b"\r\n\r\n", b"\x16\x03\x01\x02\x00" * 20,
                     b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n" + host + b"\r\n\r\n",
                     b"GET / HTTP/1.1\r\n" + host + b"\r\nX: " + b"a" * 70000 + b"\r\n\r\n",
                     b"POST / HTTP/1.1\r\n" + host + b"\r\nContent-Length: x\r\n\r\n",
                     b"POST / HTTP/1.1\r\n" + host + b"\r\nContent-Length: -1\r\n\r\n",
                     b"POST / HTTP/1.1\r\n" + host + b"\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                     b"GET / HTTP/1.1\r\n\r\n", b"GET http://elsewhere/ HTTP/1.1\r\n" + host + b"\r\n\r\n"):
            with self.subTest(sent=sent[:40]):
                answer = self.served.raw(sent, seconds=5)
                self.assertTrue(answer is None or answer.status < 500 or answer.status in (501, 505), answer)
                self.assertEqual(self.ask("GET", "/").status, 200)

    def test_heads_that_two_readers_could_take_differently(self):
        """400, one answer, and the connection closed, however much follows."""
        host = f"Host: {self.served.address[0]}"
        after = b"GET /after HTTP/1.1\r\n" + host.encode() + b"\r\n\r\n"
        asked = 0
        for method, path in (("GET", "/"), ("POST", "/f/none"), ("PUT", "/none")):
            for lines in (["Content-Length: 5", "Content-Length: 6"], ["Content-Length: 5", "Content-Length: 5"],
                          ["Content-Length: 5", "Transfer-Encoding: chunked"], ["Transfer-Encoding: chunked", "Content-Length: 5"],
                          ["Content-Length : 5"], ["Content-Length\t: 5"], [host], ["hOST: elsewhere"], ["Host : elsewhere"],
                          ["Transfer-Encoding: gzip"], ["Transfer-Encoding: identity"], ["Transfer-Encoding: gzip, chunked"],
                          ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], ["Transfer-Encoding: xchunked"],
                          ["Transfer-Encoding : chunked"], ["X: a\x01b"], ["X(y): 1"]):
                with self.subTest(method=method, lines=lines):
                    head = "\r\n".join([f"{method} {path} HTTP/1.1", host, *lines]) + "\r\n\r\n"
                    with self.served.connect(5) as connection:
                        connection.sendall(head.encode() + b"5\r\nhello\r\n0\r\n\r\n" + after)
                        said = read_all(connection)
                    self.assertEqual(said.count(b"HTTP/1.1 "), 1, said)
                    self.assertTrue(said.startswith(b"HTTP/1.1 400 "), said)
                    self.assertIn(b"Connection: close", said)
                    asked += 1
        self.assertEqual(asked, 51)
        answer = self.served.raw(f"POST /f/none HTTP/1.0\r\n{host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode())
        self.assertEqual(answer.status, 400)
        self.assertEqual(self.ask("GET", "/").status, 200)

    def test_what_the_library_answers_itself_tells_nothing(self):
        """These replies lack our headers (docs/pages.md): so they must be fixed sentences, and end the connection."""
        host = f"Host: {self.served.address[0]}".encode()
        asked = 0
        for sent in (b"GET /needle HTTP/1.1\r\n" + host + b"\r\nX-Needle: " + b"needle" * 12000 + b"\r\n\r\n",
                     b"GET /" + b"needle" * 12000 + b" HTTP/1.1\r\n" + host + b"\r\n\r\n",
                     b"GET /needle HTTP/9.9\r\n" + host + b"\r\n\r\n", b"GET /needle HTTP/1.1\r\n\r\n",
                     b"GET / HTTP/1.1\r\n" + host + b"\r\nneedle\r\n\r\n"):
            answer = self.served.raw(sent, seconds=5)
            with self.subTest(sent=sent[:40]):
                self.assertIn(answer.status, (400, 414, 431, 505))
                self.assertNotIn(b"needle", answer.body.lower())
                self.assertNotIn(b"needle", str(answer.headers).lower().encode())
                self.assertEqual((answer.header("set-cookie"), answer.header("connection")), (None, "close"))
                asked += 1
        self.assertEqual(asked, 5)

    def test_a_redirect_never_leaves_the_server(self):
        name = self.served.world["studies"][0]["name"]
        for to in ("https://elsewhere.example/", "//elsewhere.example/", "/\\elsewhere.example", "javascript:alert(1)", "/%0d%0aX: y"):
            with self.subTest(to=to):
                answer = self.ask("GET", f"/{name}/sign-in?to={to.replace(' ', '%20')}")
                self.assertNotIn("elsewhere", answer.header("location") or "")
                self.assertNotIn('value="https://elsewhere', answer.text)
                self.assertNotIn('value="//elsewhere', answer.text)
                self.assertNotIn("javascript:alert", answer.text)

    def test_language_is_the_readers(self):
        name = self.served.world["studies"][0]["name"]
        english = self.ask("GET", f"/{name}/sign-in", [("Accept-Language", "en-GB,en;q=0.9")])
        french = self.ask("GET", f"/{name}/sign-in", [("Accept-Language", "fr-CA,fr;q=0.9,en;q=0.5")])
        self.assertIn('<html lang="en', english.text)
        self.assertIn('<html lang="fr', french.text)
        chosen = Person(self.served)
        chosen.get(f"/{name}/sign-in?language=fr")
        self.assertIn('<html lang="fr', chosen.get(f"/{name}/sign-in").text)

    def test_marks_in_what_is_asked_are_escaped(self):
        name = self.served.world["studies"][0]["name"]
        for path in (f"/{name}/sign-in?to=%22%3E%3Cscript%3E1%3C/script%3E", "/%3Cscript%3E1%3C/script%3E", f"/{name}/%22%3E%3Cb%3E"):
            with self.subTest(path=path):
                text = self.ask("GET", path).text
                self.assertNotIn("<script>1", text)
                self.assertNotIn('"><b>', text)

    def test_frozen_answers_are_the_same_bytes(self):
        name = self.served.world["studies"][0]["name"]
        for path in ("/", f"/{name}/", f"/{name}/sign-in", "/none"):
            with self.subTest(path=path):
                first, second = self.ask("GET", path), self.ask("GET", path)
                self.assertEqual((first.headers, first.body), (second.headers, second.body))


if __name__ == "__main__":
    unittest.main()
