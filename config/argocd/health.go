// Package argocd holds what Argo CD needs to know of an AirCacheDeployment: health.lua, in the layout of Argo's own
// resource_customizations, and argocd-cm.yaml, which brings it into an installation. It runs the script as Argo does, so that the
// operator's tests can hold every state that they reach against it.
package argocd

import (
	_ "embed"
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

//go:embed aircache.dev/AirCacheDeployment/health.lua
var script string

// Health is what Argo CD shows of an object.
type Health struct {
	Status  string `json:"status"` // Healthy, Progressing, Degraded or Suspended
	Message string `json:"message"`
}

// Of runs health.lua over an object, with no more of Lua's libraries than Argo CD opens.
func Of(object map[string]any) (Health, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(library.open), Protect: true}, lua.LString(library.name)); err != nil {
			return Health{}, fmt.Errorf("opening Lua's library %q: %w", library.name, err)
		}
	}
	state.SetGlobal("obj", value(state, object))
	if err := state.DoString(script); err != nil {
		return Health{}, fmt.Errorf("running health.lua: %w", err)
	}
	answer, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return Health{}, fmt.Errorf("running health.lua: it returns %s, not a table", state.Get(-1).Type())
	}
	return Health{Status: lua.LVAsString(answer.RawGetString("status")), Message: lua.LVAsString(answer.RawGetString("message"))}, nil
}

// value is decoded JSON or YAML as Lua sees it.
func value(state *lua.LState, v any) lua.LValue {
	switch v := v.(type) {
	case map[string]any:
		table := state.NewTable()
		for key, item := range v {
			table.RawSetString(key, value(state, item))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, item := range v {
			table.Append(value(state, item))
		}
		return table
	case string:
		return lua.LString(v)
	case bool:
		return lua.LBool(v)
	case int64:
		return lua.LNumber(v)
	case float64:
		return lua.LNumber(v)
	}
	return lua.LNil
}

// Agrees tells whether a health says the same as a status that kstatus computes, which Flux and kubectl go by. Only a paused object has
// a word of its own in Argo CD.
func Agrees(health, kstatus string) bool {
	switch health {
	case "Healthy":
		return kstatus == "Current"
	case "Progressing":
		return kstatus == "InProgress"
	case "Degraded":
		return kstatus == "Failed"
	case "Suspended":
		return kstatus == "Current" || kstatus == "InProgress"
	}
	return false
}
