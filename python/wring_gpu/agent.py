"""Wring's agent inside a foreign PyTorch program: it says how long steps take and what they wait for.

`wring diagnose -- COMMAND` puts this file, as sitecustomize.py, into a private folder that is first in PYTHONPATH; a program
that ignores PYTHONPATH can `import wring_gpu.agent`. Without WRING_AGENT_SOCKET it does nothing. It never imports torch:
it acts once the program has done so, and only in processes that step an optimiser. docs/trial_protocol.md has the messages.

Rules that every line here keeps: no output of the program changes, no object of the program is kept alive, no frame of this
file stands in tracebacks and warnings of its data and steps, and an error in here ends the agent and never the program.
"""
import os
import sys
from _thread import RLock, allocate_lock, get_ident
from _weakref import ref
from time import perf_counter as clock

VERSION = 1
LOADERS = "torch.utils.data.dataloader"
OPTIMIZERS = "torch.optim.optimizer"
COMPILER = "torch._dynamo"
ANSWER_SECONDS = 5.0  # how long the first step waits for a request
POLL_SECONDS = 0.25
GIVE_WAY_SECONDS = 5.0  # how long the program's profiler waits for the end of a step
SEND_SECONDS = 2.0
SETTLE_SECONDS = 10.0  # of warm-up beyond what was asked for, where step times keep moving
SETTLE_STEPS = 8
SETTLE_SHARE = 0.1
RANKS_STEPS = 16  # several ranks go in step, so windows that begin at whole multiples begin together
STRAYED_STEPS = 32  # another optimiser steps so often without the counted one: training has moved on
MIB = 2.0**20
SYNC_TEXT = "called a synchronizing CUDA operation"
SYNC_PATTERN = "(?s).*(called a synchronizing CUDA operation|Synchronization debug mode is a prototype)"

_agent = None  # of this process; None: nothing to do here, or no longer
_seconds_used = 0.0  # by the agent itself until the request


class Gone(Exception):
    """The other side of the socket is no longer there."""


# --- Places in the program ------------------------------------------------------------------------------------------

_OWN, _LIBRARY, _PROGRAM = 1, 2, 3
_kinds = {}  # of files, by their name in tracebacks


def _kind(path):
    kind = _kinds.get(path)
    if kind is None:
        torch_folder = os.path.join(os.path.dirname(getattr(sys.modules.get("torch"), "__file__", None) or "?/?"), "")
        if path == _kind.__code__.co_filename or path.startswith((torch_folder, "<eval_with_key>")):
            kind = _OWN
        elif path.startswith((os.path.dirname(os.__file__) + os.sep, "<frozen ")):
            kind = _LIBRARY
        elif any(os.sep + name + os.sep in path for name in ("site-packages", "dist-packages")):
            kind = _LIBRARY
        else:
            kind = _PROGRAM
        _kinds[path] = kind
    return kind


def _place(frame):
    """(file, line, direct): the innermost frame of the program's own, else of a library other than torch.

    direct: no library stands between that frame and torch.
    """
    library = None
    while frame is not None:
        path = frame.f_code.co_filename
        kind = _kind(path)
        if kind == _PROGRAM:
            return path, frame.f_lineno, library is None
        if kind == _LIBRARY and library is None and not path.startswith("<frozen "):
            library = (path, frame.f_lineno, False)
        frame = frame.f_back
    return library or ("", 0, False)


