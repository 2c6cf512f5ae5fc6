"""What the families' scripts have in common: pictures, tokenizers, weights, and the questions that transformers is asked.

A script says what its family publishes (configuration, tensor names, chat template) and calls write(). It leaves, in
runtime/parity/testdata/NAME/:

    model/         the folder as Hugging Face publishes the family
    pictures/      what is asked about
    cases.json     prompts, token ids, visual tokens, greedy answers; the made_with entry names the versions
    tensors.safetensors   for each case the logits of the prompt's last row and of the first answer steps, float32

Everything is computed in float32 on the CPU, with the PIL image processors. The same seed gives the same folder.
"""

import dataclasses
import itertools
import json
import pathlib
import shutil

import numpy as np
import torch
import transformers
from PIL import Image
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

TESTDATA = pathlib.Path(__file__).parent.parent.parent / "runtime/parity/testdata"
STEPS, SHOWN = 12, 3  # greedy tokens; steps whose logits are kept
LEAD = 0.004  # of every greedy token's logit over the next, so that rounding cannot change an answer
FIRST_SEED, SEEDS = 9, 40
QUESTIONS = ["What is this?", "Which colour is the box?", "How many boxes are there?", "What is on the left?", "What is on top?",
             "Is this a line?", "Read it.", "Which one is darker?", "Compare them.", "Say something about boxes."]


class TooClose(Exception):
    """An answer that rounding could turn: another seed is tried."""


@dataclasses.dataclass
class Family:
    """What a family publishes, and what transformers reads it with."""
    cls: type
    config_cls: type
    files: dict  # name without .json: what is in it
    tok: Tokenizer
    rename: object  # name in transformers -> name in the published files, None: not published
    processor: object  # folder -> processor with the PIL image processor
    image_token: int
    stored: torch.dtype = torch.float32  # weights are rounded to it, then computed with in float32


def picture(rng, width, height):
    """Gradients, edges and noise."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    phase = rng.uniform(0, 6, 3)
    base = np.stack([127 + 120 * np.sin(x / 9 + y / 23 + p) * np.cos(y / 7 - p) for p in phase], -1) + rng.normal(0, 5, (height, width, 3))
    for _ in range(3):
        left, top = rng.integers(0, width), rng.integers(0, height)
        base[top : top + height // 3 + 1, left : left + width // 5 + 1] = rng.integers(0, 256, 3)
    return Image.fromarray(np.clip(base, 0, 255).astype(np.uint8))


def byte_level(specials, words):
    """A byte-level tokenizer, as Qwen's: special tokens stand behind the vocabulary."""
    split = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(split), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False)
    tok.train_from_iterator(QUESTIONS * 20 + words * 20, trainer)
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in specials])
    return tok


def sentencepiece(specials, words):
    """A tokenizer as Llama 2's: characters with a mark for blanks, and bytes for characters that it lacks."""
    split = Tokenizer(models.BPE())
    split.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    split.train_from_iterator(QUESTIONS * 20 + words * 20, trainers.BpeTrainer(vocab_size=120, show_progress=False))
    learned = json.loads(split.to_str())["model"]
    order = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + sorted(learned["vocab"], key=learned["vocab"].get)
    vocab = {token: i for i, token in enumerate(order)}
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in learned["merges"]]
    tok = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tok.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tok.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", vocab["<s>"])])
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in ["<unk>", "<s>", "</s>", *specials]])
    return tok


def tokenizer_config(tok, **more):
    added = {str(i): {"content": t.content, "lstrip": t.lstrip, "normalized": t.normalized, "rstrip": t.rstrip, "single_word": t.single_word, "special": t.special}
             for i, t in sorted(tok.get_added_tokens_decoder().items())}
    return {"added_tokens_decoder": added, "clean_up_tokenization_spaces": False, "model_max_length": 4096, **more}


def settings(folder, name, *fields):
    """Fields of a file of the written folder: sizes are said once."""
    written = json.loads((folder / f"{name}.json").read_text())
    return {field: written[field] for field in fields}


def randomise(model, rename, seed, stored):
    """Values of a size that keeps every part audible in the logits. What rename drops stays as it is: nobody publishes it."""
    g = torch.Generator().manual_seed(seed)
    for name, p in model.named_parameters():
        if not rename(name):
            continue
        noise = torch.randn(p.shape, generator=g)
        norm = "norm" in name or "ln_q" in name or "layrnorm" in name or "lambda" in name
        if p.dim() > 1:
            wide = "embed_tokens" in name or "position_embedding" in name or "pos_embed" in name
            p.data = noise * (0.1 if wide and model.config.tie_word_embeddings else 1.0 if wide else p[0].numel() ** -0.5)  # a tied one would answer what it is asked
        elif norm and not name.endswith("bias"):
            p.data = 1 + 0.2 * noise
        else:
            p.data = (1.0 if "newline" in name or "class" in name else 0.2) * noise
        p.data = p.data.to(stored).float()


