#!/usr/bin/env python3
"""Whatever happens to the agent, the program runs as without it: same output, same exit code.

Usage: agent_harmless_test.py, with WRING_TEST_PYTHON naming a Python that has torch. Exits with 77 (skipped) without one.
"""
import sys
import unittest

from agent_server import PRELUDE, PYTHON_FOLDER, SKIPPED, Bench, torch_python

STEPS = """
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(30):
    for batch in DataLoader(data, batch_size=8):
        loss(batch).backward()
        optimizer.step()
        print("step")
print("whole", file=sys.stderr)
sys.exit(3)
"""
UNTIL_DONE = """
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for batch in batches(DataLoader(data, batch_size=8)):
    loss(batch).backward()
    optimizer.step()
print("whole", file=sys.stderr)
sys.exit(3)
"""
WARNS_AND_DIES = """
import warnings
class Dying(TensorDataset):
    def __getitem__(self, index):
        warnings.warn("looked at", stacklevel=2)
        if asked[0] > 160:
            raise ValueError("no more")
        asked[0] += 1
        return super().__getitem__(index)
asked = [0]
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(99):
    for batch in DataLoader(Dying(*data.tensors), batch_size=2, pin_memory=True):
        loss(batch).backward()
        optimizer.step()
        print("step", flush=True)
"""
WORKERS = """
if __name__ == "__main__":
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loaders = [DataLoader(data, batch_size=8, num_workers=1, persistent_workers=True, multiprocessing_context=method)
               for method in ("spawn", "fork", "forkserver")]
    streams = [batches(loader) for loader in loaders]
    while running():
        for stream in streams:
            for batch in stream:
                loss(batch).backward()
                optimizer.step()
                break
"""
EXECUTES_ITSELF = """
if len(sys.argv) == 1:
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    os.execv(sys.executable, [sys.executable, "-W", "error", "-OO", __file__, "again"])
"""
# In one go, each with a side of wring's that does something else.
TOGETHER = {
    "planted": ("sys._wring_agent.Observation.warm_step = 5\n" + STEPS, {}),
    "planted_in_a_loader": ("sys._wring_agent.Observation.batch_given = 5\n" + UNTIL_DONE, {}),
    "planted_in_a_place": ("sys._wring_agent._place = None\n" + STEPS, {}),
    "left": (UNTIL_DONE, {"leave_after": "steps"}),
    "silent": ("os.environ['WRING_AGENT_ANSWER_SECONDS'] = '0.2'\n" + STEPS, {"answer": ""}),
    "no_socket": ("sys._wring_agent._agent.path = 'nowhere.sock'\n" + STEPS, {}),
    "wrong_request": (STEPS, {"answer": '{"v":9}\n'}),
    "damaged_request": (STEPS, {"answer": "{\n"}),
    "lacking_request": (STEPS, {"answer": '{"v":1,"id":1,"observe":{"after_steps":1,"after_seconds":true}}\n'}),
    "no_folder": (UNTIL_DONE, {"request": {"folder": "/nonexistent"}}),
    "forks": ("""
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for number, batch in enumerate(batches(DataLoader(data, batch_size=8))):
    optimizer.step()
    if number == 1:
        child = os.fork()
        if child == 0:
            for _ in range(50):
                optimizer.step()
            os._exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if sys.version_info >= (3, 9) else 7)
""", {}),
    "closes_every_descriptor": ("""
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
optimizer.step()
os.closerange(3, 1000)
kept = [open("kept-%d" % number, "w+") for number in range(9)]
for _ in range(300):
    optimizer.step()
    time.sleep(0.001)
sys._wring_agent._at_exit()
print([file.read() for file in kept], [file.seek(0) for file in kept])
""", {}),
    "raises_in_a_signal": ("""
import signal
os.environ["WRING_AGENT_ANSWER_SECONDS"] = "100"
class Late(Exception):
    pass
def late(*_):
    raise Late()
signal.signal(signal.SIGALRM, late)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
signal.setitimer(signal.ITIMER_REAL, 0.5)
try:
    optimizer.step()
except Late:
    print("late")
optimizer.step()
""", {"answer": ""}),
    "replaces_and_deletes": ("""
import types
sys.modules["sitecustomize"] = types.ModuleType("sitecustomize")
del sys.modules["sitecustomize"]
os.environ.clear()
sys.path_hooks.clear()
""" + UNTIL_DONE, {}),
}  # fmt: skip


