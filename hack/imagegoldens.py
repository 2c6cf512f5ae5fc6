"""Writes pictures of many kinds and what Pillow and transformers make of them, for the tests of runtime/image.

    pip install pillow numpy transformers && python hack/imagegoldens.py

Everything is drawn here from a fixed seed. For name.ext the expected RGB is in name.ext.rgb.png.
"""

import io
import json
import logging
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageDraw, ImageOps
from PIL.PngImagePlugin import PngInfo

logging.disable(logging.WARNING)
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil  # noqa: E402

OUT = pathlib.Path(__file__).parent.parent / "runtime/image/testdata"
rng = np.random.default_rng(7)


def scene(width, height):
    """Soft gradients, sharp edges, saturated colours and a little noise, as a photo has them."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    base = np.stack([127 + 120 * np.sin(x / 17 + y / 31), 127 + 120 * np.cos(y / 13), 255 * (x + y) / (width + height)], -1)
    im = Image.fromarray(np.clip(base + rng.normal(0, 4, base.shape), 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(im)
    for i, color in enumerate([(255, 0, 0), (0, 0, 255), (0, 255, 0), (255, 255, 255), (0, 0, 0), (255, 0, 255)]):
        left, top = i * width // 7 + 2, (i * 29) % max(height - 18, 1)
        draw.rectangle([left, top, left + width // 9, top + 14], fill=color)
        draw.text((left + 2, top + 2), "7K", fill=(255 - color[0], 128, 255 - color[2]))
    return im


def alpha(im):
    ramp = np.linspace(0, 255, im.width)[None, :].repeat(im.height, 0).astype(np.uint8)
    out = im.copy()
    out.putalpha(Image.fromarray(ramp))
    return out


def save(name, im, **options):
    buffer = io.BytesIO()
    im.save(buffer, format={"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "gif": "GIF"}[name.rsplit(".", 1)[1]], **options)
    keep(name, buffer.getvalue())


def keep(name, encoded):
    (OUT / name).write_bytes(encoded)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded)))
    Image.fromarray(np.array(upright.convert("RGB"))).save(OUT / f"{name}.rgb.png", optimize=True)


def png(width, height, depth, color, rows, extra=b""):
    """A PNG that Pillow itself cannot write (16 bits with colour, few bits of gray)."""

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    data = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def rearrange(im, subsampling, old, new, width, height):
    buffer = io.BytesIO()
    im.save(buffer, format="JPEG", quality=90, subsampling=subsampling)
    encoded = bytearray(buffer.getvalue())
    frame = encoded.index(b"\xff\xc0")
    encoded[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    assert encoded[frame + 11 : frame + 12] == old
    encoded[frame + 11 : frame + 12] = new
    return bytes(encoded)


def jpegs():
    im = scene(75, 53)
    for name, sampling in {"444": 0, "422": 1, "420": 2}.items():
        save(f"jpeg-{name}.jpg", im, quality=90, subsampling=sampling)
    # Pillow writes no other ratios: the same blocks in another arrangement make a valid, if scrambled, picture.
    keep("jpeg-440.jpg", rearrange(scene(64, 48), 1, b"\x21", b"\x12", 32, 96))
    keep("jpeg-411.jpg", rearrange(scene(64, 48), 2, b"\x22", b"\x41", 128, 24))
    save("jpeg-progressive.jpg", im, quality=75, progressive=True)
    save("jpeg-restart.jpg", im, quality=80, restart_marker_rows=1)
    save("jpeg-low-quality.jpg", im, quality=10)
    save("jpeg-gray.jpg", im.convert("L"), quality=90)
    save("jpeg-cmyk.jpg", im.convert("CMYK"), quality=90)
    save("jpeg-rgb.jpg", im, quality=90, keep_rgb=True)
    for size in [(1, 1), (2, 3), (3, 2), (4, 5), (5, 4), (16, 16), (17, 33)]:
        save(f"jpeg-{size[0]}x{size[1]}.jpg", scene(*size), quality=90, subsampling=2)
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = turn
        save(f"exif-{turn}.jpg", scene(24, 16), quality=85, exif=exif)
    exif = Image.Exif()
    exif[0x0112] = 6
    save("exif-6.png", scene(24, 16), exif=exif)
    save("exif-6.webp", scene(24, 16), exif=exif, lossless=True)
    save("jpeg-large.jpg", scene(300, 200), quality=85)


def pngs():
    im = scene(41, 29)
    save("png-rgb.png", im)
    save("png-rgba.png", alpha(im))
    save("png-gray.png", im.convert("L"))
    save("png-gray-alpha.png", alpha(im).convert("LA"))
    save("png-palette.png", im.convert("P", palette=Image.Palette.ADAPTIVE, colors=200))
    save("png-palette-4-bits.png", im.convert("P", palette=Image.Palette.ADAPTIVE, colors=13))
    save("png-palette-transparent.png", im.convert("P", palette=Image.Palette.ADAPTIVE, colors=16), transparency=3)
    save("png-1-bit.png", im.convert("1"))
    save("png-rgb-transparent.png", im, transparency=(255, 0, 0))
    save("png-gray-transparent.png", im.convert("L"), transparency=100)
    save("png-gray-16-bits.png", Image.fromarray((np.arange(41 * 29).reshape(29, 41) % 600).astype(np.uint16)))
    info = PngInfo()
    info.add_text("note", "x" * 300)
    save("png-text.png", im, pnginfo=info)
    samples = rng.integers(0, 256, (7, 48), dtype=np.uint8)
    keep("png-rgb-16-bits.png", png(8, 7, 16, 2, [r.tobytes() for r in samples]))
    keep("png-rgba-16-bits.png", png(6, 7, 16, 6, [r.tobytes() for r in samples]))
    keep("png-gray-alpha-16-bits.png", png(12, 7, 16, 4, [r.tobytes() for r in samples]))
    keep("png-gray-2-bits.png", png(192, 7, 2, 0, [r.tobytes() for r in samples]))
    keep("png-gray-4-bits.png", png(96, 7, 4, 0, [r.tobytes() for r in samples]))
    transparent = struct.pack(">I", 2) + b"tRNS" + b"\0\x32" + struct.pack(">I", zlib.crc32(b"tRNS\0\x32"))
    deep = (np.arange(24 * 7).reshape(7, 24) * 3).astype(">u2")
    keep("png-gray-16-bits-transparent.png", png(24, 7, 16, 0, [r.tobytes() for r in deep], transparent))


def webps():
    im = scene(75, 53)
    save("webp-lossless.webp", im, lossless=True)
    save("webp-lossless-alpha.webp", alpha(im), lossless=True, exact=True)
    save("webp-lossy.webp", im, quality=80)
    save("webp-lossy-alpha.webp", alpha(im), quality=80)
    save("webp-low-quality.webp", im, quality=5)
    for size in [(1, 1), (2, 2), (3, 5), (16, 16), (17, 18)]:
        save(f"webp-{size[0]}x{size[1]}.webp", scene(*size), quality=90)


def refused():
    frames = [scene(8, 8), scene(8, 8)]
    for name, kind in {"animated.webp": "WEBP", "animated.gif": "GIF"}.items():
        frames[0].save(OUT / name, format=kind, save_all=True, append_images=frames[1:], duration=50)
    frames[0].save(OUT / "picture.bmp", format="BMP")
    frames[0].save(OUT / "picture.tiff", format="TIFF")


def resizes():
    source = scene(67, 45)
    source.save(OUT / "resize-source.png", optimize=True)
    sizes = [(67, 45), (28, 28), (67, 20), (31, 45), (134, 91), (1, 1), (7, 60), (100, 3), (60, 11), (60, 60)]
    cases = []
    for number, name in enumerate(["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]):
        for width, height in sizes:
            file = f"resize-{name}-{width}x{height}.png"
            source.resize((width, height), number).save(OUT / file, optimize=True)
            cases.append({"filter": number, "width": width, "height": height, "file": file})
    (OUT / "resizes.json").write_text(json.dumps(cases, indent=1) + "\n")


def processors():
    configs = {
        "siglip": {"size": {"height": 28, "width": 28}, "resample": 3},
        "bilinear, other means": {"size": {"height": 20, "width": 30}, "resample": 2, "image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28]},
        "no resize": {"size": {"height": 45, "width": 67}, "do_resize": False},
        "no normalising": {"size": {"height": 14, "width": 14}, "do_normalize": False},
        "no rescaling": {"size": {"height": 14, "width": 14}, "do_rescale": False},
    }
    source = Image.open(OUT / "resize-source.png")
    cases = []
    for name, config in configs.items():
        pixels = SiglipImageProcessorPil(**config)(source, return_tensors="np")["pixel_values"][0].astype(np.float32)
        cases.append({"name": name, "config": {"image_processor_type": "SiglipImageProcessor", **config}, "shape": pixels.shape, "offset": sum(np.prod(c["shape"]) for c in cases)})
        cases[-1]["pixels"] = pixels
    (OUT / "processors.f32").write_bytes(b"".join(c.pop("pixels").astype("<f4").tobytes() for c in cases))
    (OUT / "processors.json").write_text(json.dumps(cases, indent=1, default=int) + "\n")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for step in (jpegs, pngs, webps, refused, resizes, processors):
        step()
    files = list(OUT.iterdir())
    print(f"{OUT}: {len(files)} files, {sum(f.stat().st_size for f in files)} bytes, Pillow {Image.__version__}")


main()
