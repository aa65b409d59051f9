"""`wring monitor --serve` and text from outside: others are served, nobody gets in, nothing is executed."""

import http.client
import json
import os
import re
import socket
import threading
import time

import pictures
from children import memory_kib
from lab import wait_until
from registry import attack

TOKEN = "0123456789abcdef0123456789abcdef"
CARD = ("index=0\nname=NVIDIA H200\nuuid=GPU-0\npci.bus_id=00000000:19:00.0\nutilization.gpu=93\nmemory.total=143771\n"
        "memory.used=98304\n")


class Served:
    """`wring monitor --serve` on loopback, ended with close()."""

    def __init__(self, lab, *more, env=None, seconds="60"):
        self.run = lab.start("monitor", seconds, "--interval", "0.2", "--serve", "127.0.0.1:0", *more, env=env)
        wait_until(lambda: re.search(r"http://127\.0\.0\.1:\d+", self.run.said()) or not self.run.alive(), 15)
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.run.said())
        if not found:
            raise RuntimeError(f"no server: {self.run.wait(5)}")
        self.port = int(found.group(1))

    def get(self, target, method="GET", body=None, timeout=5, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, target, body=body,
                               headers={name.replace("_", "-"): value
                                        for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read(), dict(answer.getheaders())
        finally:
            connection.close()

    def raw(self, data, seconds=3.0):
        """What comes back for these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as one:
            got = b""
            try:
                one.sendall(data)
                while len(got) < 1 << 22:
                    part = one.recv(1 << 16)
                    if not part:
                        break
                    got += part
            except OSError:
                pass
            return got

    def lives(self):
        try:
            return self.get("/api/v1/health", timeout=15)[0] in (200, 503)
        except OSError:
            return False

    def close(self, lab):
        self.run.send("TERM")
        lab.must(lab.sound(self.run.wait(15)).code == 0, f"the monitor: {self.run.said()[-100:]}")


@attack("4.1")
def _(lab):
    """File names with ESC, BEL, C1 controls and bidirectional overrides are escaped on a terminal in evaluate, train,
    upscale and every error"""
    network = lab.checkpoint()
    lab.data(2, 0, total_iters=4)
    lab.path("D").mkdir()
    names = [
        b"esc\x1b[31mred\x1b]0;title\x07.png", "c1\u009b31m.png".encode(), "bidi\u202egnp.exe.png".encode(),
        "iso\u2066x\u2069.png".encode(), b"cr\rover.png"
    ]
    for index, name in enumerate(names):
        for folder in (b"D/", b"data/train/HR/"):
            lab.write(folder + name, pictures.drawn(64, 64, seed=index))
        lab.write(b"broken/" + name, b"no image")
        lab.write(b"data/train/HR/broken " + name, b"no image")
    odd = os.fsdecode(names[0])
    commands = [["evaluate", network, "D", "--device", "cpu"], ["evaluate", network, "broken", "--device", "cpu"],
                ["upscale", network, "D", "-o", "O", "--device", "cpu"],
                ["upscale", network, "broken", "-o", "O", "--device", "cpu"], ["train", "tiny.yaml", "--device", "cpu"],
                ["train", odd], ["optimize", odd], ["benchmark", odd], ["evaluate", odd, "D"], ["upscale", network, odd],
                ["monitor", "1", "--log", f"{odd}/x"], ["doctor", "--device", "cpu", "--experiments", odd],
                ["optimize", "tiny.yaml", "-o", f"{odd}/x"], ["diagnose", odd], [odd], ["monitor", odd],
                ["train", "tiny.yaml", f"--{odd}"], ["train", "tiny.yaml", "--set", f"{odd}=1"],
                ["train", "tiny.yaml", "--set", f"loss={odd}"], ["train", "tiny.yaml", "--train-hr", odd]]
    for command in commands:
        ended = lab.sound(lab.run(*command, timeout=40), command[0])
        raw = raw_controls(ended.text)
        lab.must(not raw, f"raw {raw} from {command[0]} {'broken' if 'broken' in command else ''}")
    for path in (lab.run_folder() / "train.log", ):
        raw = raw_controls(path.read_text(errors="surrogateescape")) if path.exists() else []
        lab.must(not raw, f"raw {raw} in train.log")
    lab.note(f"{len(commands)} commands, escaped")


def raw_controls(text):
    """Which kinds of controls stand in a text; colours that a program writes are switched off where it is no terminal."""
    kinds = {"ESC": "\x1b", "BEL": "\x07", "C1": "\u009b", "bidi": "\u202e", "isolate": "\u2066"}
    return [kind for kind, char in kinds.items() if char in text]


@attack("4.2")
def _(lab):
    """A token file that is a FIFO, a device, a folder, or readable by the group or others is refused"""
    os.mkfifo(lab.path("fifo"), 0o600)
    for what, path in (("FIFO", "fifo"), ("/dev/zero", "/dev/zero"), ("folder", "data"), ("/dev/null", "/dev/null")):
        lab.path("data").mkdir(exist_ok=True)
        ended = lab.run("monitor", "1", "--serve", "127.0.0.1:0", "--token-file", path, timeout=8)
        lab.should(not ended.hung, f"{what}: hangs")
        lab.should(ended.hung or ended.code in (1, 2), f"{what}: {ended}")
    for mode in (0o640, 0o604, 0o660, 0o644):
        lab.write("token", TOKEN + "\n").chmod(mode)
        ended = lab.run("monitor", "1", "--serve", "127.0.0.1:0", "--token-file", "token", timeout=8)
        lab.should(ended.code == 2, f"mode {mode:o}: exit code {ended.code}")
    lab.path("token").chmod(0o600)
    ended = lab.run("monitor", "1", "--serve", "127.0.0.1:0", "--token-file", "token", timeout=8)
    lab.must(ended.code == 0, f"mode 600: {ended}")
    lab.note("exit code 2")


@attack("4.3")
def _(lab):
    """WRING_MONITOR_TOKEN does not reach the environment of `-- COMMAND`"""
    ended = lab.sound(
        lab.run("monitor", "--serve", "127.0.0.1:0", "--", "sh", "-c", "env; cat /proc/$PPID/cmdline",
                env={"WRING_MONITOR_TOKEN": TOKEN}))
    lab.should(TOKEN not in ended.text, "the token is in the command's environment")
    lab.note(f"not passed on, exit code {ended.code}")


@attack("4.4")
def _(lab):
    """64 silent connections from this computer, renewed for 20 s, do not shut others out"""
    served = Served(lab)
    stop = threading.Event()

    def silent():
        held = []
        while not stop.is_set():
            held = [one for one in held if not closed(one)]
            while len(held) < 70 and not stop.is_set():
                try:
                    held.append(socket.create_connection(("127.0.0.1", served.port), timeout=1))
                except OSError:
                    break
            time.sleep(0.05)
        for one in held:
            one.close()

    thread = threading.Thread(target=silent)
    thread.start()
    time.sleep(1)
    good = 0
    for _ in range(20):
        try:
            good += served.get("/api/v1/latest", timeout=3)[0] == 200
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.3)
    stop.set()
    thread.join()
    lab.should(good >= 18, f"{good} of 20 requests are answered")
    lab.note(f"{good} of 20 requests are answered")
    served.close(lab)


def closed(one):
    one.setblocking(False)
    try:
        return one.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@attack("4.5")
def _(lab):
    """An nvidia-smi that prints without end is bounded in memory"""
    lab.script("smi", "exec yes 0,NVIDIA,x\n")
    run = lab.start("monitor", "4", env={"WRING_NVIDIA_SMI": str(lab.path("smi"))})
    peak = 0
    while run.alive() and time.monotonic() - run.begin < 25:
        peak = max(peak, memory_kib(run.pid))
        time.sleep(0.1)
    lab.sound(run.wait(5))
    lab.should(peak < 100_000, f"{peak // 1024} MiB")
    lab.must(lab.none_left("yes"), "it still runs")
    lab.note(f"{peak // 1024} MiB")


@attack("4.6")
def _(lab):
    """Foreign Host headers and targets are refused with 403 or 400, those of this computer served"""
    served = Served(lab)
    for host in ("evil.example", "evil.example:9835", "127.0.0.1.evil.example", "localhost.evil.example", "0.0.0.0", "[::]", "",
                 "localhost@evil.example", "169.254.169.254", "127.0.0.1 evil", "LOCALHOST.", "xn--localhost", "2130706433",
                 "127.1:80:80"):
        status = served.get("/api/v1/latest", Host=host)[0]
        lab.must(status in (400, 403), f"Host {host!r}: {status}")
    for host in ("localhost", f"localhost:{served.port}", "127.0.0.1", "[::1]", "LocalHost"):
        lab.must(served.get("/api/v1/latest", Host=host)[0] == 200, f"Host {host!r} is not served")
    for target in (b"GET http://evil.example/api/v1/latest HTTP/1.1\r\nHost: localhost\r\n\r\n",
                   b"GET /api/v1/latest HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
                   b"GET /api/v1/latest HTTP/1.1\r\n\r\n"):
        first = served.raw(target, 1.5).split(b"\r\n")[0]
        if target.count(b"Host:") == 2:
            lab.note(f"two Host lines: {first!r}")
        else:
            lab.must(b" 400" in first or b" 403" in first, f"{target[:60]!r}: {first!r}")
    served.close(lab)
    lab.note("403, 400")


@attack("4.7")
def _(lab):
    """Other origins get no CORS headers, and the page has a policy, nosniff, DENY and no-store"""
    served = Served(lab)
    for method, more in (("GET", {}), ("OPTIONS", {"Access_Control_Request_Method": "GET"})):
        _, _, headers = served.get("/api/v1/latest", method, Origin="https://evil.example", **more)
        lab.must(not any("access-control" in name.lower() for name in headers), f"CORS headers for {method}")
    headers = {name.lower(): value for name, value in served.get("/")[2].items()}
    for name in ("content-security-policy", "x-content-type-options", "x-frame-options", "cache-control"):
        lab.must(name in headers, f"no {name}")
    served.close(lab)
    lab.note("none; policy, nosniff, DENY, no-store")


@attack("4.8")
def _(lab):
    """Wrong tokens are 401 on every path and method, a foreign Host with the right one 403, and the token is nowhere to read"""
    lab.write("token", TOKEN + "\n").chmod(0o600)
    served = Served(lab, "--token-file", "token")
    for token in ("", "x", TOKEN[:-1], TOKEN + "0", TOKEN.upper(), " " + TOKEN[1:], TOKEN + "\x00"):
        for path in ("/api/v1/latest", "/metrics", "/api/v1/history", "/api/v1/summary"):
            try:
                status = served.get(path, Authorization=f"Bearer {token}")[0]
            except (ValueError, OSError, http.client.HTTPException):
                continue
            lab.must(status in (400, 401), f"token {token!r}: {status} for {path}")
    lab.must(
        served.get("/api/v1/latest")[0] == 401 and served.get(f"/api/v1/latest?token={TOKEN}")[0] == 401,
        "served without a header")
    lab.must(served.get("/api/v1/latest", Authorization=f"Basic {TOKEN}")[0] == 401, "another scheme is taken")
    lab.must(served.get("/api/v1/latest", Authorization=f"Bearer {TOKEN}")[0] == 200, "the right token is refused")
    lab.must(
        served.get("/api/v1/latest", Authorization=f"Bearer {TOKEN}", Host="evil.example")[0] in (400, 403),
        "a foreign Host with the token")
    with open(f"/proc/{served.run.pid}/cmdline") as file:
        lab.must(TOKEN not in file.read(), "the token is in the command line")
    lab.must(TOKEN not in served.run.said() and TOKEN.encode() not in served.get("/")[1],
             "the token is in the output or the page")
    served.close(lab)
    lab.note("401, 403")


@attack("4.9")
def _(lab):
    """Odd token files and variables, and addresses that others reach without --allow-remote, are exit code 2"""
    for what, data in (("empty", ""), ("short", "abc\n"), ("blank", " " * 40 + "\n"), ("NUL", "\0" * 40),
                       ("second line", "\n" + TOKEN), ("control", TOKEN + "\x1b\n")):
        lab.write("token", data).chmod(0o600)
        ended = lab.sound(lab.run("monitor", "1", "--serve", "127.0.0.1:0", "--token-file", "token", timeout=8), what)
        lab.must(ended.code == 2, f"token file, {what}: {ended}")
    ended = lab.run("monitor", "1", "--serve", "127.0.0.1:0", "--token-file", "missing", timeout=8)
    lab.must(ended.code in (1, 2), f"missing token file: {ended}")
    for value in ("", "short", "x" * 15):
        ended = lab.run("monitor", "1", "--serve", "0.0.0.0:0", "--allow-remote", env={"WRING_MONITOR_TOKEN": value}, timeout=8)
        lab.must(ended.code == 2, f"WRING_MONITOR_TOKEN={value!r}: {ended}")
    for address in ("0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0", "192.0.2.1:0", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000",
                    "127.0.0.1:-1", "example:80", "", "127.0.0.1:0x50", "[::1", "unix:/tmp/x"):
        ended = lab.run("monitor", "1", "--serve", address, timeout=8)
        lab.must(ended.code in (1, 2), f"--serve {address!r}: exit code {ended.code}")
    lab.note("exit code 2")


@attack("4.10")
def _(lab):
    """Traversals are 404, methods that write and bodies 405 and 413"""
    served = Served(lab)
    for target in ("/../etc/passwd", "/..%2f..%2fetc/passwd", "//etc/passwd", "/api/v1/../../etc/passwd", "/%2e%2e/",
                   "/.git/config", "/index.html/..", "/api/v1/latest/", "/static/../x", "/\\..\\x", "/api/v2/latest", "/%00",
                   "/;/", "/metrics/x"):
        first = served.raw(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode(),
                           2).split(b"\r\n")[0]
        lab.must(b" 404" in first or b" 400" in first, f"{target}: {first!r}")
    for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "get"):
        first = served.raw(f"{method} /api/v1/latest HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode(),
                           2).split(b"\r\n")[0]
        lab.must(b" 405" in first or b" 400" in first, f"{method}: {first!r}")
    first = served.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 100000,
                       3).split(b"\r\n")[0]
    lab.must(b" 413" in first or b" 400" in first or not first, f"a body: {first!r}")
    lab.must(served.lives(), "does not answer any more")
    served.close(lab)
    lab.note("404, 405, 413")


@attack("4.11")
def _(lab):
    """Malformed requests (a header of 1 MB, NUL, HTTP/0.9, h2, TLS, noise, half lines) are 400 or 431, and it lives"""
    served = Served(lab)
    for what, data in (("long header", b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n"),
                       ("long target", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n"),
                       ("NUL", b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n"), ("0.9", b"GET /\r\n\r\n"),
                       ("h2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"),
                       ("noise", os.urandom(3000)), ("half", b"GET / HT"), ("LF", b"GET / HTTP/1.1\nHost: localhost\n\n"),
                       ("folded", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n"),
                       ("many headers", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20000 + b"\r\n"),
                       ("version", b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n"), ("empty", b"\r\n\r\n\r\n")):
        answer = served.raw(data, 1.0)
        lab.must(not answer.startswith(b"HTTP/1.1 5") and not answer.startswith(b"HTTP/1.0 5"), f"{what}: {answer[:40]!r}")
        lab.must(served.lives(), f"{what}: does not answer any more")
    served.close(lab)
    lab.note("400, 431; lives")


@attack("4.12")
def _(lab):
    """5000 pipelined requests get 5000 answers; Content-Length with chunks, Upgrade and Expect smuggle nothing"""
    served = Served(lab)
    one = b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    sent = one * 4999 + one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
        thread = threading.Thread(target=connection.sendall, args=(sent, ))
        thread.start()
        got = b""
        try:
            while part := connection.recv(1 << 16):
                got += part
        except OSError:
            pass
        thread.join()
    lab.must(got.count(b"HTTP/1.1 200") == 5000, f"{got.count(b'HTTP/1.1 200')} answers of 5000")
    inner = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for what, head in (("CL and TE", b"Content-Length: 5\r\nTransfer-Encoding: chunked"),
                       ("two lengths", b"Content-Length: 0\r\nContent-Length: 45"), ("negative", b"Content-Length: -1"),
                       ("Expect", b"Content-Length: 3\r\nExpect: 100-continue"), ("odd TE", b"Transfer-Encoding : chunked")):
        answer = served.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n\r\n0\r\n\r\n" + inner, 1.5)
        lab.must(b"wring_monitor_ticks_total" not in answer, f"{what}: the inner request is answered")
    lab.must(served.lives(), "does not answer any more")
    served.close(lab)
    lab.note("5000 answers, one answer each")


@attack("4.13")
def _(lab):
    """Odd queries (nan, 1e308, %ff, <script>, a thousand names) are 400 or JSON"""
    served = Served(lab)
    for query in ("seconds=nan", "seconds=1e308", "seconds=-5", "seconds=%ff", "seconds=<script>", "seconds=", "metrics=%00",
                  "metrics=<script>", "metrics=" + "a," * 1000, "seconds=0x10", "seconds=99999999999999999999", "window=x", "=",
                  "&&&", "seconds=1&seconds=2", "%zz", "lang=<script>"):
        status, body, headers = served.get("/api/v1/history?" + query.replace("<", "%3C").replace(">", "%3E"))
        kind = {name.lower(): value for name, value in headers.items()}.get("content-type", "")
        lab.must(status in (200, 400), f"{query[:30]}: {status}")
        lab.must("json" in kind, f"{query[:30]}: {kind}")
        json.loads(body)
    served.close(lab)
    lab.note("400, JSON")


@attack("4.14")
def _(lab):
    """400 connections at once, a reader that does not read, 40 clients for 8 s: bounded in memory, and no tick is missed"""
    served = Served(lab)
    held = []
    for _ in range(400):
        try:
            held.append(socket.create_connection(("127.0.0.1", served.port), timeout=1))
        except OSError:
            break
    for one in held[:100]:
        try:
            one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
        except OSError:
            pass
    time.sleep(1)
    for one in held:
        one.close()
    answers, stop = [0] * 40, time.monotonic() + 8

    def client(number):
        while time.monotonic() < stop:
            try:
                answers[number] += served.get("/api/v1/latest", timeout=3)[0] == 200
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.02)

    threads = [threading.Thread(target=client, args=(number, )) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lab.must(sum(answers) > 200 and min(answers) > 0, f"{sum(answers)} answers, the least served {min(answers)}")
    memory = memory_kib(served.run.pid)
    lab.must(memory < 60_000, f"{memory // 1024} MiB")
    missed = re.search(rb"wring_monitor_missed_ticks_total (\d+)", served.get("/metrics")[1])
    lab.should(missed and int(missed.group(1)) < 5, f"ticks missed: {missed and missed.group(1)}")
    served.close(lab)
    lab.note(f"{sum(answers)} answers, {memory // 1024} MiB, {int(missed.group(1)) if missed else '?'} ticks missed")


@attack("4.15")
def _(lab):
    """A card's name with <script>, ESC, quotes, newline and invalid UTF-8 is escaped on the page, in JSON, /metrics, CSV and
    lines"""
    lab.write("machine", CARD.replace("NVIDIA H200", "<script>alert(1)</script>\x1b]0;t\x07\"\\, \u202e"))
    for name in (b"x\xff<b>", ):
        lab.write("machine2", CARD.encode().replace(b"NVIDIA H200", name))
    for machine in ("machine", "machine2"):
        smi = scripted_smi(lab, machine)
        served = Served(lab, "--log", f"{machine}.csv", "--summary", f"{machine}.json", env={"WRING_NVIDIA_SMI": smi},
                        seconds="4")
        time.sleep(1.2)
        for path in ("gpus", "latest", "summary"):
            status, body, _ = served.get(f"/api/v1/{path}")
            lab.must(is_json(body), f"/api/v1/{path} is no JSON in UTF-8")
        metrics = served.get("/metrics")[1].decode(errors="replace")
        for line in metrics.splitlines():
            lab.must(re.fullmatch(r'#.*|[a-z_]+(\{([a-z_]+="([^"\\\n]|\\.)*",?)*\})? \S+', line), f"/metrics: {line[:80]!r}")
        lab.must(b"<script>alert" not in served.get("/")[1], "on the page")
        ended = lab.sound(served.run.wait(15))
        raw = raw_controls(ended.text) + raw_controls(lab.path(f"{machine}.csv").read_text(errors="surrogateescape"))
        lab.should(not raw, f"raw {raw} in lines")
        lab.must(lab.is_json(f"{machine}.json"), "the summary is no JSON")
    lab.note("JSON and metrics valid, escaped")


def is_json(data):
    try:
        json.loads(data.decode())
        return True
    except ValueError:
        return False


def scripted_smi(lab, machine):
    """A stand-in for nvidia-smi that answers any query from lines FIELD=VALUE."""
    lab.script(
        f"smi_{machine}", 'fields=${1#--query-gpu=}\nIFS=, read -ra names <<< "$fields"\nline=\nfor name in "${names[@]}"; do\n'
        f'  value=$(LC_ALL=C grep -a -m1 "^$name=" "{lab.path(machine)}" | cut -d= -f2-)\n'
        '  line="$line${line:+, }${value:-[N/A]}"\ndone\nprintf "%s\\n" "$line"\n')
    return str(lab.path(f"smi_{machine}"))


@attack("4.16")
def _(lab):
    """<script> in keys, values, path, command and last words does not become a part of the search's page"""
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    lab.tiny("x<script>alert(3)<script>.yaml", experiment_name=None)
    with open(lab.path("x<script>alert(3)<script>.yaml"), "a") as file:
        file.write(f'team_note: "{evil}"\n')
    lab.script(
        "run.sh",
        f"for i in $(seq 20); do echo '100 samples/s'; sleep 0.1; done\necho '{evil}' >&2\n[ $RANDOM -gt 16000 ] && exit 1\n")
    ended = lab.sound(
        lab.run("benchmark", "x<script>alert(3)<script>.yaml", "--command", f"./run.sh {{config}} '{evil}'", "--rate-regex",
                "([0-9.]+) samples/s", "--trial-seconds", "0.5s", "--budget", "6s", "--knobs", "none", "--device", "cpu", "-o",
                "out.yaml"))
    page = lab.path("out.html").read_text() if lab.path("out.html").exists() else ""
    lab.must(page or ended.code != 0, f"no page: {ended}")
    lab.must("<script>alert" not in page and not re.search(r"<img[^>]*onerror", page), "markup of others on the page")
    lab.must(not page or lab.is_json("out.json"), "the record is no JSON")
    lab.note(f"escaped, page of {len(page)} characters, exit code {ended.code}")


@attack("4.17")
def _(lab):
    """An nvidia-smi that prints nan, negatives, 300 cards, noise or nothing, hangs, ignores SIGTERM or crashes: the monitor
    lives"""
    scripts = {
        "nan": "echo 'nan, nan, nan'", "negative": "echo '-1, -5, -7, -9'",
        "cards": "for i in $(seq 300); do echo \"$i, NVIDIA H200, GPU-$i\"; done", "noise": "head -c 5000 /dev/urandom",
        "nothing": "true", "hangs": "sleep 600", "ignores TERM": "trap '' TERM; sleep 600", "crashes": "kill -SEGV $$",
        "fails": "echo 'NVIDIA-SMI has failed'; exit 9", "huge number": "echo '0, x, 99999999999999999999999'",
        "empty lines": "printf '\\n\\n\\n'", "Latin-1": "printf 'caf\\xe9\\n'"
    }
    for what, script in scripts.items():
        path = lab.script("smi", script + "\n")
        ended = lab.sound(lab.run("monitor", "2", "--interval", "0.5", env={"WRING_NVIDIA_SMI": str(path)}, timeout=40), what)
        lab.must(ended.code == 0, f"{what}: {ended}")
        lab.must(lab.none_left("sleep 600", 8), f"{what}: it still runs")
    lab.note("exit code 0")
