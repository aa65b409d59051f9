#!/usr/bin/env python3
"""Asks the tests whether they notice small faults in the torch-free code.

    tools/mutate.py --seed 7 --count 100
    tools/mutate.py --seed 7 --count 20 --only src/wring/doctor

A seed draws lines of the sources and changes each in one small way (mutants.py); the tests are run on every change, the
nearest first, and a change that no test notices has survived. What does not compile, or is written down in
equivalent_mutants.json as without effect, is drawn again. The results are kept after every mutant in
BUILD/seed-SEED.json: a run that was ended goes on where it was, and --again judges the survivors anew.

It has a build tree of its own (build/mutants, without LibTorch) and changes the sources in place, one at a time. A
source is put back whatever happens; after a power cut the next start does it. Edit no source meanwhile.
"""

import argparse
import collections
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import mutants

SOURCES = ("src/wring", *(f"src/wring_train/{folder}" for folder in ("image", "weights", "data", "dist/host", "log")))
# A function that a mutant leaves without a result ends the program instead of doing anything.
CONFIGURATION = ("-DWRING_TRAIN=OFF", "-DWRING_WERROR=OFF", "-DWRING_SANITIZE=return", "-DCMAKE_BUILD_TYPE=Mutants",
                 "-DCMAKE_CXX_FLAGS_MUTANTS=-O0")
SHARDS = 4  # many tests wait
FLICKERS = 3  # failures that do not repeat, after which a stage counts as passed


class Unusable(Exception):
    pass


def write_json(path, value):
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
    os.replace(temporary, path)


class Changed:
    """A source with one line changed, as long as the context lasts. A note beside the build says how to undo it."""

    def __init__(self, root, note, mutant):
        self.path, self.note, self.mutant = root / mutant.file, note, mutant
        self.original = self.path.read_text()

    def __enter__(self):
        lines = self.original.split("\n")
        if lines[self.mutant.line - 1] != self.mutant.before:
            raise Unusable(f"{self.mutant.file} was edited meanwhile")
        lines[self.mutant.line - 1] = self.mutant.after
        write_json(self.note, {"file": self.mutant.file, "original": self.original})
        self.path.write_text("\n".join(lines))

    def __exit__(self, *_):
        self.path.write_text(self.original)
        self.note.unlink()


def undo_left_over(root, note):
    if note.exists():
        left = json.loads(note.read_text())
        (root / left["file"]).write_text(left["original"])
        note.unlink()
        print(f"put back: {left['file']}, changed by a run that was cut off", flush=True)


def sandbox():
    """A mutant may signal any process and leave any behind: tests run in a PID namespace, which ends with them."""
    for flags in ([], ["--user", "--map-root-user"]):
        command = ["unshare", *flags, "--pid", "--fork", "--kill-child", "--mount-proc"]
        if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            # The shell is the namespace's first process, which signals do not end; 2 GiB are the most for a file.
            return [*command, "sh", "-c", 'ulimit -f 4194304; "$@"; exit $?', "sh"]
    raise Unusable("unshare (util-linux) cannot make a PID namespace here, and tests of mutants do not run without one")


def run_together(commands, timeout_s, environment, folder):
    """Runs commands at once until all have ended, one has failed or the time is up. Returns [(status, output)]; the
    status is None for one that was still running."""
    with tempfile.TemporaryDirectory() as home:
        logs = [open(Path(home) / f"log{index}", "w+b") for index in range(len(commands))]
        # In PID namespaces of their own two tests may have one number, of which they make names of files.
        folders = [Path(home) / str(index) for index in range(len(commands))]
        for temporary in folders:
            temporary.mkdir()
        running = [subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    start_new_session=True,
                                    env={**os.environ, "HOME": home, "TMPDIR": str(temporary), "TEST_TMPDIR": str(temporary),
                                         **environment, **own})
                   for (command, own), log, temporary in zip(commands, logs, folders)]
        try:
            end = time.monotonic() + timeout_s
            while any(one.poll() is None for one in running) and time.monotonic() < end:
                if any(one.poll() for one in running):
                    break
                time.sleep(0.05)
            states = [one.poll() for one in running]
        finally:
            for one in running:
                one.kill()
                one.wait()
        outputs = []
        for log in logs:
            log.seek(0)
            outputs.append(log.read().decode(errors="replace"))
            log.close()
    return list(zip(states, outputs))


def gtest_failed(status, output):
    """The test that failed, or that was running when the program ended or was ended; None: all passed."""
    failed = re.findall(r"^\[  FAILED  \] ([\w./]+)", output, re.MULTILINE)
    if failed:
        return failed[0]
    begun = re.findall(r"^\[ RUN      \] ([\w./]+)", output, re.MULTILINE)
    ended = set(re.findall(r"^\[(?:       OK |  SKIPPED ) \] ([\w./]+)", output, re.MULTILINE))
    if status == 0:
        return None
    left = [name for name in begun if name not in ended]
    return left[-1] if left else "the program that tests"


