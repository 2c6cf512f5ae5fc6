"""Scores of an exported model: exact answers by task on held-out scenes, and with visual KV evicted after the prefill.

`python3 evaluate.py tasks|eviction WEIGHTS OUT.json [--n 1024]`. f32 with the bf16 weights, no tf32. An answer is exact when every token that greedy
decoding would choose equals the truth, the end of turn included; the forced answer gives the same verdict in one pass.
"""
import argparse
import json
import math
import multiprocessing
import time

import torch

import data
import export
import scenes as sc
from model import TinyLlava, rope
from pixels import Blender, normalise

START = len(data.Chat().opening(1)) - 1 - 576   # first visual row with the default system prompt
VISUAL = slice(START, START + 576)
TEXT = START + 576                              # first text row behind the picture


def interval(k, n, z=1.96):
    """Wilson's 95 % interval."""
    p, d = k / n, 1 + z * z / n
    mid, half = (p + z * z / (2 * n)) / d, z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / d
    return [round(mid - half, 4), round(mid + half, 4)]


class Examiner:
    def __init__(self, weights, noisy=True):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        self.model = TinyLlava().cuda().eval()
        self.model.load_state_dict(export.read_weights(weights))
        self.blend, self.noisy = Blender().cuda(), noisy

    def load(self, rows, scenes):
        batch = {k: v.cuda() for k, v in data.batch_of(rows, scenes).items()}
        tables = [batch[k] for k in ("glyph", "shape", "box", "ink", "paper")]
        px = self.blend(*tables) if self.noisy else normalise(self.blend.clean(*tables).round().clamp(0, 255))
        ids = batch["ids"].long()
        return ids, batch["targets"].long(), self.model.embed(ids, self.model.see(px).reshape(ids.shape[0], -1, 256))

    def verdict(self, hidden, targets):
        best = self.model.language_model.lm_head(hidden).argmax(-1)
        return ((best == targets) | (targets < 0)).all(1)

    @torch.no_grad()
    def full(self, rows, scenes, pictures=1, size=64):
        out = []
        for i in range(0, len(rows), size):
            ids, targets, x = self.load(rows[i:i + size], scenes[i * pictures:(i + size) * pictures])
            out += self.verdict(self.model.read(x), targets).tolist()
        return out

    def scores(self, x, prompt, policy):
        """Importance of every visual row in every layer (layers, B, 576), from the text rows of the prompt alone."""
        b, n, _ = x.shape
        cos, sin = rope(torch.arange(n, device=x.device)[None])
        rows = torch.arange(TEXT, n, device=x.device)
        observed = rows[None] < prompt[:, None]                      # (B, R)
        last = (prompt - 1 - TEXT)[:, None, None, None]
        out = []
        for layer in self.model.language_model.model.layers:
            q, k, _ = layer.self_attn.qkv(layer.input_layernorm(x), cos, sin)
            logits = q[:, :, TEXT:] @ k.repeat_interleave(2, 1).transpose(-1, -2) / 8
            logits = logits.masked_fill(torch.arange(n, device=x.device)[None] > rows[:, None], -torch.inf)
            if policy == "random":
                score = torch.rand(b, 576, device=x.device)
            elif policy == "last":
                row = logits.gather(2, last.expand(-1, 4, 1, n)).softmax(-1)
                score = row[:, :, 0, VISUAL].mean(1)
            else:
                keep = observed
                if policy == "elite":                                # rows that the last row attends to most
                    row = logits.gather(2, last.expand(-1, 4, 1, n))[:, :, 0, TEXT:]
                    p = row.masked_fill(~observed[:, None], -torch.inf).softmax(-1).mean(1)
                    keep = p >= 0.9 * p.amax(-1, keepdim=True)
                    hidden = torch.ones(b, n, dtype=torch.bool, device=x.device)
                    hidden[:, VISUAL] = False
                    hidden[:, TEXT:] &= ~keep
                    logits = logits.masked_fill(hidden[:, None, None], -torch.inf)
                att = logits.masked_fill(~keep[:, None, :, None], 0).softmax(-1)[..., VISUAL].mean(1)
                score = (att * keep[..., None]).sum(1) / keep.sum(1, keepdim=True)
            out.append(score)
            x = layer(x, cos, sin)
        return torch.stack(out)

    @torch.no_grad()
    def evicted(self, rows, scenes, policy, share, size=64):
        out = []
        for i in range(0, len(rows), size):
            part = rows[i:i + size]
            ids, targets, x = self.load(part, scenes[i:i + size])
            prompt = torch.tensor([r[2][3] for r in part], device="cuda")
            b, n = ids.shape
            kept = self.scores(x, prompt, policy).topk(max(1, int(576 * share)), -1).indices
            causal = torch.ones(n, n, dtype=torch.bool, device="cuda").tril()
            answering = torch.arange(n, device="cuda")[None] >= prompt[:, None]
            masks = []
            for layer in kept:
                visible = torch.ones(b, n, dtype=torch.bool, device="cuda")
                visible[:, VISUAL] = torch.zeros(b, 576, dtype=torch.bool, device="cuda").scatter(1, layer, True)
                masks.append((causal[None] & (visible[:, None] | ~answering[..., None]))[:, None])
            out += self.verdict(self.model.read(x, masks), targets).tolist()
        return out


