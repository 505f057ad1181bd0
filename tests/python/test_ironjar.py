"""The Python package, on the library that IRONJAR_LIBRARY names."""

import copy
import ctypes
import gc
import os
import pickle
import subprocess
import sys
import threading
import types
import unittest
from datetime import datetime, timedelta, timezone

import ironjar
from ironjar import _library

PASSWORD = "Zk3-first-password-that-is-long-enough-0001"
OTHER = "Qm8-second-password-that-is-long-enough-002"
NOW = 1_700_000_000_000


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


def sent_back(set_cookie: str) -> str:
    return set_cookie.split(";")[0]


class Seals(unittest.TestCase):
    def test_what_is_sealed_opens_in_both_formats_and_keeps_its_order(self) -> None:
        data = {"z": 1, "a": [1, 2.5, None, True, "é\U0001f511\x00\\\""], "": {}, "n": -(2**53)}
        for format in ("native", "fe26"):
            seal = ironjar.seal_data(data, PASSWORD, format=format)
            opened = ironjar.unseal_data(seal, PASSWORD, formats=["native", "fe26"])
            self.assertEqual(opened, data)
            self.assertEqual(list(opened), list(data))

    def test_any_json_value_can_be_sealed(self) -> None:
        for data in (None, True, 0, -1.5, "", "text", [], {}, "\ud800"):
            self.assertEqual(ironjar.unseal_data(ironjar.seal_data(data, PASSWORD), PASSWORD), data)

    def test_the_highest_password_seals_and_all_open(self) -> None:
        old = ironjar.seal_data(1, {1: PASSWORD})
        new = ironjar.seal_data(2, {1: PASSWORD, 2: OTHER})
        self.assertEqual(ironjar.unseal_data(old, {1: PASSWORD, 2: OTHER}), 1)
        self.assertEqual(ironjar.unseal_data(new, {2: OTHER}), 2)

    def test_each_way_not_to_open_has_its_code(self) -> None:
        seal = ironjar.seal_data(1, PASSWORD, ttl=60, now_ms=NOW)

        def code(text: str, password: ironjar.Password = PASSWORD, **more: object) -> str:
            with self.assertRaises(ironjar.IronjarError) as caught:
                ironjar.unseal_data(text, password, **more)  # type: ignore[arg-type]
            return str(caught.exception.code)

        self.assertEqual(code(seal), "expired")
        self.assertEqual(code(seal, now_ms=NOW - 100_000), "notYetValid")
        self.assertEqual(code(seal, now_ms=NOW, context="x"), "tampered")
        self.assertEqual(code(seal, OTHER, now_ms=NOW), "unknownKey")
        self.assertEqual(code("junk"), "malformed")
        self.assertEqual(code("\ud800é"), "malformed")
        self.assertEqual(code(seal, formats=["fe26"], now_ms=NOW), "unsupported")
        self.assertEqual(code("x" * 70_000), "tooLarge")
        self.assertEqual(ironjar.unseal_data(seal, PASSWORD, now_ms=NOW + 119_000), 1)

    def test_V08_a_session_cookie_of_iron_session_is_no_seal_of_a_purpose(self) -> None:
        cookie = ironjar.seal_data({"user": "ada"}, PASSWORD, format="fe26")
        for more in ({}, {"purpose": "magic-link"}, {"context": "ada"}, {"formats": ["native"]}):
            with self.assertRaises(ironjar.IronjarError) as caught:
                ironjar.unseal_data(cookie, PASSWORD, **more)  # type: ignore[arg-type]
            self.assertEqual(caught.exception.code, "unsupported")
        self.assertEqual(ironjar.unseal_data(cookie, PASSWORD, formats=["fe26"]), {"user": "ada"})
        for bound in ({"purpose": "magic-link"}, {"context": "ada"}):
            with self.assertRaisesRegex(ValueError, "native seals only"):
                ironjar.seal_data(1, PASSWORD, format="fe26", **bound)

    def test_V32_a_cookie_that_holds_no_object_is_an_empty_session(self) -> None:
        jar = ironjar.SessionJar("sid", PASSWORD, formats=["native", "fe26"])
        for data in ("text", "", 5, 0, -1.5, True, False, None, [], [1], [{"user": "ada"}]):
            for seal in (
                ironjar.seal_data(data, PASSWORD, context="sid"),
                ironjar.seal_data(data, PASSWORD, format="fe26"),
            ):
                session = jar.open("sid=" + seal)
                self.assertEqual(dict(session), {})
                session["user"] = "grace"
                self.assertEqual(dict(jar.open(sent_back(jar.commit(session)[0]))), {"user": "grace"})

    def test_durations_are_seconds_or_timedeltas(self) -> None:
        seal = ironjar.seal_data(1, PASSWORD, ttl=timedelta(minutes=1, milliseconds=500), now_ms=NOW)
        self.assertEqual(ironjar.unseal_data(seal, PASSWORD, clock_skew=timedelta(0), now_ms=NOW + 59_000), 1)
        with self.assertRaises(ironjar.IronjarError):
            ironjar.unseal_data(seal, PASSWORD, clock_skew=0, now_ms=NOW + 60_000)

    def test_mistakes_are_value_errors_that_never_quote_a_password(self) -> None:
        for password in ("short", "", "a" * 40, {}, {1: PASSWORD, 2: PASSWORD}, {-1: PASSWORD}, "x" * 31 + "\n"):
            with self.assertRaises(ValueError) as caught:
                ironjar.seal_data(1, password)  # type: ignore[arg-type]
            self.assertNotIn("a" * 40, str(caught.exception))
            self.assertNotIn(PASSWORD, str(caught.exception))
        for wrong in ({"format": "fe27"}, {"ttl": 10**12}, {"ttl": 1.5}, {"now_ms": -1}, {"now_ms": 2**63}, {"now_ms": 2**62}):
            with self.assertRaises(ValueError):
                ironjar.seal_data(1, PASSWORD, **wrong)  # type: ignore[arg-type]

    def test_a_password_that_is_missing_or_was_not_utf_8_is_refused(self) -> None:
        for missing in (None, 5, PASSWORD.encode(), [PASSWORD]):
            with self.assertRaisesRegex(TypeError, "environment variable"):
                ironjar.seal_data(1, missing)  # type: ignore[arg-type]
        undecoded = bytes(range(0x80, 0xC0)).decode("utf-8", "surrogateescape")  # as os.environ holds such bytes
        for text in (undecoded, PASSWORD + "\udcff", PASSWORD + "\ufffd"):
            with self.assertRaisesRegex(ValueError, "not UTF-8"):
                ironjar.seal_data(1, text)
            with self.assertRaisesRegex(ValueError, "not UTF-8"):
                ironjar.SessionJar("sid", {1: PASSWORD, 2: text})

    def test_an_error_travels_between_processes(self) -> None:
        with self.assertRaises(ironjar.IronjarError) as caught:
            ironjar.unseal_data("junk", PASSWORD)
        for copied in (pickle.loads(pickle.dumps(caught.exception)), copy.copy(caught.exception)):
            self.assertEqual((copied.code, copied.detail), ("malformed", caught.exception.detail))
            self.assertEqual(str(copied), f"malformed: {copied.detail}")

    def test_what_json_cannot_carry_is_refused(self) -> None:
        cyclic: list = []
        cyclic.append(cyclic)
        for data in (float("nan"), float("inf"), b"bytes", {1, 2}, object(), cyclic, 1j):
            with self.assertRaises((TypeError, ValueError)):
                ironjar.seal_data(data, PASSWORD)
        for data in (nested(65), nested(2_000), nested(50_000), "x" * 70_000):
            with self.assertRaises(ironjar.IronjarError) as refused:
                ironjar.seal_data(data, PASSWORD)
            self.assertEqual(refused.exception.code, "tooLarge")


