"""What runtime/eval/scene needs of this folder: `python3 atlas.py` writes the held-out fonts' glyphs, the words, and goldens for its tests.

Go draws the same pictures from glyphs.png without a font engine: 14 x 14 levels a glyph, a row of 32 characters for each held-out font.
"""
import hashlib
import json
import pathlib
import random

import numpy as np
from PIL import Image

import phrases as ph
import render
import scenes as sc

OUT = pathlib.Path(__file__).resolve().parents[2] / "runtime" / "eval" / "scene"
FIRST = len(sc.TRAIN_FONTS)


def atlas(bank):
    """The unshifted glyphs of the held-out fonts as one gray picture; levels are exact, for a glyph is level / 255."""
    per_char = bank.reshape(len(sc.FONTS), 9, render.BLANK + 1, render.P, render.P)[FIRST:, 4, :render.BLANK]
    levels = np.rint(per_char * 255).astype(np.uint8)
    assert np.array_equal(levels.astype(np.float32) / 255, per_char)
    fonts, chars, p = levels.shape[:3]
    return Image.fromarray(levels.transpose(0, 2, 1, 3).reshape(fonts * p, chars * p))


def words():
    return {"colours": [{"name": n, "rgb": rgb} for n, rgb in ph.COLOURS.items()], "ordinals": ph.ORDINALS,
            "sides": [{"name": n, "step": step, "relations": ph.RELATIONS[n]} for n, step in ph.DIRECTIONS.items()],
            "prefixes": ph.PREFIXES, "suffixes": ph.SUFFIXES, "which_picture": ph.WHICH_PICTURE, "questions": ph.QUESTIONS,
            "layouts": sc.HELD_LAYOUTS, "papers": sc.HELD_PAPERS, "tasks": dict(zip(sc.TASKS, sc.WEIGHTS))}


def at(cell):
    return f"{cell[0]} {cell[1]}"


def golden(scene, bank, shapes):
    """A scene, the SHA-256 of its pixels, and every question that it can answer."""
    asked = {task: sorted([[s.get("c", -1), s.get("r", -1), s.get("k", -1), s.get("side", ""), answer] for s, answer in pool])
             for task, pool in sc.candidates(scene).items()}
    return {"kind": scene.kind, "codes": {at(c): v for c, v in scene.codes.items()}, "colours": {at(c): v for c, v in scene.colours.items()},
            "layout": scene.layout, "margin": scene.margin, "font": scene.font - FIRST, "shift": scene.shift, "paper": scene.paper,
            "dark_text": scene.dark_text, "tint": [scene.tint[i] for i in range(len(ph.NAMES))],
            "sha256": hashlib.sha256(render.picture(scene, bank, shapes).tobytes()).hexdigest(), "candidates": asked}


def main():
    bank, shapes, rng = render.glyph_bank(), render.shape_bank(), random.Random("scene goldens")
    (OUT / "testdata").mkdir(parents=True, exist_ok=True)
    atlas(bank).save(OUT / "glyphs.png", optimize=True)
    (OUT / "words.json").write_text(json.dumps(words(), indent=1) + "\n")
    scenes = [golden(sc.sample_scene(rng, True), bank, shapes) for _ in range(24)]
    (OUT / "testdata" / "scenes.json").write_text("[\n" + ",\n".join(json.dumps(s) for s in scenes) + "\n]\n")


if __name__ == "__main__":
    main()