def _frame_with(code):
    """The innermost frame that runs this code, or None."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    return frame


# --- Small things ---------------------------------------------------------------------------------------------------


def _ask(question, default=None):
    """What the program's or torch's objects answer; an error of theirs is no answer."""
    try:
        return question()
    except Exception:
        return default


def _batches_a_step(batches, steps):
    """A loader that reads one ahead gives one more or one less than the steps took."""
    whole = max(1, round(batches / steps))
    return float(whole) if abs(batches - whole * steps) <= 1 else batches / steps


def _median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _ms(seconds):
    return round(seconds * 1e3, 4)


def _number(value):
    """A whole number as one, so that 64 samples are not 64.0."""
    value = round(value, 3)
    return int(value) if value == int(value) else value


def _whole(value):
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _flag(value):
    return None if value is None else bool(value)


def _wrap(original, wrapper):
    """The wrapper under the original's name and signature. Its __dict__ stays behind: it may hold dynamo's marks."""
    import functools

    return functools.update_wrapper(wrapper, original, updated=())


class Unmeasured(ValueError):
    """Why there is no measurement: in English, and by a key with its arguments for whoever speaks another language."""

    def __init__(self, words, key, **arguments):
        super().__init__(words)
        self.reason = dict(arguments, key=key)

    def refused(self):
        return {"refused": _text(self), "reason": self.reason}


class Facts:
    """What is known of a loader or an optimiser; it holds numbers and names, never the object."""

    def __init__(self, place):
        self.file, self.line, self.direct = place


class Table:
    """Facts by the identity of an object of the program; an entry goes with its object."""

    def __init__(self):
        self.entries = {}

    def get(self, thing):
        entry = self.entries.get(id(thing))
        return entry and entry[1]

    def put(self, thing, facts):
        key, entries = id(thing), self.entries
        entries[key] = (ref(thing, lambda _: entries.pop(key, None)), facts)
        return facts

    def living(self):
        return [(thing, facts) for thing, facts in ((link(), facts) for link, facts in list(self.entries.values()))
                if thing is not None]  # fmt: skip


# --- The socket -----------------------------------------------------------------------------------------------------


class Link:
    """Lines of JSON over a unix stream socket."""

    def __init__(self, path, seconds):
        import json
        import socket

        self.json, self.flags = json, getattr(socket, "MSG_NOSIGNAL", 0)
        self.received = b""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.socket.settimeout(seconds)
            self.socket.connect(path)
            self.file = self.identity()
        except OSError:
            self.socket.close()
            raise Gone() from None

    def identity(self):
        status = os.fstat(self.socket.fileno())
        return status.st_dev, status.st_ino

    def check(self):
        """A program that closes every descriptor may have opened a file of its own under our number: leave that one alone."""
        try:
            same = self.identity() == self.file
        except OSError:
            same = False
        if not same:
            self.socket.detach()
            raise Gone()

    def say(self, event, **fields):
        self.check()
        message = dict({"v": VERSION, "event": event}, **fields)
        line = self.json.dumps(message, ensure_ascii=False, separators=(",", ":")) + "\n"
        try:
            self.socket.settimeout(SEND_SECONDS)
            data = memoryview(line.encode("utf-8", "replace"))
            while data:
                data = data[self.socket.send(data, self.flags):]  # fmt: skip
        except OSError:
            raise Gone() from None

    def hear(self, seconds):
        """The next message, or None where none came in time; 0: without waiting."""
        self.check()
        end = clock() + seconds
        while b"\n" not in self.received:
            try:
                self.socket.settimeout(max(end - clock(), 0.0))
                more = self.socket.recv(65536)
            except (BlockingIOError, InterruptedError):
                return None
            except OSError as error:
                if isinstance(error, TimeoutError) or str(error) == "timed out":
                    return None
                raise Gone() from None
            if not more:
                raise Gone()
            self.received += more
        line, self.received = self.received.split(b"\n", 1)
        return self.json.loads(line.decode("utf-8"))

    def close(self):
        try:
            self.check()
            self.socket.close()
        except (OSError, Gone):
            pass


# --- What is said of loaders and optimisers --------------------------------------------------------------------------


def _describe_loader(facts, loader):
    batch_size = _ask(lambda: loader.batch_size)
    if batch_size is None:  # a batch sampler makes the batches, as accelerate's and transformers' loaders have it
        batch_size = _ask(lambda: loader.batch_sampler.batch_size)
    facts.batch_size = _whole(batch_size)
    facts.dataset = type(_ask(lambda: loader.dataset)).__name__
    facts.num_workers = _whole(_ask(lambda: loader.num_workers)) or 0
    facts.pin_memory = bool(_ask(lambda: loader.pin_memory))
    facts.persistent_workers = bool(_ask(lambda: loader.persistent_workers))
    facts.prefetch_factor = _whole(_ask(lambda: loader.prefetch_factor)) if facts.num_workers else None


def _parameters(optimizer):
    return [tensor for group in optimizer.param_groups for tensor in group["params"]]


def _describe_optimizer(facts, optimizer):
    group = _ask(lambda: optimizer.param_groups[0], {})
    facts.type = type(optimizer).__name__
    facts.fused = _flag(_ask(lambda: group.get("fused")))
    facts.foreach = _flag(_ask(lambda: group.get("foreach")))
    tensors = _ask(lambda: _parameters(optimizer), [])
    facts.tensors = len(tensors)
    facts.elements = _ask(lambda: sum(tensor.numel() for tensor in tensors), 0)
    facts.dtypes, facts.convolutions, facts.channels_last = _ask(lambda: _layout_of(tensors), ({}, 0, 0))
    facts.device = _ask(lambda: tensors[0].device)


def _layout_of(tensors):
    """Elements by type; weights of convolutions, and how many of them lie channels-last."""
    dtypes, convolutions, channels_last = {}, 0, 0
    for tensor in tensors:
        name = str(tensor.dtype).replace("torch.", "")
        dtypes[name] = dtypes.get(name, 0) + tensor.numel()
        if tensor.dim() in (4, 5):
            convolutions += 1
            # Sizes of 1 make both orders contiguous, so the strides decide.
            strides = tensor.stride()
            channels_last += strides[1] == 1 and strides[-1] == tensor.shape[1]
    return dtypes, convolutions, channels_last


def _precision_flags(torch):
    """(matmul, cudnn): whether fp32 may run as TF32. torch 2.9 warns where its older names are read."""
    matmul, convolution = torch.backends.cuda.matmul, torch.backends.cudnn
    if _ask(lambda: matmul.fp32_precision) is None:
        return bool(_ask(lambda: matmul.allow_tf32)), bool(_ask(lambda: convolution.allow_tf32))

    def allowed(*names):
        return next((name for name in names if name != "none"), "none") == "tf32"

    whole = _ask(lambda: torch.backends.fp32_precision, "none")
    of_cudnn = _ask(lambda: convolution.fp32_precision, "none")
    of_convolutions = _ask(lambda: convolution.conv.fp32_precision, "none")
    return allowed(matmul.fp32_precision, whole), allowed(of_convolutions, of_cudnn, whole)


def _compiled_modules(torch):
    """Modules that torch.compile has wrapped; 1 where it compiled functions alone."""
    if COMPILER not in sys.modules:
        return 0
    import gc

    found, compiled = 0, getattr(_ask(lambda: torch._dynamo.eval_frame), "OptimizedModule", ())
    module = torch.nn.Module
    for thing in gc.get_objects():
        kind = type(thing)  # isinstance would ask weakref proxies for what they stand for
        if not issubclass(kind, module):
            continue
        if issubclass(kind, compiled) or thing.__dict__.get("_compiled_call_impl") is not None:
            found += 1
    return found or int(bool(_ask(lambda: torch._dynamo.utils.counters["frames"]["ok"], 0)))


def _memory(torch, device):
    if device.type != "cuda":
        return None
    stats = torch.cuda.memory_stats(device)
    free, total = torch.cuda.mem_get_info(device)
    return {
        "peak_allocated_mib": round(stats.get("allocated_bytes.all.peak", 0) / MIB),
        "peak_reserved_mib": round(stats.get("reserved_bytes.all.peak", 0) / MIB),
        "alloc_retries": stats.get("num_alloc_retries", 0),
        "device_free_mib": round(free / MIB),
        "device_total_mib": round(total / MIB),
    }


def _cores():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _rank(torch):
    """(rank, local rank, world size): as the process group says, else as the launcher's variables do."""

    def variable(name, default):
        return _ask(lambda: int(os.environ[name]), default)

    rank, world = variable("RANK", 0), variable("WORLD_SIZE", 1)
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and _ask(lambda: distributed.is_available() and distributed.is_initialized(), False):
        rank, world = distributed.get_rank(), distributed.get_world_size()
    return rank, variable("LOCAL_RANK", 0 if world == 1 else rank), world


# --- Windows ----------------------------------------------------------------------------------------------------------


class Quiet:
    """What the agent's own calls make torch warn of is not shown; other threads' warnings and the filters stay as they are.

    catch_warnings would make the program's own warnings show again: it voids the registers of what was shown once.
    """

    def __enter__(self):
        import warnings

        self.warnings, self.show = warnings, warnings._showwarnmsg
        thread, show = get_ident(), self.show

        def showwarnmsg(message):
            if get_ident() != thread:
                show(message)

        self.own = warnings._showwarnmsg = showwarnmsg
        # Kineto reads its level once, and writes to standard error what it misses on machines without a GPU.
        self.level = os.environ.get("KINETO_LOG_LEVEL")
        if self.level is None:
            os.environ["KINETO_LOG_LEVEL"] = "99"
        return self

    def __exit__(self, *_):
        if self.level is None:
            os.environ.pop("KINETO_LOG_LEVEL", None)
        if self.warnings._showwarnmsg is self.own:
            self.warnings._showwarnmsg = self.show


