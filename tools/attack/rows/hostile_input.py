"""Files that others made or planted: refused by name, cheaply, and never a way in."""

import os
import random
import resource
import shutil
import socket
import struct
import time
import zlib

import pictures
from children import memory_kib
from registry import attack

IMAGE_COMMANDS = (["train", "tiny.yaml", "--device",
                   "cpu"], ["evaluate", "CK.safetensors", "D", "--device",
                            "cpu"], ["upscale", "CK.safetensors", "D", "-o", "O", "--device", "cpu"])


def peak_mib(lab, *arguments, seconds=60, **more):
    """How a program ended, and the most memory that it had."""
    run = lab.start(*arguments, **more)
    peak = 0
    while run.alive() and time.monotonic() - run.begin < seconds:
        peak = max(peak, memory_kib(run.pid))
        time.sleep(0.02)
    return run.wait(2), peak // 1024


@attack("5.1")
def _(lab):
    """Another user plants links where root is about to write (`--summary F`, `optimize -o F`, the cache): the victim's file
    is untouched"""
    user = lab.second_user()
    victim = lab.write("victim", "root's own\n")
    os.chown(victim, 0, 0)
    victim.chmod(0o600)
    shared = lab.path("shared")
    shared.mkdir()
    shared.chmod(0o777)

    def untouched(what):
        lab.must(victim.read_bytes() == b"root's own\n", f"{what}: overwritten with {victim.read_bytes()[:40]!r}")
        victim.write_text("root's own\n")

    def plant(name):
        lab.bash(f"ln -s '{victim}' '{shared / name}'", user=user)

    run = lab.start("monitor", "12", "--summary", shared / "sum.json")
    for form in (f"sum.json.tmp{run.pid}", f"sum.json.{run.pid}", f".sum.json.tmp{run.pid}", f".sum.json.{run.pid}.tmp"):
        plant(form)
    lab.sound(run.wait(30))
    untouched("--summary")
    plant("plan.yaml")
    lab.data(4, 0, total_iters=4)
    lab.sound(lab.run("optimize", "tiny.yaml", "-o", shared / "plan.yaml"))
    untouched("optimize -o")
    plant("log.csv")
    lab.run("monitor", "1", "--log", shared / "log.csv")
    untouched("--log")
    cache = shared / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    run = lab.training(env={"WRING_CACHE_DIR": str(cache)})
    run.wait(60)
    names = [one.relative_to(shared) for one in cache.rglob("*") if one.is_file()]
    shutil.rmtree(cache)
    cache.mkdir()
    cache.chmod(0o777)
    for name in names:
        (shared / name).parent.mkdir(parents=True, exist_ok=True)
        (shared / name).parent.chmod(0o777)
        for form in (name, name.with_name(f".{name.name}.partial"), name.with_name(f"{name.name}.partial")):
            plant(form)
    lab.sound(lab.train("--set", "experiment_name=b", env={"WRING_CACHE_DIR": str(cache)}))
    untouched("cache")
    lab.note("untouched")


@attack("5.2")
def _(lab):
    """A PNG of 141 bytes whose text chunk claims 2³¹−1 bytes is refused cheaply"""
    lab.checkpoint()
    good = pictures.drawn(seed=1)
    lab.write("D/text.png", good[:33] + struct.pack(">I", 0x7FFFFFFF) + b"tEXt" + b"x" * 100)
    for kind in (b"iCCP", b"zTXt", b"iTXt", b"eXIf"):
        packed = b"n\0\0" + zlib.compress(bytes(200_000_000), 9) if kind != b"eXIf" else b"MM\0*"
        lab.write(f"D/{kind.decode()}.png", good[:33] + pictures.chunk(kind, packed) + good[33:])
    ended, peak = peak_mib(lab, "upscale", "CK.safetensors", "D/text.png", "-o", "a.png", "--device", "cpu")
    lab.sound(ended)
    lab.must(ended.code == 1, f"exit code {ended.code}")
    base = peak_mib(lab, "upscale", "CK.safetensors", lab.write("good.png", good), "-o", "b.png", "--device", "cpu")[1]
    lab.must(peak < base + 300, f"{peak} MiB, {base} MiB without it")
    lab.note(f"{peak} MiB, {base} MiB without it")
    ended, peak = peak_mib(lab, "upscale", "CK.safetensors", "D", "-o", "O", "--device", "cpu")
    lab.sound(ended)
    lab.must(peak < base + 600, f"profiles and texts that unpack to 200 MB: {peak} MiB")


