"""What transformers computes for the held-out pictures, in f32 on the CPU: the truth for the runtime's parity tests.

`python3 goldens.py MODEL_FOLDER GOLDEN_FOLDER`; GOLDEN_FOLDER holds what pictures.py wrote. Also fails when the folder does not load
cleanly, when our chat tokens differ from the processor's, or when model.py and transformers disagree.
"""
import json
import pathlib
import sys
import time

import torch
import transformers
from PIL import Image
from safetensors.torch import save_file
from transformers import AutoProcessor, AutoTokenizer, LlavaForConditionalGeneration, LlavaProcessor
from transformers.image_utils import load_image
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

import data
import export
from model import TinyLlava

DEEP = [0, 2, 50, 57]  # cases whose hidden states are kept: cards, page, noisy PNG, JPEG
PATCHES = [0, 7, 287, 575]


def load(folder):
    model, info = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    bad = {k: v for k, v in info.items() if v and k != "conversion_errors"}
    if bad or model.lm_head.weight is model.get_input_embeddings().weight:
        raise SystemExit(f"{folder} does not load cleanly: {bad}")
    processor = LlavaProcessor(SiglipImageProcessorPil.from_pretrained(folder), AutoTokenizer.from_pretrained(folder), patch_size=14,
                               vision_feature_select_strategy="full", chat_template=(pathlib.Path(folder) / "chat_template.jinja").read_text())
    AutoProcessor.from_pretrained(folder)  # the folder as users load it
    return model.eval(), processor


def ask(processor, case, folder):
    content = [{"type": "image"} for _ in case["pictures"]] + [{"type": "text", "text": case["question"]}]
    prompt = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False)
    images = [load_image(Image.open(folder / name)) for name in case["pictures"]]
    return prompt, processor(images=images, text=prompt, return_tensors="pt")


def deep(model, inputs):
    """Hidden states at a few rows after every stage of one case."""
    vision, rows = model.model.vision_tower(inputs["pixel_values"], output_hidden_states=True).hidden_states, {}
    for i, h in enumerate(vision):
        rows["vision.embeddings" if i == 0 else f"vision.layer.{i - 1}"] = h[0, PATCHES]
    rows["projector"] = model.model.multi_modal_projector(vision[-1])[0, PATCHES]
    caught, hooks = [], []
    for layer in model.model.language_model.layers:
        hooks.append(layer.register_forward_hook(lambda _, args, out: caught.append((args[0], out[0] if isinstance(out, tuple) else out))))
    logits = model(**inputs).logits[0]
    for h in hooks:
        h.remove()
    n = logits.shape[0]
    first = (inputs["input_ids"][0] == data.folder.IMAGE).nonzero()[0].item()
    at = [0, first - 1, first, first + 287, first + 575, first + 576, n - 6, n - 1]
    rows["text.embeddings"] = caught[0][0].reshape(n, -1)[at]
    for i, (_, h) in enumerate(caught):
        rows[f"text.layer.{i}"] = h.reshape(n, -1)[at]
    rows["text.norm"] = model.model.language_model.norm(caught[-1][1]).reshape(n, -1)[at]
    rows["text.logits"] = logits[at]
    return rows, at


@torch.no_grad()
def main(folder, out):
    torch.set_num_threads(8)  # more is slower for a model this small
    folder, out, start = pathlib.Path(folder), pathlib.Path(out), time.time()
    model, processor = load(folder)
    ours = TinyLlava().eval()
    ours.load_state_dict(export.read_weights(folder))
    chat, logits, hidden, worst, right = data.Chat(), [], {}, 0.0, 0
    cases = json.loads((out / "questions.json").read_text())
    for i, case in enumerate(cases):
        prompt, inputs = ask(processor, case, out)
        ids = inputs["input_ids"][0].tolist()
        if ids != chat.opening(len(case["pictures"])) + chat.question(case["question"]):
            raise SystemExit(f"case {i}: the training tokens differ from the processor's")
        made = model.generate(**inputs, do_sample=False, max_new_tokens=48)[0, len(ids):].tolist()
        last = model(**inputs).logits[0, -1]
        logits.append(last)
        case.update(prompt=prompt, input_ids=ids, greedy_ids=made, greedy_text=processor.tokenizer.decode(made, skip_special_tokens=True))
        right += case["greedy_text"] == case["answer"]
        if i in DEEP:
            rows, case["rows"] = deep(model, inputs)
            case["patches"] = PATCHES
            hidden.update({f"{i:02d}.{k}": v.contiguous() for k, v in rows.items()})
            seen = ours.see(inputs["pixel_values"]).reshape(1, -1, 256)
            mine = ours.language_model.lm_head(ours.read(ours.embed(inputs["input_ids"], seen)))
            worst = max(worst, (mine[0, -1] - last).abs().max().item())
    if worst > 1e-3:
        raise SystemExit(f"model.py and transformers differ by {worst}")
    hidden["last_logits"] = torch.stack(logits).contiguous()
    save_file(hidden, out / "tensors.safetensors", metadata={"format": "pt"})
    facts = {"transformers": transformers.__version__, "torch": torch.__version__, "precision": "f32 on the CPU, bf16 weights upcast",
             "image_processor": "SiglipImageProcessorPil (PIL backend)", "attention": model.config._attn_implementation,
             "exact": f"{right}/{len(cases)}", "largest_difference_to_model_py": worst}
    (out / "cases.json").write_text(json.dumps({"made_with": facts, "cases": cases}, separators=(",", ":")) + "\n")
    print(facts, "seconds", round(time.time() - start, 1), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:3])