class ProfilerGuard:
    """Knows whether the program runs a profiler, and ends the agent's own before the program starts one: there can be one."""

    modules = ("torch.autograd", "torch.autograd.profiler", "torch.autograd.profiler_legacy")
    names = ("_prepare_profiler", "_enable_profiler", "_disable_profiler", "_enable_profiler_legacy", "_disable_profiler_legacy")

    def __init__(self):
        self.open = False
        self.own = None  # the thread in which the agent starts or stops its own
        self.before_programs = None  # called before the program's profiler starts
        self.pairs = {}  # original and wrapper, by name

    def install(self):
        for name in self.names:
            original = getattr(sys.modules.get(self.modules[0]), name, None)
            if original is not None:
                self.pairs[name] = (original, self.wrapper(original, "_disable" not in name))
        self.replace(0, 1)

    def remove(self):
        self.replace(1, 0)
        self.pairs = {}

    def replace(self, old, new):
        for module in filter(None, map(sys.modules.get, self.modules)):
            for name, pair in self.pairs.items():
                if getattr(module, name, None) is pair[old]:
                    setattr(module, name, pair[new])

    def wrapper(self, original, opens):
        def call(*args, **kwargs):
            if self.own != get_ident():
                give_way = self.before_programs
                if opens and give_way is not None:
                    _ask(give_way)
                self.open = opens
            return original(*args, **kwargs)

        return call

    def running(self, torch):
        return self.open or bool(_ask(lambda: torch._C._autograd._profiler_enabled(), False))


class Trace:
    """A few steps under torch.profiler, with a mark at every boundary."""

    def __init__(self, torch, guard, cuda):
        self.torch, self.guard = torch, guard
        self.thread, self.lock = get_ident(), RLock()  # a signal's handler may fork while it is held
        self.steps = 0
        self.running = self.unwanted = False
        # With the state of all threads in one, any of them can stop it. torch before 2.6 keeps it by thread.
        self.anywhere = _ask(lambda: torch._C._profiler._ExperimentalConfig(profile_all_threads=True))
        activities = torch.profiler.ProfilerActivity
        options = {"activities": [activities.CPU] + ([activities.CUDA] if cuda else []), "record_shapes": True,
                   "experimental_config": self.anywhere}  # fmt: skip
        with Quiet(), self.lock:
            guard.before_programs = self.stop  # the program's waits for the lock
            try:
                self.profiler = torch.profiler.profile(acc_events=True, **options)
            except TypeError:  # torch before 2.5 has no acc_events, and no warning where it is missing
                self.profiler = torch.profiler.profile(**options)
            try:
                self.whether_own(self.profiler.start)
            except BaseException:
                guard.before_programs = None
                raise
            self.running = True
        self.mark()

    def whether_own(self, work):
        self.guard.own = get_ident()
        try:
            work()
        finally:
            self.guard.own = None

    def mark(self):
        with self.torch.autograd.profiler.record_function("wring.step"):
            pass

    def step_ended(self):
        if self.unwanted:
            self.stop()
        elif self.running:
            self.mark()
            self.steps += 1

    def stop(self):
        if self.anywhere is None and get_ident() != self.thread:
            return self.ask_to_stop()
        with self.lock:
            if self.running:
                self.running = False
                self.guard.before_programs = None
                with Quiet():
                    self.whether_own(self.profiler.stop)

    def ask_to_stop(self):
        """The thread that started it does so at its next step."""
        from time import sleep

        self.unwanted = True
        end = clock() + GIVE_WAY_SECONDS
        while self.running and clock() < end:
            sleep(0.001)

    def export(self, folder, name):
        """The trace's path; under its name only once it is whole."""
        import gzip
        import shutil

        path, plain, packed = (os.path.join(folder, text) for text in (name, "." + name + ".json", "." + name + ".part"))
        try:
            open(plain, "wb").close()  # Kineto tells standard error of a folder that it cannot write to
            with Quiet():
                self.profiler.export_chrome_trace(plain)
            with open(plain, "rb") as whole, gzip.open(packed, "wb", 1) as out:
                shutil.copyfileobj(whole, out, 1 << 20)
            os.rename(packed, path)
        finally:
            for left in (plain, packed):
                if os.path.exists(left):
                    os.unlink(left)
        return path


class SyncWatch:
    """The lines that make the host wait for the GPU, as torch's debug mode warns of them."""

    def __init__(self, torch):
        import re
        import warnings

        self.torch, self.warnings = torch, warnings
        self.thread = get_ident()
        self.calls = {}  # by file and line
        self.steps = 0
        self.running = False
        if torch.cuda.get_sync_debug_mode() != 0:
            return  # the program looks for them itself
        # Beyond the filters' functions, which would make the program's own warnings show again.
        self.filter = ("always", re.compile(SYNC_PATTERN), UserWarning, None, 0)
        self.filters = warnings.filters
        self.filters.insert(0, self.filter)
        self.show = warnings._showwarnmsg
        self.own = warnings._showwarnmsg = self.showwarnmsg
        self.running = True
        try:
            torch.cuda.set_sync_debug_mode("warn")
        except Exception:
            self.stop()
            raise

    def showwarnmsg(self, message):
        text = str(message.message)
        if SYNC_TEXT in text and self.running:
            self.count()
        elif not (self.running and "Synchronization debug mode is a prototype" in text):
            self.show(message)

    def count(self):
        file, line, _ = _place(sys._getframe(2))
        if not line:  # a thread of torch's own works for the stepping one
            file, line, _ = _place(sys._current_frames().get(self.thread))
        self.calls[file, line] = self.calls.get((file, line), 0) + 1

    def step_ended(self):
        self.steps += 1

    def stop(self):
        if not self.running:
            return
        self.running = False
        if self.warnings._showwarnmsg is self.own:
            self.warnings._showwarnmsg = self.show
        self.torch.cuda.set_sync_debug_mode(0)
        for filters in (self.filters, self.warnings.filters):
            filters[:] = [entry for entry in filters if entry is not self.filter]

    def told(self):
        if not self.steps:
            return None
        ordered = sorted(self.calls.items(), key=lambda entry: -entry[1])
        return [{"file": file, "line": line, "per_step": round(calls / self.steps, 3)} for (file, line), calls in ordered]