@attack("5.3")
def _(lab):
    """One circular link in a folder: `wring upscale` names it, the others are done"""
    lab.checkpoint()
    for index in range(3):
        lab.write(f"D/{index}.png", pictures.drawn(seed=index))
    os.symlink("a.png", lab.path("D/a.png"))
    ended = lab.sound(lab.run("upscale", "CK.safetensors", "D", "-o", "O", "--device", "cpu"))
    done = len(list(lab.path("O").glob("*.png"))) if lab.path("O").exists() else 0
    lab.must(done == 3, f"{done} of 3 done: {ended.words()}")
    lab.should("a.png" in ended.text, "the link is not named")
    lab.note(f"3 of 3 done, exit code {ended.code}")


@attack("5.4")
def _(lab):
    """A configuration, checkpoint, weights, meta_info or log that is a FIFO is refused, and nothing hangs"""
    network = lab.checkpoint()
    lab.data(4, 0, total_iters=4)
    os.mkfifo(lab.path("fifo"))
    for name in ("fifo.yaml", "fifo.safetensors", "fifo.png", "fifo.csv", "fifo.json"):
        os.symlink("fifo", lab.path(name))
    for command in (["optimize", "fifo.yaml"], ["benchmark", "fifo.yaml"], ["diagnose", "fifo.yaml"], ["train", "fifo.yaml"],
                    ["evaluate", "fifo.safetensors", "data/train/HR"], ["upscale", "fifo.safetensors", "data/train/HR"],
                    ["upscale", network, "fifo.png"], ["train", "tiny.yaml", "--set", "train_meta_info=fifo"], [
                        "train", "tiny.yaml", "--set", "use_perceptual=true", "--set",
                        "perceptual_weights_file=fifo.safetensors", "--set", "patch_size=64"
                    ], ["monitor", "1", "--log",
                        "fifo.csv"], ["train", "tiny.yaml", "--resume", "--set", "train_meta_info=fifo"]):
        ended = lab.run(*command, timeout=15)
        lab.should(not ended.hung, f"{' '.join(command)[:60]}: hangs")
        if not ended.hung:
            lab.sound(ended, " ".join(command)[:60])
            lab.should(ended.code in (1, 2), f"{' '.join(command)[:60]}: {ended}")
    lab.note("refused")


@attack("5.5")
def _(lab):
    """A portrait JPEG with an Exif orientation comes out of `upscale` upright"""
    network = lab.checkpoint()
    lab.write("D/plain.jpg", pictures.jpeg(96, 64))
    for orientation in (3, 6, 8):
        lab.write(f"D/turned{orientation}.jpg", pictures.jpeg(96, 64, extra=pictures.exif(orientation)))
    ended = lab.sound(lab.run("upscale", network, "D", "-o", "O", "--device", "cpu"))
    lab.must(ended.code == 0, str(ended))
    for name, size in (("plain", (384, 256)), ("turned3", (384, 256)), ("turned6", (256, 384)), ("turned8", (256, 384))):
        path = lab.path(f"O/{name}_x4.png")
        got = pictures.size_of(path.read_bytes()) if path.exists() else None
        upright = got == size or (path.exists() and b"eXIf" in path.read_bytes())
        lab.should(upright, f"{name}: {got} in place of {size}, no Exif")
    plain, turned = (lab.path(f"O/{name}_x4.png").read_bytes() for name in ("plain", "turned3"))
    lab.should(plain != turned or b"eXIf" in turned, "upside down")
    lab.note("upright")


@attack("5.6")
def _(lab):
    """A .pth given to evaluate and upscale names the tool that converts it, or is read"""
    import pickle
    import zipfile
    lab.photographs("D", 1)
    with zipfile.ZipFile(lab.path("net.pth"), "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"conv_first.weight": 1}))
    # As torch.save wrote before 1.6: a magic number, the protocol's and the machine's facts, then the object.
    parts = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, {"conv_first.weight": 1})
    lab.write("old.pth", b"".join(pickle.dumps(part, protocol=2) for part in parts))
    for name in ("net.pth", "old.pth"):
        for command in (["evaluate", name, "D"], ["upscale", name, "D", "-o", "O"]):
            ended = lab.sound(lab.run(*command, "--device", "cpu"), f"{command[0]} {name}")
            lab.should("pth" in ended.text.replace(name, "") and "claims" not in ended.text,
                       f"{command[0]} {name}: {ended.words()}")
    lab.note(ended.words())


