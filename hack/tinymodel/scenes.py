"""Scenes, questions and answers: pure sampling, no pixels. A scene is a 6 x 6 grid of cells, 4 x 4 patches each.

Two kinds: "cards" (8 to 16 coloured boxes, each with a code) and "page" (all 36 cells hold a code, 5 to 9 of them are
coloured; the rest distracts). What a model never sees in training: the fonts, layouts and papers marked as held out.
"""
import dataclasses

import phrases as ph

CODE_CHARS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NONE = len(CODE_CHARS)          # "no character here" in the auxiliary labels
PLAIN = len(ph.NAMES)           # "no colour here"
GRID = 6

# (box height in patches, its first patch row in the cell, the row of the code in the box)
LAYOUTS = [(h, o, r) for h in (2, 3, 4) for o in range(5 - h) for r in range(h)]
HELD_LAYOUTS = [(4, 0, 2), (3, 0, 1), (2, 2, 0)]
TRAIN_LAYOUTS = [lay for lay in LAYOUTS if lay not in HELD_LAYOUTS]
PAPERS = [(242, 242, 242), (255, 255, 255), (250, 244, 225), (228, 236, 246), (246, 232, 232), (222, 222, 218)]
HELD_PAPERS = [(232, 244, 230), (240, 232, 246)]
TRAIN_FONTS = [
    "DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique", "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique",
    "DejaVuSerif", "DejaVuSerif-Italic", "STIXGeneral", "STIXGeneralBolIta", "cmtt10", "cmss10", "cmb10",
    "DejaVuSans-BoldOblique", "DejaVuSerif-BoldItalic", "STIXGeneralItalic", "cmr10", "cmti10",
]
HELD_FONTS = ["DejaVuSansMono-BoldOblique", "DejaVuSerif-Bold", "STIXGeneralBol"]
FONTS = TRAIN_FONTS + HELD_FONTS


@dataclasses.dataclass
class Scene:
    kind: str
    codes: dict       # (row, column) -> code
    colours: dict     # (row, column) -> colour index, boxes only
    layout: tuple
    margin: int
    font: int         # index into FONTS
    shift: tuple      # glyph shift in its patch, pixels (dx, dy)
    paper: tuple
    dark_text: bool   # dark letters on light box colours
    tint: dict        # colour index -> RGB of this scene


def jitter(rng, rgb, by):
    return tuple(min(255, max(0, v + rng.randint(-by, by))) for v in rgb)


def code(rng):
    return "".join(rng.choices(CODE_CHARS, k=4))


def box_colours(rng, n, kind):
    """Some colours once (so that they name one box), others two to four times (so that lists are long)."""
    order = rng.sample(range(len(ph.NAMES)), len(ph.NAMES))
    unique = rng.randint(3, 6) if kind == "cards" else rng.randint(2, 4)
    out, rest = order[:unique], order[unique:]
    while len(out) < n and rest:
        out += [rest.pop()] * rng.randint(2, 4)
    out = out[:n]
    rng.shuffle(out)
    return out


def sample_scene(rng, held=False, kind=None):
    kind = kind or ("cards" if rng.random() < 0.65 else "page")
    cells = [(r, c) for r in range(GRID) for c in range(GRID)]
    boxes = rng.sample(cells, rng.randint(8, 16) if kind == "cards" else rng.randint(5, 9))
    colours = dict(zip(boxes, box_colours(rng, len(boxes), kind)))
    codes = {cell: code(rng) for cell in (cells if kind == "page" else colours)}
    first = len(TRAIN_FONTS)
    return Scene(
        kind=kind, codes=codes, colours=colours,
        layout=rng.choice(HELD_LAYOUTS if held else TRAIN_LAYOUTS), margin=rng.randint(0, 1),
        font=rng.randrange(first, len(FONTS)) if held else rng.randrange(first),
        shift=(rng.randint(-1, 1), rng.randint(-1, 1)),
        paper=jitter(rng, rng.choice(HELD_PAPERS if held else PAPERS), 3), dark_text=rng.random() < 0.3,
        tint={i: jitter(rng, ph.COLOURS[name], 10) for i, name in enumerate(ph.NAMES)},
    )