class AutocastWatch:
    """The types under which forward passes run, seen as torch.autocast is entered."""

    def __init__(self, torch, device_type):
        self.torch, self.device_type = torch, device_type
        self.entered = {}  # times by type
        self.owner = torch.amp.autocast_mode.autocast
        original = self.original = self.owner.__enter__
        entered, wanted = self.entered, device_type

        def __enter__(autocast):
            result = original(autocast)
            if getattr(autocast, "device", None) == wanted and getattr(autocast, "_enabled", False):
                name = str(getattr(autocast, "fast_dtype", "")).replace("torch.", "")
                entered[name] = entered.get(name, 0) + 1
            return result

        self.wrapper = _unseen_by_dynamo(_wrap(original, __enter__))
        self.owner.__enter__ = self.wrapper

    def stop(self):
        if self.owner.__dict__.get("__enter__") is self.wrapper:
            self.owner.__enter__ = self.original

    def told(self):
        if self.entered:
            return max(self.entered, key=self.entered.get)
        return _ask(self.whole_program)

    def whole_program(self):
        """The type of an autocast that was entered before the agent looked and is still on."""
        torch = self.torch
        if hasattr(torch, "get_autocast_dtype"):  # the older names warn that they are old
            on, kind = torch.is_autocast_enabled(self.device_type), torch.get_autocast_dtype(self.device_type)
        elif self.device_type == "cpu":
            on, kind = torch.is_autocast_cpu_enabled(), torch.get_autocast_cpu_dtype()
        else:
            on, kind = torch.is_autocast_enabled(), torch.get_autocast_gpu_dtype()
        return str(kind).replace("torch.", "") if on else None


# --- The attainable rate ----------------------------------------------------------------------------------------------


class Rate:
    """What one large matrix product reaches on the program's device, in its type and with its settings.

    Its memory comes from the driver and goes back in the order of the program's stream: torch's allocator and the program's
    random numbers see nothing of it. Nothing waits for the GPU: work is queued at one step's end, and read at a later one's.
    """

    types = {"bfloat16": "<i2", "float16": "<f2", "float32": "<f4"}  # numpy has no bfloat16
    sizes = (8192, 4096, 2048)
    times = 5
    least_free = 1 << 30  # bytes on the device, for the program's own needs meanwhile
    patience = 2.0  # seconds of the program's steps

    def __init__(self, torch, device, kind, seconds):
        import ctypes

        self.torch, self.device, self.kind, self.seconds = torch, device, kind, seconds
        self.format, self.item = self.types[kind], 4 if kind == "float32" else 2
        if torch.cuda.get_allocator_backend() != "native" or torch._C._len_torch_dispatch_stack():
            raise ValueError("another allocator, or a mode that sees every operation")
        self.driver = ctypes.CDLL("libcuda.so.1")
        self.number = ctypes.c_uint64
        self.deadline = clock() + self.patience
        self.size, self.tflops = 0, None
        self.queue(self.sizes[-1])  # how fast, roughly?

    def queue(self, size):
        """Queues one product to load the kernel, and those to time."""
        torch, count = self.torch, size * size * self.item
        if torch.cuda.is_current_stream_capturing():
            raise ValueError("a graph is captured")
        with torch.cuda.device(self.device), torch.no_grad():
            if torch.cuda.mem_get_info(self.device)[0] < max(self.least_free, 6 * count):
                raise ValueError("too little memory is free")
            stream = torch.cuda.current_stream(self.device)
            queue, block = self.number(stream.cuda_stream), self.number()
            if self.driver.cuMemAllocAsync(self.pointer(block), self.number(3 * count), queue):
                raise ValueError("the driver gives no memory")
            try:
                self.marks = self.products(block.value, size, stream)
            finally:
                self.driver.cuMemFreeAsync(block, queue)
        self.size = size

    @staticmethod
    def pointer(block):
        import ctypes

        return ctypes.byref(block)

    def products(self, address, size, stream):
        torch = self.torch
        left, right, out = (self.matrix(address + place * size * size * self.item, size) for place in range(3))
        numbers = torch.Generator(self.device)  # zeros would take less power, and be faster
        for matrix in (left, right):
            matrix.normal_(generator=numbers)
        marks = [torch.cuda.Event(enable_timing=True) for _ in range(self.times + 1)]
        for mark in marks:
            torch.mm(left, right, out=out)
            mark.record(stream)
        return marks

    def matrix(self, address, size):
        view = Memory()
        view.__cuda_array_interface__ = {
            "shape": (size, size), "typestr": self.format, "data": (address, False), "version": 2}  # fmt: skip
        matrix = self.torch.as_tensor(view, device=self.device)
        return matrix.view(self.torch.bfloat16) if self.kind == "bfloat16" else matrix

    def step_ended(self, now):
        """True: there is more to come."""
        if not self.marks[-1].query():
            return now < self.deadline
        ms = _median([first.elapsed_time(second) for first, second in zip(self.marks, self.marks[1:])])
        if ms <= 0:
            return False
        wanted = self.sizes[-1]
        for size in self.sizes:
            if (self.times + 1) * ms / 1e3 * (size / self.size) ** 3 <= self.seconds:
                wanted = size
                break
        if self.size == self.sizes[-1] and wanted != self.size:
            self.queue(wanted)
            return True
        self.tflops = 2e-9 * self.size**3 / ms
        return False

    def told(self):
        if self.tflops is None:
            return None
        return {"type": self.kind, "tflops": round(self.tflops, 2), "size": self.size}


class Memory:
    """Memory that torch is to see as a tensor."""


# --- One request ------------------------------------------------------------------------------------------------------


class Request:
    """What is asked for; a field of the wrong kind is named."""

    fields = {"after_steps": int, "after_seconds": float, "steps": int, "max_seconds": float, "trace_steps": int,
              "trace_max_seconds": float, "sync_steps": int, "folder": str}  # fmt: skip

    def __init__(self, message):
        if not isinstance(message, dict) or message.get("v") != VERSION:
            raise ValueError("the request is not of version %d" % VERSION)
        self.id = message.get("id")
        observe = message.get("observe")
        if not isinstance(self.id, int) or not isinstance(observe, dict):
            raise ValueError("the request has no id, or nothing to observe")
        for name, kind in self.fields.items():
            value = observe.get(name)
            if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
                raise ValueError("the request's %s is missing or of the wrong kind" % name)
            setattr(self, name, value)
        self.rate_seconds = observe.get("rate_seconds", 0)  # not known to older versions of wring
        if self.steps < 1:
            raise ValueError("the request's steps are fewer than 1")


