"""Blends the tables of render.py on the GPU and makes the result look decoded from a file: noise, JPEG loss, uint8, normalisation."""
import math

import torch
import torch.nn.functional as F

import render

LUMA = [[16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55], [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62], [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99]]
CHROMA = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]  # the rest is 99


class Blender(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("glyphs", torch.from_numpy(render.glyph_bank()))
        self.register_buffer("shapes", torch.from_numpy(render.shape_bank()))
        chroma = torch.full((8, 8), 99.0)
        chroma[:4, :4] = torch.tensor(CHROMA, dtype=torch.float)
        self.register_buffer("quant", torch.stack([torch.tensor(LUMA, dtype=torch.float), chroma]))
        k = torch.arange(8.0)
        dct = torch.cos((2 * k[None] + 1) * k[:, None] * math.pi / 16) * 0.5
        dct[0] /= math.sqrt(2)
        self.register_buffer("dct", dct)
        self.register_buffer("ycc", torch.tensor(
            [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]))

    def clean(self, glyph, shape, box, ink, paper, gamma=None):
        """(B, 3, 336, 336) floats in 0..255; the inputs are B tables. gamma (B,) makes strokes bolder (< 1) or thinner (> 1)."""
        b = glyph.shape[0]
        cover = self.shapes[shape.long()][:, :, None]
        stroke = self.glyphs[glyph.long()][:, :, None]
        if gamma is not None:
            stroke = stroke ** gamma[:, None, None, None, None]
        paper = paper.float()[:, None, :, None, None]
        px = paper + (box.float()[..., None, None] - paper) * cover
        px = px + (ink.float()[..., None, None] - px) * stroke
        s, p = render.SIDE, render.P
        return px.view(b, s, s, 3, p, p).permute(0, 3, 1, 4, 2, 5).reshape(b, 3, s * p, s * p)

    def lossy(self, plane, table, scale):
        b, h, w = plane.shape
        blocks = plane.view(b, h // 8, 8, w // 8, 8).transpose(2, 3)
        q = (table * scale[:, None, None]).round().clamp(1, 255)[:, None, None]
        coef = self.dct @ blocks @ self.dct.T
        back = self.dct.T @ ((coef / q).round() * q) @ self.dct
        return back.transpose(2, 3).reshape(b, h, w)

    def jpeg(self, px, quality):
        """JPEG's loss with 4:2:0 chroma; quality (B,) in 1..100."""
        scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50)
        ycc = torch.einsum("ij,bjhw->bihw", self.ycc, px)
        luma = self.lossy(ycc[:, 0] - 128, self.quant[0], scale) + 128
        small = F.avg_pool2d(ycc[:, 1:], 2)
        small = torch.stack([self.lossy(small[:, i], self.quant[1], scale) for i in range(2)], 1)
        cb, cr = F.interpolate(small, scale_factor=2, mode="bilinear").unbind(1)
        return torch.stack([luma + 1.402 * cr, luma - 0.344136 * cb - 0.714136 * cr, luma + 1.772 * cb], 1)

    def forward(self, glyph, shape, box, ink, paper, gamma=None):
        """A third stays clean, the rest gets noise and/or JPEG loss; what comes out is exactly what a processor gives for a uint8 picture."""
        with torch.autocast("cuda", enabled=False):
            px = self.clean(glyph, shape, box, ink, paper, gamma)
            b, dev = px.shape[0], px.device
            pick = torch.rand(b, device=dev)
            sigma = torch.where(pick < 1 / 3, 0.0, 10 * torch.rand(b, device=dev))
            px = (px + sigma[:, None, None, None] * torch.randn_like(px)).clamp(0, 255)
            lossy = self.jpeg(px, 60 + 38 * torch.rand(b, device=dev))
            px = torch.where((pick > 0.6)[:, None, None, None], lossy, px)
            return normalise(px.round().clamp(0, 255))


def normalise(px):
    return (px / 255 - 0.5) / 0.5