@attack("5.7")
def _(lab):
    """train_meta_info with a byte-order mark is read or told, ../ and absolute paths are refused, /dev/zero is bounded"""
    lab.data(4, 0, total_iters=4)
    lab.photographs("outside", 1)
    lab.write("bom.txt", "\ufeffphoto_000.png (80,96,3)\nphoto_001.png\n")
    lab.write("up.txt", "../../../outside/photo_000.png\n")
    lab.write("absolute.txt", f"{lab.path('outside/photo_000.png')}\n")
    lab.write("none.txt", "\n\n")
    ended = lab.sound(lab.train("--set", "train_meta_info=bom.txt"))
    lab.should(ended.code == 0 or "byte" in ended.text, f"byte-order mark: {ended}")
    for name in ("up.txt", "absolute.txt", "none.txt"):
        ended = lab.sound(lab.train("--set", f"train_meta_info={name}"), name)
        lab.should(ended.code in (1, 2), f"{name} is read")
    ended, peak = peak_mib(lab, "train", "tiny.yaml", "--device", "cpu", "--set", "train_meta_info=/dev/zero", seconds=20)
    lab.should(not ended.hung and ended.code in (1, 2) and "bad_alloc" not in ended.text and peak < 1500,
               f"/dev/zero: {peak} MiB, {ended}")
    lab.note("read, refused, bounded")


@attack("5.8")
def _(lab):
    """A finished set that another user laid into a shared cache is not trusted"""
    user = lab.second_user()
    lab.data(4, 0, total_iters=10)
    os.chown(lab.folder, 0, 0)
    cache = lab.path("shared")
    cache.mkdir()
    cache.chmod(0o777)
    env = {"WRING_CACHE_DIR": str(cache)}
    lab.sound(lab.train("--experiments", "e1", env=env))
    sets = [one for one in cache.rglob("*") if one.is_file() and one.stat().st_size > 20000]
    if not lab.must(sets, "there is no cache file"):
        return
    for one in [cache, *cache.rglob("*")]:
        os.lchown(one, user, user)
    data = bytearray(sets[0].read_bytes())
    data[-1000:] = bytes(1000)
    sets[0].write_bytes(data)
    os.chown(sets[0], user, user)
    ended = lab.sound(lab.train("--experiments", "e2", env=env))
    lab.should("from the cache" not in ended.text, "taken from the cache on disk")
    lab.must(ended.code == 0, str(ended))
    lab.note("not taken")


SEARCH = ["benchmark", "tiny.yaml", "--device", "cpu", "--knobs", "none", "--budget", "10s"]


def kept_trials(lab):
    """The files of the trials that a search has kept; on a disturbed machine it keeps none, and is made again."""
    lab.data()
    kept = []
    for _ in range(3):
        lab.sound(lab.run(*SEARCH))
        kept = [one for one in lab.path("experiments/.trials").rglob("*") if one.is_file()]
        if kept:
            break
    lab.must(kept, "no trial is kept")
    return kept


@attack("5.9")
def _(lab):
    """Kept trials with rates of 1e300, 1e14 or −5 are dropped and measured anew"""
    import re
    if not kept_trials(lab):
        return
    for rate in ("1e300", "1e16", "-5", "0"):
        for one in [one for one in lab.path("experiments/.trials").rglob("*") if one.is_file()]:
            text = one.read_text(errors="replace")
            one.write_text(re.sub(r'("samples_per_s"\s*:\s*)[-0-9.e+]+', rf"\g<1>{rate}", text))
        ended = lab.sound(lab.run(*SEARCH), f"rate {rate}")
        lab.should(not re.search(r"\d{16}", ended.text), f"rate {rate}: {ended.words()}")
        lab.should(ended.code == 0 or "disturbed" in ended.text or "budget" in ended.text, f"rate {rate}: {ended}")
    lab.note("dropped")


