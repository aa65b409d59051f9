"""The PyTorch side of a training step, from plain eager to what an expert writes by hand."""

import contextlib

import torch
import torch.nn.functional as F

from .folded_edsr import TAIL, FoldedEdsr
from .inputs import Edsr
from .settings import Failure, Unavailable
from .vgg19 import Perceptual

CRITERIA = {
    "l1": F.l1_loss,
    "mse": F.mse_loss,
    "charbonnier": lambda sr, hr: torch.sqrt((sr - hr) ** 2 + 1e-12).mean(),
}
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Trainer:
    """Eager: channels-last, autocast, fused AdamW, foreach clipping and EMA, gradients set to None, no waiting for the
    device within a step. With `compile_mode`, model and loss are one compiled function."""

    def __init__(self, settings, weights, device, compile_mode=None):
        self.settings, self.device = settings, device
        self.format = torch.channels_last if settings["channels_last"] else torch.contiguous_format
        self.net = Edsr(settings["base_channels"], settings["num_blocks"], settings["scale_factor"])
        self.net.load_state_dict(weights)
        self.net.to(device, memory_format=self.format)
        self.parameters = list(self.net.parameters())
        optimizers = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}
        if settings["optimizer"] not in optimizers:
            raise Failure(f"PyTorch has no fused {settings['optimizer']}: use --set optimizer=adamw.")
        self.optimizer = optimizers[settings["optimizer"]](
            self.parameters, lr=settings["lr"], weight_decay=settings["weight_decay"], fused=True
        )
        self.average = [p.detach().clone() for p in self.parameters]
        self.criterion = CRITERIA[settings["loss"]]
        self.perceptual = None
        if settings["use_perceptual"]:
            self.perceptual = Perceptual(settings["perceptual_weights_file"], device, self.format)
        self.dtype = DTYPES[settings["amp_dtype"]]
        scaled = settings["use_mixed_precision"] and self.dtype == torch.float16
        self.scaler = torch.amp.GradScaler(device, enabled=scaled)
        self.compile_mode = compile_mode
        # cudagraph_mark_step_begin belongs to the modes that record graphs themselves.
        self.marks_steps = compile_mode == "reduce-overhead"
        self.loss_of = torch.compile(self.plain_loss, mode=compile_mode) if compile_mode else self.plain_loss

    def autocast(self):
        return torch.autocast(self.device, self.dtype, enabled=self.settings["use_mixed_precision"])

    def plain_loss(self, lr, hr):
        with self.autocast():
            sr = self.net(lr)
            loss = self.criterion(sr, hr)
            if self.perceptual:
                loss = loss + self.settings["perceptual_weight"] * self.perceptual(sr, hr)
            return loss

    def to_float(self, images):
        """uint8 NHWC to floats in [0, 1], NCHW, on the device."""
        images = images.to(self.device, non_blocking=True).permute(0, 3, 1, 2)
        return images.float().div_(255).contiguous(memory_format=self.format)

    def step(self, lr_images, hr_images):
        """On uint8 images, in host memory or on the device."""
        return self.step_on(self.to_float(lr_images), self.to_float(hr_images))

    def step_on(self, lr, hr):
        """On floats that lie on the device."""
        if self.marks_steps:
            torch.compiler.cudagraph_mark_step_begin()
        loss = self.loss_of(lr, hr)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        if self.settings["grad_clip"] > 0:
            self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self.parameters, self.settings["grad_clip"], foreach=True)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.settings["ema_decay"] > 0:
            with torch.no_grad():
                torch._foreach_lerp_(self.average, self.parameters, 1 - self.settings["ema_decay"])
        # The memory of what a recorded graph returns is used again by the next step.
        return loss.detach().clone() if self.marks_steps else loss.detach()


