"""Numbers: what is no number of the kind is refused by name, and what is in range works."""

import math

from registry import attack

ODD = ("", " ", "0", "-1", "nan", "-nan", "inf", "-inf", "1e308", "1e-320", "18446744073709551616", "9223372036854775808",
       "-9223372036854775809", "0x10", "1e400", "٣", "１", "1,5", "1.5.2", "1 2", "--1", "+-1", "1_000", "true", "null", "~",
       "[]", "1e", ".", "NaN")


@attack("6.1")
def _(lab):
    """`optimize --gpu-memory` of 1e-9, 1e-320, nan, −1 or 1e30 is exit code 2, and no plan is made for it"""
    lab.tiny()
    for value in ("1e-9", "1e-320", "0", "nan", "-1", "inf", "1e30", "0.001"):
        ended = lab.sound(lab.run("optimize", "tiny.yaml", "--dry-run", "--gpu-memory", value), value)
        lab.must(ended.code == 2, f"{value}: {ended.code}, {ended.out.strip().splitlines()[:1]}")
    lab.note(ended.words())


@attack("6.2")
def _(lab):
    """WRING_RANK_TIMEOUT of nan, inf, −1, 0, text or nothing is exit code 2, or taken as not given where empty"""
    lab.data(4, 0, total_iters=4)
    for value in ("nan", "inf", "-1", "0", "x", "1e400", "5 s", "1e-320", ""):
        ended = lab.sound(lab.train("--nproc", "2", env={"WRING_RANK_TIMEOUT": value}, timeout=30), f"{value!r}")
        lab.must("-9223372036854775" not in ended.text, f"{value!r}: {ended.words()}")
        lab.must(ended.code == 2 or (value == "" and ended.code == 0), f"{value!r}: {ended}")
    lab.note("exit code 2")


@attack("6.3")
def _(lab):
    """Options with an empty value (an unset shell variable) are exit code 2"""
    network = lab.checkpoint()
    lab.data(4, 2, total_iters=4)
    cases = [["train", "tiny.yaml", "--nproc", ""], ["optimize", "tiny.yaml", "--dry-run", "--gpu-memory", ""],
             ["upscale", network, "data/val/HR", "-o", "O", "--tile", ""], ["optimize", "tiny.yaml", "--dry-run", "--gpu", ""],
             ["optimize", "tiny.yaml", "--dry-run", "--gpus", ""], ["optimize", "tiny.yaml", "-o", ""],
             ["benchmark", "nowhere.yaml", "--budget", ""], ["benchmark", "tiny.yaml", "--budget", "2s", "--command", ""],
             ["benchmark", "tiny.yaml",
              "--budget", "2s", "--knobs", ""], ["benchmark", "tiny.yaml", "--budget", "2s", "-o", ""],
             ["monitor", "1", "--interval", ""], ["monitor", "1", "--log", ""], ["monitor", "1", "--summary", ""],
             ["monitor", ""], ["monitor", "1", "--gpus", ""], ["monitor", "1", "--format", ""], ["train", ""],
             ["train", "tiny.yaml", "--experiments", ""], ["train", "tiny.yaml", "--train-hr", ""],
             ["train", "tiny.yaml", "--device", ""], ["evaluate", network, ""], ["evaluate", "", "data/val/HR"],
             ["evaluate", network, "data/val/HR", "--save", ""], ["upscale", network, "", "-o", "O"],
             ["upscale", network, "data/val/HR", "-o", ""], ["monitor", "1", "--serve", ""],
             ["monitor", "1", "--token-file", ""], ["doctor", "--experiments", ""]]
    for command in cases:
        ended = lab.sound(lab.run(*command, timeout=40), " ".join(command))
        lab.should(ended.code == 2, f"{' '.join(one or repr(one) for one in command)}: exit code {ended.code}")
    lab.note(f"{len(cases)} options, exit code 2")


@attack("6.4", 400)
def _(lab):
    """Extremes in range (many workers, batch 2048, lr 10, accumulation 512, 256 kept states) work or are refused with a
    reason"""
    lab.data(4, 0, total_iters=2, checkpoint_freq=1)
    for change in ("num_workers=1024", "batch_size=2048", "batch_size=65536", "lr=10", "gradient_accumulation_steps=512",
                   "keep_checkpoints=1000", "prefetch_factor=256", "dataset_enlarge_ratio=1000000", "patch_size=4096",
                   "seed=4294967295", "ema_decay=0.999999", "grad_clip=1000000000", "val_freq=1000000000",
                   "log_freq=1000000000", "weight_decay=1"):
        ended = lab.run("train", "tiny.yaml", "--device", "cpu", "--set", change, timeout=25)
        if ended.hung and change.startswith(("batch_size", "gradient")):
            continue
        lab.sound(ended, change)
        lab.must(ended.code in (0, 1, 2), f"{change}: {ended}")
        lab.should(ended.code == 0 or "→" in ended.text, f"{change}: {ended.words()}")
    lab.note("work, or a reason")


@attack("6.5")
def _(lab):
    """`monitor --gpus nonsense` without a GPU is exit code 2"""
    for value in ("nonsense", ",", "0-", "-1", "GPU-", "1.5", "0x0"):
        ended = lab.sound(lab.run("monitor", "1", "--gpus", value), value)
        lab.should(ended.code == 2, f"{value}: exit code {ended.code}")
    lab.note(ended.words())