@attack("5.10")
def _(lab):
    """The memory of the host ends (a limit of 3 GB) in an upscale without tiles and in a large network: told as that"""
    network = lab.checkpoint()
    lab.data(4, 0, total_iters=2, base_channels=1024, num_blocks=64)
    lab.write("large.png", pictures.flat(6000, 4000))

    def limited():
        resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))

    for command in (["upscale", network, "large.png", "--tile", "0", "-o", "a.png", "--device",
                     "cpu"], ["train", "tiny.yaml", "--device", "cpu"]):
        ended = lab.sound(lab.run(*command, timeout=90, before=limited), command[0])
        lab.must(ended.code == 1, f"{command[0]}: {ended}")
        lab.should("memory" in ended.text and "bad_alloc" not in ended.text and "frame #" not in ended.text,
                   f"{command[0]}: {ended.words()}")
    lab.note(ended.words())


@attack("5.11")
def _(lab):
    """YAML with an alias bomb, depth 10⁵, 20 MB, NUL, UTF-16, tags, merges or duplicates: exit code 2, small and quick"""
    files = {
        "aliases": "a: &a [x,x,x,x,x,x,x,x,x]\n" +
        "".join(f"{chr(98 + i)}: &{chr(98 + i)} [" + ",".join([f"*{chr(97 + i)}"] * 9) + "]\n" for i in range(9)),
        "depth": "a: " + "[" * 100_000, "braces": "{a: " * 50_000, "large": "batch_size: 4\n" + "# x\n" * 5_000_000,
        "NUL": "batch_size: 4\0\n", "tag": "!!python/object/apply:os.system ['touch pwned']\n",
        "tag value": "batch_size: !!python/object/apply:os.system ['touch pwned']\n",
        "merge": "base: &b {batch_size: 4}\n<<: *b\n", "twice": "batch_size: 4\nbatch_size: 8\n",
        "control": "batch_size: 4\x01\n", "long key": "k" * 200_000 + ": 4\n",
        "documents": "batch_size: 4\n---\nbatch_size: 8\n", "list": "- batch_size\n", "scalar": "batch_size\n", "empty": "",
        "indent": "  batch_size: 4\n num_workers: 2\n", "anchor": "batch_size: &\n", "alias": "batch_size: *nowhere\n",
        "quote": 'batch_size: "4\n', "percent": "%YAML 9.9\n---\nbatch_size: 4\n"
    }
    for name, text in files.items():
        lab.write(f"{name}.yaml", text)
    lab.write("utf16.yaml", "batch_size: 4\n".encode("utf-16"))
    lab.write("latin.yaml", b"experiment_name: caf\xe9\n")
    for name in [*files, "utf16", "latin"]:
        for command in (["optimize", f"{name}.yaml", "--dry-run"], ["benchmark", f"{name}.yaml", "--dry-run", "--budget",
                                                                    "2s"]):
            run = lab.start(*command)
            peak = 0
            while run.alive() and time.monotonic() - run.begin < 15:
                peak = max(peak, memory_kib(run.pid))
                time.sleep(0.01)
            ended = lab.sound(run.wait(5), name)
            lab.must(ended.code == 2 or (name in ("twice", "documents", "percent", "merge") and ended.code in (0, 1, 2)),
                     f"{name}: {ended}")
            lab.must(peak < 300_000 and ended.seconds < 10, f"{name}: {peak // 1024} MiB, {ended.seconds:.1f} s")
    lab.must(not lab.path("pwned").exists(), "code ran")
    lab.note("exit code 2, small")


