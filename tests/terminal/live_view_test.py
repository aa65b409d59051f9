#!/usr/bin/env python3
"""The monitor's live view as a user sees it: through a pseudo-terminal, on a scripted machine.

Usage: live_view_test.py WRING FAKE_NVML_LIBRARY MACHINES_DIR
"""
import importlib.util
import os
import signal
import sys
import tempfile
import unittest
from pathlib import Path

if importlib.util.find_spec("pyte") is None:
    print("skipped: the Python package pyte, which reads what a program paints, is not installed")
    sys.exit(77)

from pseudo_terminal import PseudoTerminal, colours

WRING = LIBRARY = MACHINES = None


def environment(machine="two_h200s", **changes):
    """This process's, in English and UTF-8, with the machine as the only GPUs. None removes a variable."""
    variables = dict(os.environ)
    for name in ("NO_COLOR", "FORCE_COLOR", "LC_CTYPE", "LC_MESSAGES", "LANG", "COLUMNS", "LINES"):
        variables.pop(name, None)
    # A terminal like the common ones, without the code for repeated characters, which pyte does not know.
    variables.update(TERM="screen-256color", LC_ALL="C.UTF-8", WRING_NVML_LIBRARY=LIBRARY,
                     WRING_FAKE_NVML=str(Path(MACHINES) / f"{machine}.txt"), WRING_NVIDIA_SMI="/nonexistent/nvidia-smi")
    for name, value in changes.items():
        if value is None:
            variables.pop(name, None)
        else:
            variables[name] = value
    return variables


class LiveViewTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def run_in_terminal(self, command, columns=120, rows=34, **changes):
        terminal = PseudoTerminal(command, columns, rows, environment(**changes), self.folder)
        self.addCleanup(terminal.close)
        return terminal

    def monitor(self, *arguments, columns=120, rows=34, **changes):
        return self.run_in_terminal([WRING, "monitor", "--interval", "0.1", *arguments], columns, rows, **changes)

    def shown(self, *arguments, **options):
        """A monitor whose view is there."""
        terminal = self.monitor(*arguments, **options)
        terminal.wait_for_text("NVIDIA H200")
        terminal.wait_for_text("CPU")
        return terminal

    def assert_given_back(self, terminal):
        self.assertEqual(terminal.modes(), terminal.modes_before, "the terminal's modes differ from those before")
        self.assertIn(b"\x1b[?1049h", terminal.raw, "the view did not use the alternate screen")
        self.assertNotIn("\x1b[?1049h", terminal.after_the_view())
        self.assertGreater(terminal.raw.rfind(b"\x1b[?1049l"), 0, "the alternate screen was not left")
        hidden, shown = terminal.raw.rfind(b"\x1b[?25l"), terminal.raw.rfind(b"\x1b[?25h")
        self.assertGreater(shown, hidden, "the cursor stayed hidden")

    def assert_ends_with_summary(self, terminal):
        """The program ends well, and its summary stands below the terminal that it gave back."""
        self.assertEqual(os.waitstatus_to_exitcode(terminal.wait()), 0, terminal.text())
        self.assert_given_back(terminal)
        self.assertIn("summary", terminal.after_the_view())

    # --- What is shown ---

    def test_shows_each_card_the_host_and_the_keys(self):
        terminal = self.shown()
        for part in ("wring monitor", "driver 580.65.06", "0 NVIDIA H200", "1 NVIDIA H200", "GPU-Util", "0.0/140 GiB",
                     "5.0/140 GiB", "CPU", "q quit"):
            terminal.wait_for_text(part)

    def test_shows_what_a_recorded_h200_did(self):
        terminal = self.shown(machine="h200_recorded")
        for part in ("SM ", "Tensor", "DRAM", "PCIe", "/700 W", "Power  0-700 W", "last 0:0"):
            terminal.wait_for_text(part)

    def test_a_lost_card_says_so_and_the_other_goes_on(self):
        terminal = self.monitor(machine="lost_gpu")
        terminal.wait_for_text("fallen off the bus")
        terminal.wait_for_text("0 NVIDIA GeForce RTX 3090")
        terminal.type("q")
        self.assert_ends_with_summary(terminal)

    def test_follows_the_size_of_the_terminal(self):
        terminal = self.shown()
        for columns, rows in ((60, 16), (40, 10), (20, 5), (150, 45)):
            terminal.resize(columns, rows)
            terminal.wait_for(lambda: any(line for line in terminal.lines()), "a screen of the new size")
            wanted = "q quit" if rows >= 9 else "GPU"
            terminal.wait_for_text(wanted)
            if rows >= 9:
                # The keys stand in the last line of the new size, and nothing was cut by the terminal.
                terminal.wait_for(lambda: "q quit" in terminal.lines()[-1], f"the keys in line {rows}")

    def test_speaks_chinese_with_columns_that_stay_aligned(self):
        terminal = self.monitor("--lang", "zh", columns=80, LC_ALL="C")  # who asks for Chinese reads UTF-8
        wanted = ("GPU利用率 ", "显存      ")  # the bars' labels, ten columns each
        bars = {}

        def both_bars():
            for row in range(terminal.screen.lines):
                # pyte leaves the second half of a wide character empty.
                line = "".join(terminal.screen.buffer[row][column].data for column in range(80))
                for label in wanted:
                    # The label may be there before its bar: the terminal is read in pieces.
                    if line.startswith(" " + label) and line[11:].strip():
                        bars[label] = terminal.screen.buffer[row][11].data
            return len(bars) == len(wanted)

        terminal.wait_for(both_bars, "the two bars")
        # Whatever the values are, the bars or their tracks begin in the same column.
        self.assertTrue(set(bars.values()) <= set("·▒█▏▎▍▌▋▊▉"), bars)

    def test_without_a_gpu_watches_the_host_and_says_why(self):
        terminal = self.monitor(machine="version_mismatch")
        terminal.wait_for_text("18")
        terminal.wait_for_text("CPU")
        terminal.type("q")
        terminal.wait()
        self.assert_given_back(terminal)

    # --- Keys ---

    def test_q_ends_it_with_the_summary(self):
        terminal = self.shown()
        terminal.type("q")
        self.assert_ends_with_summary(terminal)

    def test_p_pauses_and_goes_on(self):
        terminal = self.shown()
        terminal.type("p")
        terminal.wait_for_text("paused")
        terminal.type("p")
        terminal.wait_for(lambda: "paused" not in terminal.text(), "the end of the pause")

    def test_question_mark_helps_and_any_key_leaves(self):
        terminal = self.shown()
        terminal.type("?")
        terminal.wait_for_text("print the summary")
        terminal.type("x")
        terminal.wait_for(lambda: "print the summary" not in terminal.text(), "the end of the help")
        terminal.wait_for_text("NVIDIA H200")

    def test_plus_and_minus_change_the_interval(self):
        terminal = self.shown()
        terminal.wait_for_text("every 0.1 s")
        terminal.type("+")
        terminal.wait_for_text("every 0.2 s")
        terminal.type("-")
        terminal.wait_for_text("every 0.1 s")

    def test_arrows_choose_the_card(self):
        terminal = self.shown(columns=60, rows=12)
        terminal.wait_for_text("▶   0")
        terminal.type("\x1bOB" if b"\x1b[?1h" in terminal.raw else "\x1b[B")
        terminal.wait_for_text("▶   1")
        terminal.type("k")
        terminal.wait_for_text("▶   0")

    # --- The terminal is given back ---

    def test_ctrl_c_ends_it_with_the_summary(self):
        terminal = self.shown()
        terminal.type("\x03")
        self.assert_ends_with_summary(terminal)

    def test_sigterm_ends_it_with_the_summary(self):
        terminal = self.shown()
        terminal.kill(signal.SIGTERM)
        self.assert_ends_with_summary(terminal)

    def test_ends_by_itself_with_the_summary(self):
        terminal = self.monitor("2")
        terminal.wait_for_text("left")
        self.assert_ends_with_summary(terminal)

    def test_a_stop_that_nobody_can_prepare_is_painted_over(self):
        terminal = self.shown()
        terminal.kill(signal.SIGSTOP)
        terminal.kill(signal.SIGCONT)
        seen = len(terminal.raw)
        terminal.wait_for(lambda: b"NVIDIA H200" in terminal.raw[seen:], "a whole new picture")
        terminal.type("q")
        self.assert_ends_with_summary(terminal)

    def test_ctrl_s_does_not_hold_up_the_end(self):
        terminal = self.shown()
        terminal.type("\x13")
        terminal.wait_for_text("0:01")
        terminal.kill(signal.SIGTERM)
        self.assert_ends_with_summary(terminal)

    def test_impatient_ctrl_c_leaves_a_usable_terminal(self):
        terminal = self.shown()
        terminal.type("\x03\x03\x03")
        terminal.wait()
        self.assert_given_back(terminal)

    def test_ends_when_the_terminal_is_gone(self):
        terminal = self.shown()
        os.close(terminal.slave)
        os.close(terminal.master)
        pid, status = os.waitpid(terminal.pid, 0)
        terminal.status = status
        terminal.master, terminal.slave = os.openpty()  # for close()
        self.assertEqual(pid, terminal.pid)

    def test_a_crash_leaves_a_usable_terminal(self):
        for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGQUIT):
            with self.subTest(number.name):
                terminal = self.shown()
                terminal.kill(number)
                self.assertEqual(os.WTERMSIG(terminal.wait()), number)
                self.assert_given_back(terminal)

    def test_ctrl_z_gives_the_terminal_to_the_shell_until_fg(self):
        terminal = self.run_in_terminal(["bash", "--norc", "--noprofile", "-i"], PS1="$ ")
        terminal.wait_for_text("$")
        terminal.type(f"{WRING} monitor --interval 0.1\n")
        terminal.wait_for_text("q quit")
        terminal.type("\x1a")
        terminal.wait_for(lambda: "Stopped" in terminal.after_the_view(), "the shell to say that it stopped")
        stopped_at = len(terminal.raw)
        terminal.type("fg\n")
        terminal.wait_for(lambda: b"\x1b[?1049h" in terminal.raw[stopped_at:], "the view to come back")
        terminal.wait_for_text("q quit")
        terminal.type("q")
        terminal.wait_for(lambda: "summary" in terminal.after_the_view(), "the summary")
        terminal.type("exit\n")
        terminal.wait()

    # --- Where a view would be wrong ---

    def test_in_the_background_writes_lines_and_is_not_stopped(self):
        terminal = self.run_in_terminal(["bash", "--norc", "--noprofile", "-i"], PS1="$ ")
        terminal.wait_for_text("$")
        terminal.type(f"{WRING} monitor 1 --interval 0.1 & wait; echo over and out\n")
        terminal.wait_for(lambda: terminal.raw.count(b"over and out") >= 2, "the end of the job")
        self.assertNotIn(b"\x1b[?1049h", terminal.raw)
        self.assertNotIn(b"Stopped", terminal.raw)
        self.assertIn(b"summary", terminal.raw)
        terminal.type("exit\n")
        terminal.wait()

    def test_terminals_that_cannot_be_painted_get_lines(self):
        for name in ("dumb", "no-such-terminal"):
            with self.subTest(name):
                terminal = self.monitor("1", TERM=name)
                self.assertEqual(os.waitstatus_to_exitcode(terminal.wait()), 0)
                self.assertNotIn(b"\x1b[?1049h", terminal.raw)
                self.assertIn(b"summary", terminal.raw)

    # --- Colour and characters ---

    def test_no_color_is_without_colour_and_else_there_is_some(self):
        plain = self.shown(NO_COLOR="1")
        plain.type("q")
        plain.wait()
        self.assertEqual(colours(plain.raw), [])
        coloured = self.shown()
        coloured.type("q")
        coloured.wait()
        self.assertNotEqual(colours(coloured.raw), [])

    def test_a_locale_without_utf8_gets_ascii_alone(self):
        terminal = self.shown(LC_ALL="C")
        terminal.wait_for_text("GiB")
        terminal.type("?")
        terminal.wait_for_text("print the summary")
        terminal.type("qq")
        terminal.wait()
        self.assertEqual([byte for byte in terminal.raw if byte >= 0x80], [])


if __name__ == "__main__":
    WRING, LIBRARY, MACHINES = (os.path.abspath(path) for path in sys.argv[1:4])  # the programs run elsewhere
    del sys.argv[1:4]
    unittest.main()
