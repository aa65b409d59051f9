"""Outputs: two inputs never share one, an input is never one, and names in any encoding survive."""

import json
import os
import shlex
import shutil

import pictures
from registry import attack


@attack("1.7")
def _(lab):
    """`wring upscale CK D` and `evaluate --save` where D has a.jpg and a.png: two files, or a refusal"""
    network = lab.checkpoint()
    lab.write("D/a.png", pictures.drawn(seed=1))
    lab.write("D/a.jpg", pictures.jpeg(seed=2))
    for what, command in (("upscale", ["upscale", network, "D", "-o",
                                       "O"]), ("evaluate", ["evaluate", network, "D", "--save", "S"])):
        ended = lab.sound(lab.run(*command, "--device", "cpu"), what)
        files = [one.name for one in lab.path(command[-1]).iterdir()] if lab.path(command[-1]).exists() else []
        lab.must(len(files) == 2 or ended.code != 0, f"{what}: one file for two, {ended}")
        lab.note(f"{what}: {sorted(files) or ended.words()}")


@attack("1.8")
def _(lab):
    """`wring upscale CK D -o D` where D has photo.png and photo_x4.png: no input is replaced"""
    network = lab.checkpoint()
    lab.write("D/photo.png", pictures.drawn(seed=1))
    other = lab.write("D/photo_x4.png", pictures.drawn(seed=2))
    before = other.read_bytes()
    ended = lab.sound(lab.run("upscale", network, "D", "-o", "D", "--device", "cpu"))
    lab.must(other.read_bytes() == before, f"an input was replaced, {ended}")
    lab.note(ended.words())


@attack("1.9")
def _(lab):
    """`wring monitor --log FILE` where FILE is the user's text, JSON lines or table: refused, nothing appended"""
    files = {
        "notes.txt": "thesis\n", "run.jsonl": '{"step": 1}\n', "table.csv": "name, value\na, 1\n", "data.log": "2026 started\n",
        "list": "a\nb\n"
    }
    for name, text in files.items():
        lab.write(name, text)
        ended = lab.sound(lab.run("monitor", "1", "--log", name), name)
        lab.must(lab.path(name).read_text() == text, f"{name}: appended to, exit code {ended.code}")
        lab.should(ended.code in (1, 2), f"{name}: {ended}")
    for name in ("own.txt", "own.csv", "own.jsonl"):
        for _ in range(2):
            lab.must(lab.run("monitor", "1", "--log", name).code == 0, f"{name}: a log of its own is refused")
    lab.note(ended.words())


@attack("1.10")
def _(lab):
    """`wring evaluate --json` and `upscale` where one name is in Latin-1: JSON with all scores"""
    network = lab.checkpoint()
    lab.write("D/good.png", pictures.drawn(seed=1))
    lab.write(b"D/bad\xff.png", pictures.drawn(seed=2))
    ended = lab.sound(lab.run("evaluate", network, "D", "--json", "--device", "cpu"))
    try:
        images = json.loads(ended.out)["images"]
    except (ValueError, KeyError):
        images = []
    lab.must(len(images) == 2, f"{len(images)} of 2 scores: {ended}")
    lab.note(f"names {[one['name'] for one in images]}")
    ended = lab.sound(lab.run("upscale", network, "D", "-o", "O", "--device", "cpu"))
    lab.must(ended.code == 0 and len(os.listdir(lab.path("O"))) == 2, f"upscale: {ended}")


@attack("1.25", 225)
def _(lab):
    """LC_ALL=C, POSIX, GB18030 and unknown; TERM=dumb and none: ASCII, and nothing unreadable"""
    network = lab.checkpoint()
    lab.data(total_iters=10)
    commands = [["train", "tiny.yaml", "--device", "cpu"], ["upscale", network, "data/val/HR", "-o", "O", "--device", "cpu"],
                ["evaluate", network, "data/val/HR", "--device", "cpu"], ["optimize", "tiny.yaml", "--dry-run"],
                ["monitor", "1"], ["doctor", "--device", "cpu"], ["evaluate", network, "nowhere"]]
    for locale in ("C", "POSIX", "zh_CN.GB18030", "xx_YY", "de_DE.ISO-8859-1"):
        for command in commands:
            ended = lab.sound(lab.run(*command, env={"LC_ALL": locale, "TERM": "dumb"}), f"{locale}: {command[0]}")
            odd = [char for char in ended.text if ord(char) > 126]
            lab.should(not odd, f"{locale}: {command[0]} prints {odd[:2]}")
    for command in commands:
        lab.sound(lab.run(*command, env={"TERM": None}), "no TERM")
    lab.note("ASCII")