@attack("6.6", 360)
def _(lab):
    """Fifteen numeric options with thirty values each: exit code 2 or sensible, no signal, no hang"""
    network = lab.checkpoint()
    lab.data(4, 1, total_iters=2)
    options = [["optimize", "tiny.yaml", "--dry-run", "--gpu-memory"], ["optimize", "tiny.yaml", "--dry-run", "--gpus"],
               ["monitor", "0.2", "--interval"], ["monitor", "0.2", "--log", "l.csv", "--log-max-size"],
               ["monitor", "0.2", "--log", "l.csv", "--log-files"], ["benchmark", "nowhere.yaml", "--budget"],
               ["benchmark", "nowhere.yaml", "--target-gpu-util"],
               ["benchmark", "nowhere.yaml", "--command", "true {config}", "--rate-regex", "(x)", "--trial-seconds"],
               ["benchmark", "nowhere.yaml", "--nproc"], ["evaluate", "--bicubic", "data/val/HR", "--scale"]]
    count = 0
    for option in options:
        for value in ODD:
            ended = lab.sound(lab.run(*option, value, timeout=15), f"{option[-1]} {value!r}")
            lab.must(ended.code in (0, 1, 2), f"{option[-1]} {value!r}: {ended}")
            count += 1
    for option in (["upscale", network, "data/val/HR", "-o", "O", "--device", "cpu",
                    "--tile"], ["train", "tiny.yaml", "--device", "cpu", "--nproc"]):
        for value in ODD[::3]:
            ended = lab.sound(lab.run(*option, value, timeout=30), f"{option[-1]} {value!r}")
            lab.must(ended.code in (0, 1, 2), f"{option[-1]} {value!r}: {ended}")
            count += 1
    for value in ODD:
        if value in ("0", "1e308", "inf", "18446744073709551616", "9223372036854775808"):
            continue
        ended = lab.run("monitor", value, timeout=4)
        lab.must(ended.hung or ended.code in (0, 2), f"monitor {value!r}: {ended}")
    lab.note(f"{count} runs, exit code 2 or sensible")


RANGES = {
    "base_channels": (1, 1024), "num_blocks": (1, 256), "batch_size": (1, 65536), "num_workers": (0, 1024),
    "prefetch_factor": (1, 256), "perceptual_weight": (0, 1e6), "lr": (1e-12, 10), "weight_decay": (0, 1), "gamma": (1e-6, 1),
    "warmup_iters": (0, 1e9), "total_iters": (1, 1e9), "gradient_accumulation_steps": (1, 4096), "grad_clip": (0, 1e9),
    "ema_decay": (0, 0.999999), "seed": (0, 4294967295), "val_freq": (1, 1e9), "checkpoint_freq": (1, 1e9),
    "keep_checkpoints": (1, 1000), "log_freq": (1, 1e9), "early_stopping_patience": (0, 1e9),
    "early_stopping_min_delta": (0, 100), "dataset_enlarge_ratio": (1, 1e6), "eta_min": (0, 10)
}
WHOLE = {"perceptual_weight", "lr", "weight_decay", "gamma", "grad_clip", "ema_decay", "early_stopping_min_delta", "eta_min"}


@attack("6.7", 360)
def _(lab):
    """Every numeric key with twenty-four values: taken only in range, no signal"""
    count = 0
    for key, (least, most) in RANGES.items():
        for value in ("0", "-1", "-0", "nan", ".nan", ".inf", "-.inf", "1e308", "1e400", "1e-320", "18446744073709551616",
                      "-9223372036854775809", "0x10", "1.5", "3e0", '"7"', "٣", "true", "[1]", "{a: 1}", "1 2", "0o7",
                      f"{most}", f"{most + 1 if most > 1 else most * 2}"):
            lab.write("one.yaml", f"experiment_name: tiny\n{key}: {value}\n")
            ended = lab.sound(lab.run("optimize", "one.yaml", "--dry-run", timeout=15), f"{key}: {value}")
            lab.must(ended.code in (0, 2), f"{key}: {value}: {ended}")
            if ended.code == 0:
                number = as_number(value)
                lab.must(number is not None and least <= number <= most and (key in WHOLE or number == int(number)),
                         f"{key}: {value} is taken")
            count += 1
    lab.note(f"{count} values, taken only in range")


def as_number(text):
    text = text.strip('"')
    try:
        number = float(text) if not text.startswith(("0x", "0o")) else float(int(text, 0))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


@attack("6.8")
def _(lab):
    """WRING_TRIAL_TIMEOUT, WRING_CACHE_LIMIT_GIB and OMP_NUM_THREADS of nan, inf, −1, text: exit code 2, or as not given"""
    lab.data(4, 0, total_iters=2)
    for value in ("nan", "-1", "x", "inf", "1e400", "5 s", "-nan"):
        ended = lab.sound(lab.train(env={"WRING_CACHE_LIMIT_GIB": value}, timeout=30), f"WRING_CACHE_LIMIT_GIB={value}")
        lab.must(ended.code == 2 or (ended.code == 0 and "WRING_CACHE_LIMIT_GIB" in ended.text),
                 f"WRING_CACHE_LIMIT_GIB={value}: {ended}")
        ended = lab.sound(
            lab.run("benchmark", "tiny.yaml", "--device", "cpu", "--budget", "2s", "--knobs", "none",
                    env={"WRING_TRIAL_TIMEOUT": value}), f"WRING_TRIAL_TIMEOUT={value}")
        lab.must(ended.code == 2, f"WRING_TRIAL_TIMEOUT={value}: {ended}")
    for value in ("0", "-1", "x", "1000000"):
        ended = lab.sound(lab.train(env={"OMP_NUM_THREADS": value}, timeout=40), f"OMP_NUM_THREADS={value}")
        lab.must(ended.code in (0, 1, 2), f"OMP_NUM_THREADS={value}: {ended}")
    lab.note("exit code 2")
