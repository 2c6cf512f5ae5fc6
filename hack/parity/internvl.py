"""Writes small random InternVL folders and what transformers makes of them (goldens.py says what lies there).

    pip install torch torchvision transformers==5.17 pillow numpy && python hack/parity/internvl.py

internvl/     as InternVL2.5 and 3 up to 14B: layer norms, biases, Qwen2
internvl-6b/  with a tower as InternViT-6B: RMS norms, of queries and keys too; and Qwen3 as InternVL3.5, whose heads have such norms
"""

from transformers import AutoTokenizer, GotOcr2ImageProcessorPil, InternVLConfig, InternVLForConditionalGeneration, InternVLProcessor, InternVLVideoProcessor

import goldens

SIDE, PATCH = 24, 6  # 4 x 4 patches, 2 x 2 rows a tile
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>", "<video>"]
CASES = {
    "nothing resized": ([(24, 24)], "What is this?"),
    "a photo's shape": ([(64, 48)], "Which colour is the box?"),
    "wide": ([(170, 37)], "What is on the left?"),
    "tall": ([(23, 131)], "What is on top?"),
    "a strip": ([(400, 9)], "Is this a line?"),
    "smaller than a tile": ([(11, 7)], "What is this?"),
    "larger than every grid": ([(161, 137)], "Read it."),
    "two pictures": ([(64, 48), (31, 77)], "Which one is darker?"),
    "text only": ([], "Say something about boxes."),
}
MOST = 6  # tiles

TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n'}}{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '<IMG_CONTEXT>\n' }}{% elif part['type'] == 'video' %}{{ '<video>\n' }}"
    "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}{{'<|im_end|>\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{'<|im_start|>assistant\n' }}{% endif %}"
)


def published(name):
    """The name of transformers 4, which the published files have."""
    name = name.removeprefix("model.")
    if name.startswith("language_model."):
        return "language_model.model." + name.removeprefix("language_model.")
    return "language_model." + name if name == "lm_head.weight" else name


def files(tok, vision, text):
    ids = {s: tok.token_to_id(s) for s in SPECIALS}
    size = {"height": SIDE, "width": SIDE}
    names = {"context_image_token": "<IMG_CONTEXT>", "end_image_token": "</img>", "start_image_token": "<img>", "video_token": "<video>"}
    return {
        "config": {
            "architectures": ["InternVLForConditionalGeneration"], "downsample_ratio": 0.5, "image_seq_length": 4, "image_token_id": ids["<IMG_CONTEXT>"],
            "model_type": "internvl", "projector_hidden_act": "gelu", "torch_dtype": "bfloat16", "vision_feature_layer": -1,
            "vision_feature_select_strategy": "default", "tie_word_embeddings": False,
            "text_config": {
                "architectures": ["Qwen2ForCausalLM"], "bos_token_id": ids["<|endoftext|>"], "eos_token_id": ids["<|im_end|>"], "hidden_size": 32,
                "intermediate_size": 56, "max_position_embeddings": 1024, "max_window_layers": 3, "model_type": "qwen2", "num_attention_heads": 4,
                "num_hidden_layers": 3, "num_key_value_heads": 2, "rope_scaling": {"factor": 2.0, "rope_type": "dynamic", "type": "dynamic"}, "rope_theta": 1000000.0,
                "sliding_window": None, "tie_word_embeddings": False, "torch_dtype": "bfloat16", "use_sliding_window": False, "vocab_size": len(tok.get_vocab()) + 9, **text,
            },
            "vision_config": {
                "architectures": ["InternVLVisionModel"], "attention_dropout": 0.0, "hidden_act": "gelu", "hidden_size": 32, "image_size": [SIDE, SIDE],
                "intermediate_size": 44, "layer_scale_init_value": 0.1, "model_type": "internvl_vision", "num_attention_heads": 2, "num_channels": 3,
                "num_hidden_layers": 2, "patch_size": [PATCH, PATCH], "use_absolute_position_embeddings": True, "use_mask_token": False, "use_mean_pooling": True, **vision,
            },
        },
        "generation_config": {"bos_token_id": ids["<|endoftext|>"], "eos_token_id": [ids["<|im_end|>"], ids["<|endoftext|>"]], "pad_token_id": ids["<|endoftext|>"]},
        "preprocessor_config": {
            "crop_size": None, "crop_to_patches": False, "data_format": "channels_first", "default_to_square": True, "do_center_crop": None, "do_convert_rgb": True,
            "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": [0.485, 0.456, 0.406], "image_processor_type": "GotOcr2ImageProcessorFast",
            "image_std": [0.229, 0.224, 0.225], "max_patches": MOST, "min_patches": 1, "processor_class": "InternVLProcessor", "resample": 3,
            "rescale_factor": 1 / 255, "size": size,
        },
        "processor_config": {"image_seq_length": 4, "processor_class": "InternVLProcessor"},
        "tokenizer_config": goldens.tokenizer_config(tok, tokenizer_class="Qwen2Tokenizer", add_prefix_space=False, bos_token=None, eos_token="<|im_end|>",
                                                     pad_token="<|endoftext|>", unk_token=None, errors="replace", extra_special_tokens=names, **names),
        "chat_template.jinja": TEMPLATE,
    }


def processor(folder):
    images = GotOcr2ImageProcessorPil(**goldens.settings(folder, "preprocessor_config", "size", "image_mean", "image_std", "max_patches"))
    return InternVLProcessor(images, AutoTokenizer.from_pretrained(folder), InternVLVideoProcessor(), chat_template=TEMPLATE,
                             **goldens.settings(folder, "processor_config", "image_seq_length"))


def family(vision, text):
    tok = goldens.byte_level(SPECIALS, ["user\n", "assistant\n"])
    return goldens.Family(InternVLForConditionalGeneration, InternVLConfig, files(tok, vision, text), tok, published, processor, tok.token_to_id("<IMG_CONTEXT>"))


def internvl():
    return family({"attention_bias": True, "norm_type": "layer_norm", "layer_norm_eps": 1e-06, "use_qk_norm": False}, {})


def internvl_6b():
    return family({"attention_bias": False, "norm_type": "rms_norm", "layer_norm_eps": 1e-06, "use_qk_norm": True},
                  {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "head_dim": 12, "attention_bias": False,
                   "rope_scaling": {"factor": 2.0, "rope_type": "linear"}})


def main():
    goldens.write("internvl", internvl(), CASES)
    goldens.write("internvl-6b", internvl_6b(), {k: CASES[k] for k in ("a photo's shape", "two pictures")})


if __name__ == "__main__":
    main()
