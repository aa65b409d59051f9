"""Neighbours of numbers: durations, sizes, lists and variables in their less usual spellings."""

from registry import attack


@attack("16.1")
def _(lab):
    """Durations of benchmark and monitor (0s, nan, −5s, 1e99h, 5 s, 5S, ∞) are refused, never run without end"""
    lab.data(4, 0)
    lab.script("run.sh", "echo '1 samples/s'\nsleep 1\n")
    for value in ("0", "0s", "nan", "nans", "-5s", "1e99h", "5 s", "s", "m", "5x", "inf", "1h30m", "٣s", "1e400s"):
        for option in (["--budget"],
                       ["--command", "./run.sh {config}", "--rate-regex", "([0-9]+) s", "--budget", "3s", "--trial-seconds"]):
            ended = lab.run("benchmark", "tiny.yaml", "--device", "cpu", "--knobs", "none", "--dry-run", *option, value,
                            timeout=25)
            lab.must(not ended.hung, f"{option[-1]} {value}: runs on")
            lab.must(ended.hung or ended.code in (1, 2), f"{option[-1]} {value}: {ended}")
            lab.should(ended.code == 2 or value == "1h30m", f"{option[-1]} {value}: exit code {ended.code}, {ended.words()}")
    lab.note("exit code 2")


@attack("16.2")
def _(lab):
    """--log-max-size and --log-files (nothing, −1, 0, 1e30, 99999999T, 5Q, nan): refused or as documented, no line lost"""
    for value in ("", "-1", "nan", "1e30", "99999999999T", "5Q", "K", "1.5.5M"):
        ended = lab.sound(lab.run("monitor", "1", "--log", "l.csv", "--log-max-size", value), f"--log-max-size {value!r}")
        lab.must(ended.code == 2, f"--log-max-size {value!r}: {ended}")
    for value in ("-1", "nan", "1e30", "", "x", "99999999999999999999"):
        ended = lab.sound(lab.run("monitor", "1", "--log", "l.csv", "--log-files", value), f"--log-files {value!r}")
        lab.must(ended.code == 2, f"--log-files {value!r}: {ended}")
    ended = lab.sound(lab.run("monitor", "3", "--interval", "0.1", "--log", "z.csv", "--log-max-size", "0"))
    lab.must(ended.code == 0 and not list(lab.path(".").glob("z.csv.1")), f"0 is no limit: {ended}")
    lab.note("exit code 2")


@attack("16.3")
def _(lab):
    """WRING_CACHE_LIMIT_GIB and WRING_TRIAL_TIMEOUT that are empty, 0, tiny or with a unit: as documented or refused by name"""
    lab.data(4, 0, total_iters=2)
    for value in ("", "0", "1e-320", "5GiB", "٣", " 5 ", "+5", "1e5"):
        ended = lab.sound(lab.train(env={"WRING_CACHE_LIMIT_GIB": value}), f"WRING_CACHE_LIMIT_GIB={value!r}")
        lab.must(ended.code == 0 or (ended.code == 2 and "WRING_CACHE_LIMIT_GIB" in ended.text),
                 f"WRING_CACHE_LIMIT_GIB={value!r}: {ended}")
        ended = lab.sound(
            lab.run("benchmark", "tiny.yaml", "--device", "cpu", "--budget", "2s", "--knobs", "none",
                    env={"WRING_TRIAL_TIMEOUT": value}), f"WRING_TRIAL_TIMEOUT={value!r}")
        lab.must(ended.code in (0, 1) or (ended.code == 2 and "WRING_TRIAL_TIMEOUT" in ended.text),
                 f"WRING_TRIAL_TIMEOUT={value!r}: {ended}")
    lab.note("as documented or named")


