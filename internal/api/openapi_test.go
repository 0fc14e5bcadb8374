package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/internal/api"
	"github.com/verdict-dev/verdict/internal/endpoint"
	"github.com/verdict-dev/verdict/internal/strictjson"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

var update = flag.Bool("update", false, "write the OpenAPI document anew")

type object = map[string]any

// params says what each query parameter is.
var params = map[string]object{
	"key":         {"description": "only outcomes with this key, as it was written", "schema": object{"type": "string"}},
	"runs_cursor": {"description": "next_runs of the page before", "schema": object{"type": "string"}},
	"name":        {"description": "only scores or outcomes of this name", "schema": object{"type": "string"}},
	"namespace":   {"description": "only runs of this namespace", "schema": object{"type": "string"}},
	"workflow_id": {"description": "only runs of this workflow id", "schema": object{"type": "string"}},
	"run_id":      {"description": "only this run", "schema": object{"type": "string"}},
	"session_key": {"description": "only scores of a session and of its runs, together with session_id", "schema": object{"type": "string"}},
	"session_id":  {"description": "the session's id", "schema": object{"type": "string"}},
	"experiment":  {"description": "only scores of runs in this experiment", "schema": object{"type": "string"}},
	"version":     {"description": "only of this version of the experiment", "schema": object{"type": "string"}},
	"state":       {"description": "only in this state; scores may have several", "schema": object{"type": "array", "items": object{"type": "string"}}},
	"history":     {"description": "every revision, retracted ones and ones of runs that were reset away included", "schema": object{"type": "boolean"}},
	"since":       {"description": "only what the store has learned of since this time; of counts only days since this day, or the one of this time", "schema": object{"type": "string"}},
	"of":          {"description": "the rows to count", "schema": object{"enum": []string{"score", "run", "outcome", "delivery", "rejection", "held"}, "default": "score"}},
	"until":       {"description": "only what the store has learned of before this time; of counts only days before this day, or up to the one of this time", "schema": object{"type": "string"}},
	"by":          {"description": "what to break down by, in addition to name and state; several may be given, and build not with an experiment or attribute", "schema": object{"type": "array", "items": object{"enum": []string{"step", "build", "day", "category"}}}},
	"attribute":   {"description": "only runs that have this attribute, by its values", "schema": object{"type": "string"}},
	"cursor":      {"description": "next of the page before", "schema": object{"type": "string"}},
	"limit":       {"description": "rows of a page", "schema": object{"type": "integer", "minimum": 1, "maximum": store.MaxPage, "default": 100}},
	"format":      {"description": "the form of the answer", "schema": object{"enum": []string{"json", "csv"}}},
}

// schemas makes the schemas of Go types.
type schemas object

func (s schemas) of(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[time.Time](), reflect.TypeFor[strictjson.Time]():
		return object{"type": "string", "format": "date-time"}
	case reflect.TypeFor[json.RawMessage]():
		return object{}
	case reflect.TypeFor[scoring.Value](), valueType:
		return object{"type": []string{"number", "boolean", "null"}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		inner := s.of(t.Elem())
		return object{"anyOf": []any{inner, object{"type": "null"}}}
	case reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Struct:
		name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
		if s[name] == nil {
			o := object{"type": "object", "additionalProperties": false}
			s[name] = o
			properties, required := object{}, []string{}
			s.fields(t, properties, &required)
			o["properties"] = properties
			if len(required) > 0 {
				o["required"] = required
			}
		}
		return object{"$ref": "#/components/schemas/" + name}
	}
	return object{"type": "integer"}
}

// fields adds the members that JSON makes of a struct.
func (s schemas) fields(t reflect.Type, properties object, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case tag == "-" || !f.IsExported() && !f.Anonymous:
			continue
		case f.Anonymous && tag == "":
			s.fields(f.Type, properties, required)
			continue
		case tag == "":
			tag = f.Name
		}
		properties[tag] = s.of(f.Type)
		if !strings.Contains(options, "omit") && f.Type.Kind() != reflect.Slice {
			*required = append(*required, tag)
		}
	}
}

var valueType = func() reflect.Type {
	f, _ := reflect.TypeFor[api.ScoreRequest]().FieldByName("Value")
	return f.Type
}()

var inPath = regexp.MustCompile(`{(\w+)}`)

