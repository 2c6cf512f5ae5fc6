package model

import (
	"fmt"
	"math"
)

// reference computes a spec's model in float64, one token at a time, in plain loops over the tensors by name.
type reference struct {
	spec
	w map[string][]float64
}

// linear is x W^T + b, b if there is one.
func (r *reference) linear(name string, x []float64) []float64 {
	w, b := r.w[name+".weight"], r.w[name+".bias"]
	y := make([]float64, len(w)/len(x))
	for o := range y {
		if b != nil {
			y[o] = b[o]
		}
		for i, v := range x {
			y[o] += w[o*len(x)+i] * v
		}
	}
	return y
}

func plus(a, b []float64) []float64 {
	sum := make([]float64, len(a))
	for i := range a {
		sum[i] = a[i] + b[i]
	}
	return sum
}

func (r *reference) layerNorm(name string, x []float64) []float64 {
	n, mean, variance := float64(len(x)), 0.0, 0.0
	for _, v := range x {
		mean += v / n
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / n
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = (v-mean)/math.Sqrt(variance+1e-6)*r.w[name+".weight"][i] + r.w[name+".bias"][i]
	}
	return y
}

func (r *reference) rmsNorm(name string, x []float64) []float64 {
	square := 0.0
	for _, v := range x {
		square += v * v / float64(len(x))
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v / math.Sqrt(square+1e-6) * r.w[name+".weight"][i]
	}
	return y
}

func activated(name string, x []float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		if name == "gelu" {
			y[i] = v / 2 * (1 + math.Erf(v/math.Sqrt2))
		} else {
			y[i] = v / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v)))
		}
	}
	return y
}

// softmaxOver gives the weights of one head's query among keys.
func softmaxOver(q []float64, keys [][]float64) []float64 {
	w, sum, top := make([]float64, len(keys)), 0.0, math.Inf(-1)
	for i, k := range keys {
		for d := range q {
			w[i] += q[d] * k[d] / math.Sqrt(float64(len(q)))
		}
		top = max(top, w[i])
	}
	for i := range w {
		w[i] = math.Exp(w[i] - top)
		sum += w[i]
	}
	for i := range w {
		w[i] /= sum
	}
	return w
}

// attention is softmax(q K^T) V with heads of width dim; groups of heads share the key's heads.
func attention(q []float64, keys, values [][]float64, dim, group int) []float64 {
	out := make([]float64, len(q))
	for head := range len(q) / dim {
		at := head / group * dim
		var ks [][]float64
		for _, k := range keys {
			ks = append(ks, k[at:at+dim])
		}
		for i, w := range softmaxOver(q[head*dim:(head+1)*dim], ks) {
			for d := range dim {
				out[head*dim+d] += w * values[i][at+d]
			}
		}
	}
	return out
}

// picture gives the rows that replace a picture's image tokens. px is [3, image, image].
func (r *reference) picture(px []float32) [][]float64 {
	vision, projector, _, _ := r.prefixes()
	states := [][][]float64{r.patchRows(vision, px)}
	for l := range r.visionLayers {
		states = append(states, r.visionLayer(fmt.Sprintf("%sencoder.layers.%d.", vision, l), states[l]))
	}
	var rows [][]float64
	for i := range r.patches() {
		if r.strategy == "default" && i == 0 {
			continue
		}
		var joined []float64
		for _, f := range r.features {
			joined = append(joined, states[(f+len(states))%len(states)][i]...)
		}
		rows = append(rows, r.linear(projector+"linear_2", activated(r.actMiddle, r.linear(projector+"linear_1", joined))))
	}
	return rows
}

func (r *reference) patchRows(vision string, px []float32) [][]float64 {
	side, weight, bias := r.image/r.patch, r.w[vision+"embeddings.patch_embedding.weight"], r.w[vision+"embeddings.patch_embedding.bias"]
	rows := make([][]float64, side*side)
	for i := range rows {
		rows[i] = make([]float64, r.visionHidden)
		for o := range rows[i] {
			sum := bias[o]
			for c := range 3 {
				for y := range r.patch {
					for x := range r.patch {
						v := px[(c*r.image+i/side*r.patch+y)*r.image+i%side*r.patch+x]
						sum += float64(v) * weight[((o*3+c)*r.patch+y)*r.patch+x]
					}
				}
			}
			rows[i][o] = sum + r.w[vision+"embeddings.position_embedding.weight"][i*r.visionHidden+o]
		}
	}
	return rows
}

