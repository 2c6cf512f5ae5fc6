"""Writes small random folders of Qwen2-VL and Qwen2.5-VL, and what transformers makes of them (goldens.py says what lies there).

    pip install torch torchvision transformers==5.17 pillow numpy && python hack/parity/qwen_vl.py

qwen2-vl/     Qwen2VLForConditionalGeneration, as published: the decoder's fields beside vision_config, tied embeddings
qwen2.5-vl/   Qwen2_5_VLForConditionalGeneration: windows of 3 x 3 visual tokens in all layers but one
qwen3-vl/     Qwen3VLForConditionalGeneration: stretched places, two layers of the tower added in the decoder
"""

from transformers import (
    AutoTokenizer, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor, Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLProcessor,
    Qwen2VLVideoProcessor, Qwen3VLConfig, Qwen3VLForConditionalGeneration, Qwen3VLProcessor, Qwen3VLVideoProcessor,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

import goldens

PATCH, MERGE, FRAMES = 6, 2, 2  # visual tokens of 12 x 12 pixels
LEAST, MOST = 4 * 144, 60 * 144  # pixels of a picture
GEOMETRY = ["patch_size", "temporal_patch_size", "merge_size"]
SHAPE = {"depth": 2, "num_heads": 2, "in_chans": 3, "patch_size": PATCH, "spatial_merge_size": MERGE, "spatial_patch_size": PATCH, "temporal_patch_size": FRAMES}
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]
CASES = {
    "nothing resized": ([(48, 36)], "What is this?"),
    "a photo's shape": ([(64, 48)], "Which colour is the box?"),
    "wide": ([(170, 37)], "What is on the left?"),
    "tall": ([(23, 131)], "What is on top?"),
    "too small": ([(11, 7)], "What is this?"),
    "too large": ([(161, 137)], "Read it."),
    "two pictures": ([(64, 48), (31, 77)], "Which one is darker?"),
    "text only": ([], "Say something about boxes."),
}

