"""Getting in: one-time links, cookies, names and passwords that are not there, going out."""
import re
import unittest

from served import Person, Served, forms_of


class SignIn(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.served = Served()
        cls.study = cls.served.world["studies"][0]["name"]
        cls.unused = sorted(cls.served.world["studies"][0]["sign_in"].items())

    @classmethod
    def tearDownClass(cls):
        status = cls.served.stop()
        assert status == 0, f"the server ended with status {status}"

    def link(self):
        """A sign-in link that no test has used."""
        return self.unused.pop()[1]

    def first_page(self, person):
        """What the person sees at the study's address: a page of their own, or the sign-in page."""
        return person.get(f"/{self.study}/")

    def is_in(self, person):
        return "/sign-out" in self.first_page(person).text

    def test_a_link_works_once_and_looking_does_not_use_it_up(self):
        link = self.link()
        for _ in range(3):
            self.assertEqual(Person(self.served).get(link).status, 200)
        first, second = Person(self.served), Person(self.served)
        page = second.get(link)
        self.assertEqual(first.sign_in(link).status, 200)
        self.assertTrue(first.cookies)
        form = [f for f in forms_of(page.text) if f["method"] == "post"][-1]
        self.assertGreaterEqual(second.post(form["action"], form["fields"]).status, 400)
        self.assertIn(Person(self.served).sign_in(link).status, range(400, 500))

    def test_two_at_once_get_one_sign_in(self):
        import threading
        link, results = self.link(), []
        pages = []
        for _ in range(8):
            person = Person(self.served)
            form = [f for f in forms_of(person.get(link).text) if f["method"] == "post"][-1]
            pages.append((person, form))
        threads = [threading.Thread(target=lambda p=p, f=f: results.append(p.post(f["action"], f["fields"]).status)) for p, f in pages]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sum(status in (302, 303) for status in results), 1, results)

    def test_forged_links(self):
        link = self.link()
        token = link.rsplit("/", 1)[1]
        for forged in ("A" * len(token), token[:-1], token + "A", token[::-1], token.lower() if token.lower() != token else token.upper(),
                       "..", "%00", token + "%00"):
            with self.subTest(forged=forged):
                person = Person(self.served)
                answer = person.sign_in(f"/{self.study}/sign-in/link/{forged}")
                self.assertIn(answer.status, range(400, 500))
                self.assertNotEqual(self.first_page(person).status, 500)
        self.assertEqual(Person(self.served).sign_in(link).status, 200)

    def test_cookies_are_kept_from_scripts_and_other_sites(self):
        person = Person(self.served)
        page = person.get(self.link())
        form = [f for f in forms_of(page.text) if f["method"] == "post"][-1]
        answer = person.post(form["action"], form["fields"])
        made = answer.cookies()
        self.assertTrue(made)
        for name, (value, attributes) in {**made, **page.cookies()}.items():
            with self.subTest(cookie=name):
                self.assertIn("httponly", attributes)
                self.assertTrue({"samesite=lax", "samesite=strict"} & set(attributes), attributes)
                self.assertIn("path=/", [a.split("=")[0] + "=/" for a in attributes if a.startswith("path=/")])
                self.assertFalse([a for a in attributes if a.startswith("domain")])
                if "attune" in name and self.study in name:
                    self.assertGreaterEqual(len(value), 22, "at least 128 bits")

    def test_a_changed_cookie_opens_nothing(self):
        person = Person(self.served)
        person.sign_in(self.link())
        self.assertTrue(self.is_in(person))
        name = next(n for n in person.cookies if self.study in n)
        good = person.cookies[name]
        for bad in (good[:-1], good + "A", good[:-1] + ("A" if good[-1] != "A" else "B"), "", "x" * 5000, "%00", '"' + good + '"'):
            with self.subTest(cookie=bad[:30]):
                person.cookies[name] = bad
                answer = self.first_page(person)
                self.assertLess(answer.status, 500)
                self.assertFalse(self.is_in(person))
                person.cookies[name] = bad

    def test_going_out_ends_it_on_the_server(self):
        person = Person(self.served)
        page = person.sign_in(self.link())
        self.assertTrue(self.is_in(person))
        kept = dict(person.cookies)
        token = re.search(r'name="form_token" value="([^"]+)"', page.text).group(1)
        self.assertIn(person.post(f"/{self.study}/sign-out", {"form_token": token}).status, (302, 303))
        again = Person(self.served)
        again.cookies = kept
        self.assertFalse(self.is_in(again))

    def test_wrong_names_and_passwords(self):
        person = Person(self.served)
        form = forms_of(person.get(f"/{self.study}/sign-in").text)[-1]
        seen = set()
        for login, password in (("nobody", "wrong password"), ("coordinator", "wrong password"), ("x" * 5000, "y"), ("", ""), ("a", "b" * 5000),
                                ("\x00", "x"), ("' OR 1=1 --", "x"), ("nobody\r\nX: y", "z")):
            with self.subTest(login=login[:20]):
                answer = person.post(form["action"], {**form["fields"], "login": login, "password": password})
                self.assertIn(answer.status, (403, 422, 429))
                self.assertNotIn(password * 2 if len(password) > 3 else "\x00", answer.text)
                self.assertNotIn("wrong password", answer.text.replace("wrong password?", ""))
                if login in ("nobody", "coordinator"):
                    seen.add(re.sub(r'value="[^"]*"', "", answer.text))
        self.assertEqual(len(seen), 1, "a name that is there and one that is not can be told apart")

    def test_zz_guessing_is_slowed_down(self):
        person = Person(self.served)
        form = forms_of(person.get(f"/{self.study}/sign-in").text)[-1]
        statuses = [person.post(form["action"], {**form["fields"], "login": "coordinator", "password": f"guess {i}"}).status for i in range(13)]
        self.assertIn(429, statuses[10:])
        self.assertNotIn(429, statuses[:5])

    def test_the_log_holds_no_secret(self):
        person = Person(self.served)
        link = self.link()
        person.sign_in(link)
        form = self.served.world["studies"][0]["forms"][0]
        person.get(form["url"])
        log = self.served.log()
        for secret in [link.rsplit("/", 1)[1], form["url"].rsplit("/", 1)[1], *person.cookies.values()]:
            self.assertNotIn(secret, log)


if __name__ == "__main__":
    unittest.main()
