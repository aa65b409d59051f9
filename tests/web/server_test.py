#!/usr/bin/env python3
"""`wring monitor --serve` over real sockets, on loopback only.

Usage: server_test.py WRING FAKE_NVML_LIBRARY. Exits with 77 (skipped) where wring was built without its server.
"""
import http.client
import importlib.util
import os
import re
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from served_monitor import SECOND_CARD_LOST, ServedMonitor

TOKEN = "a-token-of-the-test-0123456789"
HOST = "Host: localhost\r\n"


def raw(monitor, request, timeout=20):
    """Everything that the server answers to these bytes until it closes the connection."""
    with socket.create_connection(monitor.address, timeout=timeout) as connection:
        connection.sendall(request.encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer.decode()


class Served(unittest.TestCase):
    def start(self, *arguments, **options):
        monitor = ServedMonitor(*arguments, **options)
        self.addCleanup(monitor.close)
        self.assertIsNotNone(monitor.url, monitor.said)
        return monitor

    def fails(self, *arguments, **environment):
        """(exit code, standard error) of a monitor that does not come to run."""
        result = subprocess.run([ServedMonitor.wring, "monitor", "1", "--lang", "en", *arguments], capture_output=True,
                                text=True, timeout=60, env={**os.environ, "LC_ALL": "C.UTF-8", **environment})
        return result.returncode, result.stderr


class Answers(Served):
    @classmethod
    def setUpClass(cls):
        cls.monitor = ServedMonitor()
        cls.addClassCleanup(cls.monitor.close)
        cls.monitor.wait_for_ticks(5)

    def test_a_free_port_is_taken_and_told(self):
        self.assertRegex(self.monitor.said, r"http://127\.0\.0\.1:[1-9]\d*/")

    def test_cards_and_catalogue(self):
        answer = self.monitor.json("/api/v1/gpus")
        self.assertEqual([gpu["uuid"] for gpu in answer["gpus"]], ["GPU-busy", "GPU-second"])
        self.assertEqual(answer["driver_version"], "580.65.06")
        self.assertIn("power_w", [metric["key"] for metric in answer["metrics"]])

    def test_latest_readings_with_processes(self):
        answer = self.monitor.json("/api/v1/latest")
        busy, second = answer["gpus"]
        self.assertEqual(busy["gpu_util"], 93)
        self.assertEqual(busy["power_w"], 612.5)
        self.assertEqual(busy["processes"][0]["pid"], self.monitor.process.pid)
        self.assertEqual([reason["key"] for reason in busy["throttle"]], ["power_cap"])
        self.assertIsNone(second["power_w"])
        self.assertTrue(second["up"])

    def test_history_grows(self):
        first = self.monitor.json("/api/v1/history?seconds=3600&metrics=gpu_util")
        grown = self.monitor.wait_for(lambda: (answer := self.monitor.json(
            "/api/v1/history?seconds=3600&metrics=gpu_util"))["unix_ms"][-1:] != first["unix_ms"][-1:] and answer)
        column = grown["gpus"][0]["metrics"]["gpu_util"]
        self.assertEqual(len(column), len(grown["unix_ms"]))
        self.assertEqual(column[-1], 93)
        self.assertEqual(grown["unix_ms"], sorted(grown["unix_ms"]))

    def test_summary_of_the_run_and_of_the_last_minute(self):
        for window in ("run", "recent"):
            summary = self.monitor.json(f"/api/v1/summary?window={window}")
            self.assertEqual(summary["gpus"][0]["metrics"]["gpu_util"]["mean"], 93)
            self.assertEqual(summary["schema"], "wring.monitor.summary/1")

    def test_health(self):
        answer = self.monitor.json("/api/v1/health")
        self.assertEqual(answer["status"], "ok")
        self.assertEqual(answer["lost_gpus"], [])

    def test_metrics_are_what_prometheus_reads(self):
        if importlib.util.find_spec("prometheus_client") is None:
            self.skipTest("the Python package prometheus_client, whose parser this needs, is not installed")
        from prometheus_client.parser import text_string_to_metric_families
        status, headers, text = self.monitor.ask("/metrics")
        self.assertEqual(status, 200)
        self.assertEqual(headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        families = {family.name: family for family in text_string_to_metric_families(text)}
        values = {sample.labels["uuid"]: sample.value for sample in families["wring_gpu_power_watts"].samples}
        self.assertEqual(values, {"GPU-busy": 612.5})
        self.assertEqual(families["wring_gpu_utilization_ratio"].samples[0].value, 0.93)
        self.assertEqual(families["wring_gpu_utilization_seconds"].type, "counter")
        self.assertEqual(families["wring_monitor_ticks"].type, "counter")
        for family in families.values():
            self.assertTrue(family.documentation, family.name)
            self.assertIn(family.type, ("gauge", "counter"), family.name)

    def test_busy_seconds_between_two_scrapes_are_exact(self):
        def scrape():
            text = self.monitor.ask("/metrics")[2]
            return [float(re.search(rf'^wring_gpu_utilization_{name}_total{{gpu="0".*}} (\S+)$', text, re.M).group(1))
                    for name in ("seconds", "observed_seconds")]
        before = scrape()
        after = self.monitor.wait_for(lambda: (now := scrape())[1] - before[1] > 1 and now)
        self.assertAlmostEqual((after[0] - before[0]) / (after[1] - before[1]), 0.93, places=6)

    def test_head_has_the_headers_of_get_and_no_body(self):
        status, headers, body = self.monitor.ask("/api/v1/gpus", method="HEAD")
        self.assertEqual((status, body), (200, ""))
        self.assertEqual(int(headers["Content-Length"]), len(self.monitor.ask("/api/v1/gpus")[2].encode()))

    def test_several_questions_on_one_connection(self):
        question = f"GET /api/v1/health HTTP/1.1\r\n{HOST}\r\n"
        last = f"GET /nothing HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n"
        answer = raw(self.monitor, question * 3 + last)
        self.assertEqual(re.findall(r"HTTP/1.1 (\d+)", answer), ["200", "200", "200", "404"])

    def test_every_answer_forbids_foreign_content(self):
        for target in ("/", "/page.js", "/metrics", "/api/v1/latest", "/nothing"):
            headers = self.monitor.ask(target)[1]
            self.assertIn("default-src 'none'", headers["Content-Security-Policy"], target)
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff", target)
            self.assertNotIn("Access-Control-Allow-Origin", headers, target)


class Refusals(Served):
    @classmethod
    def setUpClass(cls):
        cls.monitor = ServedMonitor()
        cls.addClassCleanup(cls.monitor.close)

    def status(self, request):
        found = re.match(r"HTTP/1\.1 (\d+)", raw(self.monitor, request))
        self.assertTrue(found, "no answer")
        return int(found.group(1))

    def test_a_name_that_is_not_this_computer(self):
        self.assertEqual(self.status("GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"), 403)
        self.assertEqual(self.status("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"), 400)

    def test_a_second_host_or_token(self):
        for twice in (HOST + HOST, HOST + "Host: evil.example\r\n", "Host: evil.example\r\n" + HOST,
                      HOST + "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"):
            self.assertEqual(self.status(f"GET /api/v1/health HTTP/1.1\r\n{twice}Connection: close\r\n\r\n"), 400)

    def test_methods_that_change_things(self):
        for method in ("POST", "PUT", "DELETE", "BREW"):
            self.assertEqual(self.status(f"{method} /api/v1/latest HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n"), 405)

    def test_bodies(self):
        self.assertEqual(self.status(f"POST / HTTP/1.1\r\n{HOST}Content-Length: 5\r\n\r\nhello"), 413)
        self.assertEqual(self.status(f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n"
                                     "5\r\nhello\r\n0\r\n\r\n"), 413)

    def test_headers_beyond_the_limit(self):
        self.assertEqual(self.status(f"GET / HTTP/1.1\r\n{HOST}X: {'a' * 20000}\r\n\r\n"), 431)
        self.assertEqual(self.status(f"GET /{'a' * 20000} HTTP/1.1\r\n{HOST}\r\n"), 431)
        many = "".join(f"X-{i}: 1\r\n" for i in range(2000))
        self.assertEqual(self.status(f"GET / HTTP/1.1\r\n{HOST}{many}\r\n"), 431)

    def test_what_is_no_http(self):
        self.assertEqual(self.status("hello\r\n\r\n"), 400)
        self.assertEqual(self.status("\x16\x03\x01\x02\r\n\r\n"), 400)
        self.assertEqual(self.status("GET / HTTP/9.9\r\n\r\n"), 400)

    def test_files_beside_the_page(self):
        for path in ("/../../etc/passwd", "/%2e%2e/etc/passwd", "//etc/passwd", "/page.css/..", "/page"):
            self.assertEqual(self.status(f"GET {path} HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n"), 404, path)

    def test_still_answers_after_all_this(self):
        self.assertEqual(self.monitor.ask("/api/v1/health")[0], 200)


class SlowClients(Served):
    def open(self, monitor, request=b""):
        connection = socket.create_connection(monitor.address, timeout=20)
        self.addCleanup(connection.close)
        connection.sendall(request)
        return connection

    def test_hold_up_neither_the_readings_nor_the_others(self):
        monitor = self.start()
        for _ in range(20):
            self.open(monitor, b"GET /api/v1/latest HT")  # and never more
        # Asks for more than the buffers of a socket hold, and reads nothing of it.
        self.open(monitor, f"GET /page.css HTTP/1.1\r\n{HOST}\r\n".encode() * 2000)
        ticks = monitor.json("/api/v1/latest")["ticks"]
        monitor.wait_for_ticks(ticks + 5)
        self.assertEqual(monitor.json("/api/v1/latest")["missed"], 0)

    def test_silent_ones_do_not_shut_the_others_out(self):
        monitor = self.start()
        asked = self.open(monitor)
        for number in range(150):  # more than there may be, and always new ones
            self.open(monitor, b"GET" if number % 2 else b"")
            if number % 10 == 0:
                self.assertEqual(monitor.ask("/api/v1/health")[0], 200, number)
        asked.settimeout(20)
        self.assertEqual(asked.recv(1), b"", "the oldest of them gave way")

    def test_one_that_has_asked_stays_while_silent_ones_give_way(self):
        monitor = self.start()
        question = f"GET /api/v1/health HTTP/1.1\r\n{HOST}\r\n".encode()
        kept = self.open(monitor, question)
        said = b""

        def read_answers(count):
            nonlocal said
            while said.count(b"HTTP/1.1 200") < count:
                piece = kept.recv(4096)
                self.assertTrue(piece, "it was closed")
                said += piece
        read_answers(1)
        for _ in range(100):
            self.open(monitor)
        kept.sendall(question)
        read_answers(2)

    def test_those_that_take_no_answer_do_not_shut_the_others_out(self):
        monitor = self.start()
        for _ in range(70):
            self.open(monitor, f"GET /page.css HTTP/1.1\r\n{HOST}\r\n".encode() * 2000)
        self.assertEqual(monitor.ask("/api/v1/health")[0], 200)

    def test_a_silent_connection_is_closed_after_a_moment(self):
        connection = self.open(self.start(), b"GET / HTTP/1.1\r\n")
        self.assertEqual(connection.recv(1), b"")  # within the 20 seconds of open()


class Tokens(Served):
    def check(self, monitor):
        self.assertEqual(monitor.ask("/metrics")[0], 401)
        self.assertEqual(monitor.ask("/metrics", headers={"Authorization": f"Bearer {TOKEN}x"})[0], 401)
        self.assertEqual(monitor.ask(f"/metrics?token={TOKEN}")[0], 401)
        self.assertEqual(monitor.ask("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})[0], 200)
        self.assertEqual(monitor.ask("/")[0], 200)
        self.assertNotIn(TOKEN, monitor.said)
        command_line = Path(f"/proc/{monitor.process.pid}/cmdline").read_bytes()
        self.assertNotIn(TOKEN.encode(), command_line)

    def test_from_a_file(self):
        with tempfile.NamedTemporaryFile("w", suffix=".token") as file:
            file.write(TOKEN + "\n")
            file.flush()
            self.check(self.start("--token-file", file.name))

    def test_the_command_does_not_get_it(self):
        monitor = self.start("--", "sleep", "30", environment={"WRING_MONITOR_TOKEN": TOKEN})
        self.check(monitor)
        children = Path(f"/proc/{monitor.process.pid}/task")
        pids = monitor.wait_for(lambda: [pid for task in children.iterdir()
                                         for pid in (task / "children").read_text().split()])
        monitor.wait_for(lambda: Path(f"/proc/{pids[0]}/comm").read_text() == "sleep\n")
        self.assertNotIn(TOKEN.encode(), Path(f"/proc/{pids[0]}/environ").read_bytes())

    def test_from_the_environment(self):
        self.check(self.start(environment={"WRING_MONITOR_TOKEN": TOKEN}))


class Starting(Served):
    def test_an_address_that_others_reach_needs_more(self):
        for arguments, words in ((["--serve", "0.0.0.0:0"], "--allow-remote"),
                                 (["--serve", "[::]:0"], "--allow-remote"),
                                 (["--serve", "0.0.0.0:0", "--allow-remote"], "token")):
            code, said = self.fails(*arguments, WRING_MONITOR_TOKEN="")
            self.assertEqual(code, 2, said)
            self.assertIn(words, said)

    def test_wrong_usage(self):
        for arguments in (["--serve", "example.org:80"], ["--serve", "127.0.0.1:99999"], ["--allow-remote"],
                          ["--token-file", "x"]):
            self.assertEqual(self.fails(*arguments)[0], 2, arguments)

    def test_a_port_that_is_taken_is_named_with_the_cure(self):
        monitor = self.start()
        port = monitor.address[1]
        code, said = self.fails("--serve", f"127.0.0.1:{port}", "--", "touch", "/nonexistent/never-run")
        self.assertEqual(code, 1)
        self.assertIn(f"127.0.0.1:{port}", said)
        self.assertIn(f"sport = :{port}", said)
        self.assertNotIn("touch", said)

    def test_ipv6(self):
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError as problem:
            self.skipTest(f"no IPv6 here: {problem}")
        monitor = self.start(address="[::1]:0")
        self.assertRegex(monitor.url, r"^http://\[::1\]:\d+/$")
        self.assertEqual(monitor.ask("/api/v1/health")[0], 200)

    def test_a_watched_command_does_not_inherit_the_port(self):
        monitor = self.start("--", "sleep", "30")
        children = Path(f"/proc/{monitor.process.pid}/task")
        pids = monitor.wait_for(lambda: [pid for task in children.iterdir()
                                         for pid in (task / "children").read_text().split()])
        monitor.wait_for(lambda: Path(f"/proc/{pids[0]}/comm").read_text() == "sleep\n")
        for descriptor in Path(f"/proc/{pids[0]}/fd").iterdir():
            self.assertFalse(os.readlink(descriptor).startswith("socket:"), descriptor)

    def test_ends_like_any_monitor(self):
        monitor = self.start()
        with socket.create_connection(monitor.address, timeout=20):  # one that is still open
            self.assertEqual(monitor.close(), 0)


class Faults(Served):
    def test_a_lost_card_is_told_and_the_other_goes_on(self):
        monitor = self.start(machine=SECOND_CARD_LOST)
        lost = monitor.wait_for(lambda: (card := monitor.json("/api/v1/latest")["gpus"][1])["up"] is False and card)
        self.assertEqual(lost["problem"]["code"], 15)
        self.assertIsNone(lost["gpu_util"])
        self.assertEqual(monitor.json("/api/v1/health")["lost_gpus"], [1])
        text = monitor.ask("/metrics")[2]
        self.assertRegex(text, r'wring_gpu_up\{gpu="1",[^}]*\} 0\n')
        self.assertRegex(text, r'wring_gpu_up\{gpu="0",[^}]*\} 1\n')
        self.assertNotRegex(text, r'wring_gpu_utilization_ratio\{gpu="1"')

    def test_a_driver_call_that_hangs_is_told(self):
        monitor = self.start(machine=SECOND_CARD_LOST.replace("error * 15", "hang nvmlDeviceGetUtilizationRates"))
        stuck = monitor.wait_for(lambda: monitor.json("/api/v1/latest")["gpus"][1]["stuck_for_s"])
        self.assertGreater(stuck, 0)
        self.assertRegex(monitor.ask("/metrics")[2], r'wring_gpu_stuck_seconds\{gpu="1",[^}]*\} [1-9]')
        self.assertEqual(monitor.json("/api/v1/latest")["gpus"][0]["gpu_util"], 93)

    def test_without_a_gpu_the_host_is_served(self):
        monitor = self.start(machine="init_error 9\n")
        monitor.wait_for_ticks(2)
        self.assertEqual(monitor.json("/api/v1/gpus")["gpus"], [])
        self.assertTrue(monitor.json("/api/v1/gpus")["problems"])
        self.assertIn("wring_host_memory_total_bytes", monitor.ask("/metrics")[2])


if __name__ == "__main__":
    ServedMonitor.wring, ServedMonitor.library = sys.argv[1:3]
    del sys.argv[1:3]
    probe = ServedMonitor()
    probe.close()
    if "built without" in probe.said:
        print("skipped: wring was built without its web server (libboost-dev was missing)")
        sys.exit(77)
    unittest.main()