class ExpertStep:
    """The expert's step, on any device: forward, loss, backward, clipping, optimiser and EMA without a look at the host.

    compile_mode None leaves the operators as they are. low_precision_weights keeps 16-bit working weights and fp32 masters,
    so that no step converts weights one by one; otherwise autocast converts them. `folded`: the network's linear tail runs as
    one convolution (folded_edsr). `fetch` brings the next batch: () -> (lr, hr) floats; without it the step reads self.lr and
    self.hr. learning_rates, a tensor on the device, makes the schedule part of the step.
    """

    def __init__(self, settings, weights, device, compile_mode, low_precision_weights, fetch=None, learning_rates=None,
                 folded=False):  # fmt: skip
        if settings["optimizer"] not in ("adamw", "adam"):
            raise Unavailable("is written for AdamW or Adam")
        self.settings, self.device = settings, device
        self.fetch, self.learning_rates = fetch, learning_rates
        self.mixed, self.dtype = settings["use_mixed_precision"], DTYPES[settings["amp_dtype"]]
        kind = FoldedEdsr if folded else Edsr
        self.net = kind(settings["base_channels"], settings["num_blocks"], settings["scale_factor"])
        self.net.load_state_dict(weights)
        self.net.to(device, memory_format=torch.channels_last)
        self.keep_masters(low_precision_weights and self.mixed, TAIL if folded else ())
        self.initial = [p.detach().clone() for p in self.masters]
        self.average = [p.detach().clone() for p in self.masters]
        self.make_optimizer(device == "cuda")
        self.done = torch.zeros((), dtype=torch.long, device=device)
        self.criterion = CRITERIA[settings["loss"]]
        self.perceptual = None
        if settings["use_perceptual"]:
            kept = self.dtype if self.mixed and low_precision_weights else torch.float32
            self.perceptual = Perceptual(settings["perceptual_weights_file"], device, torch.channels_last, kept)
        self.loss_of = torch.compile(self.plain_loss, mode=compile_mode) if compile_mode else self.plain_loss

    def keep_masters(self, separate, whole):
        """fp32 masters beside 16-bit working weights; parameters whose names begin with one of `whole` are their own."""
        self.working, self.masters = list(self.net.parameters()), []
        for name, p in self.net.named_parameters():
            if not separate or name.startswith(tuple(whole)):
                self.masters.append(p)
                continue
            master = p.detach().clone()
            master.grad = torch.zeros_like(master)
            p.data = master.to(self.dtype)
            self.masters.append(master)
        pairs = [(p, master) for p, master in zip(self.working, self.masters) if p is not master]
        self.copies, self.copied = [p for p, _ in pairs], [master for _, master in pairs]

    def make_optimizer(self, on_gpu):
        kind = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[self.settings["optimizer"]]
        # On the device, for graphs; a CPU takes a number.
        self.rate = torch.tensor(float(self.settings["lr"]), device=self.device) if on_gpu else float(self.settings["lr"])
        self.optimizer = kind(
            self.masters, lr=self.rate, weight_decay=self.settings["weight_decay"], fused=True, capturable=on_gpu
        )
        self.scale = None
        if self.mixed and self.dtype == torch.float16:  # GradScaler's steps, none of which the host has to see
            self.scale = torch.full((), 65536.0, device=self.device)
            self.growth = torch.zeros((), dtype=torch.int32, device=self.device)
            self.optimizer.found_inf = torch.zeros((), device=self.device)

    def plain_loss(self, lr, hr):
        with torch.autocast(self.device, self.dtype, enabled=self.mixed):
            sr = self.net(lr)
            loss = self.criterion(sr, hr)
            if self.perceptual:
                loss = loss + self.settings["perceptual_weight"] * self.perceptual(sr, hr)
            return loss

    def take_gradients(self, loss):
        # Not backward(): that would leave gradients at the parameters, tied to the stream they were made on.
        gradients = torch.autograd.grad(loss if self.scale is None else loss * self.scale, self.working)
        separate = [gradient for p, master, gradient in zip(self.working, self.masters, gradients) if p is not master]
        if separate:
            torch._foreach_copy_([master.grad for master in self.copied], separate)
        for p, master, gradient in zip(self.working, self.masters, gradients):
            if p is master:
                # Fused optimisers read memory as it lies: parameter and gradient must lie alike.
                p.grad = gradient if gradient.stride() == p.stride() else torch.empty_like(p).copy_(gradient)
        if self.scale is not None:
            self.optimizer.found_inf.zero_()
            gradients = [master.grad for master in self.masters]
            torch._amp_foreach_non_finite_check_and_unscale_(gradients, self.optimizer.found_inf, 1 / self.scale)

    def raw_step(self):
        if self.learning_rates is not None:
            at = self.done.clamp(max=len(self.learning_rates) - 1).view(1)
            self.rate.copy_(self.learning_rates.index_select(0, at).view(()))
        lr, hr = self.fetch() if self.fetch else (self.lr, self.hr)
        loss = self.loss_of(lr, hr)
        self.take_gradients(loss)
        if self.settings["grad_clip"] > 0:
            torch.nn.utils.clip_grad_norm_(self.masters, self.settings["grad_clip"], foreach=True)
        self.optimizer.step()
        if self.scale is not None:
            torch._amp_update_scale_(self.scale, self.growth, self.optimizer.found_inf, 2.0, 0.5, 2000)
        with torch.no_grad():
            if self.copies:
                torch._foreach_copy_(self.copies, self.copied)
            if self.settings["ema_decay"] > 0:
                torch._foreach_lerp_(self.average, self.masters, 1 - self.settings["ema_decay"])
        self.done.add_(1)
        return loss.detach()

    @torch.no_grad()
    def start_over(self):
        torch._foreach_copy_(self.masters, self.initial)
        torch._foreach_copy_(self.average, self.initial)
        if self.copies:
            torch._foreach_copy_(self.copies, self.copied)
        for state in self.optimizer.state.values():
            for value in state.values():
                value.zero_()
        if self.scale is not None:
            self.scale.fill_(65536.0)
            self.growth.zero_()
        self.done.zero_()


