package openai

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
)

// tiny is a 1x1 PNG's first bytes; this package looks no further than the scheme.
const tiny = "data:image/png;base64,iVBORw0KGgo="

func TestParseReadsEveryField(t *testing.T) {
	r, err := ParseChatRequest([]byte(`{
		"model":"m","stream":true,"stream_options":{"include_usage":true},"max_completion_tokens":7,
		"temperature":0.5,"top_p":0.9,"top_k":40,"seed":-3,"presence_penalty":1,"frequency_penalty":-1,
		"stop":["a","b"],"logprobs":true,"top_logprobs":5,"n":1,"user":"someone","tools":[],
		"messages":[{"role":"developer","content":"Be brief."},
			{"role":"user","content":[{"type":"image_url","image_url":{"url":"` + tiny + `","detail":"high"}},{"type":"text","text":"What is it?"}]},
			{"role":"assistant","content":"A dot.","refusal":null,"tool_calls":[]},
			{"role":"user","content":"Sure?"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if r.Model != "m" || !r.Stream || !r.IncludeUsage || *r.MaxTokens != 7 || *r.Temperature != .5 || *r.TopP != .9 ||
		*r.TopK != 40 || *r.Seed != -3 || *r.Presence != 1 || *r.Frequency != -1 || len(r.Stop) != 2 || !r.LogProbs || r.TopLogProbs != 5 {
		t.Errorf("fields were lost: %+v", r)
	}
	var roles []string
	for _, m := range r.Messages {
		roles = append(roles, m.Role)
	}
	if got := strings.Join(roles, " "); got != "system user assistant user" {
		t.Errorf("roles are %s", got)
	}
	picture := r.Messages[1].Content[0]
	if picture.ImageURL != tiny || picture.Param != "messages[1].content[0].image_url.url" {
		t.Errorf("the picture is %q at %s", picture.ImageURL, picture.Param)
	}
	if r.Messages[1].Content[1].Text != "What is it?" {
		t.Errorf("the question is %q", r.Messages[1].Content[1].Text)
	}
}

func TestParseLeavesOutWhatIsNull(t *testing.T) {
	r, err := ParseChatRequest([]byte(`{"model":"m","temperature":null,"stop":null,"max_tokens":null,"logit_bias":null,"messages":[{"role":"user","content":"x"}]}`))
	if err != nil || r.Temperature != nil || r.Stop != nil || r.MaxTokens != nil {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestParseRefuses(t *testing.T) {
	with := func(field string) string {
		return `{"model":"m","messages":[{"role":"user","content":"x"}],` + field + `}`
	}
	message := func(m string) string { return `{"model":"m","messages":[` + m + `]}` }
	part := func(p string) string { return message(`{"role":"user","content":[` + p + `]}`) }
	url := func(u string) string { return part(`{"type":"image_url","image_url":{"url":"` + u + `"}}`) }
	const urlAt = "messages[0].content[0].image_url.url"
	for _, c := range []struct{ name, body, param, says string }{
		{"an empty body", ``, "", "the body is empty"},
		{"broken JSON", `{"model":`, "", "unexpected end"},
		{"a list", `[]`, "", "an array"},
		{"two bodies", `{}{}`, "", "after top-level value"},
		{"no model", `{"messages":[]}`, "model", "Missing required"},
		{"a model that is a number", `{"model":1}`, "model", "expected a string"},
		{"no messages", `{"model":"m"}`, "messages", "Missing required"},
		{"empty messages", `{"model":"m","messages":[]}`, "messages", "at least 1 message"},
		{"too many messages", message(strings.Repeat(`{"role":"user","content":"x"},`, 1024) + `{"role":"user","content":"x"}`), "messages", "at most 1024 messages"},
		{"a message that is a string", message(`"hi"`), "messages[0]", "expected an object"},
		{"no role", message(`{"content":"x"}`), "messages[0].role", "Missing required"},
		{"a tool's message", message(`{"role":"tool","content":"x"}`), "messages[0].role", "Supported values"},
		{"a named speaker", message(`{"role":"user","content":"x","name":"bob"}`), "messages[0].name", "Unrecognized"},
		{"tool calls", message(`{"role":"assistant","content":"x","tool_calls":[{"id":"1"}]}`), "messages[0].tool_calls", "not supported"},
		{"no content", message(`{"role":"user"}`), "messages[0].content", "Missing required"},
		{"null content", message(`{"role":"user","content":null}`), "messages[0].content", "Missing required"},
		{"content that is a number", message(`{"role":"user","content":5}`), "messages[0].content", "a number"},
		{"too many parts", part(strings.Repeat(`{"type":"text","text":"x"},`, 1024) + `{"type":"text","text":"x"}`), "messages[0].content", "at most 1024 content parts"},
		{"an object of fields only", `{` + strings.Repeat(`"x":1,`, 128) + `"x":1}`, "", "more than 128 fields"},
		{"a message of fields only", message(`{` + strings.Repeat(`"x":1,`, 128) + `"x":1}`), "messages[0]", "more than 128 fields"},
		{"a temperature that no number can hold", with(`"temperature":1e999`), "temperature", "from 0 to 2, but got 1e999"},
		{"a long list of tools", with(`"tools":[` + strings.Repeat(" ", 300) + `]`), "tools", "only []"},
		{"empty content list", message(`{"role":"user","content":[]}`), "messages[0].content", "at least 1"},
		{"a part without type", part(`{"text":"x"}`), "messages[0].content[0].type", "Missing required"},
		{"sound", part(`{"type":"input_audio"}`), "messages[0].content[0].type", "'text' and 'image_url'"},
		{"a text part without text", part(`{"type":"text"}`), "messages[0].content[0].text", "Missing required"},
		{"a picture in the system's message", message(`{"role":"system","content":[{"type":"image_url","image_url":{"url":"` + tiny + `"}}]}`), "messages[0].content[0].type", "role 'user'"},
		{"a picture as a bare string", part(`{"type":"image_url","image_url":"` + tiny + `"}`), "messages[0].content[0].image_url", "expected an object"},
		{"no picture URL", part(`{"type":"image_url","image_url":{}}`), urlAt, "Missing required"},
		{"an unknown detail", part(`{"type":"image_url","image_url":{"url":"` + tiny + `","detail":"huge"}}`), "messages[0].content[0].image_url.detail", "'auto'"},
		{"a file URL", url("file:///etc/passwd"), urlAt, "expected a data: URL"},
		{"no scheme", url("a.png"), urlAt, "expected a data: URL"},
		{"an unknown field", with(`"best_of":2`), "best_of", "Unrecognized request argument"},
		{"the first of two unknown fields, by name", with(`"zz":1,"aa":1`), "aa", "Unrecognized request argument"},
		{"two answers", with(`"n":2`), "n", "only 1 for 'n'"},
		{"a JSON answer", with(`"response_format":{"type":"json_object"}`), "response_format", `{"type":"text"}`},
		{"tools", with(`"tools":[{"type":"function"}]`), "tools", "only []"},
		{"reasoning", with(`"reasoning_effort":"low"`), "reasoning_effort", "leave it out"},
		{"both names of the length", with(`"max_tokens":1,"max_completion_tokens":1`), "max_tokens", "at the same time"},
		{"no tokens", with(`"max_tokens":0`), "max_tokens", "from 1 to"},
		{"half a token", with(`"max_tokens":1.5`), "max_tokens", "whole number"},
		{"a text for a number", with(`"max_tokens":"9"`), "max_tokens", "expected an integer, but got a string"},
		{"too hot", with(`"temperature":2.1`), "temperature", "from 0 to 2, but got 2.1"},
		{"too cold", with(`"temperature":-1`), "temperature", "from 0 to 2"},
		{"no nucleus", with(`"top_p":0`), "top_p", "above 0"},
		{"top_k under -1", with(`"top_k":-2`), "top_k", "from -1"},
		{"a huge seed", with(`"seed":99999999999999999999`), "seed", "whole number"},
		{"a penalty over 2", with(`"presence_penalty":3`), "presence_penalty", "from -2 to 2"},
		{"five stops", with(`"stop":["a","b","c","d","e"]`), "stop", "at most 4"},
		{"an empty stop", with(`"stop":""`), "stop", "from 1 to 512"},
		{"a stop that is a number", with(`"stop":3`), "stop", "a number"},
		{"stop numbers", with(`"stop":[3]`), "stop", "an array"},
		{"stream options without a stream", with(`"stream_options":{}`), "stream_options", "'stream' is true"},
		{"unknown stream options", with(`"stream":true,"stream_options":{"x":1}`), "stream_options.x", "Unrecognized"},
		{"stream that is a text", with(`"stream":"yes"`), "stream", "a boolean"},
		{"top_logprobs alone", with(`"top_logprobs":2`), "top_logprobs", "'logprobs' is true"},
		{"21 top_logprobs", with(`"logprobs":true,"top_logprobs":21`), "top_logprobs", "from 0 to 20"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseChatRequest([]byte(c.body))
			if err == nil {
				t.Fatal("accepted")
			}
			if err.Status != 400 || err.Param != c.param || !strings.Contains(err.Message, c.says) {
				t.Errorf("got %d, param %q, %q; want 400, param %q, ...%s...", err.Status, err.Param, err.Message, c.param, c.says)
			}
		})
	}
}

// A body is mostly pictures: what reads it must not copy it for each object around them.
func TestReadingARequestCopiesAPictureOnce(t *testing.T) {
	const size = 8 << 20
	body := []byte(`{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,` + strings.Repeat("A", size) + `"}}]}]}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := ParseChatRequest(body)
	runtime.ReadMemStats(&after)
	if err != nil || len(r.Messages[0].Content[0].ImageURL) < size {
		t.Fatalf("got %v", err)
	}
	if made := after.TotalAlloc - before.TotalAlloc; made > size+size/2 {
		t.Errorf("reading a picture of %d bytes allocated %d bytes", size, made)
	}
}

func TestErrorOnTheWire(t *testing.T) {
	got, _ := json.Marshal(ModelNotFound("gpt", "tiny"))
	want := `{"error":{"message":"The model \"gpt\" does not exist here; this server serves \"tiny\".","type":"invalid_request_error","param":"model","code":"model_not_found"}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, _ := json.Marshal(Busy(CodeQueueFull, 1, "full")); !strings.Contains(string(got), `"param":null`) {
		t.Errorf("no null param in %s", got)
	}
}

// Whatever the body, the answer is a request with messages or a 400; never a panic.
func FuzzParseChatRequest(f *testing.F) {
	f.Add(`{"model":"m","messages":[{"role":"user","content":"x"}]}`)
	f.Add(`{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"` + tiny + `"}}]}],"stop":"x","stream":true}`)
	f.Add(`{"stop":[null],"logprobs":1e9}`)
	f.Add(`{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:;base64,%zz"}}]}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		r, err := ParseChatRequest([]byte(body))
		if (r == nil) == (err == nil) || r != nil && len(r.Messages) == 0 {
			t.Errorf("got %+v and %v", r, err)
		}
		if err != nil && (err.Status != 400 || err.Message == "") {
			t.Errorf("refused with %+v", err)
		}
	})
}
