package model

import (
	"math"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/image"
)

// internDocument are the fields of vision_config that only InternViT has.
type internDocument struct {
	AttentionBias bool    `json:"attention_bias"`
	QKNorm        bool    `json:"use_qk_norm"`
	NormType      *string `json:"norm_type"`
	Positions     *bool   `json:"use_absolute_position_embeddings"`
	MeanPooling   *bool   `json:"use_mean_pooling"`
}

// internSettings is an InternViT and InternVL's projector.
type internSettings struct {
	visionSettings
	qkvBias, qkNorm, rmsNorm bool
	merge                    int // merge x merge patches become one row
	state                    int // hidden state that is read
	projectorAct             backend.Activation
}

// seeIntern fills in the defaults of InternVLVisionConfig and InternVLConfig.
func seeIntern(d *document, f *findings) sightSettings {
	const at = "vision_config."
	v := &d.Vision
	norm := value(v.NormType, "layer_norm")
	f.oneOf(at+"norm_type", norm, "layer_norm", "rms_norm")
	s := &internSettings{visionSettings: v.check(f), qkvBias: v.AttentionBias, qkNorm: v.QKNorm, rmsNorm: norm == "rms_norm"}
	if !value(v.Positions, true) {
		f.add("%suse_absolute_position_embeddings: false is not supported", at)
	}
	if !value(v.MeanPooling, true) {
		f.add("%suse_mean_pooling: false is not supported", at)
	}
	act := value(d.ProjectorAct, "gelu")
	f.oneOf("projector_hidden_act", act, activationNames...)
	f.oneOf("vision_feature_select_strategy", value(d.SelectStrategy, "default"), "default")
	s.projectorAct = activations[act]
	s.readMerge(d, f)
	s.readState(d, f)
	return s
}

// readMerge reads the 2 x 2 of a downsample_ratio of 0.5.
func (s *internSettings) readMerge(d *document, f *findings) {
	ratio := value(d.Downsample, 0.5)
	s.merge = int(math.Round(1 / ratio))
	if !(ratio > 0) || s.merge < 1 || s.merge > 16 || 1/float64(s.merge) != ratio {
		f.add("downsample_ratio: %g is not supported, 1/1, 1/2, 1/4 .. 1/16 are", ratio)
		s.merge = 1
	}
	if s.visionSettings.patch > 0 {
		f.divides("patches along vision_config.image_size", s.image/s.visionSettings.patch, "1/downsample_ratio", s.merge)
	}
}

func (s *internSettings) readState(d *document, f *findings) {
	s.state = -1
	if len(d.FeatureLayer) > 0 {
		s.state = d.FeatureLayer[0]
	}
	if len(d.FeatureLayer) > 1 {
		f.add("vision_feature_layer: %v is not supported, one layer is", d.FeatureLayer)
	}
	f.between("vision_feature_layer", s.state, -s.layers-1, s.layers)
	if s.state < 0 {
		s.state += s.layers + 1
	}
}

// perTile is the number of rows of a tile.
func (s *internSettings) perTile() int { return s.patches() / (s.merge * s.merge) }

func (s *internSettings) tower() image.Tower {
	return image.Tower{Side: s.image, Patch: s.visionSettings.patch, Rows: s.perTile()}
}

func (s *internSettings) sizes() VisionSizes {
	return VisionSizes{Hidden: s.hidden, Intermediate: s.intermediate, Layers: s.state, Patches: s.rows(), PatchValues: s.channels * s.visionSettings.patch * s.visionSettings.patch, Features: 1}
}

func (s *internSettings) patch() (side, channels int) { return s.visionSettings.patch, s.channels }

// completeIntern fills in InternVLConfig's defaults.
func completeIntern(d *document) {
	if d.Vision.ModelType == "" {
		d.Vision.ModelType = "internvl_vision"
	}
	if d.Text.ModelType == "" {
		d.Text.ModelType = "qwen2"
	}
	token := value(d.ImageTokenIndex, value(d.ImageTokenID, 151667))
	d.ImageTokenIndex = &token
}
