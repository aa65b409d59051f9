"""Neighbours of escaping: every text from outside, in every output."""

import json
import os

import pictures
from children import search
from registry import attack
from server import raw_controls

EVIL = "\x1b[31m\x1b]0;t\x07\u009b31m\u202e\u2066"


@attack("12.1")
def _(lab):
    """A configuration's path, keys, values and comments with ESC, C1 and bidirectional controls are escaped in every message
    about them"""
    texts = {
        "key": f"batch{EVIL}: 4\n", "value": f'loss: "l1{EVIL}"\n', "slip": f"batchsize{EVIL}: 4\n",
        "name": f'experiment_name: "../{EVIL}"\n', "number": f'lr: "1{EVIL}"\n', "folder": f'data_dir: "{EVIL}"\n',
        "tag": f"batch_size: !!{EVIL} 4\n", "twice": f'a{EVIL}: 1\na{EVIL}: 2\n',
        "foreign": f"network_g:\n  type: EDSR\n  x{EVIL}: 1\n"
    }
    for name, text in texts.items():
        for yaml in (text, text.replace('"',
                                        "'"), text.encode("unicode_escape").decode().replace("\\n",
                                                                                             "\n").replace("\\x9b", "\\x9b")):
            lab.write("c.yaml", yaml)
            for command in (["optimize", "c.yaml", "--dry-run"], ["train", "c.yaml", "--device",
                                                                  "cpu"], ["benchmark", "c.yaml", "--budget",
                                                                           "1s"], ["diagnose", "c.yaml"]):
                ended = lab.sound(lab.run(*command), f"{name}, {command[0]}")
                raw = raw_controls(ended.text)
                lab.must(not raw, f"{name}, {command[0]}: raw {raw}")
    lab.write(f"p{EVIL}.yaml", "batchsize: 4\n")
    for command in ("optimize", "train", "benchmark", "diagnose"):
        raw = raw_controls(lab.run(command, f"p{EVIL}.yaml").text)
        lab.must(not raw, f"path, {command}: raw {raw}")
    lab.note("escaped")


@attack("12.2")
def _(lab):
    """Options, commands and environment variables with controls are escaped in the messages that refuse them"""
    lab.data(4, 0, total_iters=2)
    for command in ([f"x{EVIL}"], ["optimize", f"--x{EVIL}"], ["monitor", f"1{EVIL}"], ["monitor", "1", "--format",
                                                                                        EVIL], ["monitor", "1", "--gpus", EVIL],
                    ["monitor", "1", "--serve", EVIL], ["optimize", "tiny.yaml", "--gpu",
                                                        EVIL], ["train", "tiny.yaml", "--device",
                                                                EVIL], ["train", "tiny.yaml", "--set",
                                                                        EVIL], ["train", "tiny.yaml", "--set", f"lr={EVIL}"],
                    ["benchmark", "tiny.yaml", "--knobs",
                     EVIL], ["benchmark", "tiny.yaml", "--command", "true {config}", "--rate-regex",
                             f"({EVIL}"], ["completion", EVIL], ["monitor", "--", f"./{EVIL}"]):
        raw = raw_controls(lab.sound(lab.run(*command, timeout=20), " ".join(command)[:40]).text)
        lab.must(not raw, f"{' '.join(command)!r}: raw {raw}")
    for name in ("WRING_RANK_TIMEOUT", "WRING_TRIAL_TIMEOUT", "WRING_CACHE_LIMIT_GIB", "WRING_CACHE_DIR", "WRING_NVIDIA_SMI",
                 "RANK", "TMPDIR", "TORCH_HOME", "HOME"):
        for command in (["train", "tiny.yaml", "--device", "cpu", "--nproc",
                         "2"], ["benchmark", "tiny.yaml", "--budget", "2s", "--device", "cpu", "--knobs",
                                "none"], ["monitor", "1"], ["cache"], ["doctor", "--device", "cpu"]):
            raw = raw_controls(lab.run(*command, env={name: f"/x{EVIL}"}, timeout=30).text)
            lab.must(not raw, f"{name}, {command[0]}: raw {raw}")
    lab.note("escaped")


@attack("12.3")
def _(lab):
    """A command's last words, its name and its nvidia-smi with controls or invalid UTF-8: escaped in the report, valid in
    JSON"""
    ended = lab.sound(search(lab, f"printf 'Error: {EVIL} caf\\xe9 \\xff\\n' >&2\nexit 7\n", "5s", regex="(x)").wait(30))
    raw = raw_controls(ended.text)
    lab.must(not raw, f"last words: raw {raw}")
    records = [one.name for one in lab.path(".").glob("*.json")]
    lab.must(all(lab.is_json(name) for name in records), "the record is no JSON")
    ended = lab.sound(
        search(lab, "for i in 1 2 3 4 5 6; do echo '100 samples/s'; sleep 0.2; done\nprintf 'caf\\xe9 \\x1b[31m\\n' >&2\n",
               "6s", "0.5s").wait(30))
    for name in (one.name for one in lab.path(".").glob("*.json")):
        lab.must(lab.is_json(name), f"{name} is no JSON")
    script = lab.script("smi", f"printf 'caf\\xe9 {EVIL} Failed\\n' >&2\nexit 9\n")
    for command in (["monitor", "1"], ["doctor"], ["optimize", "tiny.yaml", "--dry-run"]):
        raw = raw_controls(lab.run(*command, env={"WRING_NVIDIA_SMI": str(script)}).text)
        lab.must(not raw, f"nvidia-smi, {command[0]}: raw {raw}")
    lab.note("escaped, JSON valid")


