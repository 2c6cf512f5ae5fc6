"""The same network as LlavaForConditionalGeneration (SigLIP + projector + Qwen2), small enough to compile well.

Parameter names are those of the published LLaVA checkpoints, so the state dict is the export. train.py compares its logits
with transformers' own classes after every export.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

import folder

V, T = folder.VISION, folder.TEXT
D = T["hidden_size"]


class VisionAttention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(d, d) for _ in range(4))

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = (f(x).view(b, n, self.heads, -1).transpose(1, 2) for f in (self.q_proj, self.k_proj, self.v_proj))
        return self.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, d))


class VisionMLP(nn.Module):
    def __init__(self, d, inner):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(d, inner), nn.Linear(inner, d)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class VisionLayer(nn.Module):
    def __init__(self):
        super().__init__()
        d, eps = V["hidden_size"], V["layer_norm_eps"]
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(d, eps), nn.LayerNorm(d, eps)
        self.self_attn = VisionAttention(d, V["num_attention_heads"])
        self.mlp = VisionMLP(d, V["intermediate_size"])

    def forward(self, x):
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


def rope(position):
    """cos and sin, (B, 1, T, head dim), rotate-half layout."""
    dim = D // T["num_attention_heads"]
    inv = 1.0 / (T["rope_theta"] ** (torch.arange(0, dim, 2, device=position.device).float() / dim))
    angle = position[:, None, :, None].float() * inv
    angle = torch.cat([angle, angle], -1)
    return angle.cos(), angle.sin()


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos.to(x.dtype) + torch.cat([-b, a], -1) * sin.to(x.dtype)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads, self.kv = T["num_attention_heads"], T["num_key_value_heads"]
        self.dim = D // self.heads
        self.q_proj = nn.Linear(D, self.heads * self.dim)
        self.k_proj, self.v_proj = nn.Linear(D, self.kv * self.dim), nn.Linear(D, self.kv * self.dim)
        self.o_proj = nn.Linear(self.heads * self.dim, D, bias=False)

    def qkv(self, x, cos, sin):
        b, n, _ = x.shape
        q, k, v = (f(x).view(b, n, -1, self.dim).transpose(1, 2) for f in (self.q_proj, self.k_proj, self.v_proj))
        return rotate(q, cos, sin), rotate(k, cos, sin), v

    def forward(self, x, cos, sin, mask=None):
        b, n, _ = x.shape
        q, k, v = self.qkv(x, cos, sin)
        o = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=True)
        return self.o_proj(o.transpose(1, 2).reshape(b, n, -1))


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate_proj, self.up_proj = (nn.Linear(D, T["intermediate_size"], bias=False) for _ in range(2))
        self.down_proj = nn.Linear(T["intermediate_size"], D, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_layernorm = nn.RMSNorm(D, T["rms_norm_eps"])
        self.post_attention_layernorm = nn.RMSNorm(D, T["rms_norm_eps"])
        self.self_attn, self.mlp = Attention(), MLP()

    def forward(self, x, cos, sin, mask=None):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class Node(nn.Module):
    """A bare name in the parameter tree."""

    def __init__(self, **children):
        super().__init__()
        for name, child in children.items():
            self.add_module(name, child)


class TinyLlava(nn.Module):
    def __init__(self):
        super().__init__()
        vd = V["hidden_size"]
        self.vision_tower = Node(vision_model=Node(
            embeddings=Node(patch_embedding=nn.Conv2d(3, vd, V["patch_size"], V["patch_size"]),
                            position_embedding=nn.Embedding(576, vd)),
            encoder=Node(layers=nn.ModuleList(VisionLayer() for _ in range(V["num_hidden_layers"]))),
            post_layernorm=nn.LayerNorm(vd, V["layer_norm_eps"])))
        self.multi_modal_projector = Node(linear_1=nn.Linear(vd, D), linear_2=nn.Linear(D, D))
        self.language_model = Node(
            model=Node(embed_tokens=nn.Embedding(T["vocab_size"], D),
                       layers=nn.ModuleList(Layer() for _ in range(T["num_hidden_layers"])),
                       norm=nn.RMSNorm(D, T["rms_norm_eps"])),
            lm_head=nn.Linear(D, T["vocab_size"], bias=False))
        nn.init.normal_(self.vision_tower.vision_model.embeddings.position_embedding.weight, std=0.02)

    def see(self, pixels):
        """(B, 3, 336, 336) -> (B, 576, D), the rows that replace the <image> tokens. The convolution is a product over patches."""
        tower = self.vision_tower.vision_model
        conv, p = tower.embeddings.patch_embedding, V["patch_size"]
        side = pixels.shape[-1] // p
        patches = pixels.unflatten(-1, (side, p)).unflatten(-3, (side, p)).permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
        x = F.linear(patches, conv.weight.flatten(1), conv.bias) + tower.embeddings.position_embedding.weight
        for layer in tower.encoder.layers:
            x = layer(x)
        project = self.multi_modal_projector
        return project.linear_2(F.gelu(project.linear_1(x)))

    def embed(self, ids, seen):
        """Token embeddings with the visual rows put where <image> is; seen is (B, pictures * 576, D)."""
        x = self.language_model.model.embed_tokens(ids)
        where = (ids == folder.IMAGE).int().sort(dim=1, descending=True, stable=True).indices[:, :seen.shape[1]]
        return x.scatter(1, where[..., None].expand(-1, -1, D), seen.to(x.dtype))

    def read(self, x, masks=None):
        """Final hidden states; masks, if given, is one mask a layer."""
        cos, sin = rope(torch.arange(x.shape[1], device=x.device)[None])
        for i, layer in enumerate(self.language_model.model.layers):
            x = layer(x, cos, sin) if masks is None else layer(x, cos, sin, masks[i])
        return self.language_model.model.norm(x)

    def compile_layers(self):
        """One compiled graph a kind of layer, shared by all layers: seconds to build instead of a minute."""
        for layer in [*self.vision_tower.vision_model.encoder.layers, *self.language_model.model.layers]:
            layer.compile(dynamic=False)
