package model

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// spec describes a small random model in the spellings of one or the other generation of checkpoints.
type spec struct {
	visionHidden, visionInner, visionLayers, visionHeads, image, patch int
	hidden, inner, layers, heads, kv, dim, vocab                       int

	theta     float64
	features  []int
	strategy  string
	actVision string
	actMiddle string
	bias      bool
	tied      bool

	modern bool   // names and fields of transformers 5
	nested bool   // with modern: the vision tower one name deeper, as in its first releases
	dtype  string // F32, BF16, F16
	shards int
}

// small is what the cases below vary.
var small = spec{
	visionHidden: 12, visionInner: 20, visionLayers: 3, visionHeads: 3, image: 10, patch: 3,
	hidden: 16, inner: 24, layers: 3, heads: 4, kv: 2, dim: 6, vocab: 50,
	theta: 10000, features: []int{-1}, strategy: "full", actVision: "gelu_pytorch_tanh", actMiddle: "gelu", bias: true, dtype: "F32", shards: 1,
}

const imageToken = 49

func (s *spec) patches() int { return (s.image / s.patch) * (s.image / s.patch) }

// prefixes of the vision tower, the projector, the language model and the head.
func (s *spec) prefixes() (vision, projector, text, head string) {
	if s.modern && s.nested {
		return "model.vision_tower.vision_model.", "model.multi_modal_projector.", "model.language_model.", ""
	}
	if s.modern {
		return "model.vision_tower.", "model.multi_modal_projector.", "model.language_model.", ""
	}
	return "vision_tower.vision_model.", "multi_modal_projector.", "language_model.model.", "language_model."
}

// shapes of all tensors.
func (s *spec) shapes() map[string][]int {
	vision, projector, text, head := s.prefixes()
	all := map[string][]int{}
	linear := func(name string, out, in int, bias bool) {
		all[name+".weight"] = []int{out, in}
		if bias {
			all[name+".bias"] = []int{out}
		}
	}
	norm := func(name string, n int) { all[name+".weight"], all[name+".bias"] = []int{n}, []int{n} }
	d := s.visionHidden
	all[vision+"embeddings.patch_embedding.weight"] = []int{d, 3, s.patch, s.patch}
	all[vision+"embeddings.patch_embedding.bias"] = []int{d}
	all[vision+"embeddings.position_embedding.weight"] = []int{s.patches(), d}
	norm(vision+"post_layernorm", d)
	for i := range s.visionLayers {
		p := fmt.Sprintf("%sencoder.layers.%d.", vision, i)
		norm(p+"layer_norm1", d)
		norm(p+"layer_norm2", d)
		for _, name := range []string{"q_proj", "k_proj", "v_proj", "out_proj"} {
			linear(p+"self_attn."+name, d, d, true)
		}
		linear(p+"mlp.fc1", s.visionInner, d, true)
		linear(p+"mlp.fc2", d, s.visionInner, true)
	}
	linear(projector+"linear_1", s.hidden, d*len(s.features), s.bias)
	linear(projector+"linear_2", s.hidden, s.hidden, s.bias)
	s.textShapes(all, text, linear)
	if !s.tied {
		linear(head+"lm_head", s.vocab, s.hidden, false)
	}
	return all
}

func (s *spec) textShapes(all map[string][]int, text string, linear func(string, int, int, bool)) {
	all[text+"embed_tokens.weight"], all[text+"norm.weight"] = []int{s.vocab, s.hidden}, []int{s.hidden}
	for i := range s.layers {
		p := fmt.Sprintf("%slayers.%d.", text, i)
		all[p+"input_layernorm.weight"], all[p+"post_attention_layernorm.weight"] = []int{s.hidden}, []int{s.hidden}
		linear(p+"self_attn.q_proj", s.heads*s.dim, s.hidden, true)
		linear(p+"self_attn.k_proj", s.kv*s.dim, s.hidden, true)
		linear(p+"self_attn.v_proj", s.kv*s.dim, s.hidden, true)
		linear(p+"self_attn.o_proj", s.hidden, s.heads*s.dim, false)
		linear(p+"mlp.gate_proj", s.inner, s.hidden, false)
		linear(p+"mlp.up_proj", s.inner, s.hidden, false)
		linear(p+"mlp.down_proj", s.hidden, s.inner, false)
	}
}