@attack("1.50")
def _(lab):
    """Names of images with newlines, quotes, dashes, ESC, invalid UTF-8 or 255 bytes: train, upscale and evaluate work"""
    network = lab.checkpoint()
    lab.data(2, 0, total_iters=6)
    names = [
        b"new\nline", b"'quote", b'"double', b"-dash", b"--help", b"esc\x1b[31m", b"bad\xff", b"blank blank", b" lead", b"$(x)",
        b"`x`", b"a;b", b"a|b", b"*", b"?", b"\\", "名".encode(), "ü".encode(), b"{}", b"%s%n", b"#", b"x" * 240
    ]
    for index, name in enumerate(names):
        data = pictures.drawn(64, 64, seed=index)
        lab.write(b"data/train/HR/" + name + b".png", data)
        lab.write(b"D/" + name + b".png", data)
    ended = lab.sound(lab.train())
    lab.must(ended.code == 0, f"train: {ended}")
    ended = lab.sound(lab.run("upscale", network, "D", "-o", "O", "--device", "cpu"), "upscale")
    made = len(os.listdir(lab.path("O")))
    lab.must(made >= len(names) - 1, f"upscale: {made} of {len(names)}, {ended}")
    ended = lab.sound(lab.run("evaluate", network, "D", "--device", "cpu"), "evaluate")
    lab.must(ended.code == 0, f"evaluate: {ended}")
    lab.note(f"{made} of {len(names)} enlarged")


@attack("1.52")
def _(lab):
    """The command that an interrupted run prints to go on with, pasted into a shell, goes on and does nothing else, whatever
    the paths hold"""
    for name in ("blank blank.yaml", "$(touch pwned).yaml", "a'b.yaml", 'a"b.yaml', "a;touch pwned;.yaml", "`touch pwned`.yaml",
                 "-x.yaml", "名.yaml"):
        lab.data(4, 0, name=name, total_iters=100, val_freq=1000, experiment_name="tiny")
        shutil.rmtree(lab.path("experiments"), ignore_errors=True)
        # A name that begins with a dash is given as a path here; what is printed must work all the same.
        ended = lab.interrupted(config=f"./{name}" if name.startswith("-") else name)
        line = next((line for line in ended.text.splitlines() if "--resume" in line), "")
        command = line[line.find("wring train"):] if "wring train" in line else ""
        if not lab.must(command, f"{name}: nothing to go on with: {ended}"):
            continue
        done = lab.bash("wring() { $WRING \"$@\"; }\n" + command, 60)
        lab.must(done.code == 0 and 100 in lab.states(), f"{name}: {command} → {done}")
        lab.must(not lab.path("pwned").exists(), f"{name}: something else ran: {command}")
    lab.note(shlex.quote(command))


@attack("15.1")
def _(lab):
    """An output that is a link to an input, or another name of it, leaves the input as it was"""
    network = lab.checkpoint()
    photo = lab.write("D/photo.png", pictures.drawn(seed=1))
    before = photo.read_bytes()
    os.makedirs(lab.path("O"))
    os.symlink(photo, lab.path("O/photo_x4.png"))
    os.symlink(photo, lab.path("O/link.png"))
    os.symlink("D", lab.path("E"))
    commands = [["upscale", network, "D", "-o", "O"], ["upscale", network, "D/photo.png", "-o", "O/link.png"],
                ["upscale", network, "E/photo.png", "-o", "D/photo.png"],
                ["upscale", network, "D/photo.png", "-o", "D/../E/photo.png"], ["evaluate", network, "D", "--save", "E"],
                ["evaluate", network, "D", "--compare", "E/photo.png"], ["evaluate", network, "D", "--save", "O"]]
    for command in commands:
        ended = lab.sound(lab.run(*command, "--device", "cpu"), " ".join(command))
        if not lab.must(photo.read_bytes() == before, f"{' '.join(command)}: the input was replaced, exit code {ended.code}"):
            photo.write_bytes(before)
    lab.note("the input is as it was")