class Observation:
    """The windows of one request, driven by the ends of optimisers' steps."""

    def __init__(self, agent, request, torch, device):
        self.agent, self.request, self.torch, self.device = agent, request, torch, device
        self.trace = self.syncs = self.autocast = self.rate = None
        self.trace_told = self.syncs_told = None
        self.summary = None
        self.warm_up()

    def say(self, event, **fields):
        self.agent.link.say(event, id=self.request.id, **fields)

    # Warm-up

    def warm_up(self):
        self.say("phase", phase="warmup")
        self.phase = "warmup"
        self.started = self.ready = None
        self.order = []  # optimisers by their first step
        self.counted = None
        self.durations, self.hook_seconds = [], 0.0
        self.tallies, self.asked = {}, {}
        self.agent.counting = False
        if self.autocast is None:
            self.autocast = _ask(lambda: AutocastWatch(self.torch, self.device.type))

    def step_ended(self, facts, now):
        if self.phase == "warmup":
            self.warm_step(facts, now)
        elif facts is not self.counted or get_ident() != self.thread:
            self.other_step(facts)
        elif self.phase == "steps":
            self.plain_step(now)
        elif self.phase == "rate":
            self.rate_step(now)
        else:
            self.window_step(now)

    def warm_step(self, facts, now):
        if self.started is None:
            self.started = now
        if facts not in self.order:
            self.order.append(facts)
            facts.steps, facts.ends = 0, []
        facts.steps += 1
        facts.ends = facts.ends[-2 * SETTLE_STEPS :] + [now]
        leader = max(self.order, key=lambda other: other.steps)  # the first of those that stepped as often
        if facts is not leader or facts.steps < self.request.after_steps:
            return
        if now - self.started < self.request.after_seconds:
            return
        if self.agent.world > 1 and facts.steps % RANKS_STEPS:
            return
        if self.ready is None:
            self.ready = now
        if self.settled(facts.ends) or now - self.ready >= SETTLE_SECONDS:
            self.begin_steps(facts)

    @staticmethod
    def settled(ends):
        if len(ends) <= 2 * SETTLE_STEPS:
            return False
        durations = [after - before for before, after in zip(ends, ends[1:])]
        before, lately = _median(durations[:SETTLE_STEPS]), _median(durations[SETTLE_STEPS:])
        return abs(lately - before) <= SETTLE_SHARE * before

    # Plain steps

    def begin_steps(self, facts):
        if self.autocast is not None:
            self.autocast.stop()
        self.say("phase", phase="steps")
        self.phase = "steps"
        self.counted, self.thread = facts, get_ident()
        for other in self.order:
            other.steps = other.strayed = other.seen = 0
        self.agent.counting = True
        self.begun = self.last = clock()

    def plain_step(self, now):
        self.counted.steps += 1
        self.durations.append(now - self.last)
        self.last = now
        if len(self.durations) >= self.request.steps or now - self.begun >= self.request.max_seconds:
            self.sum_up()
            self.begin_trace()
        else:
            self.hook_seconds += clock() - now

    def other_step(self, facts):
        if facts not in self.order:
            self.order.append(facts)
            facts.steps = facts.strayed = facts.seen = 0
        if self.phase == "steps":
            facts.steps += 1
        if facts.seen != self.counted.steps:
            facts.seen, facts.strayed = self.counted.steps, 0
        facts.strayed += 1
        if facts.strayed >= STRAYED_STEPS:
            if self.phase == "steps":
                self.warm_up()
            elif get_ident() == self.thread:
                self.end_window()

    def batch_asked(self, facts, started):
        """A loader's __next__ begins. One inside another, as in a dataset that reads a loader, is a part of that."""
        frame, thread = _frame_with(self.agent.next_code), get_ident()
        asked = self.asked.get(thread)
        if asked is not None:
            outer = frame and frame.f_back
            while outer is not None and id(outer) != asked[0]:
                outer = outer.f_back
            if outer is not None and outer.f_code is self.agent.next_code:
                return
        self.asked[thread] = (id(frame), facts, clock())
        if thread == self.thread:
            self.hook_seconds += clock() - started

    def batch_given(self, now):
        thread = get_ident()
        asked = self.asked.get(thread)
        if asked is None or asked[0] != id(_frame_with(self.agent.next_code)):
            return
        del self.asked[thread]
        tally = self.tallies.setdefault((asked[1], thread), [0, 0.0])
        tally[0] += 1
        tally[1] += now - asked[2]
        if thread == self.thread:
            self.hook_seconds += clock() - now

    def sum_up(self):
        self.agent.counting = False
        self.asked = {}
        steps, durations = len(self.durations), sorted(self.durations)
        median = _median(durations)
        tallies = {}  # threads that come and go, as one an epoch, are one, and so are loaders
        living = {facts for _, facts in self.agent.loaders.living()}
        kinds = {tuple(vars(facts).items()): facts for facts in living}
        for (facts, thread), (batches, seconds) in self.tallies.items():
            if facts not in living:
                facts = kinds.setdefault(tuple(vars(facts).items()), facts)
            tally = tallies.setdefault((facts, thread == self.thread), [0, 0.0])
            tally[0] += batches
            tally[1] += seconds
        loaders = sorted((self.loader_told(facts, own, tally, steps) for (facts, own), tally in tallies.items()),
                         key=lambda told: -told["wait_ms"])  # fmt: skip
        feeding = max(loaders, key=lambda told: told["batches"], default=None)
        batches = _batches_a_step(feeding["batches"], steps) if feeding else 0.0
        batch_size = feeding and feeding["batch_size"]
        self.summary = {
            "loaders": loaders,
            "steps": {
                "n": steps,
                "step_ms": {
                    "median": _ms(median),
                    "mad": _ms(_median([abs(duration - median) for duration in durations])),
                    "p95": _ms(durations[min(steps - 1, int(0.95 * steps))]),
                    "n": steps,
                },
                "mean_ms": _ms(sum(durations) / steps),
                "loader_wait_ms": round(sum(told["wait_ms"] for told in loaders if told["in_stepping_thread"]), 4),
                "batches_per_step": round(batches, 4),
                "samples_per_step": _number(batch_size * batches) if batch_size and batches else None,
                "hook_us": round(self.hook_seconds / steps * 1e6, 2),
            },
        }

    @staticmethod
    def loader_told(facts, in_stepping_thread, tally, steps):
        return {
            "file": facts.file, "line": facts.line, "dataset": facts.dataset, "batch_size": facts.batch_size,
            "num_workers": facts.num_workers, "pin_memory": facts.pin_memory,
            "persistent_workers": facts.persistent_workers, "prefetch_factor": facts.prefetch_factor,
            "wait_ms": _ms(tally[1] / steps), "in_stepping_thread": in_stepping_thread, "batches": tally[0],
        }  # fmt: skip

    # Trace and synchronisations

    def begin_trace(self):
        if self.request.trace_steps < 1:
            return self.begin_syncs()
        if self.agent.guard.running(self.torch):
            self.trace_told = Unmeasured("the program runs a profiler of its own", "own_profiler").refused()
            return self.begin_syncs()
        self.say("phase", phase="trace")
        self.phase = "trace"
        try:
            self.trace = Trace(self.torch, self.agent.guard, self.device.type == "cuda")
        except (RuntimeError, Warning) as error:
            self.trace_told = Unmeasured("the profiler did not start: %s" % error, "no_profiler", error=_text(error)).refused()
            return self.begin_syncs()
        self.begun = clock()

    def window_step(self, now):
        window = self.trace if self.phase == "trace" else self.syncs
        window.step_ended()
        self.counted.strayed += 1  # others see that it goes on
        wanted = self.request.trace_steps if self.phase == "trace" else self.request.sync_steps
        late = self.phase == "trace" and now - self.begun >= self.request.trace_max_seconds
        if window.steps >= wanted or late or not window.running:
            self.end_window()

    def end_window(self):
        if self.phase == "trace":
            self.end_trace()
            self.begin_syncs()
        elif self.phase == "syncs":
            self.end_syncs()
            self.begin_rate()
        else:
            self.finish()

    def end_trace(self):
        trace, self.trace = self.trace, None
        self.say("phase", phase="export")
        trace.stop()
        if not trace.steps or trace.running:
            words = "the program started a profiler of its own, or forked, within the first step"
            self.trace_told = Unmeasured(words, "profiler_in_between").refused()
            return
        rank = _rank(self.torch)[0]
        try:
            path = trace.export(self.request.folder, "rank%d-%d.json.gz" % (rank, os.getpid()))
            self.trace_told = {"path": path, "steps": trace.steps}
        except (OSError, RuntimeError) as error:
            told = Unmeasured("the trace could not be written: %s" % error, "unwritten", error=_text(error))
            self.trace_told = told.refused()

    def begin_syncs(self):
        if self.request.sync_steps < 1 or self.device.type != "cuda":
            return self.begin_rate()
        self.say("phase", phase="syncs")
        self.phase = "syncs"
        self.syncs = SyncWatch(self.torch)
        if not self.syncs.running:
            self.syncs = None
            return self.begin_rate()

    def end_syncs(self):
        syncs, self.syncs = self.syncs, None
        syncs.stop()
        self.syncs_told = syncs.told()

    # The attainable rate

    def begin_rate(self):
        kind = self.product_type()
        if not self.request.rate_seconds or self.device.type != "cuda" or kind not in Rate.types:
            return self.finish()
        if self.agent.guard.running(self.torch):  # it would see our products
            return self.finish()
        self.say("phase", phase="rate")
        self.phase = "rate"
        with Quiet():
            self.rate = _ask(lambda: Rate(self.torch, self.device, kind, self.request.rate_seconds))
        if self.rate is None:
            self.finish()

    def rate_step(self, now):
        self.counted.strayed += 1
        with Quiet():
            goes_on = _ask(lambda: self.rate.step_ended(now), False)
        if not goes_on:
            self.finish()

    def product_type(self):
        autocast = self.autocast and self.autocast.told()
        return autocast or max(self.counted.dtypes, key=self.counted.dtypes.get, default=None)

    # The end

    def finish(self):
        self.agent.look = None
        with Quiet():
            facts = self.facts_told()
        self.say("done", outcome="ok", steps=self.summary["steps"], loaders=self.summary["loaders"], **facts)

    def facts_told(self):
        torch, optimizers, counted = self.torch, self.optimizers_told(), self.counted
        matmul, convolution = _ask(lambda: _precision_flags(torch), (False, False))
        return dict(
            optimizers=optimizers,
            precision={"autocast": self.autocast and self.autocast.told(), "parameters": counted.dtypes,
                       "tf32_matmul": matmul, "tf32_cudnn": convolution},
            layout={"conv_weights": counted.convolutions, "channels_last": counted.channels_last},
            compiled_modules=_ask(lambda: _compiled_modules(torch), 0),
            cudnn_benchmark=bool(_ask(lambda: torch.backends.cudnn.benchmark)),
            deterministic=bool(_ask(torch.are_deterministic_algorithms_enabled)
                               or _ask(lambda: torch.backends.cudnn.deterministic)),
            memory=_ask(lambda: _memory(torch, self.device)), cpu_cores=_cores(),
            trace=self.trace_told, syncs=self.syncs_told, rate=self.rate and self.rate.told(),
        )  # fmt: skip

    def optimizers_told(self):
        for optimizer, facts in self.agent.optimizers.living():
            if facts in self.order:
                _describe_optimizer(facts, optimizer)
        told = [
            {"file": facts.file, "line": facts.line, "type": facts.type, "fused": facts.fused, "foreach": facts.foreach,
             "tensors": facts.tensors, "elements": facts.elements, "steps": facts.steps, "counted": facts is self.counted}
            for facts in self.order if facts.steps or facts is self.counted
        ]  # fmt: skip
        return sorted(told, key=lambda one: not one["counted"])

    def program_ends(self):
        """Whatever is known by now is told."""
        if self.phase == "warmup" or not (self.durations or self.summary):
            steps = max((facts.steps for facts in self.order), default=0)
            words = "the program ended after %d steps, before the ones to measure" % steps
            raise Unmeasured(words, "ended_early", steps=steps)
        if self.summary is None:
            self.sum_up()
        if self.trace is not None:
            self.end_trace()
        if self.syncs is not None:
            self.end_syncs()
        self.finish()

    def abandon(self):
        """Puts back whatever the windows have changed."""
        for window in (self.autocast, self.trace, self.syncs):
            if window is not None:
                _ask(window.stop)


