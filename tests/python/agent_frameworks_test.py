#!/usr/bin/env python3
"""The agent in programs whose loop is a library's: Lightning, LightningCLI, transformers, accelerate; and in several ranks.

Usage: agent_frameworks_test.py, with WRING_TEST_PYTHON naming a Python that has torch and, for all but the ranks, those
libraries. Exits with 77 (skipped) without torch.
"""
import subprocess
import sys
import unittest

from agent_server import PRELUDE, SKIPPED, Bench, torch_python

LIGHTNING = """
import warnings
warnings.simplefilter("ignore")
import lightning
class Linear(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.model = model
    def training_step(self, batch, _):
        return loss(batch, self.model)
    def configure_optimizers(self):
        return torch.optim.Adam(self.model.parameters())
class UntilObserved(lightning.Callback):
    def on_train_batch_end(self, trainer, *_):
        trainer.should_stop = not running()
quiet = dict(accelerator="cpu", devices=1, logger=False, enable_checkpointing=False, enable_model_summary=False,
             enable_progress_bar=False, max_epochs=-1, min_epochs=0)
"""

FIT = LIGHTNING + """
lightning.Trainer(callbacks=[UntilObserved()], **quiet).fit(Linear(), DataLoader(data, batch_size=8))
"""

CLI = LIGHTNING + """
from lightning.pytorch.cli import LightningCLI
class Data(lightning.LightningDataModule):
    def __init__(self, batch: int = 4):
        super().__init__()
        self.batch = batch
    def train_dataloader(self):
        return DataLoader(data, batch_size=self.batch)
LightningCLI(Linear, Data, args=["fit", "--data.batch", "16"], save_config_callback=None,
             trainer_defaults=dict(quiet, callbacks=[UntilObserved()]))
"""

TRANSFORMERS = """
import transformers
class Tokens(Dataset):
    def __len__(self):
        return 1000
    def __getitem__(self, index):
        tokens = torch.arange(8)
        return {"input_ids": tokens, "labels": tokens}
class UntilObserved(transformers.TrainerCallback):
    def on_step_end(self, arguments, state, control, **_):
        control.should_training_stop = not running()
config = transformers.GPT2Config(n_layer=1, n_embd=8, n_head=1, vocab_size=8, bos_token_id=0, eos_token_id=0)
arguments = transformers.TrainingArguments(
    "out", num_train_epochs=1000, per_device_train_batch_size=2, gradient_accumulation_steps=2, report_to=[],
    save_strategy="no", use_cpu=True, disable_tqdm=True)
transformers.Trainer(transformers.GPT2LMHeadModel(config), arguments, train_dataset=Tokens(),
                     callbacks=[UntilObserved()]).train()
"""

ACCELERATE = """
from accelerate import Accelerator
accelerator = Accelerator(cpu=True)
net, optimizer, loader = accelerator.prepare(model, torch.optim.SGD(model.parameters(), lr=0.1), DataLoader(data, batch_size=8))
for batch in batches(loader):
    optimizer.zero_grad()
    accelerator.backward(loss(batch, net))
    optimizer.step()
"""

RANKS = """
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data.distributed import DistributedSampler
dist.init_process_group("gloo")
net = DistributedDataParallel(model)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
loader = DataLoader(data, batch_size=4, sampler=DistributedSampler(data))
going = torch.ones(1)
while going.item():
    for batch in loader:
        optimizer.zero_grad()
        loss(batch, net).backward()
        optimizer.step()
        going.fill_(running())
        dist.all_reduce(going, op=dist.ReduceOp.MAX)
        if not going.item():
            break
dist.destroy_process_group()
"""


class Frameworks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bench = Bench(torch_python())

    @classmethod
    def tearDownClass(cls):
        cls.bench.close()

    def observed(self, text, *packages, flags=()):
        """What each process said at the end, by rank."""
        for package in packages:
            found = "import importlib.util, sys; sys.exit(importlib.util.find_spec(%r) is None)" % package
            if subprocess.run([self.bench.python, "-c", found]).returncode:
                self.skipTest("%s is not installed" % package)
        run = self.bench.run(PRELUDE + text, flags=flags)
        self.assertEqual(run.code, 0, run.err.decode())
        said = sorted(run.conversations, key=lambda messages: messages[0]["rank"])
        for messages in said:
            self.assertEqual((messages[-1]["event"], messages[-1].get("outcome")), ("done", "ok"), messages[-1])
            self.assertEqual(messages[-1]["steps"]["n"], 20)
        return run, said

    def assert_seen(self, text, package, optimizer, batches, samples, loader_line):
        run, (messages,) = self.observed(text, *package.split())
        steps, loaders = messages[-1]["steps"], messages[-1]["loaders"]
        self.assertEqual((steps["batches_per_step"], steps["samples_per_step"]), (batches, samples))
        self.assertEqual([one["type"] for one in messages[-1]["optimizers"] if one["counted"]], [optimizer])
        (line,) = [number for number, line in enumerate(run.path.read_text().splitlines(), 1) if loader_line in line]
        self.assertEqual([(one["file"], one["line"]) for one in loaders], [(str(run.path), line)])

    def test_lightnings_trainer_steps_once_a_batch(self):
        self.assert_seen(FIT, "lightning", "Adam", 1.0, 8, "DataLoader(data, batch_size=8)")

    def test_lightnings_command_line_is_a_program_like_others(self):
        self.assert_seen(CLI, "lightning jsonargparse", "Adam", 1.0, 16, "return DataLoader(data, batch_size=self.batch)")

    def test_the_trainer_of_transformers_gathers_batches_for_a_step(self):
        self.assert_seen(TRANSFORMERS, "transformers accelerate", "AdamW", 2.0, 4, "callbacks=[UntilObserved()]).train()")

    def test_what_accelerate_has_prepared_has_the_programs_places(self):
        self.assert_seen(ACCELERATE, "accelerate", "SGD", 1.0, 8, "net, optimizer, loader = accelerator.prepare(")

    def test_every_rank_says_its_own(self):
        _, said = self.observed(RANKS, flags=["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"])
        self.assertEqual([(messages[0]["rank"], messages[0]["world_size"]) for messages in said], [(0, 2), (1, 2)])
        self.assertEqual([messages[-1]["steps"]["samples_per_step"] for messages in said], [4, 4])


if __name__ == "__main__":
    if torch_python() is None:
        print("skipped: no Python with torch (WRING_TEST_PYTHON names one)")
        sys.exit(SKIPPED)
    unittest.main()
