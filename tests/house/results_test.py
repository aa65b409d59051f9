#!/usr/bin/env python3
"""Headline speeds come with their record: every figure of README's table "Measured" that claims a speed on a GPU is in a JSON
of bench/results that its row links to, and every table of docs/performance.md names its record or is one, word for word.

In a README's row a comment says where each figure stands:

    | … | 74 200 samples/s, 3.5 times … ([record](bench/results/X.json)) <!-- 74 200 = step.configs.a.rows.wring.samples_per_s;
          3.5 = max step.configs.*.rows.expert.ratio.median --> |     (on one line)

FIGURE = [min|max|FACTOR *] PATH. A path's parts are keys or indices, * is all of them, and needs min or max. In
docs/performance.md a line `<!-- from bench/results/X.json: step -->` before a table says that it is bench/headlines.py's.

Usage: results_test.py SOURCE_DIR
"""
import json
import re
import sys
import unittest
from pathlib import Path

ROOT = Path(sys.argv.pop(1)).resolve()
sys.path.insert(0, str(ROOT / "bench"))
from vs_pytorch import record  # noqa: E402

# Measured before records were kept, each by the beginning of its row. One that gets a record leaves this list.
UNRECORDED = {
    "README.md": (
        "EDSR 64×16 ×4 on the 291 images",
    ),
}
GPU = re.compile(r"\bGPU|H200|H100|A100|RTX")
SPEED = re.compile(r"\d\s*(samples/s|样本/秒|times|倍|× |s\b|秒|min\b|% of the rate)|速度的\s*\d")
LINK = re.compile(r"\]\(((?:\.\./)?bench/results/[\w.-]+\.json)\)")
NUMBER = re.compile(r"(?<![\w.×])\d{1,3}(?: \d{3})+(?![\d.])|(?<![\w.×])\d+(?:\.\d+)?")


def bare(cell):
    """A cell without its comment, links' targets, code and names: what a reader takes for figures."""
    cell = re.sub(r"<!--.*?-->", "", cell)
    cell = re.sub(r"\[([^\]]*)\]\([^)]*\)", "", cell)
    cell = re.sub(r"`[^`]*`", "", cell)
    return re.sub(r"\b(batch|Set)\s*\d+", "", cell)


def figures(cell):
    return NUMBER.findall(bare(cell))


def unit(figure):
    """What the last digit of a printed figure is worth. Zeros at the end of a whole number are rounding, but the first three
    digits are meant."""
    digits = figure.replace(" ", "")
    if "." in digits:
        return 10.0 ** -len(digits.partition(".")[2])
    zeros = len(digits) - len(digits.rstrip("0"))
    return 10.0 ** max(0, min(zeros, len(digits) - 3))


def agrees(figure, value):
    return abs(value - float(figure.replace(" ", ""))) <= 0.5000001 * unit(figure)


def values_at(json_value, path):
    """All values at a dotted path; * stands for every key or index."""
    found = [json_value]
    for part in path.split("."):
        further = []
        for value in found:
            if isinstance(value, list):
                further += value if part == "*" else [value[int(part)]]
            else:
                further += list(value.values()) if part == "*" else [value[part]]
        found = further
    return found


def value_of(json_value, expression):
    extreme, factor, path = re.fullmatch(r"(?:(min|max)\s+|([\d.e+-]+)\s+\*\s+)?(.+)", expression).groups()
    found = values_at(json_value, path)
    if extreme:
        return {"min": min, "max": max}[extreme](found)
    (value,) = found
    return float(factor or 1) * value


def rows(text, heading):
    """Rows of the first table below a heading, as lists of cells."""
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))] for line in lines[2:]]


def mapped(row):
    """{figure: expression} of a row's comment."""
    comment = re.search(r"<!--(.*?)-->", row[-1])
    pairs = (pair.partition("=") for pair in comment.group(1).split(";")) if comment else ()
    return {figure.strip(): expression.strip() for figure, equals, expression in pairs if equals}