@attack("12.4")
def _(lab):
    """Paths and names that are no UTF-8, in every JSON that is printed or written: it parses"""
    network = lab.checkpoint()
    odd = os.fsdecode(b"caf\xe9\xff")
    lab.write(f"{odd}.yaml", lab.data(4, 2, total_iters=4).read_bytes())
    lab.write(f"D/{odd}.png", pictures.drawn(seed=1))
    lab.write(f"D/{odd} broken.png", b"no image")
    os.makedirs(lab.path(odd))
    for command in (["optimize", f"{odd}.yaml", "--json",
                     "--dry-run"], ["optimize", f"{odd}.yaml", "--json", "-o",
                                    f"{odd}/plan.yaml"], ["evaluate", network, "D", "--json", "--device",
                                                          "cpu"], ["doctor", "--json", "--device", "cpu", "--experiments", odd],
                    ["benchmark", f"{odd}.yaml", "--json", "--device", "cpu", "--budget", "5s", "--knobs",
                     "none"], ["diagnose", f"{odd}.yaml", "--json", "--device", "cpu"]):
        ended = lab.sound(lab.run(*command, timeout=60), command[0])
        try:
            json.loads(ended.out.encode(errors="surrogateescape").decode("utf-8"))
        except ValueError as reason:
            lab.must(ended.code in (1, 2) and not ended.out.strip(), f"{command[0]}: {reason}: {ended}")
    lab.sound(lab.run("monitor", "--summary", f"{odd}/sum.json", "--log", f"{odd}/log.jsonl", "--", "sleep", "1", odd))
    lab.sound(
        lab.run("monitor", "--summary", f"{odd}/sum.json", "--log", f"{odd}/log.jsonl", "--", "sh", "-c", "sleep 1.2", odd))
    for name in (f"{odd}/sum.json", f"{odd}/log.jsonl"):
        text = lab.path(name).read_bytes().decode("utf-8", "strict") if lab.path(name).exists() else "{}"
        for line in text.splitlines() if name.endswith("l") else [text]:
            json.loads(line)
    ended = lab.sound(lab.train("--experiments", odd, config=f"{odd}.yaml"))
    for path in lab.path(odd).rglob("metrics.jsonl"):
        for line in path.read_bytes().decode("utf-8", "strict").splitlines():
            json.loads(line)
    lab.must(ended.code in (0, 1, 2), str(ended))
    lab.note("JSON valid")


@attack("12.5")
def _(lab):
    """A safetensors file whose tensors and metadata have names with controls: escaped in the error"""
    path = lab.path(lab.checkpoint())
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8:8 + length])
    lab.photographs("D", 1)
    first = next(name for name in header if name != "__metadata__")
    for changed in ({**header, f"x{EVIL}": {**header[first], "dtype": f"F{EVIL}"}},
                    {f"{name}{EVIL}": value
                     for name, value in header.items()}, {**header, "__metadata__": {EVIL: EVIL}}):
        text = json.dumps(changed).encode()
        lab.write("evil.safetensors", len(text).to_bytes(8, "little") + text + whole[8 + length:])
        for command in (["evaluate", "evil.safetensors", "D"], ["upscale", "evil.safetensors", "D", "-o", "O"]):
            raw = raw_controls(lab.sound(lab.run(*command, "--device", "cpu"), command[0]).text)
            lab.must(not raw, f"{command[0]}: raw {raw}")
    lab.note("escaped")


@attack("12.6")
def _(lab):
    """`wring cache`, `completion` and the archived runs with odd names: escaped, and no path becomes an option"""
    lab.data(4, 0, total_iters=2, data_dir='"-data"', experiment_name='"-x"')
    os.rename(lab.path("data"), lab.path("-data"))
    for _ in range(2):
        ended = lab.sound(lab.train())
        lab.must(ended.code == 0, str(ended))
    raw = raw_controls(lab.run("cache", env={"WRING_CACHE_DIR": str(lab.path(f"c{EVIL}"))}).text)
    lab.must(not raw, f"cache: raw {raw}")
    lab.must(
        len([one for one in lab.path("experiments").iterdir() if one.name.startswith("-x")]) == 2,
        "the earlier run is not archived")
    lab.note("escaped")


@attack("12.7")
def _(lab):
    """Metrics of a run that hold markup, NaN, long lines and wrong types, shown by `monitor --run`: it lives, and its JSON
    is valid"""
    lab.path("run").mkdir()
    lab.write(
        "run/metrics.jsonl", '{"step":1,"loss":NaN,"ranks":2,"slowest_rank":0}\n' +
        f'{{"step":"{EVIL}","ranks":"<script>"}}\n'.replace("\x1b", "\\u001b").replace("\x07", "\\u0007") + "x" * 3_000_000 +
        "\n" + '{"step":2,"ranks":1e9,"slowest_rank":-5,"data_wait_spread":1e400}\n' * 30 +
        '{"ranks":2,"slowest_rank":1,"data_wait_spread":0.5,"step":3}\n' * 30)
    ended = lab.sound(lab.run("monitor", "2", "--interval", "0.2", "--run", "run", "--summary", "s.json", "--log", "l.jsonl"))
    lab.must(ended.code == 0, str(ended))
    lab.must(lab.is_json("s.json"), "the summary is no JSON")
    raw = raw_controls(ended.text)
    lab.must(not raw, f"raw {raw}")
    lab.note("lives, JSON valid")
