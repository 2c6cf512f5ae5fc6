"""Held-out pictures with their questions, as files: 68 for the goldens, 6 to try. Run before goldens.py; needs numpy and Pillow only."""
import json
import pathlib
import random
import sys

import numpy as np
from PIL import Image

import render
import scenes as sc

MODELS = pathlib.Path(__file__).resolve().parents[2] / "models"


class Studio:
    def __init__(self, seed):
        self.rng, self.noise = random.Random(seed), np.random.default_rng(20261123)
        self.glyphs, self.shapes = render.glyph_bank(), render.shape_bank()

    def shoot(self, path, scene, sigma=0.0, quality=None):
        """One file: PNG, or JPEG with what Pillow decodes from it beside it as PNG."""
        px = render.picture(scene, self.glyphs, self.shapes).astype(np.float32)
        px = np.clip(np.rint(px + sigma * self.noise.standard_normal(px.shape)), 0, 255).astype(np.uint8)
        if quality is None:
            Image.fromarray(px).save(path, optimize=True)
            return
        Image.fromarray(px).save(path, quality=quality)
        Image.open(path).convert("RGB").save(path.with_suffix(".decoded.png"), optimize=True)

    def case(self, kind, task, pictures=1):
        while True:
            scenes = [sc.sample_scene(self.rng, True, kind) for _ in range(pictures)]
            found = next(sc.turns(self.rng, scenes, [task], [1]), None)
            if found:
                return scenes, {"kind": kind, "task": task, "question": found[1], "answer": found[2]}


def goldens(out):
    """64 single pictures (48 clean PNG, 8 noisy PNG, 8 JPEG) and 4 pairs."""
    studio, cases = Studio("goldens"), []
    (out / "pictures").mkdir(parents=True, exist_ok=True)
    for i in range(68):
        kind, task, pair = ("page" if i % 3 == 2 else "cards"), sc.TASKS[i % len(sc.TASKS)], i >= 64
        scenes, case = studio.case(kind, task, 2 if pair else 1)
        case["pictures"] = []
        for j, scene in enumerate(scenes):
            jpeg = 56 <= i < 64
            name = f"pictures/{i:02d}{'ab'[j] if pair else ''}.{'jpg' if jpeg else 'png'}"
            studio.shoot(out / name, scene, sigma=6.0 if 48 <= i < 56 else 0.0, quality=[75, 82, 90, 95][i % 4] if jpeg else None)
            case["pictures"].append(name)
        cases.append(case)
    (out / "questions.json").write_text(json.dumps(cases, indent=1) + "\n")


def samples(out):
    """Six pictures for a first try, a few questions each."""
    studio, listing = Studio("samples"), []
    out.mkdir(parents=True, exist_ok=True)
    names = ["cards-1.png", "cards-2.png", "cards-3.png", "page-1.png", "page-2.png", "cards-4.jpg"]
    for name in names:
        scene = sc.sample_scene(studio.rng, True, name.split("-")[0])
        studio.shoot(out / name, scene, sigma=2.0 if name.endswith("jpg") else 0.0, quality=90 if name.endswith("jpg") else None)
        asked = {}
        for task, question, answer in sc.turns(studio.rng, [scene]):
            asked.setdefault(task, {"task": task, "question": question, "answer": answer})
            if len(asked) == len(sc.TASKS):
                break
        listing.append({"picture": name, "questions": [asked[t] for t in sc.TASKS if t in asked]})
    for extra in out.glob("*.decoded.png"):
        extra.unlink()
    (out / "questions.json").write_text(json.dumps(listing, indent=2) + "\n")


if __name__ == "__main__":
    goldens(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else MODELS / "aircache-tiny-goldens")
    samples(MODELS / "aircache-tiny-samples")