# As in the published files: a counter of pictures that a flag can show, tests for keys, and a system message where there is none.
TEMPLATE = (
    "{% set image_count = namespace(value=0) %}{% set video_count = namespace(value=0) %}{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' or 'image' in part or 'image_url' in part %}"
    "{% set image_count.value = image_count.value + 1 %}{% if add_vision_id %}Picture {{ image_count.value }}: {% endif %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% elif part['type'] == 'video' or 'video' in part %}"
    "{% set video_count.value = video_count.value + 1 %}{% if add_vision_id %}Video {{ video_count.value }}: {% endif %}"
    "<|vision_start|><|video_pad|><|vision_end|>{% elif 'text' in part %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def published(name):
    """The name of transformers 4, which the published files have."""
    return name.replace("model.language_model.", "model.").replace("model.visual.", "visual.")


def as_named(name):
    """Qwen3-VL was published with the names that transformers has now."""
    return name


def files(tok, architecture, model_type, vision, processor_class, tied):
    ids = {s: tok.token_to_id(s) for s in SPECIALS}
    text = {
        "attention_dropout": 0.0, "bos_token_id": ids["<|endoftext|>"], "eos_token_id": ids["<|im_end|>"], "hidden_act": "silu", "hidden_size": 48,
        "intermediate_size": 64, "max_position_embeddings": 512, "max_window_layers": 3, "num_attention_heads": 4, "num_hidden_layers": 3,
        "num_key_value_heads": 2, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "sliding_window": 512, "tie_word_embeddings": tied,
        "torch_dtype": "bfloat16", "use_cache": True, "use_sliding_window": False, "vocab_size": len(tok.get_vocab()) + 9,
        "rope_scaling": {"type": "mrope", "mrope_section": [1, 2, 3]},
    }
    return {
        "config": {"architectures": [architecture], "model_type": model_type, **text, "vision_config": vision, "image_token_id": ids["<|image_pad|>"],
                   "video_token_id": ids["<|video_pad|>"], "vision_start_token_id": ids["<|vision_start|>"], "vision_end_token_id": ids["<|vision_end|>"],
                   "vision_token_id": ids["<|vision_pad|>"]},
        "generation_config": {"bos_token_id": ids["<|endoftext|>"], "do_sample": True, "eos_token_id": [ids["<|im_end|>"], ids["<|endoftext|>"]],
                              "pad_token_id": ids["<|endoftext|>"], "temperature": 0.01, "top_k": 1, "top_p": 0.001},
        "preprocessor_config": {
            "min_pixels": LEAST, "max_pixels": MOST, "patch_size": PATCH, "temporal_patch_size": FRAMES, "merge_size": MERGE,
            "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
            "image_processor_type": "Qwen2VLImageProcessor", "processor_class": processor_class,
        },
        "tokenizer_config": goldens.tokenizer_config(tok, tokenizer_class="Qwen2Tokenizer", add_prefix_space=False, bos_token=None, eos_token="<|im_end|>",
                                                     pad_token="<|endoftext|>", unk_token=None, errors="replace", chat_template=TEMPLATE,
                                                     additional_special_tokens=SPECIALS[1:]),
        "chat_template": {"chat_template": TEMPLATE},
    }


def third(tok, architecture):
    """Qwen3-VL's folder: the decoder's fields in text_config, other names of the picture's bounds."""
    written = files(tok, architecture, "qwen3_vl", {}, "Qwen3VLProcessor", False)
    config = written["config"]
    text = {k: config.pop(k) for k in ("attention_dropout", "bos_token_id", "eos_token_id", "hidden_act", "hidden_size", "intermediate_size",
                                       "max_position_embeddings", "num_attention_heads", "num_hidden_layers", "num_key_value_heads", "rms_norm_eps",
                                       "rope_theta", "torch_dtype", "use_cache", "vocab_size")}
    for gone in ("max_window_layers", "rope_scaling", "sliding_window", "use_sliding_window", "vision_token_id"):
        config.pop(gone)
    config["text_config"] = {**text, "attention_bias": False, "head_dim": 16, "model_type": "qwen3_vl_text",
                             "rope_scaling": {"mrope_interleaved": True, "mrope_section": [4, 2, 2], "rope_type": "default"}}
    config["vision_config"] = {
        "deepstack_visual_indexes": [0, 2], "depth": 4, "hidden_act": "gelu_pytorch_tanh", "hidden_size": 16, "in_channels": 3, "intermediate_size": 28,
        "model_type": "qwen3_vl", "num_heads": 2, "num_position_embeddings": 49, "out_hidden_size": 48, "patch_size": PATCH,
        "spatial_merge_size": MERGE, "temporal_patch_size": FRAMES,
    }
    written["preprocessor_config"] = {
        "size": {"longest_edge": MOST, "shortest_edge": LEAST}, "patch_size": PATCH, "temporal_patch_size": FRAMES, "merge_size": MERGE,
        "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "image_processor_type": "Qwen2VLImageProcessorFast", "processor_class": "Qwen3VLProcessor",
    }
    return written


def third_processor(folder):
    images = Qwen2VLImageProcessorPil(**goldens.settings(folder, "preprocessor_config", "size", *GEOMETRY, "image_mean", "image_std"))
    return Qwen3VLProcessor(images, AutoTokenizer.from_pretrained(folder), Qwen3VLVideoProcessor(), chat_template=TEMPLATE)


def processor(cls):
    def make(folder):
        images = Qwen2VLImageProcessorPil(**goldens.settings(folder, "preprocessor_config", "min_pixels", "max_pixels", *GEOMETRY))
        return cls(images, AutoTokenizer.from_pretrained(folder), Qwen2VLVideoProcessor(), chat_template=TEMPLATE)
    return make


def tokenizer():
    return goldens.byte_level(SPECIALS, ["user\n", "assistant\n", "system\nYou are a helpful assistant."])


def qwen2_vl():
    tok, vision = tokenizer(), {**SHAPE, "embed_dim": 16, "hidden_size": 48, "mlp_ratio": 2}
    return goldens.Family(Qwen2VLForConditionalGeneration, Qwen2VLConfig, files(tok, "Qwen2VLForConditionalGeneration", "qwen2_vl", vision, "Qwen2VLProcessor", True),
                          tok, published, processor(Qwen2VLProcessor), tok.token_to_id("<|image_pad|>"))


def qwen2_5_vl():
    tok = tokenizer()
    vision = {**SHAPE, "depth": 3, "hidden_act": "silu", "hidden_size": 16, "intermediate_size": 28, "out_hidden_size": 48, "window_size": 3 * MERGE * PATCH,
              "fullatt_block_indexes": [1], "tokens_per_second": 2, "model_type": "qwen2_5_vl"}
    return goldens.Family(Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLConfig,
                          files(tok, "Qwen2_5_VLForConditionalGeneration", "qwen2_5_vl", vision, "Qwen2_5_VLProcessor", False),
                          tok, published, processor(Qwen2_5_VLProcessor), tok.token_to_id("<|image_pad|>"))


def qwen3_vl():
    tok = tokenizer()
    return goldens.Family(Qwen3VLForConditionalGeneration, Qwen3VLConfig, third(tok, "Qwen3VLForConditionalGeneration"), tok, as_named, third_processor,
                          tok.token_to_id("<|image_pad|>"))


def main():
    for name, family in ("qwen2-vl", qwen2_vl()), ("qwen2.5-vl", qwen2_5_vl()), ("qwen3-vl", qwen3_vl()):
        goldens.write(name, family, CASES)


if __name__ == "__main__":
    main()
