"""Training configurations in wring's keys, and what goes wrong in this program."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
COMMAND = ROOT / "bench" / "vs_pytorch.py"

# Of the keys that matter here; the others are wring's own affair.
DEFAULTS = {
    "base_channels": 64, "num_blocks": 16, "scale_factor": 4, "batch_size": 16, "patch_size": 128,
    "use_mixed_precision": False, "amp_dtype": "bf16", "channels_last": True, "loss": "l1", "optimizer": "adamw",
    "lr": 2e-4, "weight_decay": 0.0, "grad_clip": 0.0, "ema_decay": 0.999, "seed": 0,
    "use_perceptual": False, "perceptual_weight": 0.01, "perceptual_weights_file": "",
    "scheduler": "cosine", "eta_min": 1e-7, "warmup_iters": 0, "total_iters": 100000, "val_freq": 1000,
}  # fmt: skip
# Switched off on both sides: they differ in detail, or are not a step's work.
FORCED = {"scheduler": "constant", "warmup_iters": "0", "gradient_accumulation_steps": "1"}

# The configurations that docs/performance.md reports: what a user starts from, and what the optimiser makes of it for
# small and large cards. All at ×4 without the perceptual loss.
GUIDE_CONFIGS = {
    "seed_original": {"base_channels": 32, "num_blocks": 4, "patch_size": 128, "batch_size": 16},
    "lightweight_optimized": {"base_channels": 64, "num_blocks": 6, "patch_size": 128, "batch_size": 16},
    "seed_optimized": {"base_channels": 96, "num_blocks": 8, "patch_size": 192, "batch_size": 32},
    "high_performance": {"base_channels": 128, "num_blocks": 12, "patch_size": 256, "batch_size": 64},
}
COMMON = {
    "scale_factor": 4, "use_mixed_precision": "true", "amp_dtype": "bf16", "compile_model": "true", "optimizer": "adamw",
    "lr": 2e-4, "grad_clip": 1.0, "ema_decay": 0.999, "use_perceptual": "false", **FORCED,
}  # fmt: skip
# The guide's files, as they are shipped: every key as the file says, the perceptual loss included. What --configs shipped means.
SHIPPED_CONFIGS = ("lightweight_config", "lightweight_optimized", "balanced", "high_performance")
# Small enough for a check of the whole command on any CPU.
TINY_CONFIGS = {"tiny": {"base_channels": 8, "num_blocks": 1, "patch_size": 32, "batch_size": 2}}


class Failure(Exception):
    """Ends the program with one line."""


class Unavailable(Exception):
    """A variant that cannot run here: its row says why."""


def read_flat_yaml(path):
    """`key: value` lines as strings; wring's configs are flat."""
    values = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = line.split(" #")[0].strip()
        if not line or line.startswith("#") or line == "---":
            continue
        key, colon, value = line.partition(":")
        if not colon or not key.isidentifier():
            raise Failure(f"{path}:{number}: not a `key: value` line; this script reads flat configs only.")
        values[key] = value.strip()
    return values


def write_flat_yaml(path, values):
    path.write_text("".join(f"{key}: {value}\n" for key, value in values.items()), encoding="utf-8")


def with_assignments(values, assignments):
    """The values with KEY=VALUE replacements."""
    values = dict(values)
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise Failure(f"--set {assignment}: write --set key=value.")
        values[key] = value
    return values


def typed(values):
    """DEFAULTS with the config's values, each in its default's type. As wring reads them: 3e5 is a whole number, and null,
    ~ or nothing the default."""
    settings = dict(DEFAULTS)
    for key, default in DEFAULTS.items():
        text = str(values.get(key, "")).strip("\"'")
        if text in ("", "~", "null", "Null", "NULL"):
            continue
        if isinstance(default, bool):
            settings[key] = text.lower() in ("true", "yes", "on")
        elif isinstance(default, int):
            settings[key] = int(float(text))
        else:
            settings[key] = type(default)(text)
    return settings


def shipped_config(path):
    """(name in the results, values) of a config file. Only FORCED differs from what it says: none of it is a step's work."""
    name = f"shipped_{path.stem}" if path.resolve().parent == ROOT / "configs" else path.stem
    return name, {**read_flat_yaml(path), **FORCED}


def config_files(names):
    """Paths of the entries of --configs that are files: X.yaml, and "shipped" for the guide's."""
    files = []
    for name in names:
        if name == "shipped":
            files += [ROOT / "configs" / f"{shipped}.yaml" for shipped in SHIPPED_CONFIGS]
        elif name.endswith((".yaml", ".yml")):
            files.append(Path(name))
    missing = [str(path) for path in files if not path.is_file()]
    if missing:
        raise Failure(f"--configs: there is no {', '.join(missing)}.")
    return files


def guide_configs(names, device, tiny):
    """{name: values}. On a CPU both sides compute in fp32: wring-train leaves 16 bits off where a CPU emulates them."""
    files = config_files(names)
    known = TINY_CONFIGS if tiny else GUIDE_CONFIGS
    tuned = [name for name in names if name != "shipped" and not name.endswith((".yaml", ".yml"))]
    unknown = set(tuned) - set(known)
    if unknown:
        raise Failure(
            f"--configs knows {', '.join(known)}, shipped and config files; not {', '.join(sorted(unknown))}."
        )
    configs = {name: {**COMMON, **known[name]} for name in tuned or ([] if files else known)}
    configs.update(shipped_config(path) for path in files)
    if device == "cpu":
        for values in configs.values():
            values["use_mixed_precision"] = "false"
    return configs


def describe(settings):
    text = f"C{settings['base_channels']} N{settings['num_blocks']} p{settings['patch_size']} b{settings['batch_size']}"
    text += f" {settings['amp_dtype'] if settings['use_mixed_precision'] else 'fp32'}"
    if settings["scale_factor"] != 4:
        text += f" ×{settings['scale_factor']}"
    return text + (f" + {settings['perceptual_weight']} × VGG-19" if settings["use_perceptual"] else "")