# --- The agent of a process -------------------------------------------------------------------------------------------


class Agent:
    def __init__(self, path, guard=None):
        self.path = path
        self.link = self.look = None  # the socket; the observation that runs
        self.tried = False
        self.world = 1  # ranks
        self.counting = False  # loaders' waits count now
        self.loaders, self.optimizers = Table(), Table()
        self.guard = guard or ProfilerGuard()
        self.next_code = self.step_code = None
        self.next_poll = 0.0
        self.lock = allocate_lock()

    def before_fork(self):
        """A child would keep torch's profiler on for good: the trace ends with the steps that it has."""
        give_way = self.guard.before_programs
        if give_way is not None:
            give_way()

    def after_fork(self):
        """A child of a process that is looked at is none to look at; another is a process of its own."""
        self.guard.before_programs = self.guard.own = None
        if self.link is not None:
            if self.look is not None:
                for window in (self.look.autocast, self.look.syncs):
                    if window is not None:
                        window.running = False
            self.link.close()
        if self.tried:
            return None
        child = Agent(self.path, self.guard)
        child.loaders, child.optimizers = self.loaders, self.optimizers
        child.next_code, child.step_code = self.next_code, self.step_code
        return child

    # What the hooks call

    def loader_made(self, loader):
        place = _place(sys._getframe(2))
        dataset = loader.__dict__.get("dataset")
        if not place[2]:  # a library rebuilds the program's loader: the program's line is the one to change
            for other, facts in self.loaders.living():
                if facts.direct and other is not loader and other.__dict__.get("dataset") is dataset:
                    place = (facts.file, facts.line, True)
        self.loaders.put(loader, Facts(place))

    def iterator_made(self, iterator, loader):
        from itertools import repeat

        facts = self.loaders.get(loader) or self.loaders.put(loader, Facts(_place(sys._getframe(2))))
        _describe_loader(facts, loader)
        # map() calls one after the other without a frame of its own, so tracebacks and warnings keep their lines.
        asked = map(_hooks["asked"], repeat(ref(iterator)), repeat(facts))
        iterator._next_data = map(_hooks["given"], map(type(iterator)._next_data, asked)).__next__

    def optimizer_made(self, optimizer):
        if self.optimizers.get(optimizer) is None:
            self.optimizers.put(optimizer, Facts(_place(sys._getframe(2))))

    def step_ended(self, optimizer, now):
        if self.link is not None and self.look is None and now < self.next_poll:
            return
        if not self.lock.acquire(False):
            return  # another thread's step ends at the same time
        try:
            frame = _frame_with(self.step_code)
            outer = frame and frame.f_back
            while outer is not None and outer.f_code is not self.step_code:
                outer = outer.f_back
            if outer is None:  # a step within another's step is a part of that
                self.step(optimizer, now)
        finally:
            self.lock.release()

    def step(self, optimizer, now):
        if self.link is None:
            if self.tried or not self.connect(optimizer):
                return
            now = clock()
        elif now >= self.next_poll:
            self.poll(now)
        if self.look is not None:
            self.look.step_ended(self.known(optimizer), now)

    def known(self, optimizer):
        facts = self.optimizers.get(optimizer)
        if facts is None:
            facts = self.optimizers.put(optimizer, Facts(_place(sys._getframe(1))))
        if not hasattr(facts, "type"):
            _describe_optimizer(facts, optimizer)
        return facts

    # The conversation

    def connect(self, optimizer):
        """At the first step: says hello, waits for the request. False: not now."""
        torch = sys.modules["torch"]
        self.torch, self.device = torch, self.known(optimizer).device or torch.device("cpu")
        worker = sys.modules.get("torch.utils.data._utils.worker")
        if getattr(worker, "_worker_info", None) is not None:
            return self.quit() or False
        if self.device.type == "cuda" and _ask(torch.cuda.is_current_stream_capturing, False):
            return False  # questions to the device would spoil the graph
        self.tried = True
        wait = _ask(lambda: float(os.environ["WRING_AGENT_ANSWER_SECONDS"]), ANSWER_SECONDS)
        began = clock()
        self.link = Link(self.path, wait)
        import atexit

        atexit.register(_at_exit)
        self.say_hello(torch, _seconds_used + clock() - began)
        request = self.link.hear(wait)
        if request is None:
            raise Gone()
        self.begin(request)
        return True

    def say_hello(self, torch, seconds):
        cuda = self.device.type == "cuda"
        properties = _ask(lambda: torch.cuda.get_device_properties(self.device)) if cuda else None
        uuid = getattr(properties, "uuid", None)
        rank, local_rank, world = _rank(torch)
        self.world = world
        self.link.say(
            "hello", pid=os.getpid(), rank=rank, local_rank=local_rank, world_size=world,
            argv=[_text(word)[:200] for word in getattr(sys, "argv", [])[:64]], cwd=_text(_ask(os.getcwd, "")),
            python="%d.%d.%d" % sys.version_info[:3], torch=str(torch.__version__), device=str(self.device),
            device_name=getattr(properties, "name", None), device_uuid=None if uuid is None else "GPU-%s" % uuid,
            startup_ms=_ms(seconds),
        )  # fmt: skip

    def begin(self, message):
        request = Request(message)
        self.request_id = request.id
        self.look = Observation(self, request, self.torch, self.device)

    def poll(self, now):
        self.next_poll = now + POLL_SECONDS
        message = self.link.hear(0.0)
        if message is not None and self.look is None:
            self.begin(message)

    # The end

    def failed(self, error):
        """Ends the agent after an error in it. True: the error is the program's, such as a signal handler's, and must go on."""
        programs = False
        trace = error.__traceback__
        while trace is not None:
            programs, trace = _kind(trace.tb_frame.f_code.co_filename) == _PROGRAM, trace.tb_next
        if self.link is not None and not isinstance(error, Gone):
            message = "%s: %s" % (type(error).__name__, error) if not isinstance(error, ValueError) else str(error)
            if self.look is not None:
                self.look.abandon()
            reason = error.reason if isinstance(error, Unmeasured) else {"key": "agent_error", "error": _text(message)}
            _ask(lambda: self.link.say("done", id=getattr(self, "request_id", 0), outcome="error",
                                       message=_text(message), reason=reason))  # fmt: skip
        self.quit()
        return programs

    def quit(self):
        """For good: the program runs on as if the agent had never been there."""
        global _agent
        _agent = None
        if self.look is not None:
            self.look.abandon()
        self.look, self.counting = None, False
        self.guard.remove()
        if self.link is not None:
            self.link.close()


