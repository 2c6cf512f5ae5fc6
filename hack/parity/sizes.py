"""Writes how many visual tokens published models take for pictures of many sizes, as transformers counts them.

    pip install torch torchvision transformers==5.17 pillow numpy && python hack/parity/sizes.py

runtime/image/testdata/visual-tokens.json: family -> [height, width, tokens] of each picture
"""

import json
import math
import pathlib

import numpy as np
from transformers import GotOcr2ImageProcessorPil, LlavaNextImageProcessorPil, LlavaNextProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

OUT = pathlib.Path(__file__).parent.parent.parent / "runtime/image/testdata/visual-tokens.json"
rng = np.random.default_rng(5)


class Next(LlavaNextProcessor):
    """Only what counts is needed of it."""

    def __init__(self):
        self.image_processor, self.patch_size, self.num_additional_image_tokens = LlavaNextImageProcessorPil(size={"shortest_edge": 336}), 14, 1


def main():
    sizes = [(336, 336), (448, 448), (1080, 1920), (1920, 1080), (1, 1), (1, 200), (200, 1), (27, 28), (14, 42), (385, 383), (3024, 4032), (427, 640), (13, 1500)]
    sizes += [tuple(int(v) for v in np.exp(rng.uniform(0, math.log(6000), 2))) for _ in range(300)]
    qwen = [(h, w, *smart_resize(h, w, 28, 3136, 12845056)) for h, w in sizes if max(h, w) <= 200 * min(h, w)]
    intern, following = GotOcr2ImageProcessorPil(size={"height": 448, "width": 448}), Next()
    counted = {
        "LlavaNextImageProcessor": [(h, w, following._get_number_of_features(h, w, 336, 336) - 1) for h, w in sizes],
        "Qwen2VLImageProcessor": [(h, w, a // 28 * (b // 28)) for h, w, a, b in qwen],
        "GotOcr2ImageProcessor": [(h, w, 256 * intern.get_number_of_image_patches(h, w, {"crop_to_patches": True})) for h, w in sizes],
    }
    OUT.write_text(json.dumps(counted, separators=(",", ":")) + "\n")
    print({family: len(rows) for family, rows in counted.items()})


main()