@attack("16.4")
def _(lab):
    """--set with no key, no value, a key twice, a list, YAML of its own: refused by name, or the last one holds"""
    lab.data(4, 0, total_iters=4)
    for text, codes in (("=5", (2, )), ("lr", (2, )), ("lr==5", (2, )), ("lr=1: 2", (2, )), ("lr=[1]", (2, )),
                        ("lr=nan", (2, )), ("lr=.inf", (2, )), ("milestones=[1,2", (2, )), ("milestones=[1, -2]", (2, )),
                        ("total_iters=2\nseed: 5", (2, )), ("lr=&a 0.1", (0, 2)), ("lr=*a", (2, )),
                        ("lr=!!python/name:os.system x", (2, )), ("lr=0.001 # note", (0, 2)), ("seed=", (0, )),
                        ("seed=~", (0, )), ("Batch_Size=4", (2, )), ("batch_size=1e1", (0, )), ("batch_size=1e-1", (2, )),
                        ("batch_size=4.0", (0, )), ("batch_size=4.5", (2, ))):
        ended = lab.sound(lab.train("--set", text), repr(text))
        lab.must(ended.code in codes, f"{text!r}: {ended}")
    ended = lab.sound(lab.train("--set", "seed=3", "--set", "seed=4"))
    config = (lab.run_folder() / "config.yaml").read_text()
    lab.must(ended.code == 2 or "seed: 4" in config, f"twice: {ended}")
    lab.note("refused by name")


@attack("16.5")
def _(lab):
    """A plan for absurd cards: `--gpu ''`, an unknown one, `--gpus` 10⁶, both --gpu and --gpu-memory: refused, or a plan
    that wring accepts"""
    lab.tiny()
    for more in (["--gpu", ""], ["--gpu", "RTX 9999"], ["--gpu", "a"], ["--gpu", "4090", "--gpu-memory",
                                                                        "5"], ["--gpus", "1000000"], ["--gpus", "2000000000"],
                 ["--gpus",
                  "0"], ["--gpu-memory",
                         "0.5"], ["--gpu-memory",
                                  "1000000"], ["--gpu-memory", "24", "--gpus",
                                               "1024"], ["--gpu", "4090",
                                                         "--perceptual"], ["--gpu", "4090", "--same-samples", "--perceptual"]):
        lab.path("plan.yaml").unlink(missing_ok=True)
        ended = lab.sound(lab.run("optimize", "tiny.yaml", "-o", "plan.yaml", *more), " ".join(more))
        lab.must(ended.code in (0, 1, 2), f"{' '.join(more)}: {ended}")
        lab.must(not any(word in ended.text for word in ("nan", "inf ", "-9223372036854775808", "18446744073709551615")),
                 f"{' '.join(more)}: {ended.words()}")
        if lab.path("plan.yaml").exists():
            checked = lab.sound(lab.run("optimize", "plan.yaml", "--dry-run", "--gpu-memory", "24"), " ".join(more))
            lab.must(checked.code == 0, f"{' '.join(more)}: its plan is refused: {checked}")
    lab.note("refused, or a plan that is accepted")


@attack("16.6", 400)
def _(lab):
    """Environment variables that are there but empty: as if they were not given"""
    lab.data(4, 0, total_iters=4)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "SLURM_JOB_ID", "OMP_NUM_THREADS",
                 "XDG_CACHE_HOME", "XDG_STATE_HOME", "TORCH_HOME", "HOME", "TMPDIR", "TERM", "LC_ALL", "WRING_RANK_TIMEOUT",
                 "WRING_CACHE_LIMIT_GIB", "WRING_MONITOR_TOKEN", "NO_COLOR", "PATH"):
        ended = lab.sound(lab.train(env={name: ""}, timeout=90), f"{name}=")
        lab.must(ended.code == 0 or (ended.code == 2 and name in ended.text), f"{name}=: {ended}")
        ended = lab.sound(lab.run("monitor", "0.3", env={name: ""}), f"{name}=, monitor")
        lab.must(ended.code == 0, f"{name}=, monitor: {ended}")
    lab.note("as if not given")
