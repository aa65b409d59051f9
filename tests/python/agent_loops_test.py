#!/usr/bin/env python3
"""The agent in training loops as people write them: what it counts as a step, what it says of loaders and optimisers.

Usage: agent_loops_test.py, with WRING_TEST_PYTHON naming a Python that has torch. Exits with 77 (skipped) without one.
"""
import gzip
import json
import sys
import unittest

from agent_server import SKIPPED, Bench, torch_python

PROGRAMS = {}


def program(text, torch_warns=False, **server):
    """Registers the text under the test's name; the test then gets the finished run."""

    def decorate(test):
        PROGRAMS[test.__name__] = (text, server)

        def checked(self):
            run = self.runs[test.__name__]
            self.assertEqual((run.code, run.err if not torch_warns else b""), (0, b""))
            test(self, run)

        checked.__name__ = test.__name__
        return checked

    return decorate


PLAIN = """
loader = DataLoader(data, batch_size=8)
optimizer = torch.optim.AdamW(model.parameters(), fused=False)
for batch in batches(loader):
    optimizer.zero_grad()
    loss(batch).backward()
    optimizer.step()
print("end")
"""

PROFILES_IN_A_THREAD = """
from torch.autograd import profiler_legacy
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
seen, thread = [], None
def profiles():
    for kind in (torch.profiler.profile, profiler_legacy.profile):
        with kind() as profiler:
            torch.ones(3) + 1
        seen.append(any("add" in event.key for event in profiler.key_averages()))
for batch in batches(DataLoader(data, batch_size=8)):
    loss(batch).backward()
    optimizer.step()
    agent = sys._wring_agent._agent
    trace = agent and agent.look and agent.look.trace
    if thread is None and trace and trace.steps == 2:
        thread = threading.Thread(target=profiles)
        thread.start()
        if trace.anywhere is not None:
            thread.join()
thread.join()
print(seen)
"""

LIBRARY = """
import sys
from torch.utils.data import DataLoader
def prepare(loader):
    return DataLoader(loader.dataset, batch_sampler=loader.batch_sampler)
def fit(optimizer, data, loss, batches):
    for batch in batches(DataLoader(data, batch_size=2)):
        loss(batch).backward()
        optimizer.step()
"""


