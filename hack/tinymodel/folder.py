"""Writes everything of the Hugging Face folder but the weights: tokenizer, configs, chat template. Needs tokenizers only."""
import itertools
import json
import pathlib
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

import phrases as ph

VOCAB = 1024
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>"]  # ids 1020..1023
PAD, IM_START, IM_END, IMAGE = range(1020, 1024)
SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")

CHAT_TEMPLATE = """\
{%- for message in messages -%}
{%- if loop.first and message['role'] != 'system' -%}
{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
{%- endif -%}
{{ '<|im_start|>' + message['role'] + '\\n' }}
{%- if message['content'] is string -%}
{{ message['content'] }}
{%- else -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'image' -%}
{{ '<image>\\n' }}
{%- elif part['type'] == 'text' -%}
{{ part['text'] }}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{ '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|im_start|>assistant\\n' }}
{%- endif -%}
"""

VISION = {
    "model_type": "siglip_vision_model", "hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 5,
    "num_attention_heads": 4, "num_channels": 3, "image_size": 336, "patch_size": 14,
    "hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-6, "attention_dropout": 0.0, "vision_use_head": False,
}
TEXT = {
    "model_type": "qwen2", "vocab_size": VOCAB, "hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 8,
    "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_act": "silu", "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "attention_dropout": 0.0, "use_sliding_window": False,
    "tie_word_embeddings": False, "use_cache": True, "pad_token_id": PAD, "eos_token_id": IM_END, "bos_token_id": None,
}
CONFIG = {
    "architectures": ["LlavaForConditionalGeneration"], "model_type": "llava", "image_token_index": IMAGE,
    "image_seq_length": 576, "projector_hidden_act": "gelu", "multimodal_projector_bias": True,
    "vision_feature_layer": -1, "vision_feature_select_strategy": "full", "tie_word_embeddings": False,
    "dtype": "bfloat16", "vision_config": VISION, "text_config": TEXT,
}
GENERATION = {"eos_token_id": [IM_END, PAD], "pad_token_id": PAD, "do_sample": False, "max_new_tokens": 64}
PREPROCESSOR = {
    "image_processor_type": "SiglipImageProcessor", "do_convert_rgb": True, "do_resize": True,
    "size": {"height": 336, "width": 336}, "resample": 3, "do_rescale": True, "rescale_factor": 1 / 255,
    "do_normalize": True, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
}
PROCESSOR = {
    "processor_class": "LlavaProcessor", "image_token": "<image>", "patch_size": 14,
    "num_additional_image_tokens": 0, "vision_feature_select_strategy": "full", "image_processor": PREPROCESSOR,
}
TOKENIZER = {
    "tokenizer_class": "Qwen2Tokenizer", "add_prefix_space": False, "bos_token": None, "eos_token": "<|im_end|>",
    "pad_token": "<|endoftext|>", "unk_token": None, "model_max_length": 4096, "clean_up_tokenization_spaces": False,
    "errors": "replace", "split_special_tokens": False, "processor_class": "LlavaProcessor",
    "additional_special_tokens": ["<|im_start|>", "<|im_end|>", "<image>"],
    "added_tokens_decoder": {str(PAD + i): {"content": s, "lstrip": False, "normalized": False, "rstrip": False,
                                            "single_word": False, "special": True} for i, s in enumerate(SPECIALS)},
}


def corpus():
    """Lower-case text only: so no upper-case letter is ever part of a merge, and a code stays one token a character."""
    slots = dict(r="row", k="column", o="second")
    for kind, forms in ph.QUESTIONS.items():
        for form, c, n, d in itertools.product(forms, ph.NAMES, range(6), ph.RELATIONS):
            for rel in ph.RELATIONS[d][:1 + (n % 3)]:
                yield form.format(c=c, rel=rel, ro=ph.ORDINALS[n], ko=ph.ORDINALS[5 - n], **{k: slots[k] for k in "rk"}).lower()
    for text in ph.PREFIXES + ph.SUFFIXES + ph.WHICH_PICTURE + ph.OTHER_SYSTEMS + [ph.SYSTEM]:
        yield from [text.lower().replace("{o}", "second")] * 20
    for c in ph.NAMES:
        yield from [f"there are {c} boxes. there is {c} box. there are boxes in row ."] * 20
    yield from ["system\n", "user\n", "assistant\n"] * 200
    yield ph.PROSE.replace("\n", " ")


def tokenizer():
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=PAD, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False)
    tok.train_from_iterator(corpus(), trainer)
    if tok.get_vocab_size() != PAD:
        raise SystemExit(f"the corpus gives {tok.get_vocab_size()} tokens, {PAD} wanted")
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIALS])
    return tok


def write(out):
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    tokenizer().save(str(out / "tokenizer.json"))
    (out / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    for name, value in {"config": CONFIG, "generation_config": GENERATION, "preprocessor_config": PREPROCESSOR,
                        "processor_config": PROCESSOR, "tokenizer_config": TOKENIZER}.items():
        (out / f"{name}.json").write_text(json.dumps(value, indent=2) + "\n")


if __name__ == "__main__":
    write(sys.argv[1])
