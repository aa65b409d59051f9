#!/usr/bin/env python3
"""What bench/vs_pytorch.py computes: means over time, ratios, patches, tables, the expert's steps; with WRING_TRAIN also a whole
run in small, on the CPU.

Usage: vs_pytorch_test.py SOURCE_DIR [WRING_TRAIN]. Exits with 77 (skipped) where torch is missing.
"""
import contextlib
import io
import json
import math
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

SKIPPED = 77
ROOT = Path(sys.argv.pop(1)).resolve()
WRING_TRAIN = Path(sys.argv.pop(1)).resolve() if sys.argv[1:2] else None
sys.path.insert(0, str(ROOT / "bench"))
try:
    import numpy  # noqa: F401, used by safetensors.torch
    import torch
    from vs_pytorch import (
        bicubic,
        files_suite,
        folded_edsr,
        gpu_sampler,
        inputs,
        markdown,
        processes,
        psnr_suite,
        psnr_worker,
        settings,
        step_suite,
        step_worker,
        trainers,
        vgg19,
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


def drawn(names_and_sizes):
    """photograph_crops()'s look at image files, without files: each image has a colour of its own."""
    images = {
        Path(name): torch.full((height, width, 3), colour, dtype=torch.uint8)
        for colour, (name, height, width) in enumerate(names_and_sizes)
    }
    files = {"image_paths": lambda _: list(images), "read_rgb": images.__getitem__,
             "image_size": lambda path: (images[path].shape[1], images[path].shape[0])}  # fmt: skip
    return mock.patch.multiple("vs_pytorch.image_files", **files)


class Crops(unittest.TestCase):
    def crops(self, count, sizes, size=16):
        with drawn([(f"{i}.png", *s) for i, s in enumerate(sizes)]):
            return inputs.photograph_crops(Path("x"), count, size, torch.Generator().manual_seed(1))

    def test_a_set_may_be_smaller_than_the_batches(self):
        crops = self.crops(7, [(20, 30), (16, 16), (40, 17)])
        self.assertEqual(tuple(crops.shape), (7, 3, 16, 16))
        counts = [int((crops[:, 0, 0, 0] == colour).sum()) for colour in range(3)]
        self.assertEqual(sorted(counts), [2, 2, 3])

    def test_one_image_is_enough(self):
        self.assertEqual(len(self.crops(5, [(16, 40)])), 5)

    def test_images_that_a_patch_does_not_fit_into_do_not_count(self):
        crops = self.crops(4, [(15, 100), (16, 16), (100, 15), (30, 30)])
        self.assertEqual(set(crops[:, 0, 0, 0].tolist()), {1, 3})

    def test_many_images_give_one_crop_each(self):
        self.assertEqual(len(set(self.crops(3, [(16, 16)] * 9)[:, 0, 0, 0].tolist())), 3)

    def test_a_set_of_small_images_is_refused(self):
        with self.assertRaisesRegex(settings.Failure, "16 pixels on both sides"):
            self.crops(1, [(15, 15)])


class FoldedTail(unittest.TestCase):
    """The folded network equals the plain one: output, every gradient, borders included, in float64."""

    def test_it_computes_what_the_plain_network_does(self):
        for scale in (1, 2, 3, 4, 8):
            for height, width in ((5, 7), (3, 3), (2, 6)):
                with self.subTest(scale=scale, height=height, width=width):
                    torch.manual_seed(scale)
                    plain = inputs.Edsr(8, 1, scale).double()
                    folded = folded_edsr.FoldedEdsr(8, 1, scale).double()
                    folded.load_state_dict(plain.state_dict())
                    lr = torch.rand(2, 3, height, width, dtype=torch.float64)
                    found, weight = [], torch.randn(2, 3, height * scale, width * scale, dtype=torch.float64)
                    for net in (plain, folded):
                        sr = net(lr)
                        found.append([sr.detach(), *torch.autograd.grad((sr * weight).sum(), list(net.parameters()))])
                    for one, other in zip(*found):
                        self.assertLess(float((one - other).abs().max()), 1e-10 * float(one.abs().max()))

    def test_its_parameters_are_the_plain_ones(self):
        names = [[name for name, _ in kind(8, 1, 4).named_parameters()] for kind in (inputs.Edsr, folded_edsr.FoldedEdsr)]
        self.assertEqual(*names)
        self.assertTrue(any(name.startswith(folded_edsr.TAIL) for name in names[0]))


class ExpertsSteps(unittest.TestCase):
    """The expert's steps, before they are recorded as a graph, learn what eager PyTorch does."""

    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.vgg = Path(folder) / "vgg19.safetensors"
        vgg19.write_random_vgg19(cls.vgg, 1)

    def values(self, **more):
        return settings.typed({"base_channels": 8, "num_blocks": 1, "batch_size": 2, "patch_size": 32, "lr": 1e-3,
                               "grad_clip": 1.0, "perceptual_weights_file": self.vgg, **more})  # fmt: skip

    def losses(self, values, make, steps=4):
        torch.manual_seed(0)
        weights = inputs.Edsr(8, 1, 4).state_dict()
        lr, hr = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 32, 32)
        side = make(values, {name: tensor.clone() for name, tensor in weights.items()}, "cpu")
        if isinstance(side, trainers.Trainer):
            return [float(side.step_on(lr, hr)) for _ in range(steps)]
        side.lr, side.hr = lr, hr
        return [float(side.raw_step()) for _ in range(steps)]

    def expert(self, low=False, folded=False):
        return lambda values, weights, device: trainers.ExpertStep(values, weights, device, None, low, folded=folded)

    def check(self, values, make, allowed, steps=4):
        ours, theirs = self.losses(values, make, steps), self.losses(values, trainers.Trainer, steps)
        for one, other in zip(ours, theirs):
            self.assertLess(abs(one - other) / other, allowed, (ours, theirs))
        self.assertLess(ours[-1], ours[0])

    def test_with_the_pixel_loss(self):
        self.check(self.values(), self.expert(), 1e-5)
        self.check(self.values(), self.expert(folded=True), 1e-5)

    def test_with_the_perceptual_loss(self):
        values = self.values(use_perceptual="true", perceptual_weight="0.1")
        self.check(values, self.expert(folded=True), 1e-4, steps=2)
        self.assertNotAlmostEqual(
            self.losses(values, self.expert(), 1)[0], self.losses(self.values(), self.expert(), 1)[0], 3
        )

    def test_in_bf16_with_masters_and_in_fp16_with_a_loss_scale(self):
        for dtype, allowed in (("bf16", 0.03), ("fp16", 0.01)):
            for folded in (False, True):
                with self.subTest(dtype=dtype, folded=folded):
                    values = self.values(use_mixed_precision="true", amp_dtype=dtype)
                    self.check(values, self.expert(low=True, folded=folded), allowed)

    def test_an_overflow_in_fp16_changes_nothing_but_the_scale(self):
        values = self.values(use_mixed_precision="true", amp_dtype="fp16")
        torch.manual_seed(0)
        side = trainers.ExpertStep(values, inputs.Edsr(8, 1, 4).state_dict(), "cpu", None, True)
        side.lr, side.hr = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 32, 32)
        side.scale.fill_(1e30)
        before = [p.detach().clone() for p in side.masters]
        side.raw_step()
        self.assertTrue(all(torch.equal(p.detach(), b) for p, b in zip(side.masters, before)))
        self.assertLess(float(side.scale), 1e30)

    def test_starting_over_repeats_the_losses(self):
        values = self.values(use_mixed_precision="true")
        side = trainers.ExpertStep(values, inputs.Edsr(8, 1, 4).state_dict(), "cpu", None, True, folded=True)
        side.lr, side.hr = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 32, 32)
        first = [float(side.raw_step()) for _ in range(3)]
        side.start_over()
        self.assertEqual([float(side.raw_step()) for _ in range(3)], first)


