// Package flux holds resources for Flux. It evaluates the healthCheckExprs of models.yaml as Flux's kustomize-controller does, so that
// the operator's tests can hold every state that they reach against them.
package flux

import (
	_ "embed"
	"fmt"

	"github.com/google/cel-go/cel"
	"sigs.k8s.io/yaml"
)

//go:embed models.yaml
var models []byte

// expressions are one entry of spec.healthCheckExprs.
type expressions struct {
	Kind       string `json:"kind"`
	Current    string `json:"current"`
	InProgress string `json:"inProgress"`
	Failed     string `json:"failed"`
}

// Of is the status that Flux takes an AirCacheDeployment for: the first of InProgress, Failed and Current whose expression holds, and
// InProgress where none does (https://fluxcd.io/flux/components/kustomize/kustomizations/#health-check-exprs).
func Of(object map[string]any) (string, error) {
	var kustomization struct {
		Spec struct {
			HealthCheckExprs []expressions `json:"healthCheckExprs"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(models, &kustomization); err != nil {
		return "", fmt.Errorf("reading models.yaml: %w", err)
	}
	for _, e := range kustomization.Spec.HealthCheckExprs {
		if e.Kind == object["kind"] {
			return e.evaluate(object)
		}
	}
	return "", fmt.Errorf("models.yaml has no healthCheckExprs for kind %v", object["kind"])
}

func (e *expressions) evaluate(object map[string]any) (string, error) {
	for _, try := range []struct{ status, expression string }{
		{"InProgress", e.InProgress}, {"Failed", e.Failed}, {"Current", e.Current},
	} {
		holds, err := holds(try.expression, object)
		if err != nil {
			return "", fmt.Errorf("evaluating the expression of %s: %w", try.status, err)
		}
		if holds {
			return try.status, nil
		}
	}
	return "InProgress", nil
}

// holds evaluates an expression with the object's top-level fields as variables.
func holds(expression string, object map[string]any) (bool, error) {
	var variables []cel.EnvOption
	for name := range object {
		variables = append(variables, cel.Variable(name, cel.DynType))
	}
	environment, err := cel.NewEnv(variables...)
	if err != nil {
		return false, fmt.Errorf("making its environment: %w", err)
	}
	checked, issues := environment.Compile(expression)
	if issues.Err() != nil {
		return false, fmt.Errorf("compiling it: %w", issues.Err())
	}
	program, err := environment.Program(checked)
	if err != nil {
		return false, fmt.Errorf("planning it: %w", err)
	}
	answer, _, err := program.Eval(object)
	if err != nil {
		return false, fmt.Errorf("running it: %w", err)
	}
	yes, isBool := answer.Value().(bool)
	if !isBool {
		return false, fmt.Errorf("it is a %s, not a bool", answer.Type().TypeName())
	}
	return yes, nil
}