def write_model(folder, family, seed):
    """Writes the folder and loads it back: what is published must be all that counts."""
    cls, rename = family.cls, family.rename
    folder.mkdir(parents=True)
    family.tok.save(str(folder / "tokenizer.json"))
    for name, value in family.files.items():
        if name.endswith(".jinja"):
            (folder / name).write_text(value)
        else:
            (folder / f"{name}.json").write_text(json.dumps(value, indent=1) + "\n")
    model = cls(family.config_cls.from_pretrained(folder)).float().eval()
    randomise(model, rename, seed, family.stored)
    model.lm_head.weight.data[family.image_token] = 0  # an answer with pictures in it could not be fed back
    tensors = {rename(k): v.to(family.stored).contiguous() for k, v in model.state_dict().items() if rename(k)}
    if model.config.tie_word_embeddings:
        tensors.pop(rename("lm_head.weight"), None)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    loaded = cls.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    loaded.generation_config.eos_token_id = None  # answers have the same length
    back = loaded.state_dict()
    for k, a in model.state_dict().items():
        if rename(k) and not torch.equal(a, back[k]):
            raise SystemExit(f"{k} does not come back from the written file")
    return loaded


def inputs_of(proc, pictures, question):
    content = [{"type": "image", "image": im} for im in pictures] + [{"type": "text", "text": question}]
    return proc.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt")


def visual_tokens(model, inputs, image_token, pictures):
    """Of each of so many pictures."""
    if not pictures:
        return []
    ids = inputs["input_ids"][0].tolist()
    counts = [len(f) for f in model.get_image_features(**{k: v for k, v in inputs.items() if k in ("pixel_values", "image_sizes", "image_grid_thw")}).pooler_output]
    if len(counts) != pictures or sum(counts) != ids.count(image_token):  # features by tile: the pictures' shares stand in the prompt
        counts = [len(list(run)) for token, run in itertools.groupby(ids) if token == image_token]
    return counts


def continued(inputs, answer):
    """A prompt with the tokens of its answer behind it."""
    ids = inputs["input_ids"]
    whole = {**inputs, "input_ids": torch.cat([ids, torch.tensor([answer], dtype=ids.dtype, device=ids.device)], 1)}
    whole["attention_mask"] = torch.ones_like(whole["input_ids"])
    for field in ("token_type_ids", "mm_token_type_ids"):
        if field in whole:
            whole[field] = torch.nn.functional.pad(whole[field], (0, len(answer)))
    return whole


@torch.no_grad()
def ask(out, model, proc, image_token, number, name, sizes, question):
    rng = np.random.default_rng(11 + number)
    pictures, files = [picture(rng, *size) for size in sizes], []
    for i, im in enumerate(pictures):
        files.append(f"{number:02d}-{i}.png")
        im.save(out / "pictures" / files[-1], optimize=True)
    inputs = inputs_of(proc, pictures, question)
    ids, counts = inputs["input_ids"][0].tolist(), visual_tokens(model, inputs, image_token, len(pictures))
    if len(counts) != len(pictures):
        raise SystemExit(f"{name}: {len(pictures)} pictures, visual tokens {counts}")
    made = model.generate(**inputs, do_sample=False, max_new_tokens=STEPS)[0, len(ids):].tolist()
    logits = model(**continued(inputs, made[:-1])).logits[0, len(ids) - 1:]
    top = logits.topk(2).values
    lead = (top[:, 0] - top[:, 1]).min().item()
    if logits.argmax(-1).tolist() != made or lead < LEAD:
        raise TooClose(f"{name}: generate and the whole prompt differ, or an answer leads by {lead} only")
    print(f"{name}: {len(ids)} tokens, pictures {counts}, greedy {made}, smallest lead {lead:.3f}")
    return {"name": name, "pictures": files, "question": question, "input_ids": ids, "visual_tokens": counts, "greedy_ids": made}, logits[: SHOWN + 1].contiguous()


def write(name, family, cases):
    """cases: name -> sizes of the pictures (width, height), question. The first seed is taken whose answers are all clear."""
    for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
        try:
            return write_seed(name, family, cases, seed)
        except TooClose as e:
            print(f"seed {seed}: {e}")
    raise SystemExit(f"{name}: no seed of {SEEDS} gives clear answers")


def write_seed(name, family, cases, seed):
    out = TESTDATA / name
    shutil.rmtree(out, ignore_errors=True)
    (out / "pictures").mkdir(parents=True)
    torch.set_num_threads(2)
    model = write_model(out / "model", family, seed)
    proc = family.processor(out / "model")
    answers, tensors = [], {}
    for number, (case, (sizes, question)) in enumerate(cases.items()):
        answer, logits = ask(out, model, proc, family.image_token, number, case, sizes, question)
        answers.append(answer)
        tensors[f"{number:02d}"] = logits
    save_file(tensors, out / "tensors.safetensors", metadata={"format": "pt"})
    made_with = {"transformers": transformers.__version__, "torch": torch.__version__, "precision": "float32 on the CPU", "image_processor": "PIL", "seed": seed}
    (out / "cases.json").write_text(json.dumps({"made_with": made_with, "cases": answers}, separators=(",", ":")) + "\n")
    written = [f for f in out.rglob("*") if f.is_file()]
    print(f"{out}: {len(written)} files, {sum(f.stat().st_size for f in written)} bytes")
