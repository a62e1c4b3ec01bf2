// Command cel-policy evaluates the expressions of a ValidatingAdmissionPolicy outside a cluster, with the library that Kubernetes
// uses. `cel-policy POLICY.yaml` reads one pod's spec as JSON on each line, and prints 'allowed' or the policy's message for each.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
	"gopkg.in/yaml.v3"
)

// policy is what is read of the first document: the rest decides when Kubernetes asks.
type policy struct {
	Kind string
	Spec struct {
		Variables   []struct{ Name, Expression string }
		Validations []struct {
			Expression        string
			MessageExpression string `yaml:"messageExpression"`
		}
	}
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	var policy policy
	if err := yaml.NewDecoder(file).Decode(&policy); err != nil {
		return err
	}
	if policy.Kind != "ValidatingAdmissionPolicy" || len(policy.Spec.Validations) == 0 {
		return fmt.Errorf("%s: no ValidatingAdmissionPolicy with validations", path)
	}
	// As Kubernetes declares them: an object of any shape, and the policy's own variables.
	env, err := cel.NewEnv(cel.OptionalTypes(), ext.Strings(ext.StringsVersion(2)),
		cel.Variable("object", cel.DynType), cel.Variable("variables", cel.MapType(cel.StringType, cel.DynType)))
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var spec map[string]any
		if err := json.Unmarshal(lines.Bytes(), &spec); err != nil {
			return err
		}
		answer, err := policy.judge(env, spec)
		if err != nil {
			return err
		}
		fmt.Println(answer)
	}
	return lines.Err()
}

// judge answers 'allowed', or the message of the first validation that does not hold.
func (policy *policy) judge(env *cel.Env, spec map[string]any) (any, error) {
	variables := map[string]any{}
	input := map[string]any{"object": map[string]any{"spec": spec}, "variables": variables}
	for _, variable := range policy.Spec.Variables {
		value, err := evaluate(env, variable.Expression, input)
		if err != nil {
			return nil, err
		}
		variables[variable.Name] = value
	}
	for _, validation := range policy.Spec.Validations {
		holds, err := evaluate(env, validation.Expression, input)
		if err != nil {
			return nil, err
		}
		if holds != true {
			return evaluate(env, validation.MessageExpression, input)
		}
	}
	return "allowed", nil
}

func evaluate(env *cel.Env, expression string, input map[string]any) (any, error) {
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, issues.Err()
	}
	program, err := env.Program(ast)
	if err != nil {
		return nil, err
	}
	value, _, err := program.Eval(input)
	if err != nil {
		return nil, err
	}
	return value.Value(), nil
}