class Sessions(unittest.TestCase):
    def setUp(self) -> None:
        self.jar = ironjar.SessionJar("sid", PASSWORD)

    def test_a_session_goes_into_a_cookie_and_comes_out_of_it(self) -> None:
        session = self.jar.open(None, now_ms=NOW)
        self.assertEqual(dict(session), {})
        session["user"] = "ada"
        session.setdefault("n", 1)
        (value,) = self.jar.commit(session, now_ms=NOW)
        self.assertRegex(value, r"^sid=ij1\.[\w-]+; Max-Age=1209540; Path=/; HttpOnly; Secure; SameSite=Lax$")
        for header in (sent_back(value), b"a=b; " + sent_back(value).encode()):
            again = self.jar.open(header, now_ms=NOW)
            self.assertEqual(again, {"user": "ada", "n": 1})
            self.assertEqual(again.id, session.id)
            self.assertEqual(again.started_at, datetime.fromtimestamp(NOW / 1000, timezone.utc))
            self.assertEqual(again.expires_at, again.started_at + timedelta(days=14))
            self.assertIsNone(again.rejection)
            self.assertEqual(self.jar.commit(again, now_ms=NOW), [])

    def test_changes_deep_inside_are_seen(self) -> None:
        session = self.jar.open("")
        session["cart"] = {"items": [1]}
        again = self.jar.open(sent_back(self.jar.commit(session)[0]))
        again["cart"]["items"].append(2)
        last = self.jar.open(sent_back(self.jar.commit(again)[0]))
        self.assertEqual(last["cart"], {"items": [1, 2]})

    def test_signing_out_deletes_the_cookie_for_good(self) -> None:
        session = self.jar.open("")
        session["user"] = "ada"
        session = self.jar.open(sent_back(self.jar.commit(session)[0]))
        session.destroy()
        self.assertTrue(session.destroyed)
        deletion = "=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax"
        names = ["sid", "sid.0", "sid.1", "sid.2", "sid.3"]
        self.assertEqual(self.jar.commit(session), [name + deletion for name in names])
        session["user"] = "bob"
        with self.assertRaises(ironjar.IronjarError) as caught:
            self.jar.commit(session)
        self.assertEqual(caught.exception.code, "notAllowed")

    def test_a_login_begins_a_new_session(self) -> None:
        session = self.jar.open("")
        session["planted"] = True
        before = session.id
        session.replace(now_ms=NOW)
        self.assertEqual(dict(session), {})
        self.assertNotEqual(session.id, before)

    def test_a_refused_cookie_says_why(self) -> None:
        session = self.jar.open("sid=ij1.junk")
        self.assertEqual(dict(session), {})
        assert session.rejection is not None
        self.assertEqual(session.rejection.code, "malformed")
        self.assertEqual(self.jar.commit(session), [])

    def test_every_option_reaches_the_library(self) -> None:
        jar = ironjar.SessionJar(
            "sid",
            {1: PASSWORD},
            formats=["fe26", "native"],
            ttl=timedelta(hours=1),
            clock_skew=5,
            purpose="p",
            context="c",
            fe26_iterations=[1, 2],
            max_age=100,
            domain="example.com",
            path="/app",
            expires=datetime(2100, 1, 1, tzinfo=timezone.utc),
            http_only=False,
            secure=True,
            partitioned=True,
            priority="high",
            same_site="none",
            until_browser_closes=False,
            chunk=True,
            max_cookie_header=8000,
            rolling=True,
            absolute_ttl=0,
            token_names={"accessToken": "at"},
        )
        session = jar.open("", now_ms=NOW)
        session["n"] = 1
        value, *deletions = jar.commit(session, now_ms=NOW)
        self.assertEqual([deletion[:6] for deletion in deletions], ["sid.0=", "sid.1=", "sid.2=", "sid.3="])
        self.assertTrue(value.startswith("sid=Fe26.2*1*"))
        self.assertTrue(
            value.endswith(
                "; Max-Age=100; Domain=example.com; Path=/app; Expires=Fri, 01 Jan 2100 00:00:00 GMT; Secure; "
                "Partitioned; Priority=High; SameSite=None"
            )
        )

    def test_shapes_that_the_cookie_had_before_are_deleted_by_a_logout(self) -> None:
        jar = ironjar.SessionJar("sid", PASSWORD, former=[{"domain": "example.com", "path": "/app"}])
        session = jar.open("")
        session.destroy()
        self.assertEqual(jar.commit(session)[-1], "sid=; Max-Age=0; Domain=example.com; Path=/app; Secure")
        with self.assertRaisesRegex(ValueError, "former holds today's"):
            ironjar.SessionJar("sid", PASSWORD, former=[{}])

    def test_options_that_cannot_be_are_value_errors(self) -> None:
        for name, more in (("a b", {}), ("sid", {"same_site": "Lax"}), ("sid", {"token_names": {"access": "x"}}),
                           ("sid", {"formats": []}), ("sid", {"absolute_ttl": -1})):
            with self.assertRaises(ValueError):
                ironjar.SessionJar(name, PASSWORD, **more)  # type: ignore[arg-type]
        with self.assertRaisesRegex(ValueError, "`cookiename` is not known"):
            ironjar.SessionJar.from_options({"cookieName": "sid", "passwords": PASSWORD, "cookiename": 1})

    def test_a_session_too_large_is_an_error_that_says_so(self) -> None:
        session = self.jar.open("")
        session["blob"] = "x" * 5000
        with self.assertRaises(ironjar.IronjarError) as caught:
            self.jar.commit(session)
        self.assertEqual(caught.exception.code, "tooLarge")

    def test_an_integer_that_a_session_would_round_is_refused(self) -> None:
        for number in (2**64, -(2**63) - 1, 10**400):
            session = self.jar.open("")
            session["deep"] = [{"n": (1, number)}]
            with self.assertRaises(ironjar.IronjarError) as caught:
                self.jar.commit(session)
            self.assertEqual(caught.exception.code, "malformed")
        for number in (2**64 - 1, -(2**63), True):
            session = self.jar.open("")
            session["n"] = number
            again = self.jar.open(sent_back(self.jar.commit(session)[0]))
            self.assertEqual(repr(again["n"]), repr(number))

    def test_options_of_the_c_interface_are_any_mapping(self) -> None:
        options = types.MappingProxyType({"cookieName": "sid", "passwords": PASSWORD})
        self.assertEqual(dict(ironjar.SessionJar.from_options(options).open("")), {})

    def test_what_a_session_prints_is_not_what_it_holds(self) -> None:
        session = self.jar.open("")
        session["token"] = "hidden"
        self.assertNotIn("hidden", repr(session))

    def test_a_session_outlives_its_jar_and_threads_share_one(self) -> None:
        session = ironjar.SessionJar("sid", PASSWORD).open("")
        gc.collect()
        session["n"] = 1
        self.assertEqual(len(self.jar.commit(session)), 1)
        good = []

        def visit(n: int) -> None:
            for _ in range(100):
                mine = self.jar.open("")
                mine["n"] = n
                if self.jar.open(sent_back(self.jar.commit(mine)[0]))["n"] == n:
                    good.append(n)

        threads = [threading.Thread(target=visit, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(good), 800)


    def test_the_password_that_seals_can_be_chosen(self) -> None:
        both = {1: PASSWORD, 2: OTHER}
        self.assertEqual(ironjar.unseal_data(ironjar.seal_data(1, both, seal_under=1), PASSWORD), 1)
        cookie = ironjar.SessionJar("sid", both, seal_under=1)
        session = cookie.open(None)
        session["user"] = "ada"
        sent = sent_back(cookie.commit(session)[0])
        self.assertEqual(self.jar.open(sent)["user"], "ada")
        self.assertTrue(ironjar.SessionJar("sid", both).open(sent).reseal_only)
        self.assertFalse(cookie.open(sent).reseal_only)
        with self.assertRaises(ValueError):
            ironjar.SessionJar("sid", both, seal_under=3)


class Frameworks(unittest.TestCase):
    def test_a_wsgi_application_keeps_a_session(self) -> None:
        jar = ironjar.SessionJar("sid", PASSWORD)

        def application(environ: dict, start_response):  # type: ignore[no-untyped-def]
            session = jar.open(environ.get("HTTP_COOKIE"))
            session["visits"] = session.get("visits", 0) + 1
            start_response("200 OK", [("Set-Cookie", value) for value in jar.commit(session)])
            return [str(session["visits"]).encode()]

        cookie, bodies = None, []
        for _ in range(3):
            headers: list = []
            environ = {} if cookie is None else {"HTTP_COOKIE": cookie}
            bodies += application(environ, lambda status, sent: headers.extend(sent))
            cookie = sent_back(headers[0][1])
        self.assertEqual(bodies, [b"1", b"2", b"3"])


class Library(unittest.TestCase):
    def test_the_structs_are_those_of_the_header(self) -> None:
        self.assertEqual(ctypes.sizeof(_library.ErrorStruct), 256)
        self.assertEqual(ctypes.sizeof(_library.PairStruct), 4 * ctypes.sizeof(ctypes.c_size_t))

    def test_the_library_is_found_without_running_programs(self) -> None:
        program = (
            "import sys\n"
            "sys.addaudithook(lambda event, _: sys.exit(event) if event in ('subprocess.Popen', 'os.system') else None)\n"
            "import ironjar\n"
        )
        folder = os.path.dirname(os.environ["IRONJAR_LIBRARY"])
        environment = {**os.environ, "IRONJAR_LIBRARY": "", "LD_LIBRARY_PATH": folder}
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_handles_are_given_back(self) -> None:
        def resident() -> int:
            with open("/proc/self/statm", encoding="ascii") as file:
                return int(file.read().split()[1])

        jar = ironjar.SessionJar("sid", PASSWORD)
        for i in range(6000):
            if i == 3000:
                before = resident()
            jar.open("sid=ij1." + "A" * 3000)
            ironjar.SessionJar("sid", PASSWORD)
        self.assertLess(resident() - before, 500)  # pages; what 3,000 jars take is many times that

    def test_leaving_with_handles_alive_is_no_crash(self) -> None:
        program = (
            "import ironjar\n"
            f"jar = ironjar.SessionJar('sid', {PASSWORD!r})\n"
            "session = jar.open('')\nsession['self'] = 1\ncycle = [session, jar]\ncycle.append(cycle)\n"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=os.environ, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b""))


if __name__ == "__main__":
    unittest.main()
