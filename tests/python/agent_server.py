"""Wring's side of the agent's socket, and programs run with and without the agent, for the tests."""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import textwrap
import threading
from pathlib import Path

PYTHON_FOLDER = Path(__file__).resolve().parents[2] / "python"
AGENT = PYTHON_FOLDER / "wring_gpu" / "agent.py"
SKIPPED = 77
LIMIT_SECONDS = 500
REQUEST = {"after_steps": 20, "after_seconds": 0.0, "steps": 20, "max_seconds": 60, "trace_steps": 3, "trace_max_seconds": 60,
           "sync_steps": 2}  # fmt: skip

# A program takes this in front and steps while running() says so: until its observation is done.
PRELUDE = """
import os, sys, time, threading, queue
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset
def running():
    return not os.path.exists("stop-%d" % os.getpid())
def batches(loader):
    while running():
        for batch in loader:
            yield batch
            if not running():
                return
data = TensorDataset(torch.randn(64, 4), torch.randn(64, 1))
model = torch.nn.Linear(4, 1)
def loss(batch, net=model):
    return torch.nn.functional.mse_loss(net(batch[0]), batch[1])
"""

# Imports torch once, then runs each program in a child of its own, all at the same time. The agent in each is that of a
# process which has not stepped yet.
MANY = """
import os, sys, torch
torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
agent = sys._wring_agent
children = {}
for path in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        for number, kind in ((1, ".out"), (2, ".err")):
            os.dup2(os.open(path + kind, os.O_WRONLY | os.O_CREAT, 0o600), number)
        sys.argv = [path]
        agent._agent.path = path + ".sock"
        exec(compile(open(path).read(), path, "exec"), {"__name__": "__main__"})
        sys.exit(0)
    children[child] = path
while children:
    child, status = os.wait()
    if child in children:
        with open(children.pop(child) + ".code", "w") as out:
            out.write(str(os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)))
"""


class Server:
    """Accepts processes at a socket, sends each the request and keeps what they say, until it is stopped."""

    def __init__(self, path, request=None, answer=None, leave_after=None, requests=1):
        """answer: what is said in the request's place, "" for nothing; leave_after: the event or phase to hang up after."""
        self.path, self.folder = str(path), os.path.dirname(str(path))
        self.request = dict(REQUEST, **(request or {}))
        self.answer, self.leave_after, self.requests = answer, leave_after, requests
        self.conversations = []  # the messages of each process
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(16)
        self.stopping = False
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            if self.stopping:
                return connection.close()
            said = []
            self.conversations.append(said)
            thread = threading.Thread(target=self.talk, args=(connection, said))
            self.threads.append(thread)
            thread.start()

    def observe(self, number):
        if self.answer is not None:
            return self.answer
        return json.dumps({"v": 1, "id": number, "observe": dict({"folder": self.folder}, **self.request)}) + "\n"

    def talk(self, connection, said):
        asked = 0
        with connection, connection.makefile("rw", encoding="utf-8") as lines:
            for line in lines:
                said.append(json.loads(line))
                event = said[-1].get("phase") or said[-1]["event"]
                if event in ("hello", "done") and asked < self.requests:
                    asked += 1
                    lines.write(self.observe(asked))
                    lines.flush()
                elif event == "done":
                    self.let_end(said[0]["pid"])
                if event == self.leave_after:
                    return self.let_end(said[0]["pid"])

    def let_end(self, pid):
        Path(self.folder, "stop-%d" % pid).write_text("")

    def stop(self):
        self.stopping = True
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
            knock.connect(self.path)
        for thread in self.threads:
            thread.join()
        self.listener.close()


class Run:
    """A program that has ended: what it printed, its exit code, what its processes said."""

    def __init__(self, path, code, out, err, conversations):
        self.path, self.code, self.out, self.err, self.conversations = path, code, out, err, conversations

    def said(self):
        (messages,) = self.conversations
        return messages

    def done(self):
        return self.said()[-1]

    def phases(self):
        return [message["phase"] for message in self.said() if message["event"] == "phase"]

    def line_of(self, text):
        """The number of the program's only line that holds this text."""
        lines = self.path.read_text(encoding="utf-8").splitlines()
        (number,) = [number for number, line in enumerate(lines, 1) if text in line]
        return number


class Bench:
    """A private folder with the agent as sitecustomize, and programs to run in it."""

    def __init__(self, python="python3"):
        self.python = python
        self.folder = Path(tempfile.mkdtemp(prefix="wring"))
        self.site = self.folder / "site"
        self.site.mkdir()
        shutil.copyfile(str(AGENT), str(self.site / "sitecustomize.py"))

    def close(self):
        shutil.rmtree(str(self.folder), ignore_errors=True)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def start(self, arguments, agent=True, environment=None):
        variables = {name: value for name, value in os.environ.items()
                     if name not in ("PYTHONPATH", "WRING_AGENT_SOCKET") and not name.startswith("CUDA_")}  # fmt: skip
        variables.update(PYTHONDONTWRITEBYTECODE="1", OMP_NUM_THREADS="1", CUDA_VISIBLE_DEVICES="", **(environment or {}))
        if agent:
            variables.setdefault("WRING_AGENT_SOCKET", str(self.folder / "agent.sock"))
            variables["PYTHONPATH"] = os.pathsep.join([str(self.site)] + list(filter(None, [variables.get("PYTHONPATH")])))
        return subprocess.run([self.python] + list(arguments), cwd=str(self.folder), env=variables, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT_SECONDS)  # fmt: skip

    def run(self, program, agent=True, flags=(), environment=None, **server):
        """In a process of its own, as a user starts it."""
        path = self.write("program.py", program)
        side = Server(self.folder / "agent.sock", **server)
        try:
            result = self.start(list(flags) + [str(path)], agent, environment)
        finally:
            side.stop()
            os.unlink(side.path)
        return Run(path, result.returncode, result.stdout, result.stderr, side.conversations)

    def run_many(self, programs):
        """{name: (text, options of its server)} in one go, because each import of torch takes seconds."""
        paths = {name: self.write(name + ".py", PRELUDE + textwrap.dedent(text)) for name, (text, _) in programs.items()}
        sides = {name: Server("%s.sock" % paths[name], **options) for name, (_, options) in programs.items()}
        try:
            result = self.start([str(self.write("many.py", MANY))] + [str(path) for path in paths.values()])
        finally:
            for side in sides.values():
                side.stop()
        if result.returncode != 0:
            raise RuntimeError(result.stderr.decode())

        def kept(name, kind):
            return Path("%s.%s" % (paths[name], kind)).read_bytes()

        return {name: Run(path, int(kept(name, "code")), kept(name, "out"), kept(name, "err"), sides[name].conversations)
                for name, path in paths.items()}  # fmt: skip


def torch_python():
    """The interpreter with torch, or None."""
    python = os.environ.get("WRING_TEST_PYTHON", "python3")
    found = "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)"
    return python if subprocess.run([python, "-c", found], stderr=subprocess.DEVNULL).returncode == 0 else None
