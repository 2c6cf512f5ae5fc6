"""Writes a small random LLaVA-NeXT folder and what transformers makes of it (goldens.py says what lies there).

    pip install torch torchvision transformers==5.17 pillow numpy && python hack/parity/llava_next.py
"""

from transformers import AutoTokenizer, LlavaNextConfig, LlavaNextForConditionalGeneration, LlavaNextImageProcessorPil, LlavaNextProcessor

import goldens

SIDE, PATCH = 30, 7  # 4 x 4 patches; like 336 and 14, with a rest
GRIDS = [[SIDE, 2 * SIDE], [2 * SIDE, SIDE], [2 * SIDE, 2 * SIDE], [3 * SIDE, SIDE], [SIDE, 3 * SIDE]]
CASES = {
    "nothing resized": ([(30, 30)], "What is this?"),
    "a photo's shape": ([(64, 48)], "Which colour is the box?"),
    "wide": ([(170, 37)], "What is on the left?"),
    "tall": ([(23, 131)], "What is on top?"),
    "a strip": ([(400, 9)], "Is this a line?"),
    "larger than every grid": ([(131, 117)], "Read it."),
    "two pictures": ([(64, 48), (31, 77)], "Which one is darker?"),
    "text only": ([], "Say something about boxes."),
}

# As LLaVA-NeXT's on Mistral: instructions between marks, pictures where they are written.
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '[INST] ' }}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '<image>\\n' }}{% else %}{{ part['text'] }}{% endif %}{% endfor %}{{ ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'][0]['text'] + eos_token }}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
)


def published(name):
    """The name of transformers 4, which the published files have; the closing norm of the tower is never read."""
    if "post_layernorm" in name:
        return None
    name = name.removeprefix("model.")
    if name.startswith("vision_tower.") and not name.startswith("vision_tower.vision_model."):
        name = name.replace("vision_tower.", "vision_tower.vision_model.", 1)
    if name.startswith("language_model."):
        return "language_model.model." + name.removeprefix("language_model.")
    return "language_model." + name if name == "lm_head.weight" else name


def files(tok, image):
    size = {"height": SIDE, "width": SIDE}
    mean, std = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    vision = {"hidden_size": 32, "image_size": SIDE, "intermediate_size": 44, "model_type": "clip_vision_model", "num_attention_heads": 2,
              "num_hidden_layers": 3, "patch_size": PATCH, "projection_dim": 16, "vocab_size": 32000}
    text = {"hidden_size": 32, "intermediate_size": 56, "max_position_embeddings": 512, "model_type": "mistral", "num_attention_heads": 4, "num_hidden_layers": 3,
            "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "rope_theta": 1000000.0, "sliding_window": None, "torch_dtype": "bfloat16",
            "vocab_size": len(tok.get_vocab()) + 5}
    return {
        "config": {
            "architectures": ["LlavaNextForConditionalGeneration"], "ignore_index": -100, "image_grid_pinpoints": GRIDS, "image_token_index": image,
            "model_type": "llava_next", "projector_hidden_act": "gelu", "text_config": text, "tie_word_embeddings": False, "torch_dtype": "float16",
            "use_image_newline_parameter": True, "vision_config": vision, "vision_feature_layer": -2, "vision_feature_select_strategy": "default",
        },
        "preprocessor_config": {
            "aspect_ratio_setting": "anyres", "crop_size": size, "do_center_crop": True, "do_convert_rgb": True, "do_normalize": True, "do_pad": True,
            "do_rescale": True, "do_resize": True, "image_grid_pinpoints": GRIDS, "image_mean": mean, "image_processor_type": "LlavaNextImageProcessor",
            "image_std": std, "processor_class": "LlavaNextProcessor", "resample": 3, "rescale_factor": 1 / 255, "size": {"shortest_edge": SIDE},
        },
        "generation_config": {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0},
        "processor_config": {"image_token": "<image>", "num_additional_image_tokens": 1, "patch_size": PATCH, "processor_class": "LlavaNextProcessor",
                             "vision_feature_select_strategy": "default"},
        "tokenizer_config": goldens.tokenizer_config(tok, tokenizer_class="LlamaTokenizer", bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>",
                                                     processor_class="LlavaNextProcessor", image_token="<image>"),
        "chat_template": {"chat_template": TEMPLATE},
    }


def processor(folder):
    images = LlavaNextImageProcessorPil(**goldens.settings(folder, "preprocessor_config", "size", "crop_size", "image_grid_pinpoints"))
    return LlavaNextProcessor(images, AutoTokenizer.from_pretrained(folder), vision_feature_select_strategy="default",
                              **goldens.settings(folder, "processor_config", "patch_size"), num_additional_image_tokens=1, chat_template=TEMPLATE)


def llava_next():
    tok = goldens.sentencepiece(["<image>", "<pad>"], ["[INST] ", " [/INST]"])
    image = tok.token_to_id("<image>")
    return goldens.Family(LlavaNextForConditionalGeneration, LlavaNextConfig, files(tok, image), tok, published, processor, image)


def main():
    goldens.write("llava-next", llava_next(), CASES)


if __name__ == "__main__":
    main()
