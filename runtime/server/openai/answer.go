package openai

// Reasons why an answer ended.
const (
	FinishStop   = "stop"
	FinishLength = "length"
)

// Completion is the whole answer of a request without streaming.
type Completion struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	Model   string   `json:"model"`
	Choices []Choice `json:"choices"`
	Usage   Usage    `json:"usage"`
}

// Choice is the one answer (n is always 1).
type Choice struct {
	Index        int       `json:"index"`
	Message      Answer    `json:"message"`
	LogProbs     *LogProbs `json:"logprobs"`
	FinishReason string    `json:"finish_reason"`
}

// Answer is the assistant's turn. Refusal is always null: it is there because clients expect the field.
type Answer struct {
	Role    string  `json:"role"`
	Content string  `json:"content"`
	Refusal *string `json:"refusal"`
}

// Chunk is one event of a streamed answer. Usage is in the last chunk only, and only if it was asked for.
type Chunk struct {
	ID      string        `json:"id"`
	Object  string        `json:"object"`
	Created int64         `json:"created"`
	Model   string        `json:"model"`
	Choices []ChunkChoice `json:"choices"`
	Usage   *Usage        `json:"usage,omitempty"`
}

// ChunkChoice is the part of the answer that a chunk adds.
type ChunkChoice struct {
	Index        int       `json:"index"`
	Delta        Delta     `json:"delta"`
	LogProbs     *LogProbs `json:"logprobs"`
	FinishReason *string   `json:"finish_reason"`
}

// Delta is added text; the first chunk carries the role.
type Delta struct {
	Role    string  `json:"role,omitempty"`
	Content *string `json:"content,omitempty"`
}

// LogProbs lists the answer's tokens.
type LogProbs struct {
	Content []TokenLogProb `json:"content"`
}

// LowestLogProb stands for "impossible", as OpenAI has it: JSON has no -Inf.
const LowestLogProb = -9999

// TokenLogProb is one token with its natural-log probability. Bytes are the token's UTF-8 bytes.
type TokenLogProb struct {
	Token   string         `json:"token"`
	LogProb float32        `json:"logprob"`
	Bytes   []int          `json:"bytes"`
	Top     []TokenLogProb `json:"top_logprobs"`
}

// Usage counts tokens, and what compression did to the pictures' share of the KV cache.
type Usage struct {
	PromptTokens     int           `json:"prompt_tokens"`
	CompletionTokens int           `json:"completion_tokens"`
	TotalTokens      int           `json:"total_tokens"`
	PromptDetails    PromptDetails `json:"prompt_tokens_details"`
	AirCache         *AirCache     `json:"aircache,omitempty"`
}

// PromptDetails splits the prompt. Cached tokens are those that another request's prompt left, and that were not computed again.
type PromptDetails struct {
	CachedTokens int `json:"cached_tokens"`
	ImageTokens  int `json:"image_tokens"`
}

// AirCache says what compression kept. Tokens are the mean over the layers. Recall
// is the share of the pictures' importance that the kept tokens hold, from 0 to 1.
type AirCache struct {
	RetentionPermille int     `json:"retention_permille"`
	VisualTokens      int     `json:"visual_tokens"`
	VisualTokensKept  int     `json:"visual_tokens_kept"`
	KVBytesFull       int64   `json:"kv_bytes_full"`
	KVBytesKept       int64   `json:"kv_bytes_kept"`
	Recall            float64 `json:"recall"`
}

// ModelList is the answer of GET /v1/models.
type ModelList struct {
	Object string  `json:"object"`
	Data   []Model `json:"data"`
}

// Model is one served model. MaxModelLen is the longest prompt and answer together, in tokens.
type Model struct {
	ID          string `json:"id"`
	Object      string `json:"object"`
	Created     int64  `json:"created"`
	OwnedBy     string `json:"owned_by"`
	MaxModelLen int    `json:"max_model_len"`
}
