#!/usr/bin/env python3
"""What bench/vs_pytorch.py computes, without training anything: means over time, ratios, patches, tables.

Usage: vs_pytorch_test.py SOURCE_DIR. Exits with 77 (skipped) where torch is missing.
"""
import contextlib
import io
import json
import math
import sys
import unittest
from pathlib import Path
from unittest import mock

SKIPPED = 77
ROOT = Path(sys.argv.pop(1)).resolve()
sys.path.insert(0, str(ROOT / "bench"))
try:
    import numpy  # noqa: F401, used by safetensors.torch
    import torch
    from vs_pytorch import (
        bicubic,
        files_suite,
        gpu_sampler,
        markdown,
        processes,
        psnr_suite,
        psnr_worker,
        settings,
        step_suite,
        step_worker,
        trainers,
        wring_run,
    )
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(SKIPPED)


class TimeWeighted(unittest.TestCase):
    def test_a_value_describes_the_window_that_ends_with_it(self):
        samples = [(0.0, 0.0), (1.0, 100.0), (4.0, 20.0)]
        self.assertAlmostEqual(gpu_sampler.time_weighted(samples, 0, 4, 10), (1 * 100 + 3 * 20) / 4)

    def test_only_the_window_counts(self):
        samples = [(0.0, 0.0), (1.0, 100.0), (4.0, 20.0)]
        self.assertAlmostEqual(gpu_sampler.time_weighted(samples, 0.5, 2, 10), (0.5 * 100 + 1 * 20) / 1.5)

    def test_what_was_not_read_is_left_out_rather_than_taken_for_zero(self):
        self.assertEqual(gpu_sampler.time_weighted([(0, 5.0), (1, None), (2, 60.0)], 0, 2, 10), 60)
        self.assertIsNone(gpu_sampler.time_weighted([(0, None), (1, None)], 0, 1, 10))

    def test_a_value_is_not_stretched_over_a_gap(self):
        samples = [(0.0, 0.0), (10.0, 100.0), (11.0, 0.0)]
        self.assertAlmostEqual(gpu_sampler.time_weighted(samples, 0, 11, 1), 50)

    def test_a_machine_without_nvml_says_why(self):
        with mock.patch.object(gpu_sampler.ctypes, "CDLL", side_effect=OSError("no such file")):
            sampler = gpu_sampler.Sampler(on_gpu=True)
        sampler.close()
        self.assertIn("no such file", sampler.reason)
        self.assertEqual(set(sampler.over(0, 1).values()), {None})


class Rates(unittest.TestCase):
    def test_a_rate_comes_from_steps_and_the_clock_outside(self):
        figures = files_suite.rate_over([(10.0, 100, 1.0), (11.0, 150, 1.2), (12.0, 200, 1.5)], batch=16)
        self.assertEqual(figures["samples_per_s"], 100 * 16 / 2)
        self.assertAlmostEqual(figures["wait_share"], 0.25)

    def test_a_single_mark_is_no_rate(self):
        with self.assertRaises(settings.Unavailable):
            files_suite.rate_over([(10.0, 100, 1.0)], batch=16)

    def test_the_start_of_a_window_is_left_out_where_enough_remains(self):
        marks = [(t / 2, t, 0.0) for t in range(10)]
        self.assertEqual(files_suite.settled(marks)[0][0], files_suite.SETTLE_S)
        self.assertEqual(files_suite.settled(marks[:3]), marks[:3])

    def test_groups_of_steps_grow_as_steps_get_short(self):
        self.assertEqual([step_worker.group_steps(ms) for ms in (500, 3, 0.1)], [5, 10, 50])

    def test_ratios_are_those_of_each_round(self):
        wring = {"rounds": [{"samples_per_s": 30}, {"samples_per_s": 10}], "peak_memory_mib": 5, "loss": [1.0, 2.0]}
        other = {"rounds": [{"samples_per_s": 10}, {"samples_per_s": 10}], "peak_memory_mib": 10, "loss": [1.0, 1.0]}
        found = step_suite.compared(wring, other)
        self.assertEqual(found["ratio"], {"median": 2.0, "min": 1.0, "max": 3.0})
        self.assertEqual((found["memory_ratio"], found["loss_difference"]), (0.5, 1.0))

    def test_a_loss_that_is_not_a_number_is_no_agreement(self):
        side = {"rounds": [{"samples_per_s": 1}], "loss": [math.nan]}
        self.assertIsNone(step_suite.compared(side, {**side, "loss": [1.0]})["loss_difference"])