def summary(verdicts):
    k, n = sum(verdicts), len(verdicts)
    return {"exact": round(k / n, 4), "n": n, "interval95": interval(k, n)}


EVICTIONS = [("random", .5), ("random", .1), ("random", .05), ("window", .5), ("window", .1), ("window", .05),
             ("last", .5), ("last", .1), ("last", .05), ("elite", .5), ("elite", .1), ("elite", .05), ("elite", .02)]


def score_tasks(ex, sets):
    """Every task on cards and on pages; then pairs of pictures; then what training has seen, to compare."""
    everything, held = [], {}
    for name in [k for k in sets if "/" in k]:
        verdicts = ex.full(*sets[name].get())
        held[name] = summary(verdicts)
        everything += verdicts
        print(name, held[name], flush=True)
    return {"held_out": {**held, "all": summary(everything)}, "held_out_two_pictures": summary(ex.full(*sets["two"].get(), 2)),
            "fonts_and_layouts_seen_in_training": summary(ex.full(*sets["seen"].get()))}


def score_eviction(ex, sets):
    rows, scenes = sets["evict"].get()
    out = {"what": "all tasks mixed, held-out scenes, the same budget in every layer, evicted once after the prefill; the first answer "
                   "token comes from the prefill and sees the full cache", "full": summary(ex.full(rows, scenes))}
    for policy, share in EVICTIONS:
        verdicts = ex.evicted(rows, scenes, policy, share)
        entry = summary(verdicts)
        for task in sc.TASKS:
            mine = [v for v, r in zip(verdicts, rows) if r[2][0] == task]
            entry[task] = round(sum(mine) / max(1, len(mine)), 4)
        out[f"{policy} {share:.0%}"] = entry
        print(policy, share, entry, flush=True)
    return {"eviction": out}


def draw(pool, part, n):
    """The exams, drawn by worker processes."""
    ask = lambda *a: pool.apply_async(data.exam, a)
    if part == "eviction":
        return {"evict": ask("evict", n)}
    sets = {f"{kind}/{task}": ask(f"{kind}/{task}", n, True, 1, kind, task) for kind in ("cards", "page") for task in sc.TASKS}
    return {**sets, "two": ask("two", n, True, 2), "seen": ask("seen", n, False)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=["tasks", "eviction"])
    parser.add_argument("weights")
    parser.add_argument("out")
    parser.add_argument("--n", type=int, default=1024)
    args = parser.parse_args()
    start = time.time()
    with multiprocessing.Pool(14) as pool:   # before CUDA starts
        sets = draw(pool, args.part, args.n)
        torch.manual_seed(7)
        ex = Examiner(args.weights)
        report = {"gpu": torch.cuda.get_device_name(), "precision": "f32 (bf16 weights upcast)",
                  **{"tasks": score_tasks, "eviction": score_eviction}[args.part](ex, sets)}
    report["seconds"] = round(time.time() - start, 1)
    print(json.dumps(report), flush=True)
    with open(args.out, "w") as f:
        json.dump(report, f, indent=2)
        f.write("\n")


if __name__ == "__main__":
    main()