@attack("5.12")
def _(lab):
    """Images with sides of 2³¹, 0×0, a wrong CRC, cut short, 16 bits, a palette, interlaced, of other formats: named, the
    others used"""
    lab.checkpoint()
    lab.data(3, 0, total_iters=6)
    good = pictures.drawn(seed=1)
    images = {
        "huge.png": pictures.SIGNATURE + pictures.header(2**31 - 1, 2**31 - 1) + good[33:],
        "wide.png": pictures.SIGNATURE + pictures.header(2**31 - 1, 1) + good[33:],
        "none.png": pictures.SIGNATURE + pictures.header(0, 0) + good[33:], "crc.png": good[:60] + b"\0\1\2" + good[63:],
        "cut.png": good[:len(good) // 2], "head.png": good[:20], "empty.png": b"",
        "bits.png": pictures.SIGNATURE + pictures.header(96, 80, 16) + good[33:],
        "colour.png": pictures.SIGNATURE + pictures.header(96, 80, 8, 7) + good[33:], "text.png": b"no image",
        "gif.png": b"GIF89a" + bytes(50), "bmp.png": b"BM" + bytes(60),
        "webp.webp": b"RIFF\x24\0\0\0WEBPVP8L\x18\0\0\0\x2f\xff\xff\xff\xff" + bytes(20), "cut.jpg": pictures.jpeg()[:200],
        "huge.jpg": pictures.jpeg().replace(struct.pack(">HH", 80, 96), b"\xff\xff\xff\xff"), "jpeg.png": pictures.jpeg(),
        "png.jpg": good, "bomb.png": pictures.flat(30000, 30, 9), "one.png": pictures.drawn(1, 1, shapes=0)
    }
    for name, data in images.items():
        lab.write(f"D/{name}", data)
        lab.write(f"data/train/HR/{name}", data)
    lab.write("D/good.png", good)
    for command in IMAGE_COMMANDS:
        ended, peak = peak_mib(lab, *command)
        lab.sound(ended, command[0])
        lab.must(ended.code in (0, 1), f"{command[0]}: {ended}")
        lab.must(peak < 2500, f"{command[0]}: {peak} MiB")
        lab.should("cut.png" in ended.text and "crc.png" in ended.text, f"{command[0]}: a damaged image is not named")
    lab.must(lab.path("O/good_x4.png").exists(), "the good image is not enlarged")
    lab.must(6 in lab.states(), "the run did not go on without the damaged ones")
    lab.note("named, others used")


@attack("5.13")
def _(lab):
    """A FIFO, a socket, devices, folders and loops among the images: passed or named, and nothing hangs"""
    lab.checkpoint()
    lab.data(3, 0, total_iters=6)
    for folder in ("D", "data/train/HR"):
        lab.write(f"{folder}/good.png", pictures.drawn(seed=1))
        os.mkfifo(lab.path(f"{folder}/fifo.png"))
        for name, target in (("zero.png", "/dev/zero"), ("tty.png", "/dev/tty"), ("stdin.png", "/dev/stdin"),
                             ("random.png", "/dev/urandom"), ("proc.png", "/proc/kmsg")):
            os.symlink(target, lab.path(f"{folder}/{name}"))
        lab.path(f"{folder}/folder.png").mkdir()
        deep = lab.path(f"{folder}/deep")
        for _ in range(100):
            deep = deep / "d"
        deep.mkdir(parents=True)
        os.chdir(lab.path(folder))
        server = socket.socket(socket.AF_UNIX)
        server.bind("socket.png")
        os.chdir(lab.folder)
    for command in IMAGE_COMMANDS:
        ended = lab.sound(lab.run(*command, timeout=40), command[0])
        lab.must(ended.code in (0, 1), f"{command[0]}: {ended}")
    lab.must(lab.path("O/good_x4.png").exists(), "the good image is not enlarged")
    lab.note("passed or named")


@attack("5.14", 225)
def _(lab):
    """Three hundred mutated PNG and JPEG, decoded by train, evaluate and upscale: no signal"""
    lab.checkpoint()
    lab.data(2, 0, total_iters=6)
    chance = random.Random(514)
    sources = [pictures.drawn(40, 40, seed=1), pictures.jpeg(40, 40), pictures.jpeg(40, 40, extra=pictures.exif(6))]
    for index in range(300):
        data = bytearray(sources[index % 3])
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(data))
            kind = chance.randrange(3)
            if kind == 0:
                data[at] = chance.randrange(256)
            elif kind == 1:
                del data[at:at + chance.randint(1, 20)]
            else:
                data[at:at] = chance.randbytes(chance.randint(1, 20))
            if not data:
                break
        for folder in ("D", "data/train/HR"):
            lab.write(f"{folder}/{index}.{'png' if index % 3 == 0 else 'jpg'}", bytes(data))
    for command in IMAGE_COMMANDS:
        ended = lab.sound(lab.run(*command, timeout=60), command[0])
        lab.must(ended.code in (0, 1), f"{command[0]}: {ended}")
    lab.note("no signal")