def _text(text):
    """Text that is valid in JSON, whatever bytes an argument or a folder's name has."""
    return str(text).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


# --- Hooks ------------------------------------------------------------------------------------------------------------
# They stay where they are when the agent ends, and do nothing then: taking one away while torch goes through its list of
# hooks would be an error in the program's step.


def _step_ended(optimizer, args, kwargs):
    agent = _agent
    if agent is not None:
        now = clock()
        try:
            agent.step_ended(optimizer, now)
        except Exception as error:
            if agent.failed(error):
                raise
        except BaseException:
            agent.quit()
            raise


def _batch_asked(link, facts):
    agent = _agent
    if agent is not None and agent.counting:
        started = clock()
        try:
            agent.look.batch_asked(facts, started)
        except Exception as error:
            if agent.failed(error):
                raise
    return link()


def _batch_given(batch):
    agent = _agent
    if agent is not None and agent.counting:
        now = clock()
        try:
            agent.look.batch_given(now)
        except Exception as error:
            if agent.failed(error):
                raise
    return batch


def _made(note, *things):
    """Notes that the program made something."""
    agent = _agent
    if agent is not None:
        try:
            getattr(agent, note)(*things)
        except Exception as error:
            if agent.failed(error):
                raise


_hooks = {"asked": _batch_asked, "given": _batch_given, "step": _step_ended}


