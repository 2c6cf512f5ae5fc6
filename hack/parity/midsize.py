"""Asks transformers about a random model of middle size in float32 and in bfloat16, so that a bfloat16 backend can be held to
what bfloat16 costs transformers itself.

    python hack/parity/midsize.py FOLDER FAMILY [small]     # on the GPU where torch has one; `midsize.py` alone names the families

FOLDER/model, pictures and cases.json are as onevision.py writes them; tensors.safetensors has for each case the logits of the
prompt's last row and of the first answer steps, as NN in float32 and as NN.bfloat16 in bfloat16, both fed the same tokens.
Weights are rounded to bfloat16 first, so both are of the same model. float32 means float32: no TF32.

`go test ./cuda -run Midsize` with AIRCACHE_PARITY_MIDSIZE=FOLDER compares; cuda/device.sh does both.

small takes least widths and depths and pictures of a quarter's side, with the same heads and patches: a minute on a CPU and the simulated GPU.

To add a family: its function and its fields in shapes.py.
"""

import json
import pathlib
import shutil
import sys
import time

import numpy as np
import torch
import transformers
from safetensors.torch import save_file

import goldens
import onevision
import shapes

FAMILIES = ["llava-onevision", *shapes.families()]
SEED = 9
STEPS = 3  # greedy tokens behind the prompt's last row whose logits are kept

# name: sizes of the pictures (width, height), question
CASES = {
    "one picture": ([(800, 600)], "What is this?"),
    "two pictures": ([(640, 480), (333, 500)], "Which one is darker?"),
    "an odd aspect ratio": ([(1500, 211)], "What is on the left?"),
    "text only": ([], "Say something about boxes."),
}


def made(name, least, folder):
    """The model, its processor, and what tells the visual tokens of each of a prompt's pictures."""
    if name == "llava-onevision":
        model = onevision.write_model(onevision.LEAST if least else onevision.MIDSIZE, folder)
        return model, onevision.processor(folder), lambda model, inputs, _: onevision.visual_tokens(model, inputs)
    family = shapes.family(name, least)
    return goldens.write_model(folder, family, SEED), family.processor(folder), lambda model, inputs, n: goldens.visual_tokens(model, inputs, family.image_token, n)


def to_device(inputs, device, dtype):
    return {k: v.to(device, dtype) if v.is_floating_point() else v.to(device) for k, v in inputs.items()}


@torch.no_grad()
def ask(model, inputs, answer):
    """The logits of the prompt's last row and of the rows of the answer, in float32."""
    return model(**goldens.continued(inputs, answer), logits_to_keep=len(answer) + 1).logits[0].float().cpu()


@torch.no_grad()
def main(folder, name, least):
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    device, start = "cuda" if torch.cuda.is_available() else "cpu", time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "pictures").mkdir(parents=True)
    model, proc, visual_tokens = made(name, least, folder / "model")
    model, rng = model.to(device), np.random.default_rng(11)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.0f} M weights, {time.monotonic() - start:.0f} s")
    cases, given, tensors = [], [], {}
    for number, (case, (sizes, question)) in enumerate(CASES.items()):
        pictures, files = [goldens.picture(rng, *(side // (4 if least else 1) for side in size)) for size in sizes], []
        for i, im in enumerate(pictures):
            files.append(f"{number:02d}-{i}.png")
            im.save(folder / "pictures" / files[-1])
        inputs = to_device(goldens.inputs_of(proc, pictures, question), device, torch.float32)
        ids = inputs["input_ids"][0].tolist()
        answer = model.generate(**inputs, do_sample=False, max_new_tokens=STEPS + 1)[0, len(ids) :].tolist()
        tensors[f"{number:02d}"] = ask(model, inputs, answer[:STEPS])
        given.append((inputs, answer[:STEPS]))
        cases.append({"name": case, "pictures": files, "question": question, "input_ids": ids, "visual_tokens": visual_tokens(model, inputs, len(pictures)), "greedy_ids": answer})
    model = model.to(torch.bfloat16)
    model.set_attn_implementation("sdpa")  # what bfloat16 is served with
    for number, (inputs, answer) in enumerate(given):
        rounded = ask(model, to_device(inputs, device, torch.bfloat16), answer)
        exact = tensors[f"{number:02d}"]
        tensors[f"{number:02d}.bfloat16"] = rounded
        print(f"{cases[number]['name']}: {len(cases[number]['input_ids'])} tokens, pictures {cases[number]['visual_tokens']}, logits spread {exact.std():.2f}, "
              f"bfloat16 is off by {(rounded - exact).std() / exact.std():.4f} of it")
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "tensors.safetensors")
    made_with = {"family": name, "transformers": transformers.__version__, "torch": torch.__version__, "device": torch.cuda.get_device_name() if device == "cuda" else "CPU"}
    (folder / "cases.json").write_text(json.dumps({"made_with": made_with, "cases": cases}) + "\n")
    print(f"{folder}: {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[2] not in FAMILIES or sys.argv[3:] not in ([], ["small"]):
        sys.exit(f"usage: midsize.py FOLDER FAMILY [small], where FAMILY is one of\n{' '.join(FAMILIES)}")
    main(pathlib.Path(sys.argv[1]), sys.argv[2], bool(sys.argv[3:]))