// document describes the API.
func document() object {
	all := schemas{}
	problem := object{"description": "what is wrong", "content": object{"application/problem+json": object{"schema": all.of(reflect.TypeFor[api.Problem]())}}}
	answers := func(body object, statuses ...int) object {
		out := object{"default": problem}
		for _, status := range statuses {
			out[fmt.Sprint(status)] = object{"description": http.StatusText(status), "content": object{"application/json": object{"schema": body}}}
		}
		return out
	}
	paths := object{}
	at := func(path string) object {
		if paths[path] == nil {
			paths[path] = object{}
		}
		return paths[path].(object)
	}
	for _, r := range api.Readings() {
		list := []any{}
		for _, m := range inPath.FindAllStringSubmatch(r.Path, -1) {
			list = append(list, object{"in": "path", "name": m[1], "required": true, "schema": object{"type": "string"}})
		}
		for _, name := range r.Params {
			p := object{"in": "query", "name": name}
			for k, v := range params[name] {
				p[k] = v
			}
			list = append(list, p)
		}
		body := object{"type": "object"}
		if r.Answer != nil {
			body = all.of(reflect.TypeOf(r.Answer))
		}
		op := object{"summary": r.Summary, "responses": answers(body, http.StatusOK)}
		if len(list) > 0 {
			op["parameters"] = list
		}
		if strings.Contains(strings.Join(r.Params, ","), "format") {
			op["responses"].(object)["200"].(object)["content"].(object)["text/csv"] = object{"schema": object{"type": "string"}}
		}
		at(r.Path)["get"] = op
	}
	post := func(path, summary string, request, answer reflect.Type, statuses ...int) {
		at(path)["post"] = object{
			"summary": summary, "responses": answers(all.of(answer), statuses...),
			"parameters":  []any{object{"in": "header", "name": api.IdempotencyHeader, "schema": object{"type": "string"}}},
			"requestBody": object{"required": true, "content": object{"application/json": object{"schema": all.of(request)}}},
		}
	}
	post("/v1/scores", "scores a run or a session", reflect.TypeFor[api.ScoreRequest](), reflect.TypeFor[api.ScoreAnswer](), 200, 201, 202)
	post("/v1/outcomes", "delivers an outcome", reflect.TypeFor[api.OutcomeRequest](), reflect.TypeFor[api.OutcomeAnswer](), 200, 201)
	return object{
		"openapi": "3.1.0", "info": object{"title": "Verdict", "version": "1"}, "paths": paths,
		"components": object{"schemas": all, "securitySchemes": object{"token": object{"type": "http", "scheme": "bearer"}}},
		"security":   []any{object{"token": []any{}}},
	}
}

// The document that is served is the one that the routes and their types make. -update writes it.
func TestTheDocumentIsOfTheRoutes(t *testing.T) {
	t.Parallel()
	want, err := json.MarshalIndent(document(), "", " ")
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile("openapi.json", append(want, '\n'), 0o644))
		return
	}
	require.JSONEq(t, string(want), standard(t).get("/v1/openapi.json").Body.String(), "go test ./internal/api -run TheDocument -update writes it")
}

// What the routes answer is as the document says, and they take each parameter that it names.
func TestAnswersAreAsDocumented(t *testing.T) {
	t.Parallel()
	b := read(t)
	doc := answered[object](b, b.get("/v1/openapi.json"))
	compiler := jsonschema.NewCompiler()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.get("/v1/openapi.json").Body.Bytes()))
	require.NoError(t, err)
	require.NoError(t, compiler.AddResource("api.json", parsed))
	valid := func(path, method string, status int, body []byte) {
		t.Helper()
		at := "api.json#/paths/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(path) + "/" + method + "/responses/"
		if status < 300 {
			at += fmt.Sprint(status) + "/content/application~1json/schema"
		} else {
			at += "default/content/application~1problem+json/schema"
		}
		schema, err := compiler.Compile(at)
		require.NoError(t, err)
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(instance), "%s %s: %s", method, path, body)
	}
	seen := 0
	for path, operations := range doc["paths"].(object) {
		if operations.(object)["get"] == nil {
			continue
		}
		seen++
		concrete := map[string]string{
			"/v1/runs/{workflow}/{run}": "/v1/runs/order%2F0/r0", "/v1/sessions/{key}/{id}": "/v1/sessions/customer/1", "/v1/experiments/{name}/{version}": "/v1/experiments/prompt/1",
		}[path]
		if concrete == "" {
			concrete = path
		}
		w := b.get(concrete)
		require.Equal(t, http.StatusOK, w.Code, concrete)
		valid(path, "get", w.Code, w.Body.Bytes())
		w = b.get(concrete + "?none=1")
		valid(path, "get", w.Code, w.Body.Bytes())
		list, _ := operations.(object)["get"].(object)["parameters"].([]any)
		for _, p := range list {
			if name := p.(object)["name"].(string); p.(object)["in"] == "query" {
				w := b.get(concrete + "?" + name + "=")
				require.NotContains(t, w.Body.String(), "there is no such parameter", "%s of %s", name, path)
			}
		}
	}
	require.Len(t, api.Readings(), seen)
	var posts []string
	for path, operations := range doc["paths"].(object) {
		if operations.(object)["post"] != nil {
			posts = append(posts, path)
		}
	}
	require.ElementsMatch(t, api.Writings(), append(posts, endpoint.Path), "every POST is described, except the one of verdict.Client, which changes")
	for path, body := range map[string]string{
		"/v1/scores": `{"workflow_id":"order-7","name":"quality","value":0.5}`, "/v1/outcomes": `{"id":"x","name":"paid","key":"7","value":true}`,
	} {
		for range 2 {
			w := b.post(path, body)
			valid(path, "post", w.Code, w.Body.Bytes())
		}
		w := b.post(path, `{}`)
		valid(path, "post", w.Code, w.Body.Bytes())
	}
}