class Settings(unittest.TestCase):
    def test_values_take_their_defaults_type(self):
        found = settings.typed({"batch_size": "8", "lr": "1e-3", "use_mixed_precision": "yes", "foreign": "x"})
        self.assertEqual((found["batch_size"], found["lr"], found["use_mixed_precision"]), (8, 1e-3, True))
        self.assertNotIn("foreign", found)

    def test_values_are_read_as_wring_reads_them(self):
        found = settings.typed({"total_iters": "3e5", "val_freq": "5_000", "batch_size": "~", "lr": "", "seed": "null"})
        self.assertEqual((found["total_iters"], found["val_freq"]), (300000, 5000))
        for key in ("batch_size", "lr", "seed"):
            self.assertEqual(found[key], settings.DEFAULTS[key])

    def test_on_a_cpu_both_sides_compute_in_fp32(self):
        self.assertFalse(settings.typed(settings.guide_configs([], "cpu", False)["seed_original"])["use_mixed_precision"])

    def test_unknown_names_are_refused_with_the_known_ones(self):
        with self.assertRaisesRegex(settings.Failure, "high_performance"):
            settings.guide_configs(["hihg"], "cuda", False)
        with self.assertRaises(settings.Failure):
            settings.with_assignments({}, ["lr"])

    def test_shipped_configurations_are_the_files_as_they_are(self):
        configs = settings.guide_configs(["shipped"], "cuda", False)
        self.assertEqual(list(configs), [f"shipped_{name}" for name in settings.SHIPPED_CONFIGS])
        for name, values in configs.items():
            file = settings.read_flat_yaml(ROOT / "configs" / f"{name.removeprefix('shipped_')}.yaml")
            self.assertEqual({**file, **settings.FORCED}, values)
        self.assertNotIn("compile_model", configs["shipped_balanced"])
        self.assertTrue(settings.typed(configs["shipped_high_performance"])["use_perceptual"])
        self.assertIn("VGG-19", settings.describe(settings.typed(configs["shipped_balanced"])))
        self.assertIn("fp32", settings.describe(settings.typed(configs["shipped_lightweight_config"])))

    def test_files_and_names_may_be_mixed_and_a_missing_file_is_named(self):
        path = str(ROOT / "configs" / "demo.yaml")
        self.assertEqual(list(settings.guide_configs(["seed_original", path], "cuda", False)), ["seed_original", "shipped_demo"])
        self.assertEqual(list(settings.guide_configs([], "cuda", False)), list(settings.GUIDE_CONFIGS))
        with self.assertRaisesRegex(settings.Failure, "absent.yaml"):
            settings.guide_configs(["absent.yaml"], "cuda", False)

    def test_both_sides_get_the_same_random_vgg_where_none_is_named(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        values = {"use_perceptual": "true"}
        with_file = inputs.with_perceptual_weights(values, settings.typed(values), folder)
        self.assertTrue(Path(with_file["perceptual_weights_file"]).exists())
        plain = {"use_perceptual": "false"}
        self.assertEqual(inputs.with_perceptual_weights(plain, settings.typed(plain), folder), plain)
        asked = {"use_perceptual": "true", "perceptual_weights_file": "random"}
        self.assertEqual(inputs.with_perceptual_weights(asked, settings.typed(asked), folder), with_file)
        named = {"use_perceptual": "true", "perceptual_weights_file": "mine"}
        self.assertEqual(inputs.with_perceptual_weights(named, settings.typed(named), folder), named)

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

    def test_a_carried_build_runs_with_this_torchs_libraries(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "bin").mkdir()
        (folder / "bin" / "wring-train").touch()
        with mock.patch.dict(os.environ, {"WRING_BUILD_DIR": str(folder), "LD_LIBRARY_PATH": "/before"}):
            self.assertEqual(processes.find_wring_train(None), (folder / "bin" / "wring-train").resolve())
            paths = processes.environment(1)["LD_LIBRARY_PATH"].split(":")
        self.assertEqual(paths[0], str(Path(torch.__file__).resolve().parent / "lib"))
        self.assertEqual(paths[-1], "/before")
        with mock.patch.dict(os.environ):
            os.environ.pop("WRING_BUILD_DIR", None)
            self.assertEqual(processes.environment(1).get("LD_LIBRARY_PATH"), os.environ.get("LD_LIBRARY_PATH"))

    def test_the_program_for_steps_is_the_one_beside_the_given_wring_train(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for program in ("wring-train", "wring_steps"):
            (folder / program).touch()
        for given in ("wring", "wring-train"):
            self.assertEqual(processes.find_wring_steps(folder / given), (folder / "wring_steps").resolve())
        (folder / "wring_steps").unlink()
        with self.assertRaisesRegex(settings.Failure, "wring_steps"):
            processes.find_wring_steps(folder / "wring-train")
        (folder / "bin").mkdir()
        (folder / "bin" / "wring_steps").touch()
        with mock.patch.dict(os.environ, {"WRING_BUILD_DIR": str(folder)}):
            self.assertEqual(processes.find_wring_steps(None), (folder / "bin" / "wring_steps").resolve())

    def test_wrings_own_error_line_is_the_reason(self):
        self.assertEqual(processes.reason_of("a\nerror: no room\nhint: less\n"), "error: no room")
        self.assertEqual(processes.reason_of("\nKilled\n"), "Killed")

    def test_metrics_are_read_line_by_line_as_they_grow(self):
        run = wring_run.WringRun.__new__(wring_run.WringRun)
        run.lines, run.at, run.rest = [], 0, ""
        with contextlib.ExitStack() as stack:
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
        self.assertEqual({line.count("|") for line in lines[:4]}, {9})
        self.assertEqual({line.count("|") for line in lines[4:]}, {8})
        self.assertIn("not measured: broke / badly at once", text)
        self.assertIn("Suite psnr: no data", text)


@unittest.skipUnless(WRING_TRAIN, "no wring-train was given")
class InSmall(unittest.TestCase):
    def test_a_config_as_it_is_runs_on_both_sides_with_equal_losses(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        config = folder / "mine.yaml"
        config.write_text("base_channels: 8\nnum_blocks: 1\nscale_factor: 4\nbatch_size: 2\npatch_size: 32\n"
                          "use_perceptual: true   # with a comment\nuse_mixed_precision: true\nlr: 0.0003\n"
                          "warmup_iters: 500\ndata_dir: data\n")  # fmt: skip
        out = folder / "out.json"
        command = [sys.executable, ROOT / "bench" / "vs_pytorch.py", "--suite", "step", "--device", "cpu", "--configs", config]
        command += ["--variants", "expert,folded_expert,fp32", "--rounds", "1", "--seconds", "0.1", "--batch-count", "2", "--budget", "800"]
        command += ["--wring-train", WRING_TRAIN, "--json", out, "--markdown", folder / "out.md"]
        finished = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=900)
        self.assertEqual(finished.returncode, 0, finished.stderr)
        rows = json.loads(out.read_text())["suites"]["step"]["mine"]["rows"]
        self.assertGreater(rows["wring"]["samples_per_s"], 0)
        self.assertIn("eager", rows["wring"]["engine"])
        self.assertLess(rows["fp32"]["loss_difference"], 1e-3)
        for expert in ("expert", "folded_expert"):
            self.assertIn("no GPU", rows[expert]["reason"])
        self.assertIn("VGG-19", (folder / "out.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    unittest.main()