class GTests:
    """The tests of one program; `suites` alone, or all but them."""

    def __init__(self, program, shards=1, suites=None, others=False):
        self.targets, self.program, self.shards = [f"tests/{program}"], program, shards
        self.suites, self.others = sorted(suites or []), others
        self.name = "near " + program if suites and not others else program

    def commands(self, box, tree, left_out, only=None):
        chosen = ":".join(f"{suite}.*" for suite in self.suites)
        wanted, refused = ("*", [chosen] if chosen else []) if self.others else (chosen or "*", [])
        refused += left_out
        selection = only or wanted + ("-" + ":".join(filter(None, refused)) if refused else "")
        shards = 1 if only else self.shards
        command = [*box, str(tree / "tests" / self.program), f"--gtest_filter={selection}", "--gtest_fail_fast"]
        return [(command, {"GTEST_TOTAL_SHARDS": str(shards), "GTEST_SHARD_INDEX": str(index)}) for index in range(shards)]

    @staticmethod
    def failed(status, output):
        return gtest_failed(status, output)


class Labelled:
    """What ctest runs beside the programs of GoogleTest: scripts that use the programs, readers of damaged files."""

    targets = ["wring", "optimize_gpu", *(f"{kind}_fuzz" for kind in ("yaml", "safetensors", "image", "pth", "trace"))]
    name = "scripts"

    def commands(self, box, tree, left_out, only=None):
        command = [*box, "ctest", "--test-dir", str(tree), "-L", "terminal|web|fuzz", "--stop-on-failure", "-j2"]
        command += ["-R", f"^{re.escape(only)}$"] if only else []
        command += ["-E", "^(" + "|".join(map(re.escape, left_out)) + ")$"] if left_out else []
        return [(command, {})]

    @staticmethod
    def failed(status, output):
        found = re.search(r"\d+ - (\S+) \((?!Skipped)", output)
        return found[1] if found else None if status == 0 else "ctest"


def suites_of(folder):
    """The names of the suites in a folder of tests."""
    text = "".join(file.read_text() for file in folder.glob("*.cpp"))
    return set(re.findall(r"^TEST(?:_F|_P)?\((\w+),", text, re.MULTILINE))


def stages_for(root, file):
    folder = Path(file.removeprefix("src/wring/").removeprefix("src/wring_train/")).parent
    suites = suites_of(root / "tests/unit" / folder)
    near = [GTests("wring_unit_tests", suites=suites)] if suites else []
    return [*near, GTests("wring_unit_tests", SHARDS, suites, others=True), GTests("wring_cli_tests", SHARDS), Labelled()]


class Judge:
    def __init__(self, root, tree, jobs):
        self.root, self.tree, self.jobs, self.box = root, tree, jobs, sandbox()
        self.left_out, self.seconds = collections.defaultdict(list), {}  # by the program that tests

    def build(self, targets, must=False):
        done = subprocess.run(["ninja", "-C", str(self.tree), f"-j{self.jobs}", *targets], capture_output=True, text=True)
        if done.returncode and must:
            raise Unusable(f"{targets[0]} does not build without a mutant:\n{done.stdout[-3000:]}")
        return done.returncode == 0

    def failure(self, stage, timeout_s, left_out, only=None):
        results = run_together(stage.commands(self.box, self.tree, left_out, only), timeout_s, {}, self.tree)
        for status, output in results:
            # Of several at once only one that has ended by itself says anything, unless all had the whole time.
            if status is None and any(other for other, _ in results):
                continue
            failed = stage.failed(status, output)
            if failed:
                return failed + (" (hangs)" if status is None else "")
        return None

    def prepare(self):
        """Runs every test on the sources as they are: what fails then says nothing of a mutant, and is left out."""
        for stage in (GTests("wring_unit_tests", SHARDS), GTests("wring_cli_tests", SHARDS), Labelled()):
            self.build(stage.targets, must=True)
            left_out = self.left_out[stage.targets[0]]
            while True:
                begin = time.monotonic()
                failed = self.failure(stage, 3600, left_out)
                if not failed:
                    break
                if len(left_out) > 20:
                    raise Unusable(f"too many tests fail without a mutant: {', '.join(left_out)}")
                print(f"fails without a mutant, left out: {failed}", flush=True)
                left_out.append(failed.removesuffix(" (hangs)"))
            self.seconds[stage.targets[0]] = time.monotonic() - begin
            print(f"{stage.name}: {time.monotonic() - begin:.0f} s without a mutant", flush=True)
        return self

    def judge(self, mutant):
        """"did not compile", "survived", or the test that noticed."""
        if not self.build([str(self.root / mutant.file) + "^"]):
            return "did not compile"
        for stage in stages_for(self.root, mutant.file):
            if not self.build(stage.targets):
                return "the build, which runs the programs"
            program = stage.targets[0]
            flickers = []
            timeout_s = 30 + 5 * self.seconds[program]
            while len(flickers) < FLICKERS:
                failed = self.failure(stage, timeout_s, self.left_out[program] + flickers)
                if not failed:
                    break
                name = failed.removesuffix(" (hangs)")
                if self.failure(stage, timeout_s, [], only=name if "." in name else None):
                    return failed
                flickers.append(name)
        return "survived"


