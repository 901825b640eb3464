"""Mail as it leaves: `attune mail`, a real mail server with and without TLS and a name, and the sink of what stands still."""
import json
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

from served import ROOT, Person, Served, forms_of
from smtp_server import SmtpServer, free_port

PROGRAM = os.environ.get("ATTUNE_PROGRAM", str(ROOT / "build/attune"))
FROM = "study@example.org"


def run(*words, typed=""):
    return subprocess.run([PROGRAM, *words], input=typed, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)


class Settings(unittest.TestCase):
    """What `mail set` takes, and what `mail test` makes of a server."""

    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="attune-mail-")  # pylint: disable=consider-using-with  (cleaned up below)
        self.addCleanup(self.scratch.cleanup)
        self.home = self.scratch.name + "/home"
        self.ok("init", self.home, "--study", str(ROOT / "studies/practice"))

    def ok(self, *words, typed=""):
        done = run(*words, typed=typed)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def no(self, *words, typed=""):
        done = run(*words, typed=typed)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        return done.stderr

    def server(self, **facts):
        server = SmtpServer(**facts)
        server.start()
        self.addCleanup(server.stop)
        return server

    def certificate(self):
        key, cert = self.scratch.name + "/key.pem", self.scratch.name + "/cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert], check=True, stderr=subprocess.DEVNULL)
        return cert, key

    def test_settings_are_whole_private_and_merged(self):
        self.assertIn("no mail server", self.no("mail", "test", self.home, "p@example.org"))
        self.no("mail", "set", self.home, "--smtp", "http://mail.example.org", "--from", FROM)
        self.no("mail", "set", self.home, "--smtp", "smtp://mail.example.org")
        self.no("mail", "set", self.home, "--smtp", "smtp://mail.example.org", "--from", "a@b.example\r\nBcc: c@d.example")
        path = pathlib.Path(self.home + "/settings.json")
        self.assertFalse(path.exists())
        self.ok("mail", "set", self.home, "--smtp", "smtp://mail.example.org:587", "--from", FROM, "--user", "me", typed="xylophone-41\n")
        self.ok("mail", "set", self.home, "--base", "https://trial.example.org")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(json.loads(path.read_text())["mail"],
                         {"smtp": "smtp://mail.example.org:587", "from": FROM, "user": "me", "password": "xylophone-41", "base": "https://trial.example.org",
                          "ca": "", "plain": False})
        self.ok("backup", self.home, self.scratch.name + "/copy")
        self.assertNotIn(b"xylophone-41", pathlib.Path(self.scratch.name + "/copy").read_bytes())
        self.ok("mail", "set", self.home, "--off")
        self.assertEqual(json.loads(path.read_text()), {})
        self.assertEqual(self.ok("mail", "list", self.home), "")

    def test_a_plain_server_on_this_machine(self):
        server = self.server()
        self.ok("mail", "set", self.home, "--smtp", server.url, "--from", FROM)
        self.ok("mail", "test", self.home, "p@example.org")
        self.assertEqual([(t.sender, t.recipients, t.secure) for t in server.taken], [(FROM, ["p@example.org"], False)])
        server.refused.add("q@example.org")
        self.assertIn("550", self.no("mail", "test", self.home, "q@example.org"))
        server.once["r@example.org"] = "451 4.3.0 later"
        self.assertIn("451", self.no("mail", "test", self.home, "r@example.org"))
        server.once["s@example.org"] = "cut"
        self.assertIn("connection ended", self.no("mail", "test", self.home, "s@example.org"))
        self.no("mail", "test", self.home, "p@example.org>\r\nRCPT TO:<x@example.org")
        self.assertEqual(len(server.taken), 1)
        server.stop()
        self.assertIn("not reached", self.no("mail", "test", self.home, "p@example.org"))

    def test_nothing_goes_in_the_open_elsewhere(self):
        """127.0.0.2 is no name of this machine that the program knows: as good as a server elsewhere."""
        server = self.server(host="127.0.0.2")
        self.ok("mail", "set", self.home, "--smtp", server.url, "--from", FROM)
        self.assertIn("SSL", self.no("mail", "test", self.home, "p@example.org"))
        self.assertEqual(server.taken, [])
        self.ok("mail", "set", self.home, "--smtp", server.url, "--plain")
        self.ok("mail", "test", self.home, "p@example.org")
        self.assertEqual(len(server.taken), 1)

    def test_encrypted_with_a_name(self):
        certificate = self.certificate()
        server = self.server(certificate=certificate, login=("me", "right"))
        self.ok("mail", "set", self.home, "--smtp", server.url, "--from", FROM, "--user", "me", typed="right\n")
        self.no("mail", "test", self.home, "p@example.org")  # nobody has vouched for this certificate
        self.ok("mail", "set", self.home, "--ca", certificate[0])
        self.ok("mail", "test", self.home, "p@example.org")
        self.assertEqual([(t.secure, t.name) for t in server.taken], [(True, "me")])
        self.ok("mail", "set", self.home, "--user", "me", typed="wrong\n")
        self.assertIn("name or the password", self.no("mail", "test", self.home, "p@example.org"))
        self.assertEqual(len(server.taken), 1)


