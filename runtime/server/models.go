package server

import (
	"net/http"

	"aircache.dev/aircache/runtime/server/openai"
)

func (s *Server) listModels(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, openai.ModelList{Object: "list", Data: []openai.Model{s.describeModel()}})
}

// getModel's name may hold slashes, as Hugging Face's do.
func (s *Server) getModel(w http.ResponseWriter, r *http.Request) {
	if name := r.PathValue("name"); name != s.opts.ServedName {
		writeError(w, openai.ModelNotFound(name, s.opts.ServedName))
		return
	}
	writeJSON(w, http.StatusOK, s.describeModel())
}

// describeModel also answers while the model loads; its length is not known then.
func (s *Server) describeModel() openai.Model {
	described := openai.Model{ID: s.opts.ServedName, Object: "model", Created: s.created, OwnedBy: "aircache"}
	if m := s.model.Load(); m != nil {
		described.MaxModelLen = m.MaxModelLen
	}
	return described
}