def read_sources(root, tree, only):
    """The sources that this machine compiles, by name, and of those whose name begins with `only`."""
    compiled = {entry["file"] for entry in json.loads((tree / "compile_commands.json").read_text())}
    files = [file for folder in SOURCES for file in sorted((root / folder).rglob("*.cpp")) if str(file) in compiled]
    named = {str(file.relative_to(root)): file.read_text() for file in files}
    return {name: text for name, text in named.items() if not only or name.startswith(tuple(only))}


def key_of(mutant):
    return mutant["file"], mutant["line"], mutant["after"]


def equivalents(root):
    listed = json.loads((root / "tools/equivalent_mutants.json").read_text())
    return {(one["file"], one["before"], one["after"]) for one in listed}


def table(results):
    """The verdicts by folder, then every survivor."""
    counts = collections.defaultdict(collections.Counter)
    for one in results:
        counts[str(Path(one["file"]).parent)][one["result"]] += 1
    lines = [f"{'folder':34} killed survived"]
    for folder, found in sorted(counts.items()):
        lines.append(f"{folder:34} {found['killed']:6} {found['survived']:8}")
    killed = sum(one["result"] == "killed" for one in results)
    judged = killed + sum(one["result"] == "survived" for one in results)
    redrawn = collections.Counter(one["result"] for one in results if one["result"] not in ("killed", "survived"))
    lines.append(f"{killed} of {judged} killed; drawn again: " + (", ".join(f"{n} {w}" for w, n in redrawn.items()) or "none"))
    for one in results:
        if one["result"] == "survived":
            lines += ["", f"{one['file']}:{one['line']}  {one['kind']}", f"    - {one['before'].strip()}",
                      f"    + {one['after'].strip()}"]
    return "\n".join(lines)


def run(arguments, root, tree):
    results_file = arguments.results or tree / f"seed-{arguments.seed}.json"
    if not (tree / "build.ninja").exists():
        subprocess.run(["cmake", "-S", str(root), "-B", str(tree), "-G", "Ninja", *CONFIGURATION], check=True)
    undo_left_over(root, tree / "mutated.json")
    sources = read_sources(root, tree, arguments.only)
    digest = hashlib.sha256("".join(name + text for name, text in sorted(sources.items())).encode()).hexdigest()
    record = json.loads(results_file.read_text()) if results_file.exists() else {"seed": arguments.seed, "sources": digest}
    if (record["seed"], record["sources"]) != (arguments.seed, digest):
        raise Unusable(f"{results_file} is of other sources or another seed: move it away, or give --results")
    results = {key_of(one): one for one in record.pop("mutants", [])}
    without_effect = equivalents(root)
    drawn, judged, judge = [], 0, None
    for mutant in mutants.draw(sources, arguments.seed):
        if judged == arguments.count:
            break
        one = results.setdefault(key_of(vars(mutant)), {**vars(mutant), "result": "", "by": ""})
        if (mutant.file, mutant.before.strip(), mutant.after.strip()) in without_effect:
            one["result"], one["by"] = "equivalent", ""
        elif not one["result"] or (arguments.again and one["result"] == "survived"):
            judge = judge or Judge(root, tree, arguments.jobs).prepare()
            with Changed(root, tree / "mutated.json", mutant):
                verdict = judge.judge(mutant)
            named = verdict in ("survived", "did not compile")
            one["result"], one["by"] = (verdict, "") if named else ("killed", verdict)
            print(f"{judged + 1:4} {one['result']:16}{one['by']}\n     {mutant.describe()}", flush=True)
            write_json(results_file, {**record, "mutants": [one for one in results.values() if one["result"]]})
        drawn.append(one)
        judged += one["result"] in ("killed", "survived")
    print(table(drawn))
    print(f"written: {results_file}")
    return 0 if sum(one["result"] == "killed" for one in drawn) * 100 >= arguments.at_least * judged else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="Exits with 1 below --at-least.")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, default=100, help="mutants to judge (default: 100)")
    parser.add_argument("--only", action="append", metavar="PATH", help="sources whose name begins so; may be repeated")
    parser.add_argument("--again", action="store_true", help="judge the survivors of earlier runs anew")
    parser.add_argument("--at-least", type=float, default=0, metavar="PERCENT", help="that must be killed")
    parser.add_argument("--build", type=Path, default=Path("build/mutants"), help="the build tree (default: build/mutants)")
    parser.add_argument("--results", type=Path, help="the file of results (default: BUILD/seed-SEED.json)")
    parser.add_argument("--jobs", type=int, default=2, help="compilers at once (default: 2)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # A shell starts what runs in the background without these, and tests send them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    root = Path(__file__).resolve().parent.parent
    tree = (root / arguments.build).resolve()
    tree.mkdir(parents=True, exist_ok=True)
    try:
        with open(tree / "mutate.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return run(arguments, root, tree)
    except BlockingIOError:
        print(f"error: another run uses {tree}", file=sys.stderr)
    except Unusable as error:
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 2


if __name__ == "__main__":
    sys.exit(main())