func (r *reference) visionLayer(p string, x [][]float64) [][]float64 {
	var q, k, v, out [][]float64
	for _, row := range x {
		n := r.layerNorm(p+"layer_norm1", row)
		q, k, v = append(q, r.linear(p+"self_attn.q_proj", n)), append(k, r.linear(p+"self_attn.k_proj", n)), append(v, r.linear(p+"self_attn.v_proj", n))
	}
	for i, row := range x {
		row = plus(row, r.linear(p+"self_attn.out_proj", attention(q[i], k, v, r.visionHidden/r.visionHeads, 1)))
		inner := activated(r.actVision, r.linear(p+"mlp.fc1", r.layerNorm(p+"layer_norm2", row)))
		out = append(out, plus(row, r.linear(p+"mlp.fc2", inner)))
	}
	return out
}

// past is a sequence's cache: rotated keys and values per layer, and the rotated queries of every token fed.
type past struct {
	position              int
	keys, values, queries [][][]float64 // [layer][row]
}

func (r *reference) begin() *past {
	return &past{keys: make([][][]float64, r.layers), values: make([][][]float64, r.layers), queries: make([][][]float64, r.layers)}
}

func (r *reference) rotated(x []float64, position int) []float64 {
	y, half := make([]float64, len(x)), r.dim/2
	for h := 0; h < len(x); h += r.dim {
		for i := range half {
			angle := float64(position) / math.Pow(r.theta, float64(2*i)/float64(r.dim))
			a, b := x[h+i], x[h+i+half]
			y[h+i], y[h+i+half] = a*math.Cos(angle)-b*math.Sin(angle), b*math.Cos(angle)+a*math.Sin(angle)
		}
	}
	return y
}

// feed runs one token (or one visual row) through the decoder and returns its logits.
func (r *reference) feed(p *past, token int32, visual []float64) []float64 {
	_, _, text, head := r.prefixes()
	x := visual
	if x == nil {
		x = r.w[text+"embed_tokens.weight"][int(token)*r.hidden:][:r.hidden]
	}
	for l := range r.layers {
		at := fmt.Sprintf("%slayers.%d.", text, l)
		n := r.rmsNorm(at+"input_layernorm", x)
		q := r.rotated(r.linear(at+"self_attn.q_proj", n), p.position)
		p.queries[l] = append(p.queries[l], q)
		p.keys[l] = append(p.keys[l], r.rotated(r.linear(at+"self_attn.k_proj", n), p.position))
		p.values[l] = append(p.values[l], r.linear(at+"self_attn.v_proj", n))
		x = plus(x, r.linear(at+"self_attn.o_proj", attention(q, p.keys[l], p.values[l], r.dim, r.heads/r.kv)))
		n = r.rmsNorm(at+"post_attention_layernorm", x)
		gate, up := r.linear(at+"mlp.gate_proj", n), r.linear(at+"mlp.up_proj", n)
		for i, g := range gate {
			gate[i] = g / (1 + math.Exp(-g)) * up[i]
		}
		x = plus(x, r.linear(at+"mlp.down_proj", gate))
	}
	p.position++
	if r.tied {
		r.w[head+"lm_head.weight"] = r.w[text+"embed_tokens.weight"]
	}
	return r.linear(head+"lm_head", r.rmsNorm(text+"norm", x))
}

// keep drops all rows of a layer but the given ones.
func (p *past) keep(layer int, rows []int32) {
	var keys, values [][]float64
	for _, row := range rows {
		keys, values = append(keys, p.keys[layer][row]), append(values, p.values[layer][row])
	}
	p.keys[layer], p.values[layer] = keys, values
}
