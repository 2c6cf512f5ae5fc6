"""Other programs' decode steps on this GPU, for `aircache bench --peer`: the same shape, batch, cached tokens.

    python3 hack/bench/peer.py --out peers.json --batch 1,8,16,32 --visual 8192,32768 --retention 100,10

torch graph    our own few lines of PyTorch, the whole step in one CUDA graph: bf16 products by cuBLAS, a static cache of one length,
               attention by the fastest of what PyTorch has for this shape (tried for each case), the next token by argmax
transformers   transformers' own Qwen2ForCausalLM of that shape from its configuration, sdpa, eager, a cache of that length, as
               generate() steps; few cases, since it does not depend much on the batch

Weights and cached rows are random, in bfloat16. Also measures what the device can do at most: a large copy, a large product.
"""
import argparse
import gc
import json
import statistics
import time

import torch
import torch.nn.functional as F

HIDDEN, INTER, LAYERS, HEADS, KV, DIM, VOCAB = 3584, 18944, 28, 28, 4, 128, 152128
GROUP = HEADS // KV
BF16 = torch.bfloat16


def random(*shape, scale=1.0):
    return torch.empty(*shape, dtype=BF16, device="cuda").normal_(0, scale)


def milliseconds(run, repeat, warm=3):
    """Median, and where a tenth lies below and above, by events."""
    for _ in range(warm):
        run()
    times = []
    for _ in range(repeat):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    times.sort()
    return statistics.median(times), times[len(times) // 10], times[-1 - len(times) // 10]


def ceilings():
    x = torch.empty(1 << 32, dtype=torch.uint8, device="cuda").random_()
    y = torch.empty_like(x)
    copy, _, _ = milliseconds(lambda: y.copy_(x), 10)
    del x, y
    a, b = random(8192, 8192), random(8192, 8192)
    product, _, _ = milliseconds(lambda: a @ b, 20)
    del a, b
    q = random(1, HEADS, 8192, DIM)
    k, v = random(1, HEADS, 8192, DIM), random(1, HEADS, 8192, DIM)
    best = 0.0
    for backend in (torch.nn.attention.SDPBackend.CUDNN_ATTENTION, torch.nn.attention.SDPBackend.FLASH_ATTENTION):
        try:
            with torch.nn.attention.sdpa_kernel(backend):
                ms, _, _ = milliseconds(lambda: F.scaled_dot_product_attention(q, k, v, is_causal=True), 10)
            best = max(best, 2 * HEADS * DIM * 8192**2 / (ms / 1e3))
        except RuntimeError as e:
            print("attention by", backend, "does not run:", str(e)[:100])
    return {
        "bytes_per_second": 2 * (1 << 32) / (copy / 1e3),
        "flops_per_second": 2 * 8192**3 / (product / 1e3),
        "attention_flops_per_second": best,
        "source": "measured in this call by PyTorch: copy of 4 GiB, product of 8192^3, causal attention over 8192 tokens",
    }


class Layer:
    def __init__(self):
        self.qkv = random((HEADS + 2 * KV) * DIM, HIDDEN, scale=HIDDEN**-0.5)
        self.bias = random((HEADS + 2 * KV) * DIM, scale=0.02)
        self.out = random(HIDDEN, HEADS * DIM, scale=(HEADS * DIM) ** -0.5)
        self.gate_up = random(2 * INTER, HIDDEN, scale=HIDDEN**-0.5)
        self.down = random(HIDDEN, INTER, scale=INTER**-0.5)
        self.norm1 = torch.ones(HIDDEN, dtype=BF16, device="cuda")
        self.norm2 = torch.ones(HIDDEN, dtype=BF16, device="cuda")


def turn(x, cos, sin):
    half = DIM // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin


def by_sdpa(q, k, v):
    return F.scaled_dot_product_attention(q.view(q.shape[0], HEADS, 1, DIM), k, v, enable_gqa=True).flatten(1)


def by_groups(q, k, v):
    """The queries of a KV head as rows of one product: its keys are read once."""
    return F.scaled_dot_product_attention(q.view(q.shape[0], KV, GROUP, DIM), k, v).flatten(1)


def by_products(q, k, v):
    s = torch.matmul(q.view(q.shape[0], KV, GROUP, DIM), k.transpose(-1, -2)) * DIM**-0.5
    return torch.matmul(torch.softmax(s.float(), -1).to(BF16), v).flatten(1)


ATTENTIONS = {"sdpa with enable_gqa": by_sdpa, "sdpa over groups": by_groups, "two products": by_products}


class Graph:
    """One decode step over a static cache, captured."""

    def __init__(self, embed, layers, norm, head, batch, cached):
        self.cache = [(random(batch, KV, cached + 1, DIM), random(batch, KV, cached + 1, DIM)) for _ in layers]
        self.tokens = torch.randint(0, VOCAB, (batch,), device="cuda")
        angle = torch.rand(DIM, device="cuda").to(BF16)
        self.cos, self.sin = angle.cos(), angle.sin()
        self.parts = embed, layers, norm, head
        self.batch, self.cached = batch, cached
        self.attend, self.name = self.fastest()

    def fastest(self):
        k, v = self.cache[0]
        q = random(self.batch, HEADS * DIM)
        best = None
        for name, attend in ATTENTIONS.items():
            try:
                ms, _, _ = milliseconds(lambda: [attend(q, k, v) for k, v in self.cache[:8]], 5)
            except RuntimeError as e:
                print("  attention by", name, "does not run:", str(e)[:100])
                continue
            if best is None or ms < best[0]:
                best = ms, attend, name
        return best[1], best[2]

    def step(self):
        embed, layers, norm, head = self.parts
        x = F.embedding(self.tokens, embed)
        for layer, (k, v) in zip(layers, self.cache):
            h = F.rms_norm(x, (HIDDEN,), layer.norm1, 1e-6)
            qkv = F.linear(h, layer.qkv, layer.bias).view(self.batch, HEADS + 2 * KV, DIM)
            q, new = turn(qkv[:, :HEADS], self.cos, self.sin), turn(qkv[:, HEADS : HEADS + KV], self.cos, self.sin)
            k[:, :, self.cached].copy_(new)
            v[:, :, self.cached].copy_(qkv[:, HEADS + KV :])
            x = x + F.linear(self.attend(q.flatten(1), k, v), layer.out)
            gate, up = F.linear(F.rms_norm(x, (HIDDEN,), layer.norm2, 1e-6), layer.gate_up).chunk(2, -1)
            x = x + F.linear(F.silu(gate) * up, layer.down)
        self.tokens.copy_(F.linear(F.rms_norm(x, (HIDDEN,), norm, 1e-6), head).argmax(-1))

    def capture(self):
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.step()
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.step()
        return self.graph.replay


def figure(peer, batch, visual, permille, text, times, note):
    median, low, high = times
    return {"peer": peer, "what": "decode", "metric": "step", "batch": batch, "visual": visual, "text": text, "permille": permille,
            "unit": "ms", "value": median, "low": low, "high": high, "note": note}


def cases(args):
    for visual in args.visual:
        for batch in args.batch:
            for permille in args.permille:
                cached = visual * permille // 1000 + args.text
                yield batch, visual, permille, cached


def fits(batch, cached, spare=6e9):
    free, _ = torch.cuda.mem_get_info()
    held = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
    return batch * (cached + 1) * LAYERS * 2 * KV * DIM * 2 + spare < free + held


@torch.inference_mode()
def graphs(args, note):
    embed, head = random(VOCAB, HIDDEN), random(VOCAB, HIDDEN, scale=HIDDEN**-0.5)
    layers, norm = [Layer() for _ in range(LAYERS)], torch.ones(HIDDEN, dtype=BF16, device="cuda")
    for batch, visual, permille, cached in cases(args):
        if not fits(batch, cached):
            print(f"torch graph: {batch} x {cached} tokens do not fit")
            continue
        g = Graph(embed, layers, norm, head, batch, cached)
        times = milliseconds(g.capture(), args.repeat)
        note(figure("torch graph", batch, visual, permille, args.text, times, g.name))
        del g
        gc.collect()
        torch.cuda.empty_cache()


@torch.inference_mode()
def transformers_steps(args, note):
    from transformers import DynamicCache, Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(hidden_size=HIDDEN, intermediate_size=INTER, num_hidden_layers=LAYERS, num_attention_heads=HEADS, num_key_value_heads=KV,
                         vocab_size=VOCAB, max_position_embeddings=65536, tie_word_embeddings=False)
    torch.set_default_dtype(BF16)
    with torch.device("cuda"):
        model = Qwen2ForCausalLM(config).eval()
    torch.set_default_dtype(torch.float32)
    for p in model.parameters():
        if p.dim() > 1:
            p.normal_(0, p.shape[-1] ** -0.5)
    for batch, visual, permille, cached in cases(args):
        # It joins caches anew at each step, and repeats keys for the query heads: that takes memory.
        if f"{batch}x{visual}" not in args.transformers or not fits(3 * batch, cached):
            continue
        cache = DynamicCache()
        for layer in range(LAYERS):
            cache.update(random(batch, KV, cached, DIM), random(batch, KV, cached, DIM), layer)
        tokens = torch.randint(0, VOCAB, (batch, 1), device="cuda")
        times = []
        for i in range(3 + args.eager):
            torch.cuda.synchronize()
            start = time.perf_counter()
            out = model(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
            tokens = out.logits[:, -1].argmax(-1, keepdim=True)
            torch.cuda.synchronize()
            if i >= 3:
                times.append(1e3 * (time.perf_counter() - start))
        times.sort()
        note(figure("transformers", batch, visual, permille, args.text,
                    (statistics.median(times), times[len(times) // 10], times[-1 - len(times) // 10]), f"{config._attn_implementation}, eager"))
        del cache, out, tokens
        gc.collect()
        torch.cuda.empty_cache()


def numbers(text):
    return [int(n) for n in text.split(",")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--batch", type=numbers, default=[1, 8, 16, 32])
    parser.add_argument("--visual", type=numbers, default=[8192])
    parser.add_argument("--retention", dest="permille", type=lambda t: [round(10 * float(p)) for p in t.split(",")], default=[1000, 100])
    parser.add_argument("--text", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--eager", type=int, default=8, help="steps of transformers")
    parser.add_argument("--transformers", type=lambda t: t.split(","), default=["1x8192", "8x8192", "32x8192"], help="batch x visual that it runs")
    args = parser.parse_args()
    torch.manual_seed(1)

    versions = {"torch": torch.__version__, "cuda": torch.version.cuda}
    try:
        import transformers

        versions["transformers"] = transformers.__version__
    except ImportError:
        print("transformers is not here")
    report = {"device": torch.cuda.get_device_name(), "versions": versions, "ceilings": ceilings(), "figures": []}
    print(report["device"], report["ceilings"])
    gc.collect()
    torch.cuda.empty_cache()

    def note(f):
        report["figures"].append(f)
        print(f"{f['peer']:13} {f['batch']:3} x {f['visual']:6} {f['permille'] / 10:5} %  {f['value']:8.2f} ms  {f['note']}", flush=True)
        with open(args.out, "w") as file:
            json.dump(report, file, indent=1)

    graphs(args, note)
    gc.collect()
    torch.cuda.empty_cache()
    if "transformers" in versions:
        transformers_steps(args, note)


if __name__ == "__main__":
    main()