def faults_of(row, folder):
    """What is wrong with a row that claims a speed."""
    links = LINK.findall(row[-1])
    if len(links) != 1:
        return [f"links to {len(links)} records of bench/results, not to one"]
    path = folder / links[0]
    if not path.is_file():
        return [f"{links[0]} is not there"]
    found, expressions = [], mapped(row)
    for figure in figures(row[-1]):
        if figure not in expressions:
            found.append(f"the comment does not say where {figure} stands in {links[0]}")
            continue
        try:
            value = value_of(json.loads(path.read_text(encoding="utf-8")), expressions[figure])
        except (KeyError, IndexError, ValueError, TypeError) as error:
            found.append(f"{figure}: {links[0]} has no {expressions[figure]}: {error!r}")
            continue
        if not agrees(figure, value):
            found.append(f"{figure} is printed, {links[0]} says {value:.6g} at {expressions[figure]}")
    return found


class Readmes(unittest.TestCase):
    def check(self, name, claiming):
        unrecorded = list(UNRECORDED.get(name, ()))
        claims = 0
        for row in claiming:
            claims += 1
            excused = next((begin for begin in unrecorded if row[0].startswith(begin)), None)
            with self.subTest(document=name, row=row[0]):
                if excused is None:
                    self.assertEqual(faults_of(row, ROOT), [])
                else:
                    unrecorded.remove(excused)
                    self.assertEqual(LINK.findall(row[-1]), [], "it has a record: take it off UNRECORDED")
        self.assertGreater(claims, 3)
        self.assertEqual(unrecorded, [], "no such row: take it off UNRECORDED")

    def test_every_speed_on_a_gpu_has_a_record_that_says_the_same(self):
        claiming, where = [], ""
        for row in rows((ROOT / "README.md").read_text(encoding="utf-8"), "Measured"):
            where = where if row[1] == "likewise" else row[1]
            if GPU.search(where) and SPEED.search(where + " " + bare(row[-1])):
                claiming.append(row)
        self.check("README.md", claiming)
        # This table begins with the card.
        chinese = rows((ROOT / "README.zh-CN.md").read_text(encoding="utf-8"), "实测")
        self.check("README.zh-CN.md", [row for row in chinese if SPEED.search(bare(row[-1]))])


class Performance(unittest.TestCase):
    TEXT = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")

    def test_a_table_that_comes_from_a_record_is_the_records(self):
        for name, part in re.findall(r"<!-- from (bench/results/\S+): (\w+) -->", self.TEXT):
            with self.subTest(record=name, part=part):
                found = json.loads((ROOT / name).read_text(encoding="utf-8"))
                self.assertIn(f"<!-- from {name}: {part} -->\n\n{record.part_table(found, part)}\n", self.TEXT)

    def test_every_section_of_results_on_a_gpu_names_its_record(self):
        results = self.TEXT.split("\n## Results\n", 1)[1]
        unrecorded = list(UNRECORDED.get("docs/performance.md", ()))
        for section in results.split("\n### ")[1:]:
            title = section.partition("\n")[0]
            if title == "On a CPU":
                continue
            links = LINK.findall(section) + re.findall(r"<!-- from (bench/results/\S+): \w+ -->", section)
            with self.subTest(section=title):
                if title in unrecorded:
                    unrecorded.remove(title)
                    self.assertEqual(links, [], "it names a record: take it off UNRECORDED")
                else:
                    self.assertTrue(links, "names no file of bench/results")
                for link in links:
                    self.assertTrue((ROOT / link.removeprefix("../")).is_file(), link)
        self.assertEqual(unrecorded, [], "no such section: take it off UNRECORDED")


