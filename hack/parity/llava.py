"""Writes small random LLaVA-1.5 folders and what transformers makes of them (goldens.py says what lies there).

    pip install torch torchvision transformers==5.17 pillow numpy && python hack/parity/llava.py

llava/         CLIP with a class token, the last layer but one without it, and a Llama with a tokenizer of SentencePiece's kind
llava-llama3/  the same tower read whole and at two layers, and a Llama with grouped heads whose rotation is scaled as Llama 3's
"""

from transformers import AutoTokenizer, CLIPImageProcessorPil, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor

import goldens

SIDE, PATCH = 30, 7  # 4 x 4 patches; like 336 and 14, with a rest
CASES = {
    "nothing resized": ([(30, 30)], "What is this?"),
    "a photo's shape": ([(64, 48)], "Which colour is the box?"),
    "wide": ([(170, 37)], "What is on the left?"),
    "tall": ([(23, 131)], "What is on top?"),
    "smaller than a tile": ([(11, 7)], "What is this? 猫 🐈"),
    "two pictures": ([(64, 48), (31, 77)], "Which one is darker?"),
    "text only": ([], "Say something about boxes."),
}

# As in the published files: pictures before text, upper case roles, and a generation block for training.
TEMPLATE = (
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': ' }}{% endif %}"
    "{# pictures come first #}{% for part in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\\n' }}{% endfor %}"
    "{# then the text #}{% if message['role'] != 'assistant' %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'text') %}{{ part['text'] + ' ' }}{% endfor %}{% else %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'text') %}{% generation %}{{ part['text'] + ' ' }}{% endgeneration %}{% endfor %}"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
VISION = {
    "hidden_size": 32, "image_size": SIDE, "intermediate_size": 44, "model_type": "clip_vision_model", "num_attention_heads": 2,
    "num_hidden_layers": 3, "patch_size": PATCH, "projection_dim": 16, "vocab_size": 32000,
}


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


def files(tok, image, text, strategy, layer, tokenizer_class):
    size = {"height": SIDE, "width": SIDE}
    mean, std = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    return {
        "config": {
            "architectures": ["LlavaForConditionalGeneration"], "ignore_index": -100, "image_token_index": image, "model_type": "llava",
            "projector_hidden_act": "gelu", "text_config": {"max_position_embeddings": 512, "torch_dtype": "float16", "vocab_size": len(tok.get_vocab()) + 5, **text},
            "tie_word_embeddings": False, "torch_dtype": "float16", "vision_config": VISION, "vision_feature_layer": layer,
            "vision_feature_select_strategy": strategy,
        },
        "preprocessor_config": {
            "crop_size": size, "do_center_crop": True, "do_convert_rgb": True, "do_normalize": True, "do_rescale": True, "do_resize": True,
            "image_mean": mean, "image_processor_type": "CLIPImageProcessor", "image_std": std, "processor_class": "LlavaProcessor",
            "resample": 3, "rescale_factor": 1 / 255, "size": {"shortest_edge": SIDE},
        },
        "processor_config": {"image_token": "<image>", "num_additional_image_tokens": 1, "patch_size": PATCH, "processor_class": "LlavaProcessor",
                             "vision_feature_select_strategy": strategy},
        "tokenizer_config": goldens.tokenizer_config(tok, tokenizer_class=tokenizer_class, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>",
                                                     processor_class="LlavaProcessor", image_token="<image>"),
        "chat_template": {"chat_template": TEMPLATE},
    }


def processor(strategy):
    def make(folder):
        images = CLIPImageProcessorPil(**goldens.settings(folder, "preprocessor_config", "size", "crop_size"))
        return LlavaProcessor(images, AutoTokenizer.from_pretrained(folder), vision_feature_select_strategy=strategy,
                              **goldens.settings(folder, "processor_config", "patch_size"), num_additional_image_tokens=1, chat_template=TEMPLATE)
    return make


PLAIN = {"model_type": "llama", "hidden_size": 32, "intermediate_size": 56, "num_hidden_layers": 3, "num_attention_heads": 4, "rms_norm_eps": 1e-5}


def llava():
    tok = goldens.sentencepiece(["<image>", "<pad>"], ["USER: ", "ASSISTANT:"])
    image = tok.token_to_id("<image>")
    return goldens.Family(LlavaForConditionalGeneration, LlavaConfig, files(tok, image, PLAIN, "default", -2, "LlamaTokenizer"), tok, published,
                          processor("default"), image)


def llava_llama3():
    tok = goldens.byte_level(["<unk>", "<s>", "</s>", "<image>", "<pad>"], ["USER: ", "ASSISTANT:"])
    image = tok.token_to_id("<image>")
    scaled = {**PLAIN, "num_key_value_heads": 2, "head_dim": 12, "rope_theta": 500.0, "bos_token_id": tok.token_to_id("<s>"), "eos_token_id": tok.token_to_id("</s>"),
              "rope_scaling": {"factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 64, "rope_type": "llama3"}}
    return goldens.Family(LlavaForConditionalGeneration, LlavaConfig, files(tok, image, scaled, "full", [-2, 1], "PreTrainedTokenizerFast"), tok, published,
                          processor("full"), image)


def main():
    goldens.write("llava", llava(), CASES)
    goldens.write("llava-llama3", llava_llama3(), {k: CASES[k] for k in ("a photo's shape", "two pictures", "text only")})


if __name__ == "__main__":
    main()
