#!/usr/bin/env python3
"""The monitor's web page in headless Chromium.

Usage: page_test.py WRING FAKE_NVML_LIBRARY. Exits with 77 (skipped) without Chromium or without the server.
"""
import sys
import unittest

import browser
from served_monitor import SECOND_CARD_LOST, ServedMonitor

TOKEN = "a-token-of-the-test-0123456789"


class Page(unittest.TestCase):
    def start(self, *arguments, **options):
        monitor = ServedMonitor(*arguments, **options)
        self.addCleanup(monitor.close)
        return monitor

    def look(self, url, **options):
        page = browser.Browser(browser.find(), **options)
        self.addCleanup(page.close)
        page.open(url)
        return page

    def assert_shows(self, page, text, seconds=30):
        wanted = repr(text)
        self.assertTrue(page.wait_for(f"document.body && document.body.innerText.includes({wanted})", seconds),
                        f"{text!r} is not in:\n{page.text()}\nerrors: {page.errors}")

    def assert_clean(self, page, url):
        self.assertEqual(page.errors, [])
        self.assertTrue(page.requests)
        for request in page.requests:
            self.assertTrue(request.startswith((url, "about:blank")), f"a request left this computer: {request}")

    def test_shows_the_values_and_asks_nobody_else(self):
        monitor = self.start()
        page = self.look(monitor.url)
        for text in ("GPU 0", "GPU 1", "NVIDIA H200", "93 %", "82 %", "57 %", "41 %", "96.0 / 140.4 GiB", "613 / 700 W",
                     "63 °C", "power cap", "driver 580.65.06", "Processes", "wring", "GPU-Util mean", "live"):
            self.assert_shows(page, text)
        self.assert_clean(page, monitor.url)

    def test_draws_the_history(self):
        monitor = self.start()
        page = self.look(monitor.url)
        blue = ("[...document.querySelector('.gpu canvas').getContext('2d').getImageData(0, 0, 4000, 400).data]"
                ".filter((value, i, all) => i % 4 === 2 && value > 200 && all[i - 2] < 80 && all[i + 1] > 200).length")
        self.assertTrue(page.wait_for(f"document.querySelector('.gpu canvas') && {blue} > 5"), page.errors)

    def test_speaks_chinese(self):
        monitor = self.start()
        page = self.look(monitor.url, language="zh-CN,zh;q=0.9")
        for text in ("GPU利用率", "显存带宽利用率", "功耗上限", "进程", "实时"):
            self.assert_shows(page, text)
        page.open(f"{monitor.url}?lang=en")
        self.assert_shows(page, "DRAM activity")

    def test_marks_a_lost_card(self):
        monitor = self.start(machine=SECOND_CARD_LOST)
        page = self.look(monitor.url)
        self.assert_shows(page, "fallen off the bus")
        self.assertTrue(page.wait_for("document.querySelectorAll('.gpu.lost').length === 1"))
        self.assert_shows(page, "93 %")

    def test_says_when_the_monitor_is_gone_and_when_it_is_back(self):
        monitor = self.start()
        port = monitor.address[1]
        page = self.look(monitor.url)
        self.assert_shows(page, "93 %")
        monitor.close()
        self.assert_shows(page, "does not answer")
        self.start(address=f"127.0.0.1:{port}")
        self.assert_shows(page, "started anew")
        self.assert_shows(page, "93 %")
        self.assert_shows(page, "live")

    def test_asks_for_the_token_and_keeps_it_to_itself(self):
        monitor = self.start(environment={"WRING_MONITOR_TOKEN": TOKEN})
        page = self.look(monitor.url)
        self.assert_shows(page, "asks for its token")
        self.assertNotIn("93 %", page.text())
        page.evaluate(f"document.getElementById('token').value = '{TOKEN}'; document.querySelector('form').requestSubmit()")
        self.assert_shows(page, "93 %")
        self.assertFalse([request for request in page.requests if TOKEN in request])
        self.assertEqual(page.evaluate("document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)"),
                         "{}{}")

    def test_takes_the_token_out_of_the_address(self):
        monitor = self.start(environment={"WRING_MONITOR_TOKEN": TOKEN})
        page = self.look(f"{monitor.url}#token={TOKEN}")
        self.assert_shows(page, "93 %")
        self.assertEqual(page.evaluate("location.href"), monitor.url)

    def test_shows_names_as_text(self):
        machine = SECOND_CARD_LOST.replace("name NVIDIA H200", "name <img src=x onerror=alert(1)>")
        monitor = self.start(machine=machine)
        page = self.look(monitor.url)
        self.assert_shows(page, "<img src=x onerror=alert(1)>")
        self.assertEqual(page.evaluate("document.querySelectorAll('main img').length"), 0)

    def test_fits_a_phone(self):
        monitor = self.start()
        page = self.look(monitor.url, width=360, height=740, dark=True)
        self.assert_shows(page, "93 %")
        self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), 360)

    def test_follows_the_dark_scheme(self):
        monitor = self.start()
        light, dark = self.look(monitor.url), self.look(monitor.url, dark=True)
        for page in (light, dark):
            self.assert_shows(page, "93 %")
        ground = "getComputedStyle(document.body).backgroundColor"
        self.assertNotEqual(light.evaluate(ground), dark.evaluate(ground))

    def test_without_a_gpu_says_why(self):
        monitor = self.start(machine="init_error 9\n")
        page = self.look(monitor.url)
        self.assert_shows(page, "No GPU is watched")
        self.assert_shows(page, "code 9")
        self.assert_shows(page, "Host")


if __name__ == "__main__":
    ServedMonitor.wring, ServedMonitor.library = sys.argv[1:3]
    del sys.argv[1:3]
    if browser.find() is None:
        print("skipped: Chromium is not installed (scripts/setup.sh --browser)")
        sys.exit(77)
    probe = ServedMonitor()
    probe.close()
    if "built without" in probe.said:
        print("skipped: wring was built without its web server (libboost-dev was missing)")
        sys.exit(77)
    unittest.main()