class Figures(unittest.TestCase):
    def test_what_a_reader_takes_for_figures_is_found(self):
        self.assertEqual(figures("74 200 samples/s, 3.3 to 3.5 times the expert's"), ["74 200", "3.3", "3.5"])
        self.assertEqual(figures("2 556 → 208 760, GPU-Util 24 → 100 %; with batch 16 kept 2 910"),
                         ["2 556", "208 760", "24", "100", "2 910"])  # fmt: skip
        self.assertEqual(figures("Set5 at `x4_9` ([a 5](bench/results/2026-1.json)) <!-- 7 = a -->"), [])

    def test_a_rounded_figure_agrees_and_another_does_not(self):
        for figure, value in (("74 200", 74160.2), ("3.5", 3.4501), ("5 470", 5472), ("100", 99.6), ("0.49", 0.4949)):
            self.assertTrue(agrees(figure, value), (figure, value))
        for figure, value in (("74 200", 74140), ("3.5", 3.44), ("2 900", 2909), ("100", 98), ("5 470", 5476)):
            self.assertFalse(agrees(figure, value), (figure, value))

    def test_expressions_find_values(self):
        found = {"a": {"x": {"rate": 3}, "y": {"rate": 5}}, "list": [{"share": 0.25}]}
        self.assertEqual(value_of(found, "a.x.rate"), 3)
        self.assertEqual(value_of(found, "max a.*.rate"), 5)
        self.assertEqual(value_of(found, "min a.*.rate"), 3)
        self.assertEqual(value_of(found, "100 * list.0.share"), 25)

    def test_a_row_that_says_something_else_than_its_record_is_found(self):
        folder = ROOT
        name = "bench/results/2026-11-26-h200-scaling.json"
        link = f"([record]({name}))"
        path = "min configs.*.sides.wring.speedup"
        self.assertEqual(faults_of(["x", f"1.79 times {link} <!-- 1.79 = {path} -->"], folder), [])
        self.assertIn("1.89 is printed", faults_of(["x", f"1.89 times {link} <!-- 1.89 = {path} -->"], folder)[0])
        self.assertIn("does not say where 1.79", faults_of(["x", f"1.79 times {link}"], folder)[0])
        self.assertIn("has no", faults_of(["x", f"1.79 times {link} <!-- 1.79 = configs.tea -->"], folder)[0])
        self.assertIn("links to 0", faults_of(["x", "1.79 times"], folder)[0])
        self.assertIn("not there", faults_of(["x", "1.79 times ([record](bench/results/none.json))"], folder)[0])


