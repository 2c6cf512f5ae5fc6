"""What midsize.py makes of each family: the heads, tiles, patches and bounds of published models, a fraction of their width and depth.

families() names for each the function that says what it publishes (goldens.Family), and the fields that a middle size has instead.
small() keeps heads and patches and takes the least of all else: for trying the scripts on a CPU.
"""

import dataclasses

import torch

import internvl
import llava
import llava_next
import qwen_vl

WIDTH, VOCABULARY, LONGEST = 1024, 32000, 32768
TEXT = {"hidden_size": WIDTH, "intermediate_size": 2816, "num_hidden_layers": 8, "head_dim": 128, "num_attention_heads": 8, "num_key_value_heads": 2,
        "max_position_embeddings": LONGEST, "vocab_size": VOCABULARY}
MROPE = {"type": "mrope", "mrope_section": [16, 24, 24]}
CLIP = {"hidden_size": 1024, "num_attention_heads": 16, "intermediate_size": 4096, "num_hidden_layers": 6, "patch_size": 14}
QWEN = {"depth": 6, "num_heads": 16, "patch_size": 14, "spatial_patch_size": 14}
BOUNDS = {"min_pixels": 4 * 28 * 28, "max_pixels": 16384 * 28 * 28, "patch_size": 14}
INTERN = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 6, "patch_size": [14, 14]}


def square(side):
    return {"height": side, "width": side}


def clip(side, **more):
    """LLaVA's files beside config.json."""
    return {"preprocessor_config": {"crop_size": square(side), "size": {"shortest_edge": side}, **more}, "processor_config": {"patch_size": 14}}


def grids(side):
    return [[side * h, side * w] for h, w in ((1, 2), (2, 1), (2, 2), (3, 1), (1, 3))]


def intern(side, heads):
    return {"config": {"image_seq_length": (side // 28) ** 2, "text_config": TEXT, "vision_config": {**INTERN, "num_attention_heads": heads, "image_size": [side, side]}},
            "preprocessor_config": {"size": square(side), "max_patches": 12}, "processor_config": {"image_seq_length": (side // 28) ** 2}}


def families(clip_side=336, intern_side=448):
    """name: what says what the family publishes, and the fields that a middle size has instead."""
    return {
        "llava": (llava.llava, {"config": {"text_config": {**TEXT, "num_key_value_heads": 8}, "vision_config": {**CLIP, "image_size": clip_side}}, **clip(clip_side)}),
        "llava-next": (llava_next.llava_next, {
            "config": {"text_config": TEXT, "vision_config": {**CLIP, "image_size": clip_side}, "image_grid_pinpoints": grids(clip_side)},
            **clip(clip_side, image_grid_pinpoints=grids(clip_side))}),
        "qwen2-vl": (qwen_vl.qwen2_vl, {
            "config": {**TEXT, "rope_scaling": MROPE, "tie_word_embeddings": False, "vision_config": {**QWEN, "embed_dim": 1280, "hidden_size": WIDTH, "mlp_ratio": 4}},
            "preprocessor_config": BOUNDS}),
        "qwen2.5-vl": (qwen_vl.qwen2_5_vl, {
            "config": {**TEXT, "rope_scaling": MROPE, "vision_config": {**QWEN, "hidden_size": 1280, "intermediate_size": 3420, "out_hidden_size": WIDTH, "window_size": 112,
                                                                        "fullatt_block_indexes": [2, 5]}},
            "preprocessor_config": BOUNDS}),
        "qwen3-vl": (qwen_vl.qwen3_vl, {
            "config": {"text_config": {**TEXT, "rope_scaling": {"mrope_interleaved": True, "mrope_section": [24, 20, 20], "rope_type": "default"}},
                       "vision_config": {"depth": 6, "num_heads": 16, "patch_size": 16, "hidden_size": 1152, "intermediate_size": 4304, "out_hidden_size": WIDTH,
                                         "num_position_embeddings": 2304, "deepstack_visual_indexes": [1, 2, 4]}},
            "preprocessor_config": {"size": {"shortest_edge": 65536, "longest_edge": 16777216}, "patch_size": 16}}),
        "internvl": (internvl.internvl, intern(intern_side, 16)),  # heads of 64, as InternViT-300M
        "internvl-6b": (internvl.internvl_6b, intern(intern_side, 8)),  # heads of 128, as InternViT-6B
    }


SIDES = {"clip_side": 84, "intern_side": 112}  # of small tiles
LEAST = {"num_hidden_layers": 3, "num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 192, "depth": 3, "num_heads": 2, "vocab_size": 600,
         "fullatt_block_indexes": [1], "deepstack_visual_indexes": [0, 2], "mlp_ratio": 1}


def small(config):
    """The same heads and patches, but two heads and three layers each."""
    out = {k: LEAST[k] if k in LEAST else small(v) if isinstance(v, dict) else v for k, v in config.items()}
    heads = config.get("num_attention_heads", config.get("num_heads"))
    if heads:
        tower = "embed_dim" if "embed_dim" in config else "hidden_size"  # Qwen2-VL's hidden_size is the decoder's
        out.update({width: 2 * TEXT["head_dim"] for width in ("hidden_size", "out_hidden_size") if width in config})
        out[tower] = 2 * config[tower] // heads
    return out


def merged(files, fields):
    """files with fields in place of theirs."""
    return {**files, **{k: merged(files.get(k, {}), v) if isinstance(v, dict) else v for k, v in fields.items()}}


def family(name, least):
    make, fields = families(**SIDES if least else {})[name]
    made = make()
    files = merged(made.files, fields)
    if least:
        files["config"] = small(files["config"])
    return dataclasses.replace(made, files=files, stored=torch.bfloat16)