class Together(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bench = Bench(torch_python())
        cls.runs = cls.bench.run_many(TOGETHER)

    @classmethod
    def tearDownClass(cls):
        cls.bench.close()

    def assert_unharmed(self, run):
        self.assertEqual((run.code, run.err, run.out), (3, b"whole\n", b"step\n" * 240))

    def assert_says_error(self, run, message):
        errors = [said for said in run.said() if said.get("outcome") == "error"]
        self.assertEqual([error["message"] for error in errors], [message])
        self.assertEqual(errors[0]["reason"], {"key": "agent_error", "error": message})
        self.assertEqual(run.said()[-1], errors[0], "nothing comes after it")

    def test_an_error_in_a_hook_ends_the_agent_alone(self):
        self.assert_unharmed(self.runs["planted"])
        for name in ("planted", "planted_in_a_loader"):
            self.assertEqual((self.runs[name].code, self.runs[name].err), (3, b"whole\n"))
            self.assert_says_error(self.runs[name], "TypeError: 'int' object is not callable")

    def test_an_error_before_the_first_step_is_not_told(self):
        self.assert_unharmed(self.runs["planted_in_a_place"])
        self.assertEqual(self.runs["planted_in_a_place"].conversations, [])

    def test_wring_may_go_away_midway(self):
        run = self.runs["left"]
        self.assertEqual((run.code, run.err), (3, b"whole\n"))
        self.assertEqual(run.phases()[-1], "steps")

    def test_nobody_need_answer(self):
        self.assert_unharmed(self.runs["silent"])
        self.assertEqual([said["event"] for said in self.runs["silent"].said()], ["hello"])

    def test_nobody_need_listen(self):
        self.assert_unharmed(self.runs["no_socket"])

    def test_a_request_that_cannot_be_read_is_refused(self):
        for name, message in (("wrong_request", "the request is not of version 1"),
                              ("damaged_request", "Expecting property name enclosed in double quotes"),
                              ("lacking_request", "the request's after_seconds is missing or of")):
            self.assert_unharmed(self.runs[name])
            with self.subTest(name):
                (error,) = [said["message"] for said in self.runs[name].said() if said.get("outcome") == "error"]
                self.assertEqual(error[: len(message)], message)

    def test_a_trace_that_cannot_be_written_is_told(self):
        run = self.runs["no_folder"]
        self.assertEqual((run.code, run.err), (3, b"whole\n"))
        told = run.done()["trace"]
        self.assertIn("the trace could not be written", told["refused"])
        self.assertEqual(told["reason"]["key"], "unwritten")
        self.assertIn(told["reason"]["error"], told["refused"])

    def test_a_forked_child_says_nothing(self):
        run = self.runs["forks"]
        self.assertEqual((run.code, run.err, run.out), (0, b"", b"7\n"))
        self.assertEqual(run.done()["outcome"], "ok")

    def test_a_descriptor_that_is_now_the_programs_is_left_alone(self):
        run = self.runs["closes_every_descriptor"]
        self.assertEqual((run.code, run.err), (0, b""))
        self.assertEqual(run.out.decode(), "%s %s\n" % ([""] * 9, [0] * 9))

    def test_what_a_signal_handler_raises_reaches_the_program(self):
        run = self.runs["raises_in_a_signal"]
        self.assertEqual((run.code, run.err, run.out), (0, b"", b"late\n"))

    def test_a_program_may_replace_sitecustomize_and_empty_its_environment(self):
        run = self.runs["replaces_and_deletes"]
        self.assertEqual((run.code, run.err), (3, b"whole\n"))
        self.assertEqual(run.done()["outcome"], "ok")


class Alone(unittest.TestCase):
    def setUp(self):
        self.bench = Bench(torch_python())
        self.addCleanup(self.bench.close)

    def test_output_tracebacks_and_warnings_are_those_without_the_agent(self):
        program = PRELUDE + WARNS_AND_DIES
        looked_at = self.bench.run(program, flags=["-X", "dev"], request={"after_steps": 1, "steps": 5})
        alone = self.bench.run(program, flags=["-X", "dev"], agent=False)
        self.assertEqual((looked_at.code, looked_at.out), (1, alone.out))
        self.assertEqual(looked_at.err.decode(), alone.err.decode())
        self.assertIn(b"ValueError: no more", alone.err)
        self.assertEqual([said["event"] for said in looked_at.said()][0], "hello")
        self.assertEqual(alone.conversations, [])

    def test_workers_of_every_kind_say_nothing(self):
        run = self.bench.run(PRELUDE + WORKERS)
        self.assertEqual((run.code, run.out, run.err), (0, b"", b""))
        (said,) = run.conversations
        self.assertEqual([loader["num_workers"] for loader in said[-1]["loaders"]], [1, 1, 1])
        self.assertEqual({loader["prefetch_factor"] for loader in said[-1]["loaders"]}, {2})

    def test_a_program_that_executes_itself_anew_is_looked_at_anew(self):
        run = self.bench.run(PRELUDE + EXECUTES_ITSELF + UNTIL_DONE)
        self.assertEqual((run.code, run.out, run.err), (3, b"", b"whole\n"))
        before, after = run.conversations
        self.assertEqual([said.get("phase") for said in before], [None, "warmup"])
        self.assertEqual(after[-1]["outcome"], "ok")

    def test_where_sitecustomize_is_not_read_the_agent_can_be_imported(self):
        text = "import sys; sys.path.insert(0, %r)\nimport torch\nimport wring_gpu.agent\n" % str(PYTHON_FOLDER)
        run = self.bench.run(text + PRELUDE + UNTIL_DONE, flags=["-I"])
        self.assertEqual((run.code, run.err), (3, b"whole\n"))
        self.assertEqual(run.done()["outcome"], "ok")


if __name__ == "__main__":
    if torch_python() is None:
        print("skipped: no Python with torch (WRING_TEST_PYTHON names one)")
        sys.exit(SKIPPED)
    unittest.main()