class Records(unittest.TestCase):
    """What bench/headlines.py keeps and shows."""

    @staticmethod
    def suite():
        def row(rate, **more):
            return {"label": "l", "samples_per_s": rate, "step_ms": 2.5, "peak_memory_mib": 100,
                    "rounds": [{"samples_per_s": rate}], "loss": [0.25] * 30, **more}  # fmt: skip

        ratio = {"ratio": {"median": 2.0, "min": 1.9, "max": 2.1}, "loss_difference": 0.0012}
        rows = {"wring": row(74160.4, engine="graph, fused", kernels=["k"] * 40), "expert": row(37000.0, **ratio),
                "folded_expert": {"label": "f", "reason": "no GPU"}}  # fmt: skip
        return {"a": {"what": "C32", "settings": {"base_channels": 32, "num_blocks": 16}, "rows": rows}}

    def test_medians_rounds_memory_and_losses_of_both_sides_are_kept(self):
        kept = record.condensed("step", self.suite())["configs"]["a"]
        self.assertEqual(kept["settings"], {"base_channels": 32})
        self.assertEqual(kept["rows"]["wring"]["rounds"], [74160.4])
        self.assertEqual(len(kept["rows"]["expert"]["loss"]), record.LOSSES)
        self.assertEqual(len(kept["rows"]["wring"]["kernels"]), record.KERNELS + 1)
        self.assertEqual(kept["rows"]["folded_expert"]["reason"], "no GPU")
        json.dumps(kept)

    def test_the_table_shows_them(self):
        text = record.part_table({"step": record.condensed("step", self.suite())}, "step")
        self.assertIn("| a: C32 | 74 160 | 2.50 | 37 000 | – | 2.00 | – | 100 | 100 | 0.12 % |", text)
        self.assertEqual(len({line.count("|") for line in text.splitlines()}), 1)

    def test_a_suite_that_could_not_run_keeps_its_reason(self):
        found = {"psnr": record.condensed("psnr", {"reason": "no images"})}
        self.assertIn("no images", record.tables(found))

    def test_shares_of_the_tiers_are_computed(self):
        rows = {"wring gpu": {"label": "", "samples_per_s": 94, "gpu_util": 99.4, "wait_share": 0.001},
                "wring none": {"label": "", "samples_per_s": 50}, "wring resident": {"label": "", "samples_per_s": 100},
                "pytorch 0": {"label": "", "samples_per_s": 5}, "pytorch 16": {"label": "", "samples_per_s": 20}}  # fmt: skip
        found = {"files": record.condensed("files", {"configs": {"a": {"what": "C32", "images": 9, "rows": rows}}})}
        kept = found["files"]["configs"]["a"]["rows"]
        self.assertEqual(kept["wring gpu"]["percent_of_resident"], 94)
        self.assertEqual(kept["wring none"]["times_pytorch"], 2.5)
        self.assertIn("| a: C32 | 94 | – | 50 | 100 | 99 % | 0.1 % | 2.5 |", record.tables(found))

    def test_a_search_is_its_before_and_after(self):
        trial = {"batch_size": 16, "samples_per_s": 2556.2, "set": {}, "step_ms": {"median": 6}, "utilisation": {}, "memory": {}}
        found = {"trials": [trial, {**trial, "batch_size": 2832, "samples_per_s": 208752.0}], "before_trial": 0,
                 "chosen_trial": 1, "speed_up": 81.7, "reason": "r", "machine": {}}  # fmt: skip
        part = {"runs": {"lightweight_config": record.of_search(found, 63.2)}}
        self.assertIn("| lightweight_config | 16 | 2 556 | 2 832 | 208 752 | 81.70 | 63 |", record.tables({"benchmark": part}))

    def test_a_searchs_rates_are_the_medians_that_its_gain_comes_from(self):
        trial = {"batch_size": 16, "samples_per_s": 1010.0, "set": {}, "step_ms": {}, "utilisation": {}, "memory": {}}
        found = {"trials": [trial, {**trial, "batch_size": 64, "samples_per_s": 2060.0}], "before_trial": 0, "chosen_trial": 1,
                 "before": {"samples_per_s": 1000.0}, "chosen": {"samples_per_s": 2000.0}, "speed_up": 2.0, "reason": "r",
                 "machine": {}}  # fmt: skip
        kept = record.of_search(found, 1)
        self.assertEqual(kept["after"]["samples_per_s"] / kept["before"]["samples_per_s"], kept["speed_up"])


    def test_paths_of_the_machine_are_told_by_name(self):
        names = {"/srv/a": "PHOTOS", "/srv/a/b/python": "python3", "/srv/repo/": ""}
        kept = record.without_paths({"set": {"dir": "/srv/a", "n": 2}, "list": ["/srv/a/b/python /srv/repo/x/train.py"]}, names)
        self.assertEqual(kept, {"set": {"dir": "PHOTOS", "n": 2}, "list": ["python3 x/train.py"]})

    def test_no_record_names_a_path_of_its_machine(self):
        absolute = re.compile(r"(?<![\w./])/[\w.-]+/[\w.-]+")
        for file in sorted((ROOT / "bench" / "results").glob("*.json")):
            with self.subTest(record=file.name):
                self.assertEqual(absolute.findall(file.read_text(encoding="utf-8")), [])


if __name__ == "__main__":
    unittest.main()