def _unseen_by_dynamo(function):
    """Marked so that a compiled region that calls it runs it as it is."""
    dynamo = sys.modules.get(COMPILER)
    disable = getattr(dynamo, "disable", None)
    return function if disable is None else _ask(lambda: disable(function), function)


def _hook_loaders(module):
    loader, iterator = module.DataLoader, module._BaseDataLoaderIter
    _agent.next_code = iterator.__next__.__code__
    set_attribute = loader.__setattr__

    def __setattr__(self, attr, val):
        set_attribute(self, attr, val)
        if attr == "dataset":
            _made("loader_made", self)

    loader.__setattr__ = _wrap(set_attribute, __setattr__)
    make = iterator.__new__

    def __new__(cls, *args, **kwargs):
        made = make(cls)
        if args:
            _made("iterator_made", made, args[0])
        return made

    iterator.__new__ = staticmethod(__new__)


def _hook_optimizers(module):
    optimizer = module.Optimizer
    name = "_patch_step_function" if hasattr(optimizer, "_patch_step_function") else "_hook_for_profile"
    prepare = getattr(optimizer, name)
    register = getattr(module, "register_optimizer_step_post_hook", None)

    def prepared(self, *args, **kwargs):
        result = prepare(self, *args, **kwargs)
        _made("optimizer_made", self)
        if register is None:
            _hook_step_of(type(self))
        return result

    setattr(optimizer, name, _wrap(prepare, prepared))
    if register is not None:
        profiled = optimizer.profile_hook_step.__code__
        _agent.step_code = next((code for code in profiled.co_consts if getattr(code, "co_name", "") == "wrapper"), None)
        _hooks["handle"] = register(_hooks["step"])
    _agent.guard.install()


def _hook_step_of(kind):
    """torch 1.13 has no hooks of steps: the class's step itself is wrapped, once."""
    step = kind.step
    if getattr(step, "_wring", False):
        return

    def hooked(self, *args, **kwargs):
        result = step(self, *args, **kwargs)
        _hooks["step"](self, args, kwargs)
        return result

    kind.step = _wrap(step, hooked)
    kind.step._wring = kind.step.hooked = True
    _agent.step_code = hooked.__code__


def _hook_compiler(_):
    """From now on steps can be compiled: the hooks are to run as they are within them."""
    for name in ("asked", "given", "step"):
        _hooks[name] = _unseen_by_dynamo(_hooks[name])
    handle = _hooks.get("handle")
    if handle is not None:
        hooks = handle.hooks_dict_ref()
        if hooks is not None and handle.id in hooks:
            hooks[handle.id] = _hooks["step"]


_hook_of = {LOADERS: _hook_loaders, OPTIMIZERS: _hook_optimizers, COMPILER: _hook_compiler}


def _hook_module(name, module):
    global _seconds_used
    if _agent is None:
        return
    began = clock()
    try:
        _hook_of[name](module)
    except Exception as error:
        _agent.failed(error)
    _seconds_used += clock() - began


class Finder:
    """Hooks a module once it is loaded. It finds nothing by itself: it asks the finders after it."""

    def __init__(self):
        self.wanted = set(_hook_of)

    def find_spec(self, name, path=None, target=None):
        if name not in self.wanted or _agent is None:
            return None
        finders = list(sys.meta_path)
        for finder in finders[finders.index(self) + 1 :] if self in finders else ():
            find = getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find is not None else None
            if spec is not None:
                self.watch(name, spec.loader)
                return spec
        return None

    def watch(self, name, loader):
        load = getattr(loader, "exec_module", None)
        if load is None:
            return

        def exec_module(module):
            del loader.exec_module
            load(module)
            self.wanted.discard(name)
            _hook_module(name, module)

        try:
            loader.exec_module = exec_module
        except AttributeError:
            pass  # a loader that takes no attribute: this program is not looked at


# --- Beginning and end ------------------------------------------------------------------------------------------------


def _before_fork():
    if _agent is not None:
        _ask(_agent.before_fork)


def _after_fork():
    global _agent
    if _agent is not None:
        _agent = _ask(_agent.after_fork)


def _at_exit():
    agent = _agent
    if agent is None:
        return
    try:
        if agent.look is not None:
            agent.look.program_ends()
    except Exception as error:
        agent.failed(error)
    if _agent is not None:
        agent.quit()


def _install():
    """Once a process, whether it came as sitecustomize or was imported."""
    global _agent, _seconds_used
    path = os.environ.get("WRING_AGENT_SOCKET")
    if not path or hasattr(sys, "_wring_agent"):
        return
    began = clock()
    sys._wring_agent = sys.modules[__name__]  # as sitecustomize it has no name
    _agent = Agent(path)
    finder = Finder()
    for name in (LOADERS, OPTIMIZERS, COMPILER):
        module = sys.modules.get(name)
        if module is not None:
            finder.wanted.discard(name)
            _hook_module(name, module)
    sys.meta_path.insert(0, finder)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
    _seconds_used += clock() - began


def _chain():
    """Imports the sitecustomize that this one stands before; where there is none, it fails as without the agent."""
    own = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [folder for folder in sys.path if os.path.realpath(folder or ".") != own]
    del sys.modules["sitecustomize"]
    import sitecustomize  # noqa: F401


_install()
if __name__ == "sitecustomize":
    _chain()
