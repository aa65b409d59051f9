#!/usr/bin/env python3
"""The agent's product on the program's GPU, with a torch and a driver that only note what they are asked for; and when the
windows of several ranks begin.

Usage: agent_rate_test.py.
"""
import ctypes
import sys
import types
import unittest
from contextlib import nullcontext
from unittest import mock

from agent_server import PYTHON_FOLDER

sys.dont_write_bytecode = True
sys.path.insert(0, str(PYTHON_FOLDER))
from wring_gpu import agent  # noqa: E402

GIB = 1 << 30
CARD = "cuda:1"


class Driver:
    """Of libcuda: memory in the order of a stream."""

    def __init__(self, notes, refuses=False):
        self.notes, self.refuses = notes, refuses

    def cuMemAllocAsync(self, block, count, queue):
        self.notes.append(("alloc", count.value, queue.value))
        block._obj.value = 4096
        return 2 if self.refuses else 0

    def cuMemFreeAsync(self, block, queue):
        self.notes.append(("free", block.value, queue.value))
        return 0


class Matrix:
    def __init__(self, notes, memory):
        self.notes, self.memory = notes, memory

    def view(self, kind):
        return Matrix(self.notes, dict(self.memory, kind=kind))

    def normal_(self, generator):
        self.notes.append(("fill", self.memory["data"][0], generator))


class Event:
    """Marks end one `ms` after the other, once the GPU has come so far."""

    def __init__(self, card):
        self.card = card

    def record(self, stream):
        self.at = self.card.now = self.card.now + self.card.product_ms()

    def query(self):
        return self.card.is_done

    def elapsed_time(self, later):
        return later.at - self.at


class Card:
    """What the agent calls of torch, of a GPU that makes so many TFLOP/s."""

    def __init__(self, tflops, free=100 * GIB):
        self.tflops, self.free, self.notes, self.now, self.is_done, self.size = tflops, free, [], 0.0, False, 0
        self.bfloat16 = "bf16"
        self.no_grad = nullcontext
        self._C = types.SimpleNamespace(_len_torch_dispatch_stack=lambda: 0)
        self.cuda = types.SimpleNamespace(
            get_allocator_backend=lambda: "native", is_current_stream_capturing=lambda: False,
            device=lambda device: nullcontext(), mem_get_info=lambda device: (self.free, 140 * GIB),
            current_stream=lambda device: types.SimpleNamespace(cuda_stream=77),
            Event=lambda enable_timing: Event(self))  # fmt: skip

    def Generator(self, device):
        return "generator of " + device

    def as_tensor(self, view, device):
        memory = view.__cuda_array_interface__
        self.size = memory["shape"][0]
        return Matrix(self.notes, memory)

    def mm(self, left, right, out):
        self.notes.append(("mm", left.memory["data"][0], right.memory["data"][0], out.memory["data"][0]))

    def product_ms(self):
        return 2e-9 * self.size**3 / self.tflops

    def rate(self, kind="bfloat16", refuses=False):
        self.driver = Driver(self.notes, refuses)
        with mock.patch.object(ctypes, "CDLL", lambda name: self.driver):
            return agent.Rate(self, CARD, kind, 0.02)


class Rates(unittest.TestCase):
    def measured(self, card, kind="bfloat16"):
        rate = card.rate(kind)
        card.is_done = True
        while rate.step_ended(agent.clock()):
            pass
        return rate.told()

    def test_a_fast_card_gets_the_largest_product(self):
        self.assertEqual(self.measured(Card(700)), {"type": "bfloat16", "tflops": 700.0, "size": 8192})

    def test_a_slow_card_gets_what_fits_the_time(self):
        self.assertEqual(self.measured(Card(50), "float32"), {"type": "float32", "tflops": 50.0, "size": 4096})
        self.assertEqual(self.measured(Card(2), "float32"), {"type": "float32", "tflops": 2.0, "size": 2048})

    def test_memory_is_the_drivers_and_given_back_behind_the_products(self):
        card = Card(700)
        card.rate()
        size = 2048 * 2048 * 2
        kinds = [note[0] for note in card.notes]
        self.assertEqual(kinds, ["alloc", "fill", "fill"] + 6 * ["mm"] + ["free"])
        self.assertEqual(card.notes[0], ("alloc", 3 * size, 77))
        self.assertEqual(card.notes[3], ("mm", 4096, 4096 + size, 4096 + 2 * size))
        self.assertEqual(card.notes[-1], ("free", 4096, 77))

    def test_the_numbers_come_from_a_generator_of_its_own(self):
        card = Card(700)
        card.rate()
        self.assertEqual({note[2] for note in card.notes if note[0] == "fill"}, {"generator of " + CARD})

    def test_it_never_waits_for_the_gpu(self):
        rate = Card(700).rate()
        now = agent.clock()
        self.assertTrue(rate.step_ended(now))  # not done yet: at another step's end
        self.assertFalse(rate.step_ended(now + 10))  # for so long, but not for ever
        self.assertIsNone(rate.told())

    def test_a_full_card_is_left_alone(self):
        card = Card(700, free=GIB - 1)
        with self.assertRaises(ValueError):
            card.rate()
        self.assertEqual(card.notes, [])

    def test_a_product_that_fails_gives_its_memory_back(self):
        card = Card(700)
        card.mm = mock.Mock(side_effect=RuntimeError("CUBLAS_STATUS_NOT_SUPPORTED"))
        with self.assertRaises(RuntimeError):
            card.rate()
        self.assertEqual(card.notes[-1][0], "free")

    def test_a_driver_that_gives_none_is_asked_for_nothing_more(self):
        card = Card(700)
        with self.assertRaises(ValueError):
            card.rate(refuses=True)
        self.assertEqual([note[0] for note in card.notes], ["alloc"])

    def test_a_graph_that_is_captured_is_not_disturbed(self):
        card = Card(700)
        card.cuda.is_current_stream_capturing = lambda: True
        with self.assertRaises(ValueError):
            card.rate()
        self.assertEqual(card.notes, [])


class Beginning(unittest.TestCase):
    """Of the window after the warm-up, in steps of 10 ms."""

    def begins_after(self, world, settled_at=0):
        link = types.SimpleNamespace(say=lambda *event, **fields: None)
        program = types.SimpleNamespace(link=link, world=world, counting=False)
        request = types.SimpleNamespace(id=1, after_steps=3, after_seconds=0.0)
        torch = types.SimpleNamespace(amp=None)
        look = agent.Observation(program, request, torch, types.SimpleNamespace(type="cpu"))
        facts, now = agent.Facts(("train.py", 1, True)), 0.0
        for step in range(1, 200):
            now += 0.01 if step > settled_at else 0.01 * (2 + step % 7)
            look.step_ended(facts, now)
            if look.phase == "steps":
                return step
        return None

    def test_one_process_begins_once_it_has_settled(self):
        self.assertEqual(self.begins_after(world=1), 17)

    def test_ranks_begin_at_the_same_step(self):
        self.assertEqual(self.begins_after(world=2), 32)
        self.assertEqual(self.begins_after(world=2, settled_at=5), 32)


if __name__ == "__main__":
    unittest.main()