class Loops(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bench = Bench(torch_python())
        cls.bench.write("site-packages/library.py", LIBRARY)
        cls.runs = cls.bench.run_many(PROGRAMS)

    @classmethod
    def tearDownClass(cls):
        cls.bench.close()

    def assert_feeds(self, run, batches, samples):
        steps = run.done()["steps"]
        self.assertEqual((steps["n"], steps["batches_per_step"], steps["samples_per_step"]), (20, batches, samples))

    def place(self, told):
        return told["file"], told["line"]

    def counted(self, run):
        (counted,) = [optimizer for optimizer in run.done()["optimizers"] if optimizer["counted"]]
        return counted

    @program(PLAIN)
    def test_a_plain_loop_is_told_whole(self, run):
        hello, done = run.said()[0], run.done()
        self.assertEqual({name: hello[name] for name in ("v", "event", "rank", "local_rank", "world_size", "argv", "device",
                                                         "device_name", "device_uuid")},
                         {"v": 1, "event": "hello", "rank": 0, "local_rank": 0, "world_size": 1, "argv": [str(run.path)],
                          "device": "cpu", "device_name": None, "device_uuid": None})  # fmt: skip
        self.assertEqual(run.phases(), ["warmup", "steps", "trace", "export"])
        self.assertEqual((done["id"], done["outcome"]), (1, "ok"))
        self.assert_feeds(run, 1.0, 8)
        (loader,) = done["loaders"]
        self.assertEqual(loader.pop("wait_ms"), done["steps"]["loader_wait_ms"])
        self.assertEqual(loader, {"file": str(run.path), "line": run.line_of("DataLoader(data"), "dataset": "TensorDataset",
                                  "batch_size": 8, "num_workers": 0, "pin_memory": False, "persistent_workers": False,
                                  "prefetch_factor": None, "in_stepping_thread": True, "batches": 20})  # fmt: skip
        self.assertEqual(done["optimizers"], [{"file": str(run.path), "line": run.line_of("AdamW("), "type": "AdamW",
                                               "fused": False, "foreach": None, "tensors": 2, "elements": 5, "steps": 20,
                                               "counted": True}])  # fmt: skip
        self.assertEqual(done["precision"]["parameters"], {"float32": 5})
        self.assertIsNone(done["precision"]["autocast"])
        self.assertEqual((done["memory"], done["syncs"], done["layout"]), (None, None, {"conv_weights": 0, "channels_last": 0}))
        spread = done["steps"]["step_ms"]
        self.assertGreater(spread["median"], 0)
        self.assertGreaterEqual(spread["p95"], spread["median"])
        self.assertGreater(done["steps"]["hook_us"], 0)

    @program(PLAIN)
    def test_the_trace_has_a_mark_at_every_boundary(self, run):
        trace = run.done()["trace"]
        self.assertEqual(trace["steps"], 3)
        self.assertTrue(trace["path"].endswith("/rank0-%d.json.gz" % run.said()[0]["pid"]))
        with gzip.open(trace["path"], "rt", encoding="utf-8") as lines:
            events = [event for event in json.load(lines)["traceEvents"] if event.get("ph") == "X"]
        marks = [event for event in events if event["name"] == "wring.step"]
        self.assertEqual(len(marks), 4)
        self.assertEqual(len({(mark["pid"], mark["tid"]) for mark in marks}), 1)
        first, last = marks[0]["ts"], max(mark["ts"] for mark in marks)
        within = [event["name"] for event in events if first <= event["ts"] <= last]
        self.assertEqual(sum("Optimizer.step#AdamW.step" in name for name in within), 3)
        # The end of an epoch is one more.
        self.assertIn(sum(name.startswith("enumerate(DataLoader)") for name in within), (3, 4))

    @program("""
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        while running():
            for batch in DataLoader(data, batch_size=32):
                loss(batch).backward()
                optimizer.step()
        """)  # fmt: skip
    def test_a_loader_that_is_made_anew_every_epoch_is_one(self, run):
        self.assert_feeds(run, 1.0, 32)
        self.assertEqual([loader["batches"] for loader in run.done()["loaders"]], [20])

    @program("""
        def made():
            return DataLoader(data, batch_size=8)
        labelled, unlabelled = made(), made()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for batch, _ in zip(batches(labelled), batches(unlabelled)):
            loss(batch).backward()
            optimizer.step()
        """)  # fmt: skip
    def test_two_loaders_of_one_line_are_two(self, run):
        self.assert_feeds(run, 1.0, 8)
        self.assertEqual([loader["batches"] for loader in run.done()["loaders"]], [20, 20])

    @program("""
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for number, batch in enumerate(batches(DataLoader(data, batch_size=8))):
            loss(batch).backward()
            if number % 4 == 3:
                optimizer.step()
                optimizer.zero_grad()
        """)  # fmt: skip
    def test_accumulated_batches_are_one_step(self, run):
        self.assert_feeds(run, 4.0, 32)

    @program("""
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scaler = torch.amp.GradScaler("cpu") if hasattr(torch.amp, "GradScaler") else None
        for number, batch in enumerate(batches(DataLoader(data, batch_size=8))):
            bad = number % 5 == 0
            if scaler:
                scaler.scale(loss(batch) * (float("inf") if bad else 1.0)).backward()
                scaler.step(optimizer)
                scaler.update()
            elif not bad:
                optimizer.step()
            optimizer.zero_grad()
        """)  # fmt: skip
    def test_a_step_that_a_scaler_skips_is_none(self, run):
        self.assert_feeds(run, 1.25, 10)

    @program("""
        one = torch.optim.Adam(model.parameters())
        other = torch.optim.SGD(torch.nn.Linear(4, 1).parameters(), lr=0.1)
        for number, batch in enumerate(batches(DataLoader(data, batch_size=8))):
            if number % 5 == 0:
                other.step()
            loss(batch).backward()
            one.step()
        """)  # fmt: skip
    def test_of_two_optimizers_the_one_that_steps_more_often_counts(self, run):
        self.assert_feeds(run, 1.0, 8)
        told = [(one["type"], one["steps"], one["counted"]) for one in run.done()["optimizers"]]
        self.assertEqual(told, [("Adam", 20, True), ("SGD", 4, False)])

    @program("""
        later = torch.optim.Adam(model.parameters())
        first = torch.optim.SGD(model.parameters(), lr=0.1)
        for batch in batches(DataLoader(data, batch_size=8)):
            loss(batch).backward()
            first.step()
            later.step()
        """)  # fmt: skip
    def test_of_two_that_step_as_often_the_first_counts(self, run):
        self.assert_feeds(run, 1.0, 8)
        self.assertEqual((self.counted(run)["type"], self.counted(run)["line"]), ("SGD", run.line_of("torch.optim.SGD")))

    @program("""
        optimizer = torch.optim.Adam(model.parameters())
        loader = DataLoader(data, batch_size=8)
        for batch in batches(loader):
            def closure():
                optimizer.zero_grad()
                value = loss(batch)
                value.backward()
                return value
            optimizer.step(closure)
        """)  # fmt: skip
    def test_forward_and_backward_may_run_within_the_step(self, run):
        self.assert_feeds(run, 1.0, 8)
        self.assertEqual(run.done()["trace"]["steps"], 3)

    @program("""
        optimizer = torch.optim.Adam(model.parameters())
        waiting = queue.Queue(maxsize=1)
        def fetch():
            for batch in batches(DataLoader(data, batch_size=8)):
                waiting.put(batch)
            waiting.put(None)
        fetcher = threading.Thread(target=fetch, daemon=True)
        fetcher.start()
        batch = waiting.get()
        while batch is not None:
            loss(batch).backward()
            optimizer.step()
            batch = waiting.get()
        """)  # fmt: skip
    def test_what_another_thread_waits_for_is_not_the_steps(self, run):
        done = run.done()
        (loader,) = done["loaders"]
        self.assertFalse(loader["in_stepping_thread"])
        self.assertGreater(loader["wait_ms"], 0)
        self.assertEqual(done["steps"]["loader_wait_ms"], 0)
        self.assertLessEqual(abs(loader["batches"] - 20), 3, "the queue holds one, each thread one")

    @program("""
        sampler = torch.utils.data.BatchSampler(torch.utils.data.SequentialSampler(data), batch_size=16, drop_last=True)
        optimizer = torch.optim.Adam(model.parameters())
        for batch in batches(DataLoader(data, batch_sampler=sampler)):
            loss(batch).backward()
            optimizer.step()
        """)  # fmt: skip
    def test_a_batch_sampler_tells_the_batch(self, run):
        self.assert_feeds(run, 1.0, 16)

    @program("""
        optimizer = torch.optim.Adam(model.parameters())
        for batch in batches(DataLoader(data, batch_size=None)):
            loss(batch).backward()
            optimizer.step()
        """)  # fmt: skip
    def test_without_a_batch_size_the_samples_are_unknown(self, run):
        self.assert_feeds(run, 1.0, None)

    @program("""
        sys.path.append(os.path.join(os.getcwd(), "site-packages"))
        import library
        loader = DataLoader(data, batch_size=4)
        loader = library.prepare(loader)
        optimizer = torch.optim.Adam(model.parameters())
        for batch in batches(loader):
            loss(batch).backward()
            optimizer.step()
        """)  # fmt: skip
    def test_a_loader_that_a_library_made_again_has_the_programs_place(self, run):
        self.assert_feeds(run, 1.0, 4)
        self.assertEqual(self.place(run.done()["loaders"][0]), (str(run.path), run.line_of("DataLoader(data")))

    @program("""
        sys.path.append(os.path.join(os.getcwd(), "site-packages"))
        import library
        library.fit(torch.optim.Adam(model.parameters()), data, loss, batches)
        """)  # fmt: skip
    def test_a_loader_of_a_librarys_own_has_the_place_of_the_call(self, run):
        self.assert_feeds(run, 1.0, 2)
        self.assertEqual(self.place(run.done()["loaders"][0]), (str(run.path), run.line_of("library.fit")))

    @program("""
        class Loader(DataLoader):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
        class Mine(torch.optim.SGD):
            def step(self, closure=None):
                return super().step(closure)
        torch.optim.SGD(torch.nn.Linear(1, 1).parameters(), lr=0.1).step()
        optimizer = Mine(model.parameters(), lr=0.1)
        for batch in batches(Loader(data, batch_size=8)):
            loss(batch).backward()
            optimizer.step()
        """)  # fmt: skip
    def test_a_step_within_a_subclass_step_counts_once(self, run):
        self.assert_feeds(run, 1.0, 8)
        self.assertEqual(self.counted(run)["type"], "Mine")
        self.assertEqual(self.place(run.done()["loaders"][0]), (str(run.path), run.line_of("super().__init__")))

    @program("""
        class Slow(torch.optim.Optimizer):
            def __init__(self, inner):
                super().__init__(inner.param_groups, {})
                self.inner = inner
            def step(self, closure=None):
                self.inner.step()
                self.inner.step()
        optimizer = Slow(torch.optim.SGD(model.parameters(), lr=0.1))
        for batch in batches(DataLoader(data, batch_size=8)):
            loss(batch).backward()
            optimizer.step()
        """)  # fmt: skip
    def test_an_optimizer_that_steps_another_counts_alone(self, run):
        self.assert_feeds(run, 1.0, 8)
        self.assertEqual([one["type"] for one in run.done()["optimizers"]], ["Slow"])

    @program("""
        class Nested(Dataset):
            def __len__(self):
                return 8
            def __getitem__(self, index):
                return [next(iter(DataLoader(data, batch_size=2))) for _ in range(3)][0]
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in batches(DataLoader(Nested(), batch_size=4)):
            loss((x.flatten(0, 1), y.flatten(0, 1))).backward()
            optimizer.step()
        """)  # fmt: skip
    def test_a_loader_within_a_loader_is_a_part_of_that(self, run):
        self.assert_feeds(run, 1.0, 4)
        self.assertEqual([loader["dataset"] for loader in run.done()["loaders"]], ["Nested"])

    @program("""
        model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(4, 4, 1), torch.nn.Conv2d(4, 2, 1))
        model[:2].to(memory_format=torch.channels_last)
        model[2].to(torch.bfloat16)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, foreach=True)
        net = torch.compile(model, backend="eager") if hasattr(torch, "compile") else None
        for batch in batches(DataLoader(data, batch_size=8)):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                model[:2](torch.ones(1, 3, 4, 4)).sum().backward()
            optimizer.step()
        """)  # fmt: skip
    def test_precision_layout_and_compiling_are_told(self, run):
        done = run.done()
        self.assertEqual(done["precision"]["autocast"], "bfloat16")
        self.assertEqual(done["precision"]["parameters"], {"float32": 132, "bfloat16": 10})
        self.assertEqual(done["layout"], {"conv_weights": 3, "channels_last": 2})
        self.assertEqual(done["compiled_modules"], 1)
        self.assertTrue(self.counted(run)["foreach"])

    @program("""
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            for batch in batches(DataLoader(data, batch_size=8)):
                loss(batch).backward()
                optimizer.step()
        """)  # fmt: skip
    def test_autocast_around_the_whole_loop_is_seen(self, run):
        self.assertEqual(run.done()["precision"]["autocast"], "bfloat16")

    @program("""
        first, second = (torch.optim.SGD(model.parameters(), lr=rate) for rate in (0.1, 0.2))
        for number, batch in enumerate(batches(DataLoader(data, batch_size=8))):
            loss(batch).backward()
            if number < 25 or os.path.exists("never"):
                first.step()
            else:
                second.step()
        """, request={"after_steps": 4, "steps": 200})  # fmt: skip
    def test_when_training_moves_to_another_optimizer_so_does_the_agent(self, run):
        (counted,) = run.done()["optimizers"]
        self.assertEqual((counted["steps"], run.done()["steps"]["n"]), (200, 200))

    @program("""
        loader = DataLoader(data, batch_size=8)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        def step(batch):
            loss(batch).backward()
            optimizer.step()
        if hasattr(torch, "compile"):
            step = torch.compile(step, backend="eager")
        for batch in batches(loader):
            step(batch)
            time.sleep(0.001)
        """, torch_warns=True)  # fmt: skip
    def test_a_compiled_step_is_seen(self, run):
        self.assert_feeds(run, 1.0, 8)
        self.assertEqual(run.done()["trace"]["steps"], 3)

    @program("""
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with torch.profiler.profile() as profiler:
            for batch in batches(DataLoader(data, batch_size=8)):
                loss(batch).backward()
                optimizer.step()
        print(any("SGD" in event.key for event in profiler.key_averages()))
        """, torch_warns=True)  # fmt: skip
    def test_a_program_that_profiles_itself_is_not_traced(self, run):
        self.assertEqual(run.done()["trace"], {"refused": "the program runs a profiler of its own",
                                               "reason": {"key": "own_profiler"}})  # fmt: skip
        self.assertEqual(run.out, b"True\n")

    @program("""
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        profiler = None
        agent = sys._wring_agent
        for batch in batches(DataLoader(data, batch_size=8)):
            loss(batch).backward()
            optimizer.step()
            look = agent._agent and agent._agent.look
            if profiler is None and look and look.trace and look.trace.steps == 2:
                profiler = torch.profiler.profile()
                profiler.start()
        profiler.stop()
        print(any("SGD" in event.key for event in profiler.key_averages()))
        """, torch_warns=True, request={"trace_steps": 50})  # fmt: skip
    def test_the_agents_profiler_gives_way_to_the_programs(self, run):
        self.assertEqual(run.done()["trace"]["steps"], 2)
        self.assertEqual(run.out, b"True\n")

    @program(PROFILES_IN_A_THREAD, torch_warns=True, request={"trace_steps": 50})
    def test_it_gives_way_to_one_that_another_thread_starts(self, run):
        self.assertEqual(run.done()["trace"]["steps"], 2)
        self.assertEqual(run.out, b"[True, True]\n")

    @program("sys._wring_agent.Trace.anywhere = property(lambda _: None, lambda *_: None)" + PROFILES_IN_A_THREAD,
             torch_warns=True, request={"trace_steps": 50000})  # fmt: skip
    def test_it_gives_way_where_torch_keeps_the_profiler_by_thread(self, run):
        self.assertGreaterEqual(run.done()["trace"]["steps"], 2)
        self.assertEqual(run.out, b"[True, True]\n")

    @program("""
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        agent, child = sys._wring_agent, None
        for batch in batches(DataLoader(data, batch_size=8)):
            loss(batch).backward()
            optimizer.step()
            look = agent._agent and agent._agent.look
            if child is None and look and look.trace and look.trace.steps == 2:
                child = os.fork()
                if child == 0:
                    os._exit(int(torch._C._autograd._profiler_enabled()))
        print(os.waitpid(child, 0)[1])
        """, torch_warns=True, request={"trace_steps": 50})  # fmt: skip
    def test_a_child_that_is_forked_within_the_trace_has_no_profiler(self, run):
        self.assertEqual(run.out, b"0\n")
        self.assertEqual(run.done()["trace"]["steps"], 2)

    @program(PLAIN, requests=2)
    def test_a_second_request_is_answered_too(self, run):
        answers = [(message["id"], message["outcome"]) for message in run.said() if message["event"] == "done"]
        self.assertEqual(answers, [(1, "ok"), (2, "ok")])
        self.assert_feeds(run, 1.0, 8)

    @program("""
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for batch, _ in zip(DataLoader(data, batch_size=8), range(6)):
            loss(batch).backward()
            optimizer.step()
        """)  # fmt: skip
    def test_a_program_that_ends_too_early_says_so(self, run):
        self.assertEqual(run.done(), {"v": 1, "event": "done", "id": 1, "outcome": "error",
                                      "message": "the program ended after 6 steps, before the ones to measure",
                                      "reason": {"key": "ended_early", "steps": 6}})  # fmt: skip

    @program("""
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        agent, known = sys._wring_agent, 0
        while known < 7:
            for batch in DataLoader(data, batch_size=8):
                loss(batch).backward()
                optimizer.step()
                known = len(agent._agent.look.durations)
                if known == 7:
                    break
        """)  # fmt: skip
    def test_a_program_that_ends_within_the_steps_tells_what_is_known(self, run):
        self.assertEqual((run.done()["outcome"], run.done()["steps"]["n"]), ("ok", 7))

    @program("""
        import weakref
        def train():
            loader = DataLoader(data, batch_size=8)
            optimizer = torch.optim.SGD(torch.nn.Linear(4, 1).parameters(), lr=0.1)
            for batch in batches(loader):
                optimizer.step()
            return [weakref.ref(thing) for thing in (loader, optimizer, optimizer.param_groups[0]["params"][0])]
        links = train()
        print([link() for link in links])
        """)  # fmt: skip
    def test_nothing_of_the_program_is_kept_alive(self, run):
        self.assertEqual(run.out, b"[None, None, None]\n")


if __name__ == "__main__":
    if torch_python() is None:
        print("skipped: no Python with torch (WRING_TEST_PYTHON names one)")
        sys.exit(SKIPPED)
    unittest.main()