@attack("5.15", 300)
def _(lab):
    """Safetensors with overlaps, offsets of 2⁶⁴, a header of 2⁴⁰ bytes, a name twice, NaN or depth: exit code 1, a reason"""
    import json
    path = lab.path(lab.checkpoint())
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    header, body = json.loads(whole[8:8 + length]), whole[8 + length:]
    lab.photographs("D", 1)
    first = next(name for name in header if name != "__metadata__")

    def packed(changed, data=body):
        text = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
        return len(text).to_bytes(8, "little") + text + data

    def one(**changes):
        return {**header, first: {**header[first], **changes}}

    files = {
        "overlap": packed(one(data_offsets=[0, header[first]["data_offsets"][1] + 4])),
        "offsets": packed(one(data_offsets=[2**64 - 8, 2**64 - 1])), "negative": packed(one(data_offsets=[-4, 4])),
        "shape": packed(one(shape=[2**62, 4])), "zero": packed(one(shape=[0, 0, 0, 0], data_offsets=[0, 0])),
        "type": packed(one(dtype="F128")), "long header": (2**40).to_bytes(8, "little") + whole[8:],
        "largest header": (2**64 - 1).to_bytes(8, "little") + whole[8:], "cut": whole[:-7], "short": whole[:6], "empty": b"",
        "no JSON": packed(b"{" * 1000), "depth": packed(b'{"a":' * 50_000),
        "twice": packed(json.dumps(header).encode()[:-1] + b"," + json.dumps({first: header[first]}).encode()[1:]),
        "list": packed(b"[]"), "nothing": packed(b"{}", b""),
        "missing": packed({name: value
                           for name, value in header.items()
                           if name != first}), "noise": os.urandom(5000), "NaN": packed(header,
                                                                                        b"\xff\xff\xff\x7f" * (len(body) // 4))
    }
    for name, data in files.items():
        lab.write(f"{name}.safetensors", data)
        for command in (["evaluate", f"{name}.safetensors", "D", "--device", "cpu"], ):
            ended, peak = peak_mib(lab, *command)
            lab.sound(ended, name)
            lab.must(ended.code == 1 or name == "NaN", f"{name}: {ended}")
            lab.must(peak < 1500, f"{name}: {peak} MiB")
    lab.note("exit code 1, reason")


@attack("5.16")
def _(lab):
    """A perceptual_weights_file that is missing, noise, a folder, of other tensors: refused before the run, no folder made"""
    network = lab.checkpoint()
    lab.data(4, 0, total_iters=4, patch_size=64)
    lab.write("noise.safetensors", os.urandom(3000))
    lab.write("noise.pth", os.urandom(3000))
    lab.path("folder").mkdir()
    for name in ("nowhere.safetensors", "noise.safetensors", "noise.pth", "folder", network, "/dev/zero"):
        ended = lab.sound(lab.train("--set", "use_perceptual=true", "--set", f"perceptual_weights_file={name}", timeout=20),
                          name)
        lab.must(ended.code in (1, 2), f"{name}: {ended}")
        lab.must(not lab.run_folder().exists(), f"{name}: a folder was made")
    lab.note("before the run")


@attack("5.17")
def _(lab):
    """experiments/.trials with noise, empty and deep files, folders, FIFOs: ignored, measured anew"""
    kept = kept_trials(lab)
    if not kept:
        return

    def fifo(path):
        path.unlink()
        os.mkfifo(path)

    def folder(path):
        path.unlink()
        path.mkdir()

    for harm in (lambda path: path.write_bytes(os.urandom(500)), lambda path: path.write_bytes(b""),
                 lambda path: path.write_text('{"a":' * 20000), folder, fifo):
        for one in kept:
            if one.is_dir():
                one.rmdir()
            elif one.exists() or one.is_symlink():
                one.unlink()
            one.write_text("{}")
            harm(one)
        ended = lab.sound(lab.run(*search, timeout=30), "trials")
        lab.must(ended.code in (0, 1) and (ended.code == 0 or "disturbed" in ended.text or "budget" in ended.text), str(ended))
    lab.note("measured anew")
