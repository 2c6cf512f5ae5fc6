package cuda_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"aircache.dev/aircache/cuda"
	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/backend/cpu"
	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/model"
)

// family is a small model with heads that the kernels take. Its weights are drawn, in bfloat16: the same on every device.
type family struct{ config, processor string }

const (
	smallText = `"hidden_size":128,"intermediate_size":192,"num_hidden_layers":3,"num_attention_heads":2,"num_key_value_heads":1,"head_dim":64,
		"vocab_size":300,"max_position_embeddings":512,"eos_token_id":1`
	sections = `,"rope_scaling":{"type":"mrope","mrope_section":[8,12,12]},"rope_theta":10000`
	clip     = `"vision_config":{"model_type":"clip_vision_model","hidden_size":64,"intermediate_size":96,"num_hidden_layers":3,"num_attention_heads":1,"image_size":32,"patch_size":8}`
	cropped  = `"size":{"shortest_edge":32},"crop_size":32`
	qwenSize = `"patch_size":8,"merge_size":2,"temporal_patch_size":2,"min_pixels":1024,"max_pixels":12000`
)

var families = map[string]family{
	"LLaVA-1.5": {`{"architectures":["LlavaForConditionalGeneration"],"image_token_index":299,"text_config":{"model_type":"llama",` + smallText + `},` + clip + `}`,
		`{"image_processor_type":"CLIPImageProcessor",` + cropped + `}`},
	"LLaVA-NeXT": {`{"architectures":["LlavaNextForConditionalGeneration"],"image_token_index":299,"image_grid_pinpoints":[[32,64],[64,32],[64,64]],
		"text_config":{"model_type":"mistral","sliding_window":null,` + smallText + `},` + clip + `}`,
		`{"image_processor_type":"LlavaNextImageProcessor","image_grid_pinpoints":[[32,64],[64,32],[64,64]],` + cropped + `}`},
	"Qwen2-VL": {`{"architectures":["Qwen2VLForConditionalGeneration"],"image_token_id":299,` + smallText + sections + `,
		"vision_config":{"depth":2,"embed_dim":80,"hidden_size":128,"mlp_ratio":2,"num_heads":1,"patch_size":8}}`,
		`{"image_processor_type":"Qwen2VLImageProcessor",` + qwenSize + `}`},
	"Qwen2.5-VL": {`{"architectures":["Qwen2_5_VLForConditionalGeneration"],"image_token_id":299,` + smallText + sections + `,
		"vision_config":{"depth":3,"hidden_size":80,"intermediate_size":88,"out_hidden_size":128,"num_heads":1,"patch_size":8,"window_size":48,"fullatt_block_indexes":[1]}}`,
		`{"image_processor_type":"Qwen2VLImageProcessor",` + qwenSize + `}`},
	"Qwen3-VL": {`{"architectures":["Qwen3VLForConditionalGeneration"],"image_token_id":299,"text_config":{"model_type":"qwen3_vl_text",` + smallText + sections + `},
		"vision_config":{"depth":3,"hidden_size":72,"intermediate_size":88,"out_hidden_size":128,"num_heads":1,"patch_size":8,"num_position_embeddings":49,"deepstack_visual_indexes":[0,1]}}`,
		`{"image_processor_type":"Qwen2VLImageProcessor",` + qwenSize + `}`},
	"InternVL": {`{"architectures":["InternVLForConditionalGeneration"],"image_token_id":299,"text_config":{"model_type":"qwen2",` + smallText + `},
		"vision_config":{"hidden_size":64,"intermediate_size":96,"num_hidden_layers":2,"num_attention_heads":1,"image_size":32,"patch_size":8,"attention_bias":true}}`,
		`{"image_processor_type":"GotOcr2ImageProcessor","size":{"height":32,"width":32},"max_patches":6}`},
	"InternVL with norms of heads": {`{"architectures":["InternVLForConditionalGeneration"],"image_token_id":299,"text_config":{"model_type":"qwen3",` + smallText + `},
		"vision_config":{"hidden_size":128,"intermediate_size":96,"num_hidden_layers":2,"num_attention_heads":2,"image_size":32,"patch_size":8,"norm_type":"rms_norm","use_qk_norm":true}}`,
		`{"image_processor_type":"GotOcr2ImageProcessor","size":{"height":32,"width":32},"max_patches":6}`},
}

// familyTolerance is how far a logit in bfloat16 may be from the CPU's, as a share of its row's range. The simulated GPU is off by
// half of one [logitTolerance].
const familyTolerance = 2 * logitTolerance

func TestFamiliesAnswerAsOnTheCPU(t *testing.T) {
	for device, path := range cuda.Devices(t) {
		for name, f := range families {
			t.Run(device+"/"+name, func(t *testing.T) {
				host, err := cpu.New(cpu.Options{Threads: 2})
				if err != nil {
					t.Fatal(err)
				}
				gpu, err := cuda.Open(cuda.Options{Library: path})
				if err != nil {
					t.Fatal(err)
				}
				want, got := f.run(t, host), f.run(t, gpu)
				for step := range want {
					width, off := slices.Max(want[step])-slices.Min(want[step]), 0.0
					for i, w := range want[step] {
						off = max(off, math.Abs(float64(got[step][i]-w))/float64(width))
					}
					if !(off <= familyTolerance) { // NaN
						t.Errorf("step %d: a logit is off by %.3g of the range, %.3g is allowed", step, off, familyTolerance)
					}
					t.Logf("step %d: the largest difference is %.2g of the range", step, off)
				}
			})
		}
	}
}

// run gives the logits of a prompt with two pictures and of two steps after it.
func (f family) run(t *testing.T, device backend.Backend) (logits [][]float32) {
	t.Helper()
	defer func() {
		if err := device.Close(); err != nil {
			t.Error(err)
		}
	}()
	m, err := model.Random([]byte(f.config), device, 3)
	if err != nil {
		t.Fatal(err)
	}
	processor, err := image.ParseProcessor([]byte(f.processor), m.Config().Tower)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(4, 5))
	tokens, px := []int32{2, 3, 4}, []image.Pixels{}
	for _, size := range []image.Size{{Height: 70, Width: 110}, {Height: 90, Width: 40}} {
		rgb := &image.RGB{W: size.Width, H: size.Height, Pix: make([]uint8, 3*size.Width*size.Height)}
		for i := range rgb.Pix {
			rgb.Pix[i] = uint8(128 + 100*math.Sin(float64(i)/37) + float64(random.IntN(27)))
		}
		p, err := processor.Process(rgb, 2)
		if err != nil {
			t.Fatal(err)
		}
		px = append(px, p)
		for range m.Config().Rows(p) {
			tokens = append(tokens, m.Config().ImageToken)
		}
		tokens = append(tokens, 7, 8)
	}
	rows := len(tokens)
	kv := ownPages(m.Config().Layers, rows+2)
	if err := m.Reserve(model.Capacity{Pages: m.Config().Layers * backend.Pages(rows+2), Sequences: 1, Rows: rows + 2}); err != nil {
		t.Fatal(err)
	}
	v, err := m.EncodeImages(px)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Release()
	first, err := m.Prefill(tokens, v, kv, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	logits = append(logits, slices.Clone(first))
	kv.Position = m.Config().Span(tokens, px)
	for _, token := range []int32{11, 12} {
		for l := range kv.Layers {
			kv.Layers[l].Len = rows
		}
		next, err := m.Decode([]model.DecodeRow{{Token: token, KV: kv}})
		if err != nil {
			t.Fatal(err)
		}
		logits = append(logits, slices.Clone(next[0]))
		rows++
		kv.Position++
	}
	return logits
}
