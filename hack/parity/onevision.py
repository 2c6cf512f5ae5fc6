"""Writes small random LLaVA-OneVision model folders and what transformers makes of them.

    pip install torch torchvision transformers==5.17 pillow numpy && python hack/parity/onevision.py

runtime/parity/testdata/llava-onevision/       heads of 8 and 16, as small as can be, with all shapes of pictures
runtime/parity/testdata/llava-onevision-64/    heads of 64 in decoder and tower, which GPU kernels take; weights in bfloat16
runtime/parity/testdata/llava-onevision-128/   heads of 128, three queries a KV head, and of 72 in the tower, as in the 7B model
    model/         the folder as Hugging Face publishes this family: file names, fields and tensor names of transformers 4
    pictures/      what is asked about, and beside each case the processor's tiles as one strip: NAME.tiles.png
    cases.json     prompts, token ids, tiles, greedy answers; the made_with entry names the versions
    tensors.safetensors   for each case the logits of the prompt's last row and of the first answer steps, float32
    counts.json    [height, width, tokens] of many sizes, for the tower and the grids of the 7B model; in the first folder

Everything is computed in float32 on the CPU, with the PIL image processor. The same seed gives the same folder.
"""

import dataclasses
import json
import pathlib
import shutil

import numpy as np
import torch
import transformers
from PIL import Image
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer, LlavaOnevisionConfig, LlavaOnevisionForConditionalGeneration, LlavaOnevisionProcessor, LlavaOnevisionVideoProcessor
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil

import goldens

TESTDATA = pathlib.Path(__file__).parent.parent.parent / "runtime/parity/testdata"
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<video>"]
STEPS, SHOWN = 12, 3  # greedy tokens; steps whose logits are kept
LEAD = 0.004  # of every greedy token's logit over the next, so that rounding to float32 cannot change an answer

# As in the published files: comments, pictures before text, and a generation block for training.
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + ' ' }}{# pictures come first #}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>' }}{% endfor %}"
    "{# then videos #}{% for part in message['content'] | selectattr('type', 'equalto', 'video') %}{{ '<video>' }}{% endfor %}"
    "{% if message['role'] != 'assistant' %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'text') %}{{ '\\n' + part['text'] }}{% endfor %}{% else %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'text') %}{% generation %}{{ '\\n' + part['text'] }}{% endgeneration %}{% endfor %}"
    "{% endif %}{{ '<|im_end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

# name: sizes of the pictures (width, height), question
CASES = {
    "one tile, nothing resized": ([(30, 30)], "What is this?"),
    "a photo's shape": ([(64, 48)], "Which colour is the box?"),
    "scaled down": ([(120, 120)], "How many boxes are there?"),
    "wide": ([(170, 37)], "What is on the left?"),
    "tall": ([(23, 131)], "What is on top?"),
    "a strip": ([(400, 9)], "Is this a line?"),
    "smaller than a tile": ([(11, 7)], "What is this?"),
    "larger than every grid": ([(161, 137)], "Read it."),
    "two pictures": ([(64, 48), (31, 77)], "Which one is darker?"),
    "three pictures, one a square": ([(30, 30), (9, 50), (70, 41)], "Compare them."),
    "text only": ([], "Say something about boxes."),
}


@dataclasses.dataclass
class Small:
    """A model folder: what differs between them."""
    folder: str
    cases: list  # names
    seed: int = 9
    side: int = 30  # of a tile; with the patch 4 x 4 patches and a rest, like 384 and 14
    patch: int = 7
    grid: int = 4  # tiles of a side at most
    text: dict = dataclasses.field(default_factory=dict)  # fields over those of configs
    vision: dict = dataclasses.field(default_factory=dict)
    stored: torch.dtype = torch.float32  # weights are rounded to it, then computed with in float32

    @property
    def out(self):
        return TESTDATA / self.folder

    @property
    def grids(self):
        tiles = range(1, self.grid + 1)
        strips = [[self.side, 6 * self.side], [6 * self.side, self.side]] if self.grid < 6 else []
        return [[self.side * h, self.side * w] for h in tiles for w in tiles] + strips


FEW = ["one tile, nothing resized", "a photo's shape", "a strip", "two pictures", "text only"]
FOLDERS = [
    Small("llava-onevision", list(CASES)),
    Small("llava-onevision-64", FEW, stored=torch.bfloat16, vision={"hidden_size": 64, "num_attention_heads": 1, "intermediate_size": 72},
          text={"hidden_size": 64, "intermediate_size": 104, "num_hidden_layers": 2, "head_dim": 64}),
    Small("llava-onevision-128", FEW, stored=torch.bfloat16, vision={"hidden_size": 72, "num_attention_heads": 1, "intermediate_size": 80},
          text={"hidden_size": 64, "intermediate_size": 104, "num_hidden_layers": 2, "head_dim": 128, "num_attention_heads": 3, "num_key_value_heads": 1}),
]

# What hack/parity/midsize.py makes: heads, tiles and grids of the 7B model, a quarter of its width and depth.
MIDSIZE = Small("llava-onevision", [], stored=torch.bfloat16, side=384, patch=14, grid=6,
                vision={"hidden_size": 1152, "num_attention_heads": 16, "intermediate_size": 4304, "num_hidden_layers": 6},
                text={"hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 8, "head_dim": 128, "num_attention_heads": 8,
                      "num_key_value_heads": 2, "vocab_size": 32000})
LEAST = dataclasses.replace(MIDSIZE, side=98, vision={"hidden_size": 144, "num_attention_heads": 2, "intermediate_size": 192, "num_hidden_layers": 3},
                            text={**MIDSIZE.text, "hidden_size": 256, "intermediate_size": 192, "num_hidden_layers": 3, "num_attention_heads": 2,
                                  "num_key_value_heads": 1, "vocab_size": 600})


def tokenizer():
    split = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(split), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False)
    tok.train_from_iterator([question for _, question in CASES.values()] * 20 + ["user\n", "assistant\n"] * 20, trainer)
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIALS])
    return tok


