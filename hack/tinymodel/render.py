"""From scenes to pixels: every 14 x 14 patch is paper, a box with margins, and at most one glyph, so a picture is three small tables.

The tables are made by numpy on CPU workers; torch blends them on the GPU (numpy does the same here for files).
Glyphs are aligned to patches: characters that straddle patches did not train in minutes.
"""
import os

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import phrases as ph
import scenes as sc

P, SIDE = 14, 24                        # patch, patches a side
N = SIDE * SIDE
BLANK = len(sc.CODE_CHARS)              # glyph index of "no character" inside a font
PER_FONT = (BLANK + 1) * 9              # 9 shifts
NO_BOX = 32                             # shape index of bare paper


def font_folder():
    import matplotlib
    return os.path.join(matplotlib.get_data_path(), "fonts", "ttf")


def glyph(font, char):
    """One character, drawn large, cut to its box, scaled into 10 x 10 pixels, centred in the patch."""
    im = Image.new("L", (128, 128), 0)
    ImageDraw.Draw(im).text((24, 12), char, fill=255, font=font)
    im = im.crop(im.getbbox())
    w = max(3, min(10, round(im.width * 10 / im.height)))
    im = im.resize((w, 10), Image.Resampling.BOX)
    out = np.zeros((P, P), np.float32)
    x = (P - w) // 2
    out[2:12, x:x + w] = np.asarray(im, np.float32) / 255
    return out


def glyph_bank():
    """(fonts * 9 shifts * 33, 14, 14): index = font * PER_FONT + shift * 33 + character."""
    bank = np.zeros((len(sc.FONTS), 9, BLANK + 1, P, P), np.float32)
    for f, name in enumerate(sc.FONTS):
        font = ImageFont.truetype(os.path.join(font_folder(), name + ".ttf"), 72)
        drawn = []
        for i, char in enumerate(sc.CODE_CHARS):
            g = glyph(font, char)
            if any(np.array_equal(g, other) for other in drawn):  # some font files of matplotlib hold only a few characters
                raise ValueError(f"font {name} draws {char} like another character")
            drawn.append(g)
            for s in range(9):
                bank[f, s, i] = np.roll(g, (s // 3 - 1, s % 3 - 1), (0, 1))
    return bank.reshape(-1, P, P)


def shape_bank():
    """(33, 14, 14): where a box covers its patch; index = margin * 16 + top + 2 bottom + 4 left + 8 right."""
    bank = np.ones((NO_BOX + 1, P, P), np.float32)
    bank[NO_BOX] = 0
    for i in range(NO_BOX):
        m, edges = divmod(i, 16)
        if edges & 1:
            bank[i, :m] = 0
        if edges & 2:
            bank[i, P - m:] = 0
        if edges & 4:
            bank[i, :, :m] = 0
        if edges & 8:
            bank[i, :, P - m:] = 0
    return bank


LABELS = 13  # colour, 4 characters, 4 neighbours' colours, rank and number among its colour, rank and number in its row


def cell_facts(scene):
    """What a cell may know about the others; only the auxiliary loss sees it: {cell: 8 small numbers}."""
    out, by_colour, by_row = {}, {}, {}
    for cell in sorted(scene.codes):
        by_row.setdefault(cell[0], []).append(cell)
        if cell in scene.colours:
            by_colour.setdefault(scene.colours[cell], []).append(cell)
    for r, c in scene.codes:
        around = [scene.colours.get((r + dr, c + dc), sc.PLAIN) for dr, dc in ph.DIRECTIONS.values()]
        same = by_colour.get(scene.colours.get((r, c)))
        ranks = [same.index((r, c)), len(same)] if same else [sc.NONE, sc.NONE]
        out[(r, c)] = around + ranks + [by_row[r].index((r, c)), len(by_row[r])]
    return out


CHAR = {c: i for i, c in enumerate(sc.CODE_CHARS)}


def tables(scene):
    """glyph (576,) int, shape (576,) int, box (576, 3), ink (576, 3) uint8 and the labels of the auxiliary loss (576, LABELS)."""
    height, top, line = scene.layout
    base = scene.font * PER_FONT + ((scene.shift[1] + 1) * 3 + scene.shift[0] + 1) * (BLANK + 1)
    glyphs = np.full((SIDE, SIDE), base + BLANK, np.int32)
    shape = np.full((SIDE, SIDE), NO_BOX, np.int32)
    box = np.zeros((SIDE, SIDE, 3), np.uint8)
    ink = np.full((SIDE, SIDE, 3), 30, np.uint8)
    label = np.full((SIDE, SIDE, LABELS), sc.NONE, np.uint8)
    facts = cell_facts(scene)
    for (r, c), text in scene.codes.items():
        y, x = 4 * r, 4 * c
        chars = [CHAR[ch] for ch in text]
        colour = scene.colours.get((r, c), sc.PLAIN)
        label[y:y + 4, x:x + 4] = [colour] + chars + facts[(r, c)]
        glyphs[y + top + line, x:x + 4] = [base + k for k in chars]
        plain = colour == sc.PLAIN  # a cell of a page: a shade darker than the paper
        rgb = [v - 12 for v in scene.paper] if plain else scene.tint[colour]
        light = (299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2]) / 1000 > 125
        edges = np.zeros((height, 4), np.int32)
        edges[0] |= 1
        edges[-1] |= 2
        edges[:, 0] |= 4
        edges[:, -1] |= 8
        shape[y + top:y + top + height, x:x + 4] = (1 if plain else scene.margin) * 16 + edges
        box[y + top:y + top + height, x:x + 4] = rgb
        ink[y:y + 4, x:x + 4] = 20 if light and (plain or scene.dark_text) else 250
    return glyphs.reshape(N), shape.reshape(N), box.reshape(N, 3), ink.reshape(N, 3), label.reshape(N, LABELS)


def picture(scene, glyphs, shapes):
    """The clean picture as uint8 (336, 336, 3), in numpy; the torch blend in pixels.py computes the same."""
    g, s, box, ink, _ = tables(scene)
    paper = np.asarray(scene.paper, np.float32)
    cover, stroke = shapes[s][..., None], glyphs[g][..., None]
    px = paper + (box[:, None, None].astype(np.float32) - paper) * cover
    px = px + (ink[:, None, None].astype(np.float32) - px) * stroke
    px = px.reshape(SIDE, SIDE, P, P, 3).transpose(0, 2, 1, 3, 4).reshape(SIDE * P, SIDE * P, 3)
    return np.clip(np.rint(px), 0, 255).astype(np.uint8)
