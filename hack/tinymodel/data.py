"""Token sequences and batches. A training sequence is one chat: the pictures, then about ten questions with their answers."""
import functools
import pathlib
import random

import numpy as np
import torch
from tokenizers import Tokenizer

import folder
import phrases as ph
import render
import scenes as sc

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "aircache-tiny"
PICTURE = [folder.IMAGE] * render.N
ONE, TWO = 1024, 1536  # sequence lengths with one and two pictures


class Chat:
    """The chat template in token ids; goldens.py checks it against transformers' processor."""

    def __init__(self):
        tok = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
        self.encode = functools.lru_cache(1 << 17)(lambda text: tok.encode(text).ids)
        self.newline = self.encode("\n")

    def opening(self, pictures, system=ph.SYSTEM):
        ids = [folder.IM_START, *self.encode("system\n" + system), folder.IM_END, *self.newline, folder.IM_START, *self.encode("user\n")]
        for i in range(pictures):
            ids += PICTURE + self.newline
        return ids

    def question(self, text):
        return [*self.encode(text), folder.IM_END, *self.newline, folder.IM_START, *self.encode("assistant\n")]

    def answer(self, text):
        return [*self.encode(text), folder.IM_END]

    def next_user(self):
        return [*self.newline, folder.IM_START, *self.encode("user\n")]


def conversation(rng, chat, scenes, length, most=99, system=ph.SYSTEM, tasks=sc.TASKS, weights=sc.WEIGHTS):
    """ids, targets (the next token where it is part of an answer, else -100), and the first turn's facts."""
    ids = chat.opening(len(scenes), system)
    targets = [-100] * len(ids)
    first = None
    for task, question, answer in sc.turns(rng, scenes, tasks, weights):
        q, a = chat.question(question), chat.answer(answer)
        lead = chat.next_user() if first else []
        if len(ids) + len(lead) + len(q) + len(a) > length:
            break
        ids += lead + q
        targets += [-100] * (len(lead) + len(q) - 1) + a + [-100]
        ids += a
        first = first or (task, question, answer, len(ids) - len(a), len(a))
        most -= 1
        if most == 0:
            break
    pad = length - len(ids)
    return ids + [folder.PAD] * pad, targets + [-100] * pad, first


def batch_of(rows, scenes):
    """numpy arrays for a batch: rows are (ids, targets), scenes all pictures in order."""
    parts = [render.tables(s) for s in scenes]
    out = {name: torch.from_numpy(np.stack([p[i] for p in parts]))
           for i, name in enumerate(["glyph", "shape", "box", "ink", "label"])}
    out["paper"] = torch.tensor([s.paper for s in scenes], dtype=torch.uint8)
    out["ids"] = torch.tensor([r[0] for r in rows], dtype=torch.int32)
    out["targets"] = torch.tensor([r[1] for r in rows], dtype=torch.int32)
    return out


class Chats(torch.utils.data.IterableDataset):
    """Endless training batches; every sixth shows two pictures."""

    def __init__(self, seed, pictures):
        self.seed, self.pictures = seed, pictures

    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        torch.set_num_threads(1)
        rng, chat, i = random.Random(f"{self.seed}/{info.id}"), Chat(), info.id
        while True:
            i += 1
            n = 2 if i % 6 == 0 else 1
            rows, shown = [], []
            for _ in range(self.pictures // n):
                scenes = [sc.sample_scene(rng) for _ in range(n)]
                system = ph.SYSTEM if rng.random() < 0.8 else rng.choice(ph.OTHER_SYSTEMS)
                rows.append(conversation(rng, chat, scenes, ONE if n == 1 else TWO, system=system))
                shown += scenes
            yield batch_of(rows, shown)


def loader(seed, pictures, workers):
    return iter(torch.utils.data.DataLoader(Chats(seed, pictures), batch_size=None, num_workers=workers,
                                            prefetch_factor=4, pin_memory=True))


def exam(seed, n, held=True, pictures=1, kind=None, task=None, length=None):
    """n single-question samples: (rows, scenes); row = ids, targets, (task, question, answer, prompt length, answer length)."""
    rng, chat, rows, shown = random.Random(f"exam/{seed}"), Chat(), [], []
    tasks, weights = ([task], [1]) if task else (sc.TASKS, sc.WEIGHTS)
    while len(rows) < n:
        scenes = [sc.sample_scene(rng, held, kind) for _ in range(pictures)]
        row = conversation(rng, chat, scenes, length or (704 if pictures == 1 else 1280), 1, tasks=tasks, weights=weights)
        if row[2]:
            rows.append(row)
            shown += scenes
    return rows, shown