class Sink(unittest.TestCase):
    """Under --frozen no mail leaves: the request that made it puts it into the sink."""

    def test_reminders_go_into_the_sink(self):
        served = Served("--study", "practice")
        try:
            home = served.world["home"]
            sink = pathlib.Path(home + "/sink.jsonl")
            before = sink.read_text().splitlines() if sink.exists() else []
            person = Person(served)
            person.sign_in(served.world["sign_in"]["coordinator"])
            forms = [f for f in forms_of(person.get("/practice/overview").text) if f["action"].endswith("/remind")]
            self.assertTrue(forms, "nothing to remind of")
            person.post(forms[0]["action"], forms[0]["fields"])
            after = sink.read_text().splitlines()
            self.assertEqual(after[:len(before)], before)
            self.assertEqual(len(after), len(before) + 1)
            line = json.loads(after[-1])
            self.assertIn(f"Message-ID: <{line['id']}.", line["message"])
            listed = [json.loads(one) for one in run("mail", "list", home, "--json").stdout.splitlines()]
            self.assertEqual({one["state"] for one in listed if one["id"] == line["id"]}, {"sent"})
            self.assertEqual([one["id"] for one in listed if one["state"] in ("waiting", "sending")], [])
            self.assertTrue(all(one["why"] and one["outcome"] for one in listed))
        finally:
            served.stop()

    def test_no_server_beside_a_standing_clock(self):
        with tempfile.TemporaryDirectory(prefix="attune-mail-") as scratch:
            os.mkdir(scratch + "/practice", 0o700)
            run("mail", "set", scratch + "/practice", "--smtp", "smtp://127.0.0.1:25", "--from", FROM)
            done = run("demo", "--frozen", "--study", "practice", "--home", scratch, "--listen", "127.0.0.1:0")
            self.assertEqual(done.returncode, 1)
            self.assertIn("--frozen sends no mail", done.stderr)


class Letter(unittest.TestCase):
    """A served home: the letter arrives, its settings are read again, and the list says why."""

    def test_a_letter_arrives_once_the_settings_are_there(self):
        with tempfile.TemporaryDirectory(prefix="attune-mail-") as scratch:
            home = scratch + "/home"
            subprocess.run(["make", "-s", "build/fault/load_home"], cwd=ROOT, check=True)
            subprocess.run([str(ROOT / "build/fault/load_home"), home, "2", "0", "remind"], check=True, stdout=subprocess.DEVNULL)
            server = SmtpServer()
            server.refused.add("patient1@example.org")
            server.start()
            with subprocess.Popen([PROGRAM, "serve", home, "--listen", f"127.0.0.1:{free_port()}"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) as process:
                try:
                    time.sleep(1)
                    set_now = run("mail", "set", home, "--smtp", server.url, "--from", FROM, "--base", "https://trial.example.org")
                    self.assertEqual(set_now.returncode, 0, set_now.stderr)
                    self.wait_until(lambda: "waiting" not in (text := run("mail", "list", home).stdout) and "sending" not in text)
                    listed = [json.loads(one) for one in run("mail", "list", home, "--json").stdout.splitlines()]
                finally:
                    process.kill()
                    server.stop()
            self.assertEqual(sorted((one["state"], one["code"], one["why"]) for one in listed),
                             [("refused", 550, "load asked for it"), ("sent", 250, "load asked for it")])
            self.assertNotIn("@", json.dumps([{k: v for k, v in one.items() if k != "message_id"} for one in listed]))
            letter = server.taken[0]
            self.assertEqual(len(server.taken), 1)
            self.assertEqual(letter.recipients, ["patient0@example.org"])
            self.assertIn("\nhttps://trial.example.org/f/", letter.body.replace("\r\n", "\n"))
            self.assertNotRegex(letter.body + letter.header("Subject") + letter.header("From"), r"(?i)therap|patient|trial(?!\.example)|practice|alliance")

    def wait_until(self, holds, seconds=60):
        until = time.monotonic() + seconds
        while not holds():
            self.assertLess(time.monotonic(), until, "nothing happened")
            time.sleep(0.3)


if __name__ == "__main__":
    unittest.main()
