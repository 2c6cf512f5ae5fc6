package server

import (
	"encoding/json"
	"net/http"

	"aircache.dev/aircache/runtime/server/openai"
)

// stream sends an answer as server-sent events. From the first byte on the status
// is spent: a later failure is an event with an "error", as OpenAI's clients expect.
func (s *Server) stream(w http.ResponseWriter, head reply, request *openai.ChatRequest, a *answer, first piece) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Accel-Buffering", "no") // or a proxy collects the events
	out := &events{server: s, w: w}

	empty := ""
	out.send(head.chunk(openai.ChunkChoice{Delta: openai.Delta{Role: "assistant", Content: &empty}}))
	for p := first; ; {
		if p.text != "" || len(p.logprobs) > 0 {
			out.send(head.chunk(openai.ChunkChoice{Delta: openai.Delta{Content: &p.text}, LogProbs: a.logProbs(p.logprobs)}))
		}
		if out.err != nil {
			return // nobody listens, and there is no whole answer to tell of
		}
		if a.ended() {
			break
		}
		var refusal *openai.Error
		if p, refusal = a.next(); refusal != nil {
			out.send(refusal)
			out.write("data: [DONE]\n\n")
			return
		}
	}
	s.logAnswer(head.id, a)
	out.send(head.chunk(openai.ChunkChoice{FinishReason: &a.finish}))
	if request.IncludeUsage {
		usage := a.usage()
		last := head.chunk()
		last.Usage = &usage
		out.send(last)
	}
	out.write("data: [DONE]\n\n")
}

func (r reply) chunk(choices ...openai.ChunkChoice) openai.Chunk {
	return openai.Chunk{ID: r.id, Object: "chat.completion.chunk", Created: r.created, Model: r.model, Choices: append([]openai.ChunkChoice{}, choices...)}
}

// events writes server-sent events. After a failed write it writes nothing more:
// the client is gone, and its request's context ends the engine's work.
type events struct {
	server *Server
	w      http.ResponseWriter
	err    error
}

func (e *events) send(event any) {
	b, err := json.Marshal(event)
	if err != nil {
		e.err = err
		return
	}
	e.write("data: " + string(b) + "\n\n")
}

func (e *events) write(text string) {
	if e.err != nil {
		return
	}
	e.server.limitWriting(e.w)
	if _, e.err = e.w.Write([]byte(text)); e.err == nil {
		e.err = http.NewResponseController(e.w).Flush()
	}
}