@attack("15.2")
def _(lab):
    """The network that upscale and evaluate read is never an output of theirs"""
    network = lab.path(lab.checkpoint())
    network = network.rename(lab.path("net.png"))
    before = network.read_bytes()
    lab.write("D/photo.png", pictures.drawn(seed=1))
    lab.write("D/net.png", pictures.drawn(seed=1))
    for command in (["upscale", "net.png", "D/photo.png", "-o",
                     "net.png"], ["evaluate", "net.png", "D", "--compare",
                                  "net.png"], ["evaluate", "net.png", "D", "--save", "."]):
        ended = lab.sound(lab.run(*command, "--device", "cpu"), " ".join(command))
        if not lab.must(network.read_bytes() == before,
                        f"{' '.join(command)}: the network was replaced, exit code {ended.code}"):
            network.write_bytes(before)
    lab.note("the network is as it was")


@attack("15.3")
def _(lab):
    """`wring benchmark` never writes its record or page over its configuration, under any spelling, nor `optimize` its
    output"""
    lab.data()
    text = lab.path("tiny.yaml").read_bytes()
    os.makedirs(lab.path("sub"))
    os.symlink("tiny.yaml", lab.path("link.yaml"))
    for name in ("one.json", "two.html"):
        lab.write(name, text)
    searches = [("one.json", "one.yml"), ("two.html", "two.yml"), ("tiny.yaml", "link.yaml"), ("tiny.yaml", "sub/../tiny.yaml")]
    plans = [("tiny.yaml", "tiny.yaml"), ("tiny.yaml", "link.yaml"), ("link.yaml", "tiny.yaml"),
             ("tiny.yaml", "sub/../tiny.yaml")]
    common = ["--device", "cpu", "--knobs", "none", "--budget", "4s"]
    commands = [["benchmark", config, "-o", output, *common] for config, output in searches]
    for command in [*commands, *(["optimize", config, "-o", output] for config, output in plans)]:
        ended = lab.sound(lab.run(*command), " ".join(command[:4]))
        config = lab.path(command[1])
        if not lab.must(config.read_bytes() == text,
                        f"{' '.join(command[:4])}: the input was replaced, exit code {ended.code}"):
            config.write_bytes(text)
    lab.note("inputs are as they were")


@attack("15.4")
def _(lab):
    """A rotating log never takes the place of files of the user that are called like its older parts"""
    for index in (1, 2):
        lab.write(f"log.jsonl.{index}", f"thesis {index}\n")
    ended = lab.sound(
        lab.run("monitor", "4", "--interval", "0.1", "--log", "log.jsonl", "--log-max-size", "4K", "--log-files", "2"))
    left = [lab.path(f"log.jsonl.{index}").read_text() == f"thesis {index}\n" for index in (1, 2)]
    lab.should(all(left), f"files of the user are gone, exit code {ended.code}, {ended.words()}")
    lab.note(ended.words())


@attack("15.5")
def _(lab):
    """Seven restarts within seconds keep all earlier runs, each under a name of its own"""
    lab.data(4, 0, total_iters=3)
    for seed in range(7):
        lab.must(lab.sound(lab.train("--set", f"seed={seed}")).code == 0, "a start fails")
    kept = [one for one in lab.path("experiments").iterdir() if one.name.startswith("tiny")]
    lab.must(len(kept) == 7, f"{len(kept)} of 7 runs are left: {[one.name for one in kept]}")
    seeds = {line for one in kept for line in (one / "config.yaml").read_text().splitlines() if line.startswith("seed")}
    lab.must(len(seeds) == 7, f"{len(seeds)} of 7 configurations are left")
    lab.note("seven runs")


@attack("15.6")
def _(lab):
    """`wring monitor` with log and summary of one file, under two spellings or two links, is refused before anything is
    written"""
    lab.write("log.csv", "")
    os.link(lab.path("log.csv"), lab.path("hard.json"))
    os.symlink("log.csv", lab.path("soft.json"))
    for other in ("log.csv", "./log.csv", "hard.json", "soft.json"):
        ended = lab.sound(lab.run("monitor", "1", "--log", "log.csv", "--summary", other), other)
        lab.must(ended.code == 2, f"--summary {other}: {ended}")
    ended = lab.run("monitor", "1", "--log", "other.csv", "--summary", "other.csv.1", "--log-max-size", "1K")
    lab.sound(ended, "summary as the log's older part")
    lab.should(ended.code == 2, f"--summary other.csv.1: exit code {ended.code}")
    lab.note("exit code 2")
