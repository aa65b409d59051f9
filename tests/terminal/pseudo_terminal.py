"""A terminal that a program believes in: a pseudo-terminal whose other end is read into a screen by pyte."""
import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import pyte

# Long enough for a loaded machine: a wait ends as soon as what it waits for is there.
PATIENCE_S = 30


class PseudoTerminal:
    """Runs a command as the foreground process of a terminal of its own."""

    def __init__(self, command, columns=120, rows=34, environment=None, folder=None):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.status = None
        # This end of the program's side stays open, so that its modes can be read after the program's end.
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.modes_before = termios.tcgetattr(self.slave)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self.master)
                os.login_tty(self.slave) if hasattr(os, "login_tty") else self._login()
                if folder:
                    os.chdir(folder)
                os.execvpe(command[0], command, environment or os.environ)
            finally:
                os._exit(127)

    def _login(self):
        os.setsid()
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        for descriptor in range(3):
            os.dup2(self.slave, descriptor)
        if self.slave > 2:
            os.close(self.slave)

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.kill(self.pid, signal.SIGCONT)
            os.waitpid(self.pid, 0)
        os.close(self.slave)
        os.close(self.master)

    def read(self, seconds):
        """Reads what comes within that time, at least once."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError as error:
            if error.errno == errno.EIO:
                return False
            raise
        self.raw += data
        self.stream.feed(data)
        return bool(data)

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.lines())

    def ended(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
        return self.status is not None

    def wait_for(self, condition, what):
        """Reads until condition() holds; what names it in the failure."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            # What an ended program has written may still be on its way.
            over = time.monotonic() > deadline or (self.ended() and not self.read(0.2) and not condition())
            if over:
                ending = f"; it ended with status {self.status}" if self.status is not None else ""
                raise AssertionError(
                    f"waited in vain for {what}{ending}; the screen:\n{self.text()}\nlast bytes: {self.raw[-300:]!r}")
            self.read(0.1)

    def wait_for_text(self, part):
        self.wait_for(lambda: part in self.text(), repr(part))

    def resize(self, columns, rows):
        self.screen.resize(rows, columns)
        self.screen.reset()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        os.write(self.master, keys.encode())

    def kill(self, number):
        os.kill(self.pid, number)

    def wait(self):
        """Reads to the program's end; returns os.waitpid's status."""
        self.wait_for(self.ended, "the program's end")
        while self.read(0.1):
            pass
        return self.status

    def modes(self):
        return termios.tcgetattr(self.slave)

    def after_the_view(self):
        """What was written after the alternate screen was left for the last time."""
        return self.raw.rpartition(b"\x1b[?1049l")[2].decode()


def colours(raw):
    """The colours that escape codes in the bytes choose."""
    chosen = []
    for parameters in re.findall(rb"\x1b\[([0-9;]*)m", raw):
        for number in parameters.split(b";"):
            if number and (30 <= int(number) <= 49 or 90 <= int(number) <= 107):
                chosen.append(int(number))
    return chosen
