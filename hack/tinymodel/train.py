"""Trains the tiny model: `python3 train.py SECONDS OUT [--pictures 192]`, or under torchrun on several GPUs.

What made it learn (before, it stayed at chance): glyphs aligned to patches, about ten questions a picture in one sequence, and an
auxiliary loss on every patch whose head is dropped at export. Visual tokens are never dropped in training.
"""
import argparse
import json
import os
import pathlib
import time

import torch
import torch.distributed as dist
import torch.nn as nn
import torch.nn.functional as F

import data
import export
import render
from model import TinyLlava
from pixels import Blender

SEED = 20261123
CLASSES = 33


class Trainer:
    def __init__(self, args):
        self.rank, self.world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        self.dev = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        torch.cuda.set_device(self.dev)
        if self.world > 1:
            dist.init_process_group("nccl", device_id=self.dev)
        torch.manual_seed(SEED)
        torch.set_float32_matmul_precision("high")
        torch._dynamo.config.recompile_limit = 64
        self.resume, self.out = args.resume, pathlib.Path(args.out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.model = TinyLlava().to(self.dev)
        if args.resume:
            self.model.load_state_dict(export.read_weights(args.resume))
        self.aux = nn.Linear(256, CLASSES * render.LABELS).to(self.dev)
        self.params = [*self.model.parameters(), *self.aux.parameters()]
        self.model.compile_layers()
        torch.manual_seed(SEED + self.rank)
        self.blend = torch.compile(Blender().to(self.dev), dynamic=False)
        self.head_loss = torch.compile(head_loss, dynamic=False)
        self.opt = torch.optim.AdamW(self.params, lr=1e-3, betas=(0.9, 0.95), weight_decay=0.05, fused=True)
        self.batches = data.loader(f"{SEED}/{self.rank}{'/resumed' if args.resume else ''}", args.pictures, args.workers)
        self.budget, self.pictures, self.step, self.fraction, self.lines = args.seconds, args.pictures, 0, 0.0, []

    def log(self, **fields):
        if self.rank == 0:
            self.lines.append(fields)
            print(json.dumps(fields), flush=True)
            (self.out / "train_log.jsonl").write_text("".join(json.dumps(x) + "\n" for x in self.lines))

    def show(self, batch, gamma):
        with torch.no_grad():
            return self.blend(*(batch[k] for k in ("glyph", "shape", "box", "ink", "paper")), gamma)

    def forward(self, batch):
        batch = {k: v.to(self.dev, non_blocking=True) for k, v in batch.items()}
        px = self.show(batch, 0.6 + torch.rand(self.pictures, device=self.dev))
        ids = batch["ids"].long()
        with torch.autocast("cuda", torch.bfloat16):
            seen = self.model.see(px)
            hidden = self.model.read(self.model.embed(ids, seen.reshape(ids.shape[0], -1, seen.shape[-1])))
            loss, right = self.head_loss(hidden[:, 576:], self.model.language_model.lm_head.weight, batch["targets"][:, 576:].long())
            guess = self.aux(seen).reshape(-1, CLASSES)
            aux = F.cross_entropy(guess.float(), batch["label"].reshape(-1).long())
        return loss, aux, right

    def rate(self):
        """Warm-up by steps, then flat, then a linear fall over the last 30 % of the time."""
        return 1e-3 * min(1, (self.step + 1) / 300) * min(1, max(0.01, (1 - self.fraction) / 0.3))

    def aux_weight(self):
        """Less at the end; slowly up at the start, for a resumed model meets a fresh auxiliary head."""
        return (1.5 if self.fraction < 0.7 else 0.3) * min(1, (self.step + 1) / 300)

    def sync(self):
        if self.world > 1:
            grads = [p.grad for p in self.params if p.grad is not None]
            flat = torch._utils._flatten_dense_tensors(grads)
            dist.all_reduce(flat, dist.ReduceOp.AVG)
            for g, f in zip(grads, torch._utils._unflatten_dense_tensors(flat, grads)):
                g.copy_(f)

    def clock(self):
        """All ranks agree on the share of the time that is gone."""
        f = torch.tensor((time.time() - self.start) / self.budget, device=self.dev)
        if self.world > 1:
            dist.broadcast(f, 0)
        self.fraction = f.item()

    def run(self):
        self.start = time.time()
        saved, waited = 0.0, 0.0
        self.log(gpu=torch.cuda.get_device_name(), gpus=self.world, seed=SEED, torch=torch.__version__, resume=bool(self.resume),
                 parameters=sum(p.numel() for p in self.model.parameters()))
        while self.fraction < 1:
            t = time.time()
            batch = next(self.batches)
            waited += time.time() - t
            for g in self.opt.param_groups:
                g["lr"] = self.rate()
            loss, aux, right = self.forward(batch)
            (loss + self.aux_weight() * aux).backward()
            self.sync()
            norm = nn.utils.clip_grad_norm_(self.params, 1.0)
            self.opt.step()
            self.opt.zero_grad(set_to_none=True)
            self.step += 1
            if self.step % 10 == 0:
                self.clock()
            if self.step % 100 == 0 or self.step in (1, 10, 30):
                now = time.time()
                self.log(step=self.step, seconds=round(now - self.start, 1), loss=round(loss.item(), 4), aux=round(aux.item(), 4),
                         right=round(right.item(), 4), norm=round(norm.item(), 3), waited=round(waited, 1))
            if self.step % 1000 == 0:
                self.probe()
            if self.rank == 0 and self.fraction - saved > 0.15:
                saved = self.fraction
                export.write_weights(self.model.state_dict(), self.out / "checkpoint")
        self.log(steps=self.step, seconds=round(time.time() - self.start, 1), pictures_a_step=self.pictures * self.world)
        if self.rank == 0:
            export.write_weights(self.model.state_dict(), self.out / "final")
            (self.out / "done").write_text("ok\n")

    def probe(self):
        """Exact answers on one batch of held-out scenes, by task; uses the training graph, so nothing recompiles."""
        if self.rank:
            return
        rows, scenes = data.exam("probe", self.pictures, length=data.ONE)
        batch = {k: v.to(self.dev) for k, v in data.batch_of(rows, scenes).items()}
        px = self.show(batch, torch.ones(self.pictures, device=self.dev))
        with torch.autocast("cuda", torch.bfloat16):
            hidden = self.model.read(self.model.embed(batch["ids"].long(), self.model.see(px)))
            best = self.model.language_model.lm_head(hidden[:, 576:]).argmax(-1)
        target = batch["targets"][:, 576:]
        exact = ((best == target) | (target < 0)).all(1).tolist()
        score = {}
        for ok, row in zip(exact, rows):
            score.setdefault(row[2][0], []).append(ok)
        self.log(step=self.step, probe={k: f"{sum(v)}/{len(v)}" for k, v in sorted(score.items())})


def head_loss(hidden, weight, targets):
    logits = F.linear(hidden, weight).float()
    loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=-100)
    right = ((logits.argmax(-1) == targets) & (targets >= 0)).sum() / (targets >= 0).sum()
    return loss, right


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("seconds", type=float)
    parser.add_argument("out")
    parser.add_argument("--pictures", type=int, default=192)
    parser.add_argument("--resume", help="a folder of weights to go on from")
    parser.add_argument("--workers", type=int, default=12)
    trainer = Trainer(parser.parse_args())
    trainer.run()
    os._exit(0)  # the loader's workers never end by themselves
