"""A patient's form and everything that can be wrong with what is sent to it: the answer names the field, nothing is
stored, and what was typed is still there."""
import json
import os
import subprocess
import threading
import unittest
import urllib.parse

from served import ROOT, Person, Served, forms_of, words_of


KEY = "attune-key"  # the client's own key of a submission


def questionnaire(text):
    """The page's own form: the one that posts and has something to answer."""
    found = [f for f in forms_of(text) if f["method"] == "post" and any(t == "input" and a.get("type") == "radio" for t, a in f["all"])]
    return found[0] if found else None


def choices(form):
    """name: the values of its radio buttons."""
    groups = {}
    for tag, a in form["all"]:
        if tag == "input" and a.get("type") == "radio" and a.get("name"):
            groups.setdefault(a["name"], []).append(a.get("value", ""))
    return groups


def answered(form, pick=0):
    """A whole valid answer: the pick-th choice of every group."""
    return {**form["fields"], **{name: values[pick % len(values)] for name, values in choices(form).items()}}


class Form(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.served = Served()
        cls.waiting = [dict(f, study=s["name"], home=s["home"]) for s in cls.served.world["studies"] for f in s["forms"]]
        assert len(cls.served.world["forms"]) >= 20, "at least 20 open questionnaires"

    @classmethod
    def tearDownClass(cls):
        status = cls.served.stop()
        assert status == 0, f"the server ended with status {status}"

    def fresh(self):
        """A form that no test has touched, as its person sees it."""
        form = self.waiting.pop()
        person = Person(self.served)
        page = person.get(form["url"])
        self.assertEqual(page.status, 200, form["url"])
        self.assertIsNotNone(questionnaire(page.text), "a form to answer")
        return form, person, page

    def entries(self, form):
        """How many entries the ledger of the form's home holds, by the program itself, beside the server."""
        program = os.environ.get("ATTUNE_PROGRAM", str(ROOT / "build/attune"))
        done = subprocess.run([program, "verify", form["home"], "--json"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)["entries"]

    def send(self, person, form, fields, raw=None):
        """Posts to where the page's form posts; returns the answer without following a redirect."""
        where = urllib.parse.urljoin(person.path, form["action"] or person.path)
        if raw is not None:
            return person.ask("POST", where, person.own_headers() + [("Content-Type", "application/x-www-form-urlencoded")], raw)
        return person.post(where, fields)

    def assert_open(self, person, url):
        """The same link still shows the form."""
        page = person.get(url)
        self.assertEqual(page.status, 200)
        self.assertIsNotNone(questionnaire(page.text), "the form is still open")
        return page

    def test_answering(self):
        form, person, page = self.fresh()
        before = self.entries(form)
        answer = self.send(person, questionnaire(page.text), answered(questionnaire(page.text), 2))
        self.assertIn(answer.status, (200, 303), answer.text[:500])
        thanks = person.get(urllib.parse.urljoin(person.path, answer.header("location"))) if answer.status == 303 else answer
        self.assertEqual(thanks.status, 200)
        self.assertGreater(len(words_of(thanks.text)), 40)
        self.assertEqual(self.entries(form), before + 1)
        again = person.get(form["url"])
        self.assertIsNone(questionnaire(again.text), "answers are never shown again, nor asked twice")

    def test_the_same_submission_twice_is_one_answer(self):
        form, person, page = self.fresh()
        mine = questionnaire(page.text)
        before = self.entries(form)
        first = self.send(person, mine, answered(mine, 1))
        second = self.send(person, mine, answered(mine, 1))
        self.assertEqual((first.status, first.header("location"), first.text), (second.status, second.header("location"), second.text))
        self.assertEqual(self.entries(form), before + 1)

    def test_the_same_submission_many_times_at_once_is_one_answer(self):
        form, person, page = self.fresh()
        mine = questionnaire(page.text)
        before, statuses = self.entries(form), []

        def post():
            other = Person(self.served)
            other.cookies, other.path = dict(person.cookies), person.path
            statuses.append(self.send(other, mine, answered(mine, 1)).status)
        threads = [threading.Thread(target=post) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(set(statuses), {statuses[0]})
        self.assertIn(statuses[0], (200, 303))
        self.assertEqual(self.entries(form), before + 1)

    def test_another_answer_after_the_first_is_refused(self):
        form, person, page = self.fresh()
        mine = questionnaire(page.text)
        self.send(person, mine, answered(mine, 1))
        before = self.entries(form)
        for change in ({}, {KEY: "another-key-0123456789"}):
            with self.subTest(change=change):
                refused = self.send(person, mine, {**answered(mine, 3), **change})
                self.assertIn(refused.status, (409, 410))
                self.assertGreater(len(words_of(refused.text)), 20)
        self.assertEqual(self.entries(form), before)

    def test_two_links_of_one_form_are_two_people_alike(self):
        """Two browsers with the same link, different answers: one is stored, the other is told."""
        form, person, page = self.fresh()
        mine = questionnaire(page.text)
        other = Person(self.served)
        theirs = questionnaire(other.get(form["url"]).text)
        before = self.entries(form)
        self.assertIn(self.send(person, mine, answered(mine, 1)).status, (200, 303))
        self.assertIn(self.send(other, theirs, {**answered(theirs, 4), KEY: "someone-else-0123456789"}).status, (409, 410))
        self.assertEqual(self.entries(form), before + 1)

    def bad(self, mine):
        """(what is wrong, the fields to send, the field that must be named; None when it is the whole)."""
        groups = choices(mine)
        first, last = next(iter(groups)), list(groups)[-1]
        good = answered(mine, 1)
        rows = [("missing", {k: v for k, v in good.items() if k != first}, first)]
        for value in ("99999", "-1", "1e3", "NaN", "0x1", "1;DROP TABLE answer", "<script>alert(1)</script>", "' OR ''='", "\u202e7",
                      "9" * 400, "٣", "1\n2", "%s%n", "../../etc/passwd", "7 7", "1,5,9"):
            rows.append((f"out of range {value[:20]!r}", {**good, last: value}, last))
        return rows

    def test_bad_input_names_the_field_and_stores_nothing(self):
        form, person, page = self.fresh()
        mine, tried = questionnaire(page.text), 0
        before = self.entries(form)
        kept = list(choices(mine))[1]
        for what, fields, named in self.bad(mine):
            with self.subTest(what=what):
                answer = self.send(person, mine, fields)
                self.assertEqual(answer.status, 422)
                self.assertIn(named, self.wrong_fields(answer.text), "the field is marked")
                self.assertNotIn("<script>alert", answer.text)
                again = questionnaire(answer.text)
                self.assertEqual(again["fields"].get(kept), fields[kept], "what was right is still chosen")
                tried += 1
        self.assertGreater(tried, 10)
        self.assertEqual(self.entries(form), before)
        self.assert_open(person, form["url"])

    @staticmethod
    def wrong_fields(text):
        """Names of the controls that the page marks as wrong, by their own or their group's aria-invalid or by a
        message's id (problem-NAME)."""
        import re
        named = set(re.findall(r'(?:id|href)="#?(?:problem|error|item|field|q)-([\w.-]+?)(?:-\d+)?"', text))
        for found in re.findall(r"<(?:input|textarea|select|fieldset)[^>]*>", text):
            if 'aria-invalid="true"' in found:
                named |= set(re.findall(r'(?:name|id)="(?:item-|q-)?([\w.-]+?)"', found))
        return named

    def test_bytes_that_are_no_text(self):
        form, person, page = self.fresh()
        mine = questionnaire(page.text)
        before = self.entries(form)
        fields = answered(mine, 1)
        for name in (list(choices(mine))[-1], KEY):
            rest = {k: v for k, v in fields.items() if k != name}
            for bytes_ in (b"%ff%fe", b"%c0%af", b"%ed%a0%80", b"a%00b", b"%f4%90%80%80", b"%1b[31m", b"\xff\xfe", b"%80"):
                with self.subTest(name=name, bytes=bytes_):
                    raw = urllib.parse.urlencode(rest).encode() + b"&" + name.encode() + b"=" + bytes_
                    answer = self.send(person, mine, None, raw)
                    self.assertIn(answer.status, (400, 422))
        self.assertEqual(self.entries(form), before)
        self.assert_open(person, form["url"])

    def test_over_long_values(self):
        form, person, page = self.fresh()
        mine, before = questionnaire(page.text), self.entries(form)
        name = list(choices(mine))[-1]
        for length, statuses in ((9000, (422,)), (100_000, (422,)), (300_000, (413,))):
            with self.subTest(length=length):
                answer = self.send(person, mine, {**answered(mine, 1), name: "7" * length})
                self.assertIn(answer.status, statuses)
                self.assertLess(len(answer.text), 100_000, "what was too long is not thrown back")
        self.assertEqual(self.entries(form), before)
        self.assert_open(person, form["url"])

    def test_fields_that_are_not_asked_or_come_twice(self):
        form, person, page = self.fresh()
        mine = questionnaire(page.text)
        before = self.entries(form)
        good, name = answered(mine, 1), list(choices(mine))[0]
        values = choices(mine)[name]
        twice = list(good.items()) + [(name, values[-1] if good[name] != values[-1] else values[0])]
        for what, fields in (("twice", twice), ("unknown", {**good, "arm": "1"}), ("unknown", {**good, "therapist": "T-2222222"})):
            with self.subTest(what=what):
                self.assertIn(self.send(person, mine, fields).status, (400, 422))
        self.assertEqual(self.entries(form), before)
        self.assert_open(person, form["url"])

    def test_keys_that_are_no_keys(self):
        form, person, page = self.fresh()
        mine = questionnaire(page.text)
        self.assertIn(KEY, mine["fields"], "the client's own key")
        before = self.entries(form)
        for key in ("", "a" * 65, "a b", "<x>", "é", "../x"):
            with self.subTest(key=key):
                answer = self.send(person, mine, {**answered(mine, 1), KEY: key})
                self.assertLess(answer.status, 500)
                self.assertGreaterEqual(answer.status, 400)
        self.assertEqual(self.entries(form), before)

    def test_forged_and_strange_tokens(self):
        form, _, page = self.fresh()
        token = form["url"].rsplit("/", 1)[1]
        person, mine = Person(self.served), questionnaire(page.text)
        for forged in ("A" * len(token), token[:-1], token + "A", token.swapcase(), token[::-1], "%00", "none", token + "/x", token + "%20"):
            with self.subTest(forged=forged):
                self.assertEqual(person.ask("GET", f"/f/{forged}").status, 404)
                answer = person.post(f"/f/{forged}", answered(mine, 1))
                self.assertIn(answer.status, (404, 405))
        self.assert_open(person, form["url"])

    def test_one_persons_answer_never_reaches_anothers_form(self):
        form, person, page = self.fresh()
        other, stranger, theirs = self.fresh()
        mine, before = questionnaire(page.text), self.entries(form) + self.entries(other)
        fields = answered(questionnaire(theirs.text), 1)
        swapped = {k: (v if k in choices(mine) else mine["fields"].get(k, v)) for k, v in fields.items()}
        hidden = {k: v for k, v in questionnaire(theirs.text)["fields"].items() if k not in choices(mine)}
        answer = self.send(person, mine, {**answered(mine, 1), **hidden, **swapped})
        self.assertLess(answer.status, 500)
        self.assert_open(stranger, other["url"])
        self.assertLessEqual(self.entries(form) + self.entries(other), before + 2)

    def test_from_another_site(self):
        form, person, page = self.fresh()
        mine = questionnaire(page.text)
        before = self.entries(form)
        where = urllib.parse.urljoin(person.path, mine["action"] or person.path)
        for headers in ([("Origin", "https://elsewhere.example")], [("Sec-Fetch-Site", "cross-site")]):
            with self.subTest(headers=headers):
                self.assertEqual(person.post(where, answered(mine, 1), headers).status, 403)
        self.assertEqual(self.entries(form), before)

    def test_the_page_tells_nothing(self):
        """A neutral page: no name of the trial's treatment, no arm, no code of a person, no name of a therapist."""
        form, _, page = self.fresh()
        text = page.text.lower()
        for word in ("programme", "control", "randomis", "allocation", form["participant"].lower()):
            self.assertNotIn(word, text)
        self.assertEqual(page.header("cache-control"), "no-store")
        self.assertNotIn("set-cookie", [n.lower() for n, v in page.headers if self.served.world["studies"][0]["name"] in v])

    def test_half_filled_and_resumed(self):
        form, person, page = self.fresh()
        mine = questionnaire(page.text)
        group = list(choices(mine))[0]
        first = {**mine["fields"], group: choices(mine)[group][3]}
        answer = self.send(person, mine, first)
        self.assertEqual(answer.status, 422)
        self.assertEqual(questionnaire(answer.text)["fields"].get(group), first[group])

    def test_zz_the_ledger_still_holds(self):
        program = os.environ.get("ATTUNE_PROGRAM", str(ROOT / "build/attune"))
        for study in self.served.world["studies"]:
            done = subprocess.run([program, "verify", study["home"]], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            self.assertEqual(done.returncode, 0, done.stdout.decode())


if __name__ == "__main__":
    unittest.main()