class CapturedTrainer(ExpertStep):
    """The expert's step recorded by hand as one CUDA graph; replays run on the batch that lies in self.lr and self.hr."""

    WARM_UP = 3  # lets cuDNN choose, fills the allocator

    def __init__(self, settings, weights, device, *arguments, **more):
        if device != "cuda":
            raise Unavailable("records a CUDA graph, and there is no GPU here")
        super().__init__(settings, weights, device, *arguments, **more)
        self.stream = torch.cuda.Stream()
        self.graph = None

    def capture(self, lr=None, hr=None, alone=contextlib.nullcontext):
        """Warms up and records, then starts training over. Returns the peak of allocated memory in MiB, taken while the
        step is recorded: replays allocate nothing, so that the allocator's count would miss what they use. Within `alone`
        nobody else uses the card: cuDNN chooses by the clock."""
        if lr is not None:
            self.lr, self.hr = lr.clone(), hr.clone()
        self.stream.wait_stream(torch.cuda.current_stream())
        torch.backends.cudnn.benchmark = False
        self.run_steps(1)  # compiles
        with alone():
            torch.backends.cudnn.benchmark = True
            self.run_steps(self.WARM_UP)
            torch.cuda.reset_peak_memory_stats()
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, stream=self.stream):
                self.loss = self.raw_step()
            torch.cuda.synchronize()
        peak_mib = torch.cuda.max_memory_allocated() >> 20
        self.start_over()
        return peak_mib

    def run_steps(self, count):
        with torch.cuda.stream(self.stream):
            for _ in range(count):
                self.raw_step()
        torch.cuda.synchronize()

    def start_over(self):
        super().start_over()
        torch.cuda.synchronize()

    def step_on(self, lr, hr):
        self.lr.copy_(lr)
        self.hr.copy_(hr)
        return self.replay().clone()

    def replay(self):
        self.graph.replay()
        return self.loss

    def release(self):
        """Frees the graph and its memory, so that another candidate has the card to itself."""
        self.graph = None
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
