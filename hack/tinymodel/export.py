"""Writes a state dict as bf16 safetensors shards under 15 MB with an index, as save_pretrained would."""
import json
import pathlib

import torch
from safetensors.torch import save_file

SHARD_BYTES = 14_500_000


def shards(state):
    """Tensors in name order, a new shard when the next one would pass the limit."""
    out, size = [{}], 0
    for name in sorted(state):
        t = state[name].detach().to("cpu", torch.bfloat16).contiguous()
        if size + t.nbytes > SHARD_BYTES:
            out.append({})
            size = 0
        out[-1][name] = t
        size += t.nbytes
    return out


def write_weights(state, folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    parts = shards(state)
    where, total = {}, 0
    for i, part in enumerate(parts, 1):
        name = f"model-{i:05d}-of-{len(parts):05d}.safetensors"
        save_file(part, folder / name, metadata={"format": "pt"})
        where.update({k: name for k in part})
        total += sum(t.nbytes for t in part.values())
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(where.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def read_weights(folder):
    """The shards as one dict of f32 tensors: the bf16 values, upcast."""
    from safetensors.torch import load_file
    out = {}
    for path in sorted(pathlib.Path(folder).glob("*.safetensors")):
        out.update({k: v.float() for k, v in load_file(path).items()})
    return out
