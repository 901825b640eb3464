"""The access matrix: every row of the route table, asked by every kind of person; and whose patients are whose."""
import re
import unittest

from served import Person, Served, forms_of
from test_protocol import routes

NOBODY = "N-0000000"  # stands for a parameter: a code that nobody has


def role_of(key, roles):
    """"therapist-control" signs in as a therapist."""
    return key if key in roles else key.split("-")[0]


def token_of(text):
    found = re.search(r'name="form_token" value="([^"]+)"', text)
    return found.group(1) if found else ""


class Matrix(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.served = Served()
        cls.table = routes()
        cls.known = {role for row in cls.table for role in row["roles"]}
        cls.people, cls.tokens = {}, {}
        for study in cls.served.world["studies"]:
            for key, link in study["sign_in"].items():
                person = Person(cls.served)
                answer = person.sign_in(link)
                assert answer.status == 200, f"{key} of {study['name']} cannot sign in: {answer}"
                cls.people[study["name"], key] = person
                cls.tokens[study["name"], key] = token_of(answer.text)

    @classmethod
    def tearDownClass(cls):
        status = cls.served.stop()
        assert status == 0, f"the server ended with status {status}"

    def rows(self, method):
        for row in self.table:
            if not row["site"] and row["method"] == method and row["path"] not in ("/sign-out",):
                yield row, re.sub(r":\w+", NOBODY, row["path"])

    def test_reading(self):
        asked = 0
        for (study, key), person in self.people.items():
            role = role_of(key, self.known)
            for row, path in self.rows("GET"):
                with self.subTest(study=study, who=key, path=row["path"]):
                    answer = person.ask("GET", f"/{study}{path}")
                    if "public" in row["roles"] or "patient" in row["roles"]:
                        self.assertIn(answer.status, (200, 303, 404))
                    elif role in row["roles"]:
                        self.assertIn(answer.status, (404,) if ":" in row["path"] else (200, 303, 404), answer.text[:300])
                    else:
                        self.assertEqual(answer.status, 403, "a page of others opens")
                    asked += 1
        self.assertGreater(asked, 100)

    def test_reading_as_nobody(self):
        asked = 0
        for study in self.served.world["studies"]:
            for row, path in self.rows("GET"):
                if set(row["roles"]) & {"public", "patient"}:
                    continue
                with self.subTest(study=study["name"], path=row["path"]):
                    answer = self.served.ask("GET", f"/{study['name']}{path}")
                    self.assertIn(answer.status, (302, 303, 401, 403))
                    if answer.status in (302, 303):
                        self.assertIn(f"/{study['name']}/sign-in", answer.header("location"))
                    asked += 1
        self.assertGreater(asked, 10)

    def test_writing_with_the_wrong_role(self):
        asked = 0
        for (study, key), person in self.people.items():
            role = role_of(key, self.known)
            for row, path in self.rows("POST"):
                if role in row["roles"] or set(row["roles"]) & {"public", "patient"}:
                    continue
                with self.subTest(study=study, who=key, path=row["path"]):
                    fields = {"form_token": self.tokens[study, key]}
                    self.assertEqual(person.post(f"/{study}{path}", fields).status, 403)
                    asked += 1
        self.assertGreater(asked, 10)

    def test_writing_without_the_token(self):
        asked = 0
        for (study, key), person in self.people.items():
            role = role_of(key, self.known)
            for row, path in self.rows("POST"):
                if role not in row["roles"]:
                    continue
                for token in ("", "x" * 22, self.tokens[study, key][:-1] + "?", None):
                    with self.subTest(study=study, who=key, path=row["path"], token=token):
                        answer = person.post(f"/{study}{path}", {} if token is None else {"form_token": token})
                        self.assertEqual(answer.status, 403)
                        asked += 1
        self.assertGreater(asked, 10)

    def test_writing_from_elsewhere(self):
        """The right cookie and token, but sent by a page of another site."""
        elsewhere = ([("Origin", "https://elsewhere.example")], [("Sec-Fetch-Site", "cross-site")],
                     [("Sec-Fetch-Site", "same-site")], [("Origin", self.served.origin + "0")])
        asked = 0
        for (study, key), person in self.people.items():
            role = role_of(key, self.known)
            for row, path in self.rows("POST"):
                if role not in row["roles"]:
                    continue
                for headers in elsewhere:
                    with self.subTest(study=study, who=key, path=row["path"], headers=headers):
                        answer = person.post(f"/{study}{path}", {"form_token": self.tokens[study, key]}, headers)
                        self.assertEqual(answer.status, 403)
                        asked += 1
        self.assertGreater(asked, 10)

    def test_a_token_of_someone_else(self):
        keys = list(self.people)
        for (study, key), (other_study, other) in zip(keys, keys[1:]):
            role = role_of(key, self.known)
            for row, path in self.rows("POST"):
                if role not in row["roles"]:
                    continue
                with self.subTest(study=study, who=key, path=row["path"], of=other):
                    answer = self.people[study, key].post(f"/{study}{path}", {"form_token": self.tokens[other_study, other]})
                    self.assertEqual(answer.status, 403)

    def test_a_sign_in_of_one_study_opens_no_other(self):
        names = [s["name"] for s in self.served.world["studies"]]
        self.assertGreaterEqual(len(names), 2)
        for (study, key), person in self.people.items():
            other = next(n for n in names if n != study)
            mine = self.people[study, key].cookies
            forged = Person(self.served)
            for name, value in mine.items():
                forged.cookies[name.replace(study, other)] = value
            for row, path in self.rows("GET"):
                if set(row["roles"]) & {"public", "patient"} or ":" in path:
                    continue
                with self.subTest(study=study, who=key, path=f"/{other}{path}"):
                    self.assertNotEqual(forged.ask("GET", f"/{other}{path}").status, 200)

    def patients(self, study):
        """The codes of all patients of a study, from the coordinator's list."""
        text = self.people[study, "coordinator"].get(f"/{study}/people").text
        return sorted(set(re.findall(r"\bP-[0-9A-Z]{8}\b", text)))

    def test_a_therapist_opens_only_own_patients(self):
        """Of all patients of a study a therapist opens the few of the own list; no patient opens for two therapists;
        one who is another's and one who does not exist give the same answer but for the code."""
        for study in (s["name"] for s in self.served.world["studies"]):
            codes, owner = self.patients(study), {}
            self.assertGreater(len(codes), 20)
            for key in (k for n, k in self.people if n == study and k.startswith("therapist")):
                person = self.people[study, key]
                nobody = person.ask("GET", f"/{study}/patients/P-2222222")
                self.assertEqual(nobody.status, 404)
                listed = set(re.findall(rf'href="/{study}/patients/(P-[0-9A-Z]+)', person.get(f"/{study}/caseload").text))
                for code in codes:
                    with self.subTest(study=study, who=key, code=code):
                        answer = person.ask("GET", f"/{study}/patients/{code}")
                        self.assertEqual(answer.status, 200 if code in listed else 404)
                        if answer.status == 200:
                            self.assertNotIn(code, owner, "two therapists open one patient")
                            owner[code] = key
                        else:
                            self.assertEqual(answer.text.replace(code, "P-2222222"), nobody.text)
                self.assertLess(len(listed), len(codes) / 2)

    def test_every_form_of_every_page_posts_to_a_row(self):
        """No page offers a form or a link that leads nowhere."""
        seen = 0
        patterns = [(r["method"], re.compile(("" if r["site"] else r"/[^/]+") + re.sub(r":\w+", "[^/]+", r["path"]).rstrip("/") + "/?$"))
                    for r in self.table]
        for (study, key), person in self.people.items():
            role = role_of(key, self.known)
            for row, path in self.rows("GET"):
                if role not in row["roles"] or ":" in row["path"]:
                    continue
                answer = person.get(f"/{study}{path}")
                if answer.status != 200:
                    continue
                wanted = [("POST" if f["method"] == "post" else "GET", f["action"] or person.path) for f in forms_of(answer.text)]
                wanted += [("GET", href) for href in re.findall(r'href="(/[^"]*)"', answer.text)]
                for method, address in wanted:
                    bare = re.split(r"[?#]", address.replace("&amp;", "&"))[0]
                    with self.subTest(page=f"/{study}{path}", to=address):
                        self.assertTrue(any(m == method and p.match(bare) for m, p in patterns), "no route for it")
                    seen += 1
        self.assertGreater(seen, 50)


if __name__ == "__main__":
    unittest.main()