def configs(small, vocab):
    base = vocab - len(SPECIALS)
    vision = {
        "hidden_size": 32, "image_size": small.side, "intermediate_size": 44, "model_type": "siglip_vision_model",
        "num_attention_heads": 2, "num_hidden_layers": 2, "patch_size": small.patch, "vision_use_head": False, **small.vision,
    }
    text = {
        "bos_token_id": base, "eos_token_id": base + 2, "hidden_size": 32, "intermediate_size": 56, "max_window_layers": 3,
        "model_type": "qwen2", "num_attention_heads": 4, "num_hidden_layers": 3, "num_key_value_heads": 2,
        "rope_theta": 1000000.0, "torch_dtype": "bfloat16", "vocab_size": vocab + 11, **small.text,
    }
    config = {
        "architectures": ["LlavaOnevisionForConditionalGeneration"], "ignore_index": -100, "image_grid_pinpoints": small.grids,
        "image_token_index": base + 3, "model_type": "llava_onevision", "projector_hidden_act": "gelu", "text_config": text,
        "tie_word_embeddings": False, "torch_dtype": "float16", "use_image_newline_parameter": True,
        "video_token_index": base + 4, "vision_aspect_ratio": "anyres_max_9", "vision_config": vision,
        "vision_feature_layer": -1, "vision_feature_select_strategy": "full",
    }
    half = [0.5, 0.5, 0.5]
    preprocessor = {
        "do_convert_rgb": True, "do_normalize": True, "do_pad": True, "do_rescale": True, "do_resize": True,
        "image_grid_pinpoints": small.grids, "image_mean": half, "image_processor_type": "LlavaOnevisionImageProcessor",
        "image_std": half, "processor_class": "LlavaOnevisionProcessor", "resample": 3, "rescale_factor": 1 / 255,
        "size": {"height": small.side, "width": small.side},
    }
    return {
        "config": config, "preprocessor_config": preprocessor,
        "generation_config": {"bos_token_id": base, "eos_token_id": [base + 2, base], "pad_token_id": base},
        "processor_config": {
            "image_token": "<image>", "num_image_tokens": (small.side // small.patch) ** 2, "processor_class": "LlavaOnevisionProcessor",
            "video_token": "<video>", "vision_feature_select_strategy": "full",
        },
        "tokenizer_config": {
            "tokenizer_class": "Qwen2Tokenizer", "add_prefix_space": False, "bos_token": None, "eos_token": "<|im_end|>",
            "pad_token": "<|endoftext|>", "unk_token": None, "errors": "replace", "processor_class": "LlavaOnevisionProcessor",
            "additional_special_tokens": SPECIALS[1:], "model_max_length": 4096, "clean_up_tokenization_spaces": False,
            "added_tokens_decoder": {str(base + i): {"content": s, "lstrip": False, "normalized": False, "rstrip": False,
                                                     "single_word": False, "special": True} for i, s in enumerate(SPECIALS)},
        },
        "chat_template": {"chat_template": TEMPLATE},
    }


def randomise(model, small):
    """Values of a size that keeps every part audible in the logits."""
    g = torch.Generator().manual_seed(small.seed)
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=g)
        if p.dim() > 1:
            p.data = noise * (1.0 if "embed" in name else p[0].numel() ** -0.5)
        elif "norm" in name and name.endswith("weight"):
            p.data = 1 + 0.2 * noise
        else:
            p.data = (1.0 if "newline" in name else 0.2) * noise
        p.data = p.data.to(small.stored).float()