// config is config.json in the spelling of the generation.
func (s *spec) config() map[string]any {
	vision := map[string]any{"model_type": "siglip_vision_model", "hidden_size": s.visionHidden, "intermediate_size": s.visionInner,
		"num_hidden_layers": s.visionLayers, "num_attention_heads": s.visionHeads, "image_size": s.image, "patch_size": s.patch,
		"hidden_act": s.actVision, "layer_norm_eps": 1e-6}
	text := map[string]any{"model_type": "qwen2", "hidden_size": s.hidden, "intermediate_size": s.inner, "num_hidden_layers": s.layers,
		"num_attention_heads": s.heads, "num_key_value_heads": s.kv, "head_dim": s.dim, "vocab_size": s.vocab, "max_position_embeddings": 500,
		"rms_norm_eps": 1e-6, "tie_word_embeddings": s.tied, "sliding_window": 32768, "use_sliding_window": false}
	c := map[string]any{"architectures": []string{architecture}, "model_type": "llava", "projector_hidden_act": s.actMiddle,
		"multimodal_projector_bias": s.bias, "vision_feature_select_strategy": s.strategy, "vision_feature_layer": s.features,
		"eos_token_id": 1, "vision_config": vision, "text_config": text}
	if len(s.features) == 1 {
		c["vision_feature_layer"] = s.features[0]
	}
	if s.modern {
		c["dtype"], c["image_token_id"] = "bfloat16", imageToken
		vision["image_size"] = []int{s.image, s.image}
		text["rope_parameters"] = map[string]any{"rope_type": "default", "rope_theta": s.theta}
		text["layer_types"] = []string{"full_attention", "full_attention", "full_attention"}
	} else {
		c["torch_dtype"], c["image_token_index"] = "bfloat16", imageToken
		text["rope_theta"], text["rope_scaling"] = s.theta, nil
	}
	return c
}

// write makes the folder and returns the weights, which are multiples of 1/256: exact in every dtype.
func (s *spec) write(t *testing.T) (dir string, tensors map[string][]float64) {
	t.Helper()
	dir = t.TempDir()
	random := rand.New(rand.NewPCG(3, 4))
	shapes := s.shapes()
	tensors = map[string][]float64{}
	where := map[string]string{}
	shards := make([]map[string][]int, s.shards)
	for i, name := range slices.Sorted(maps.Keys(shapes)) {
		n := 1
		for _, d := range shapes[name] {
			n *= d
		}
		for range n {
			tensors[name] = append(tensors[name], float64(random.IntN(129)-64)/128)
		}
		shard := i % s.shards
		if shards[shard] == nil {
			shards[shard] = map[string][]int{}
		}
		shards[shard][name] = shapes[name]
		where[name] = fmt.Sprintf("model-%d.safetensors", shard)
	}
	writeJSON(t, filepath.Join(dir, "config.json"), s.config())
	if s.shards == 1 {
		s.writeShard(t, filepath.Join(dir, "model.safetensors"), shards[0], tensors)
		return dir, tensors
	}
	for i, shard := range shards {
		s.writeShard(t, filepath.Join(dir, fmt.Sprintf("model-%d.safetensors", i)), shard, tensors)
	}
	writeJSON(t, filepath.Join(dir, "model.safetensors.index.json"), map[string]any{"weight_map": where})
	return dir, tensors
}

func (s *spec) writeShard(t *testing.T, path string, shapes map[string][]int, tensors map[string][]float64) {
	t.Helper()
	header, data := map[string]any{}, []byte{}
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		begin := len(data)
		for _, v := range tensors[name] {
			data = appendValue(data, s.dtype, float32(v))
		}
		header[name] = map[string]any{"dtype": s.dtype, "shape": shapes[name], "data_offsets": []int{begin, len(data)}}
	}
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	content := append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)
	if err := os.WriteFile(path, append(content, data...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// appendValue writes a value that the dtype holds exactly, and no subnormal.
func appendValue(data []byte, dtype string, v float32) []byte {
	bits := math.Float32bits(v)
	switch dtype {
	case "BF16":
		return binary.LittleEndian.AppendUint16(data, uint16(bits>>16))
	case "F16":
		if v == 0 {
			return append(data, 0, 0)
		}
		return binary.LittleEndian.AppendUint16(data, uint16(bits>>31<<15|(bits>>23&255-127+15)<<10|bits>>13&1023))
	}
	return binary.LittleEndian.AppendUint32(data, bits)
}

func writeJSON(t *testing.T, path string, v any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
