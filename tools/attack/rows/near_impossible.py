"""Ends that should not happen: odd places and limits are named, whatever the command."""

import os
import shutil

import pictures
from registry import attack


@attack("13.1")
def _(lab):
    """A present folder that was removed: commands with absolute paths work or name it, and none says that it should not
    happen"""
    network = lab.path(lab.checkpoint())
    config = lab.data(total_iters=4, data_dir=str(lab.path("data")))
    photo = lab.path("data/val/HR/photo_000.png")
    commands = [["optimize", config, "-o", lab.path("plan.yaml")], ["optimize", config, "--dry-run"],
                ["doctor", "--device", "cpu"], ["monitor", "1"],
                ["train", config, "--device", "cpu", "--experiments",
                 lab.path("e")], ["train", config, "--device", "cpu"],
                ["upscale", network, photo, "-o", lab.path("a.png"), "--device", "cpu"],
                ["evaluate", network, photo.parent, "--device", "cpu"],
                ["benchmark", config, "--device", "cpu", "--budget", "3s", "--knobs", "none"], ["cache"],
                ["monitor", "1", "--log", "log.csv"]]
    for command in commands:
        gone = lab.path("gone")
        gone.mkdir(exist_ok=True)
        words = " ".join(f"'{one}'" for one in command)
        ended = lab.bash(f"cd gone && rmdir ../gone && exec $WRING {words}", 60)
        lab.sound(ended, command[0])
        lab.must(ended.code in (0, 1, 2, 3), f"{command[0]}: {ended}")
    lab.note("works or names it")


@attack("13.2")
def _(lab):
    """A wring without a wring-train beside it, or with one that cannot be executed, names what is missing"""
    lab.data()
    shutil.copy(lab.wring, lab.path("wring"))
    for what in ("missing", "not executable", "a folder", "not a program"):
        beside = lab.path("wring-train")
        if what == "not executable":
            beside.write_text("x")
        elif what == "a folder":
            beside.unlink()
            beside.mkdir()
        elif what == "not a program":
            beside.rmdir()
            beside.write_bytes(os.urandom(100))
            beside.chmod(0o755)
        for command in (["train", "tiny.yaml"], ["benchmark", "tiny.yaml", "--budget", "3s"], ["doctor", "--device", "cpu"]):
            ended = lab.sound(lab.run(*command, program=lab.path("wring")), f"{what}, {command[0]}")
            lab.must(ended.code in (1, 2, 3), f"{what}, {command[0]}: {ended}")
            lab.should("wring-train" in ended.text, f"{what}, {command[0]}: {ended.words()}")
    lab.note(ended.words())


@attack("13.3")
def _(lab):
    """No thread can be started any more (a limit of processes): the reason is named"""
    lab.data(total_iters=4)
    user = lab.second_user()
    for limit in (1, 3, 6):
        for command in (["train", "tiny.yaml", "--device", "cpu"], ["optimize", "tiny.yaml", "--dry-run"], ["monitor", "1"],
                        ["benchmark", "tiny.yaml", "--device", "cpu", "--budget", "3s", "--knobs",
                         "none"], ["doctor", "--device", "cpu"], ["monitor", "1", "--serve", "127.0.0.1:0"]):
            words = " ".join(command)
            ended = lab.bash(f"ulimit -u {limit}; exec $WRING {words}", 40, user=user)
            lab.sound(ended, f"{limit} processes, {command[0]}")
            lab.must(ended.code in (0, 1, 3), f"{limit} processes, {command[0]}: {ended}")
    lab.note("works or names the reason")


@attack("13.4")
def _(lab):
    """Folders where a file is to be written, and files where a folder is: named, and nothing says that it should not happen"""
    network = lab.checkpoint()
    lab.data(total_iters=4)
    lab.path("folder").mkdir()
    lab.path("folder.png").mkdir()
    lab.path("data/val/HR_x4").write_text("a file")
    commands = [["optimize", "tiny.yaml", "-o", "folder"], ["optimize", "folder"], ["benchmark", "folder"],
                ["monitor", "1", "--log", "folder"], ["monitor", "1", "--summary", "folder"], ["train", "folder"],
                ["train", "tiny.yaml", "--experiments", "tiny.yaml"], ["upscale", network, "data/val/HR"],
                ["upscale", network, "data/val/HR", "-o", "tiny.yaml"], ["upscale", "folder", "data/val/HR"],
                ["evaluate", network, "tiny.yaml"], ["evaluate", network, "data/val/HR", "--save", "tiny.yaml"],
                ["evaluate", network, "data/val/HR", "--compare", "folder.png"],
                ["evaluate", network, "data/val/HR", "--lr", "tiny.yaml"], ["train", "tiny.yaml", "--val-hr", "tiny.yaml"]]
    for command in commands:
        ended = lab.sound(lab.run(*command), " ".join(command))
        lab.must(ended.code in (1, 2), f"{' '.join(command)}: {ended}")
    lab.must(lab.path("data/val/HR_x4").read_text() == "a file", "a file was replaced by a folder")
    lab.note(f"{len(commands)} commands, each named")


@attack("13.5")
def _(lab):
    """A folder of images that leads back to itself, and links to nothing: named or passed, by train, evaluate and upscale"""
    network = lab.checkpoint()
    lab.data(4, 2, total_iters=4)
    for folder in ("data/train/HR", "data/val/HR"):
        os.symlink(".", lab.path(folder) / "loop")
        os.symlink("gone.png", lab.path(folder) / "dangling.png")
        os.symlink("round.png", lab.path(folder) / "round.png")
        os.symlink("/proc/self/mem", lab.path(folder) / "mem.png")
    for command in (["train", "tiny.yaml", "--device",
                     "cpu"], ["evaluate", network, "data/val/HR", "--device",
                              "cpu"], ["evaluate", network, "data/val/HR", "--json", "--device",
                                       "cpu"], ["upscale", network, "data/val/HR", "-o", "out", "--device",
                                                "cpu"], ["evaluate", "--bicubic", "--scale", "4", "data/val/HR"]):
        ended = lab.sound(lab.run(*command), " ".join(command[:2]))
        lab.must(ended.code in (0, 1), f"{' '.join(command[:2])}: {ended}")
    made = {one.name for one in lab.path("out").rglob("*.png")} if lab.path("out").exists() else set()
    lab.must({"photo_000_x4.png", "photo_001_x4.png"} <= made, f"good images are not done: {sorted(made)}")
    lab.must(all(pictures.is_whole_png(one.read_bytes()) for one in lab.path("out").rglob("*.png") if one.is_file()),
             "a part is left")
    lab.note("passed, good images done")


@attack("13.6")
def _(lab):
    """A machine whose /proc cannot be read, and one without /sys: monitor, doctor and optimize work or name it"""
    lab.tiny()
    for hidden in ("/sys", "/proc"):
        for command in (["monitor", "1"], ["doctor", "--device", "cpu"], ["optimize", "tiny.yaml", "--dry-run"]):
            words = " ".join(command)
            ended = lab.bash(f"unshare -m sh -c 'mount -t tmpfs none {hidden} && exec $WRING {words}'", 40)
            lab.sound(ended, f"without {hidden}, {command[0]}")
            lab.must(ended.code in (0, 1, 3), f"without {hidden}, {command[0]}: {ended}")
    lab.note("works")
