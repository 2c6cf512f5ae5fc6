"""Goldens of what happens before the network: pictures of every kind to pixel values, and hard strings to token ids.

`python3 inputs.py GOLDEN_FOLDER`; needs transformers, tokenizers, Pillow and numpy (no torch). The truth is SiglipImageProcessorPil on what
transformers' load_image returns (EXIF orientation applied, then Pillow's convert("RGB")).
"""
import io
import json
import pathlib
import sys

import numpy as np
import PIL
import transformers
from PIL import Image
from safetensors.numpy import save_file
from transformers import AutoTokenizer
from transformers.image_utils import load_image
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

import phrases as ph
import scenes as sc

MODEL = pathlib.Path(__file__).resolve().parents[2] / "models" / "aircache-tiny"
STEP = 7  # pixel values are kept at every 7th row and column


def photo(width, height, seed, channels=3):
    """Something like a photograph: soft light, edges, texture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    layers = []
    for c in range(channels):
        v = 120 + 60 * np.sin(x / (17 + 9 * c) + y / 41) + 50 * np.cos(y / (23 + 5 * c)) + 30 * (x / width - 0.5)
        v += 70 * (((x - width * 0.6) ** 2 + (y - height * 0.4) ** 2) < (min(width, height) * (0.15 + 0.05 * c)) ** 2)
        v -= 60 * ((x + 2 * y) % 53 < 6)
        layers.append(v + rng.normal(0, 4, v.shape))
    return np.clip(np.rint(np.stack(layers, -1)), 0, 255).astype(np.uint8)


def sources():
    """(name, bytes): each file as a user could send it."""
    def save(image, form, **kw):
        buf = io.BytesIO()
        image.save(buf, form, **kw)
        return buf.getvalue()

    def rotated(orientation, w, h, seed):
        exif = Image.Exif()
        exif[0x0112] = orientation
        return save(rgb(w, h, seed), "JPEG", quality=92, exif=exif.tobytes())

    rgb = lambda w, h, seed: Image.fromarray(photo(w, h, seed))
    gray = lambda w, h, seed: Image.fromarray(photo(w, h, seed, 1)[..., 0])
    rgba = photo(257, 190, 4, 4)
    la = Image.fromarray(np.ascontiguousarray(photo(90, 130, 5, 2)))
    palette = rgb(200, 150, 6).quantize(64)
    clear = rgb(150, 110, 7).quantize(32)
    yield "photo-640x427.jpg", save(rgb(640, 427, 1), "JPEG", quality=90)
    yield "tall-100x333.png", save(rgb(100, 333, 2), "PNG")
    yield "large-1920x1080.jpg", save(rgb(1920, 1080, 3), "JPEG", quality=60)
    yield "rgba-257x190.png", save(Image.fromarray(rgba), "PNG")
    yield "gray-alpha-90x130.png", save(la, "PNG")
    yield "palette-200x150.png", save(palette, "PNG")
    yield "palette-clear-150x110.png", save(clear, "PNG", transparency=3)
    yield "gray-300x200.png", save(gray(300, 200, 8), "PNG")
    yield "gray-300x200.jpg", save(gray(300, 200, 9), "JPEG", quality=85)
    yield "bits-64x48.png", save(gray(64, 48, 10).convert("1"), "PNG")
    yield "exif6-240x160.jpg", rotated(6, 240, 160, 11)
    yield "exif3-160x120.jpg", rotated(3, 160, 120, 12)
    yield "exif5-120x200.jpg", rotated(5, 120, 200, 13)
    yield "progressive-444-211x333.jpg", save(rgb(211, 333, 14), "JPEG", quality=88, progressive=True, subsampling=0)
    yield "lossy-400x300.webp", save(rgb(400, 300, 15), "WEBP", quality=80)
    yield "lossless-97x211.webp", save(rgb(97, 211, 16), "WEBP", lossless=True)
    yield "exact-336x336.png", save(rgb(336, 336, 17), "PNG")
    yield "wide-1000x20.png", save(rgb(1000, 20, 18), "PNG")
    yield "dot-1x1.png", save(rgb(1, 1, 19), "PNG")


def pixels(out):
    processor, cases, tensors = SiglipImageProcessorPil.from_pretrained(MODEL), [], {}
    out.mkdir(parents=True, exist_ok=True)
    for name, data in sources():
        (out / name).write_bytes(data)
        decoded = load_image(Image.open(io.BytesIO(data)))
        values = processor(images=[decoded], return_tensors="np")["pixel_values"][0]
        small = np.rint((values.astype(np.float64) * 0.5 + 0.5) * 255).astype(np.uint8)
        case = {"file": name, "size": list(decoded.size), "resized": f"{name}.resized.png"}
        Image.fromarray(small.transpose(1, 2, 0)).save(out / case["resized"], optimize=True)
        if name.endswith(("jpg", "lossy-400x300.webp")) and max(decoded.size) < 1000:
            case["decoded"] = f"{name}.decoded.png"
            decoded.save(out / case["decoded"], optimize=True)
        tensors[name] = np.ascontiguousarray(values[:, ::STEP, ::STEP])
        cases.append(case)
    save_file(tensors, out / "pixel_values.safetensors", metadata={"format": "np"})
    facts = {"transformers": transformers.__version__, "pillow": PIL.__version__, "processor": "SiglipImageProcessorPil (PIL backend)",
             "sampled_every": STEP}
    (out / "cases.json").write_text(json.dumps({"made_with": facts, "cases": cases}, indent=1) + "\n")


HARD = [
    "", " ", "  ", "   a", "a   ", "\n", "\n\n", " \n", "\n ", "\t", "\t\tx", "a\r\nb", "a\rb", " \r\n \r\n ", "x\n\n\ny", "a \n b", "\u00a0", "a\u00a0b",
    "\u2003wide", "\u200b", "a\u200bb", "\ufeffbom", "\u0000", "\u0007bell", "\u007f", "\u0085next", "\u2028line", "\u3000",
    "don't", "DON'T", "it's", "IT'S", "we'll they're you've i'd i'm", "'s", "''s", "'S'T'Re", "o'clock", "rock 'n' roll", "\u2019s don\u2019t",
    "0", "00", "1234567890", "3.14159", "1,000,000", "1e-5", "-42", "+7", "\u0663\u0664\u0665", "\u00bd", "\u2167", "\u00b2", "x\u00b2+y\u00b3", "\uff11\uff12",
    "7KQ2", "7KQ2 A1B2", " 7KQ2", "7kq2", "KQKQKQKQ", "A", "AB", "ABC", "aBcDeF", "HELLO", "Hello", "hello", "hELLO wORLD", "WHICH", "Which", "which",
    "caf\u00e9", "cafe\u0301", "\u00c5", "A\u030a", "\u212b", "n\u0303", "\u1e9b\u0323", "\ufb01ne", "\u0130stanbul", "stra\u00dfe", "STRASSE", "\u01c5",
    "\u4f60\u597d\u4e16\u754c", "\u4f60\u597d\uff0c\u4e16\u754c\uff01", "\u3053\u3093\u306b\u3061\u306f", "\uc548\ub155\ud558\uc138\uc694", "\u1112\u1161\u11ab", "\u041f\u0440\u0438\u0432\u0435\u0442", "\u0645\u0631\u062d\u0628\u0627", "\u05e9\u05dc\u05d5\u05dd", "\u0928\u092e\u0938\u094d\u0924\u0947", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u0393\u03b5\u03b9\u03ac",
    "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\U0001f44d\U0001f3fd", "a\U0001f600b", "\U00020000", "\U0010ffff", "\u2764\ufe0f",
    "!", "!!", "!!!", " !", "! ", "a!", "a !", "a! b", "?!", "...", " ...", "\u2026", "--", "\u2014", "a--b", "(a)", "[a]", "{a}", "<a>", "a/b", "a\\b", "a_b", "__a__",
    "a.b.c", "e.g.", "http://x.io/a?b=c&d=e#f", "me@example.com", "$5.00", "\u20ac5", "50%", "#tag", "@you", "a=b;", "if (x < 3) { y(); }\n", "!\n", "!\r\n", "!\n\n x", ".\n\n",
    "\"quoted\"", "`code`", "```\ncode\n```", "*bold* **strong**", "| a | b |\n|---|---|\n", "- one\n- two\n", "1. one\n2. two", "\tindent\n\t\tmore\n", "    four spaces", "a" * 200,
    "ab" * 64, " " * 50, "\n" * 20, "!" * 40, "9" * 30, "Z" * 30, "the " * 30, "x" + " " * 7 + "y", "\u0301", "\u0301\u0301a", "a\u0301\u0327", "a\u0327\u0301", "\u0344",
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<image>", "<image><image>", "<image>\n<image>\n", "a<image>b", " <image> ", "<|im_start|>user\nhi<|im_end|>\n",
    "<|im_start|", "|im_start|>", "<|im_start |>", "<IMAGE>", "<|IM_END|>", "<<image>>", "<|im_end|><|im_end|>", "<|unknown|>", "<image", "image>", "\u00e9<|im_end|>\u0301",
    "system\nYou are a helpful assistant.", "user\n", "assistant\n", "There are 3 purple boxes.", "There is 1 box in row 6.", "There are 0 red boxes.",
]


def tokens(out):
    tok = AutoTokenizer.from_pretrained(MODEL)
    strings = HARD + [form.format(c=c, r=2, k=5, ro="second", ko="fifth", rel=ph.RELATIONS["left"][i % 3])
                      for i, (forms, c) in enumerate(zip(ph.QUESTIONS.values(), ph.NAMES)) for form in forms]
    strings += ph.PREFIXES + ph.SUFFIXES + [w.format(o="first") for w in ph.WHICH_PICTURE] + ph.OTHER_SYSTEMS + ph.PROSE.strip().split("\n")
    strings += [" ".join(sc.CODE_CHARS[i:i + 4] for i in range(0, 28, n)) for n in (2, 3, 5, 7)]
    cases = []
    for text in dict.fromkeys(strings):
        ids = tok.encode(text, add_special_tokens=False)
        cases.append({"text": text, "ids": ids, "decoded": tok.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False),
                      "plain": tok.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)})
    out.write_text(json.dumps({"made_with": {"transformers": transformers.__version__, "class": type(tok).__name__}, "cases": cases},
                              ensure_ascii=True, separators=(",", ":")) + "\n")
    print(len(cases), "strings")


if __name__ == "__main__":
    pixels(pathlib.Path(sys.argv[1]) / "preprocess")
    tokens(pathlib.Path(sys.argv[1]) / "tokens.json")