def published(name):
    """The name of transformers 4, which the published files have."""
    name = name.removeprefix("model.")
    name = name.replace("vision_tower.", "vision_tower.vision_model.") if not name.startswith("vision_tower.vision_model.") else name
    if name.startswith("language_model."):
        return "language_model.model." + name.removeprefix("language_model.")
    return "language_model." + name if name == "lm_head.weight" else name


def write_model(small, folder):
    """A folder as Hugging Face publishes the family, and the model that was read back from it."""
    folder.mkdir(parents=True)
    tok = tokenizer()
    tok.save(str(folder / "tokenizer.json"))
    for name, value in configs(small, tok.get_vocab_size()).items():
        (folder / f"{name}.json").write_text(json.dumps(value, indent=1) + "\n")
    config = LlavaOnevisionConfig.from_pretrained(folder)
    model = LlavaOnevisionForConditionalGeneration(config).float().eval()
    randomise(model, small)
    tensors = {published(k): v.to(small.stored).contiguous() for k, v in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    loaded = LlavaOnevisionForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    loaded.generation_config.eos_token_id = None  # answers have the same length
    for (k, a), b in zip(model.state_dict().items(), loaded.state_dict().values(), strict=True):
        if not torch.equal(a, b):
            raise SystemExit(f"{k} does not come back from the written file")
    return loaded


def processor(folder):
    images = LlavaOnevisionImageProcessorPil(**{k: v for k, v in json.loads((folder / "preprocessor_config.json").read_text()).items() if k not in ("image_processor_type", "processor_class")})
    settings = json.loads((folder / "processor_config.json").read_text())
    return LlavaOnevisionProcessor(images, AutoTokenizer.from_pretrained(folder), LlavaOnevisionVideoProcessor(),
                                   num_image_tokens=settings["num_image_tokens"], vision_feature_select_strategy="full", chat_template=TEMPLATE)


def inputs_of(proc, pictures, question):
    content = [{"type": "image", "image": im} for im in pictures] + [{"type": "text", "text": question}]
    return proc.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt")


def visual_tokens(model, inputs):
    if "pixel_values" not in inputs:
        return []
    return [len(f) for f in model.get_image_features(**{k: inputs[k] for k in ("pixel_values", "image_sizes", "batch_num_images")}).pooler_output]


def strip_of(tiles, path):
    """All tiles, one below the other, as the 8 bit values that they were made from."""
    values = (tiles * 0.5 + 0.5) * 255
    exact = values.round()
    again = (exact / np.float32(255) - 0.5) / 0.5
    if np.abs(again - tiles).max() > 1e-6:
        raise SystemExit(f"{path}: the tiles are no 8 bit values")
    Image.fromarray(np.concatenate([t.transpose(1, 2, 0) for t in exact]).astype(np.uint8)).save(path, optimize=True)


@torch.no_grad()
def run(model, proc, rng, out, number, name, sizes, question):
    pictures, files = [goldens.picture(rng, *size) for size in sizes], []
    for i, im in enumerate(pictures):
        files.append(f"{number:02d}-{i}.png")
        im.save(out / "pictures" / files[-1], optimize=True)
    inputs = inputs_of(proc, pictures, question)
    ids, counts = inputs["input_ids"][0].tolist(), visual_tokens(model, inputs)
    for file, tiles in zip(files, inputs["pixel_values"] if pictures else [], strict=True):
        strip_of(tiles.numpy(), out / "pictures" / file.replace(".png", ".tiles.png"))
    made = model.generate(**inputs, do_sample=False, max_new_tokens=STEPS)[0, len(ids) :].tolist()
    whole = {**inputs, "input_ids": torch.tensor([ids + made[:-1]])}
    whole["attention_mask"] = torch.ones_like(whole["input_ids"])
    logits = model(**whole).logits[0, len(ids) - 1 :]
    top = logits.topk(2).values
    lead = (top[:, 0] - top[:, 1]).min().item()
    if logits.argmax(-1).tolist() != made or lead < LEAD:
        raise SystemExit(f"{name}: generate and the whole prompt differ, or an answer leads by {lead} only: take another seed")
    print(f"{name}: {len(ids)} tokens, pictures {counts}, greedy {made}, smallest lead {lead:.3f}")
    return {"name": name, "pictures": files, "question": question, "input_ids": ids, "visual_tokens": counts, "greedy_ids": made}, logits[: SHOWN + 1].contiguous()


def counts(proc, rng):
    """The 7B model's tokens for many sizes, drawn on a log scale, and for some that lie on edges."""
    sizes = [(384, 384), (1080, 1920), (1920, 1080), (1, 1), (1, 5000), (5000, 1), (2304, 2304), (385, 383), (768, 769), (3024, 4032), (427, 640), (333, 1000)]
    sizes += [tuple(int(v) for v in np.exp(rng.uniform(0, np.log(6000), 2))) for _ in range(400)]
    big = LlavaOnevisionProcessor(LlavaOnevisionImageProcessorPil(), proc.tokenizer, proc.video_processor, num_image_tokens=729, vision_feature_select_strategy="full")
    return [[h, w, big._get_number_of_features(h, w, 384, 384)] for h, w in sizes]


def write(small):
    rng = np.random.default_rng(11)
    out = small.out
    shutil.rmtree(out, ignore_errors=True)
    (out / "pictures").mkdir(parents=True)
    model = write_model(small, out / "model")
    proc = processor(out / "model")
    cases, tensors = [], {}
    for number, name in enumerate(small.cases):
        case, logits = run(model, proc, rng, out, number, name, *CASES[name])
        cases.append(case)
        tensors[f"{number:02d}"] = logits
    save_file(tensors, out / "tensors.safetensors", metadata={"format": "pt"})
    made_with = {"transformers": transformers.__version__, "torch": torch.__version__, "precision": "float32 on the CPU", "image_processor": "PIL"}
    (out / "cases.json").write_text(json.dumps({"made_with": made_with, "cases": cases}, separators=(",", ":")) + "\n")
    if small is FOLDERS[0]:
        (out / "counts.json").write_text(json.dumps(counts(proc, rng), separators=(",", ":")) + "\n")
    files = [f for f in out.rglob("*") if f.is_file()]
    print(f"{out}: {len(files)} files, {sum(f.stat().st_size for f in files)} bytes")


def main():
    torch.set_num_threads(2)
    for small in FOLDERS:
        write(small)


if __name__ == "__main__":
    main()