class TimeToTarget(unittest.TestCase):
    CURVE = [(5.0, 500, 30.0), (9.0, 1000, 31.4), (12.0, 1500, 31.2)]

    def test_the_first_validation_at_the_target_counts(self):
        found = psnr_suite.summary(self.CURVE, 31.35)
        self.assertEqual((found["seconds_to_target"], found["steps_to_target"]), (9.0, 1000))
        self.assertEqual((found["best_psnr_y"], found["best_at_s"]), (31.4, 9.0))

    def test_a_target_that_was_missed_has_no_time(self):
        self.assertNotIn("seconds_to_target", psnr_suite.summary(self.CURVE, 32))

    def test_the_learning_rate_is_wrings(self):
        values = {"lr": 1.0, "eta_min": 0.0, "scheduler": "cosine", "warmup_iters": 10, "total_iters": 110}
        found = [psnr_worker.learning_rate(values, step) for step in (0, 9, 10, 60, 110)]
        for got, expected in zip(found, (0.1, 1.0, 1.0, 0.5, 0.0)):
            self.assertAlmostEqual(got, expected)


class Images(unittest.TestCase):
    def test_shrinking_keeps_a_constant_and_follows_torch_inside(self):
        grey = torch.full((24, 40, 3), 77, dtype=torch.uint8)
        self.assertTrue(torch.equal(bicubic.bicubic_shrink(grey, 4), grey[:6, :10]))
        image = torch.randint(256, (64, 96, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
        theirs = torch.nn.functional.interpolate(
            image.permute(2, 0, 1)[None].double(), scale_factor=0.25, mode="bicubic", antialias=True
        )[0].permute(1, 2, 0)
        ours = bicubic.bicubic_shrink(image, 4).double()
        # Rounding after each dimension is worth one level at most.
        self.assertLessEqual(float((ours - theirs)[3:-3, 3:-3].abs().max()), 1.5)

    def test_psnr_of_a_known_error(self):
        hr = torch.full((3, 20, 20), 100, dtype=torch.uint8)
        sr = hr.clone()
        sr[:, :4] = 0  # within the border
        sr[1, 4:-4, 4:-4] += 10  # green alone
        expected = 10 * math.log10(255**2 / (128.553 * 10 / 255) ** 2)
        self.assertAlmostEqual(bicubic.psnr_y(sr, hr, 4), expected, places=9)

    def test_patches_of_both_sizes_show_the_same_place_turned_alike(self):
        values = {"batch_size": 64, "scale_factor": 4, "patch_size": 32}
        generator = torch.Generator().manual_seed(2)
        small = [torch.randint(256, size, dtype=torch.uint8, generator=generator) for size in ((9, 12, 3), (20, 8, 3))]
        large = [image.repeat_interleave(4, 0).repeat_interleave(4, 1) for image in small]
        files = {Path(f"lr{i}"): image for i, image in enumerate(small)}
        files.update({Path(f"hr{i}"): image for i, image in enumerate(large)})
        with mock.patch.object(psnr_worker, "read_rgb", files.__getitem__):
            patches = psnr_worker.Patches([(Path(f"hr{i}"), Path(f"lr{i}")) for i in range(2)], values, "cpu", False)
        lr, hr = patches.next()
        self.assertEqual((lr.shape, hr.shape), ((64, 3, 8, 8), (64, 3, 32, 32)))
        self.assertTrue(torch.equal(lr, hr[:, :, ::4, ::4]))
        self.assertGreater(len({tuple(patch.flatten().tolist()) for patch in lr}), 16)


class Settings(unittest.TestCase):
    def test_values_take_their_defaults_type(self):
        found = settings.typed({"batch_size": "8", "lr": "1e-3", "use_mixed_precision": "yes", "foreign": "x"})
        self.assertEqual((found["batch_size"], found["lr"], found["use_mixed_precision"]), (8, 1e-3, True))
        self.assertNotIn("foreign", found)

    def test_on_a_cpu_both_sides_compute_in_fp32(self):
        self.assertFalse(settings.typed(settings.guide_configs([], "cpu", False)["seed_original"])["use_mixed_precision"])

    def test_unknown_names_are_refused_with_the_known_ones(self):
        with self.assertRaisesRegex(settings.Failure, "high_performance"):
            settings.guide_configs(["hihg"], "cuda", False)
        with self.assertRaises(settings.Failure):
            settings.with_assignments({}, ["lr"])

    def test_the_expert_refuses_a_machine_without_a_gpu(self):
        with self.assertRaisesRegex(settings.Unavailable, "no GPU"):
            trainers.CapturedTrainer(settings.typed({}), {}, "cpu", None, True)


class Processes(unittest.TestCase):
    def test_what_a_variant_throws_becomes_its_reason(self):
        def broken():
            raise RuntimeError("first\nout of memory")

        commands = io.StringIO(json.dumps({"do": "break"}) + "\n")
        with mock.patch.object(sys, "stdin", commands), contextlib.redirect_stdout(io.StringIO()) as said:
            with contextlib.redirect_stderr(io.StringIO()):
                processes.serve({"break": broken})
        event = json.loads(said.getvalue())
        self.assertEqual(event, {"event": "unavailable", "reason": "RuntimeError: out of memory"})

    def test_wrings_own_error_line_is_the_reason(self):
        self.assertEqual(processes.reason_of("a\nerror: no room\nhint: less\n"), "error: no room")
        self.assertEqual(processes.reason_of("\nKilled\n"), "Killed")

    def test_metrics_are_read_line_by_line_as_they_grow(self):
        run = wring_run.WringRun.__new__(wring_run.WringRun)
        run.lines, run.at, run.rest = [], 0, ""
        with contextlib.ExitStack() as stack:
            import tempfile

            run.experiment = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            self.assertEqual(run.read(), [])
            path = run.experiment / "metrics.jsonl"
            path.write_text('{"step": 1}\n{"st', encoding="utf-8")
            self.assertEqual([line for _, line in run.read()], [{"step": 1}])
            path.write_text('{"step": 1}\n{"step": 2}\n', encoding="utf-8")
            self.assertEqual([line for _, line in run.read()], [{"step": 2}])
            self.assertEqual(len(run.lines), 2)


class Tables(unittest.TestCase):
    def test_every_row_has_the_headers_cells_and_a_failure_its_reason(self):
        values = settings.typed({})
        rows = {
            "wring": {"label": "wring-train", "samples_per_s": 9, "step_ms": 1, "peak_memory_mib": None},
            "amp": {"label": "eager", "reason": "broke | badly\nat once"},
        }
        results = {
            "machine": {"date": "d", "card": None, "driver": None, "cpu": "c", "cores": 2, "torch": "t", "cuda": None,
                        "cudnn": None, "wring": None},
            "suites": {
                "step": {"x": {"settings": values, "what": "w", "rows": rows}},
                "files": {"gpu_reason": "none", "configs": {"x": {"settings": values, "what": "w", "images": 1, "rows": rows}}},
                "psnr": {"reason": "no data"},
            },
        }
        text = markdown.markdown(results)
        lines = [line for line in text.splitlines() if line.startswith("|")]
        self.assertEqual(len(lines), 8)
        self.assertEqual({line.count("|") for line in lines[:4]}, {8})
        self.assertEqual({line.count("|") for line in lines[4:]}, {8})
        self.assertIn("not measured: broke / badly at once", text)
        self.assertIn("Suite psnr: no data", text)


if __name__ == "__main__":
    unittest.main()