def once(scene):
    """Colours that exactly one box has: {colour: cell}."""
    cells = {}
    for cell, colour in scene.colours.items():
        cells.setdefault(colour, []).append(cell)
    return {colour: at[0] for colour, at in cells.items() if len(at) == 1}, cells


def count_sentence(n, noun_one, noun_many):
    return f"There is 1 {noun_one}." if n == 1 else f"There are {n} {noun_many}."


def candidates(scene):
    """Every question this scene can answer: {task: [(slots, answer)]}."""
    single, by_colour = once(scene)
    out = {
        "colour": [({"c": k}, scene.codes[at]) for k, at in single.items()],
        "place": [({"r": r, "k": c}, text) for (r, c), text in scene.codes.items()],
        "neighbour": [], "list_colour": [], "list_row": [], "count": [],
    }
    for colour, (r, c) in single.items():
        for side, (dr, dc) in ph.DIRECTIONS.items():
            if (r + dr, c + dc) in scene.codes:
                out["neighbour"].append(({"c": colour, "side": side}, scene.codes[(r + dr, c + dc)]))
    for colour in range(len(ph.NAMES)):
        at = by_colour.get(colour, [])
        if len(at) >= 2:
            out["list_colour"].append(({"c": colour}, " ".join(scene.codes[cell] for cell in sorted(at))))
        if at or colour % 3 == 0:  # a few absent colours: the answer is 0
            name = ph.NAMES[colour]
            out["count"].append(({"c": colour}, count_sentence(len(at), f"{name} box", f"{name} boxes")))
    for r in range(GRID):
        row = [scene.codes[(r, c)] for c in range(GRID) if (r, c) in scene.codes]
        if row:
            out["list_row"].append(({"r": r}, " ".join(row)))
        if scene.kind == "cards":
            out["count"].append(({"r": r}, count_sentence(len(row), f"box in row {r + 1}", f"boxes in row {r + 1}")))
    return out


TASKS = ["colour", "place", "neighbour", "list_colour", "list_row", "count"]
WEIGHTS = [22, 18, 20, 15, 10, 15]


def phrase(rng, task, slots, picture=None):
    """A question in words; picture is the ordinal when there are several."""
    forms = ph.QUESTIONS["count_row" if task == "count" and "r" in slots else task]
    words = {}
    if "c" in slots:
        words["c"] = ph.NAMES[slots["c"]]
    if "side" in slots:
        words["rel"] = rng.choice(ph.RELATIONS[slots["side"]])
    if "r" in slots:
        words.update(r=slots["r"] + 1, ro=ph.ORDINALS[slots["r"]])
    if "k" in slots:
        words.update(k=slots["k"] + 1, ko=ph.ORDINALS[slots["k"]])
    text = rng.choice(forms).format(**words)
    if picture is not None:
        text = rng.choice(ph.WHICH_PICTURE).format(o=ph.ORDINALS[picture]) + " " + text
    if rng.random() < 0.5:
        text = rng.choice(ph.PREFIXES) + " " + text
    if rng.random() < 0.4:
        text += " " + rng.choice(ph.SUFFIXES)
    return text


def turns(rng, scenes, tasks=TASKS, weights=WEIGHTS):
    """Endless distinct (task, question, answer) about the pictures; ends when the scenes have no question left."""
    pools = [candidates(s) for s in scenes]
    while True:
        i = rng.randrange(len(scenes))
        task = rng.choices(tasks, weights)[0]
        pool = pools[i][task]
        if not pool:
            if not any(p[t] for p in pools for t in tasks):
                return
            continue
        slots, answer = pool.pop(rng.randrange(len(pool)))
        yield task, phrase(rng, task, slots, i if len(scenes) > 1 else None), answer
