package incident

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
)

// JSON writes the form as it lies in a bundle.
func (in *Incident) JSON() ([]byte, error) {
	data, err := json.MarshalIndent(in, "", "  ")
	return append(data, '\n'), err
}

// YAML writes the form as people fill it in.
func (in *Incident) YAML() ([]byte, error) {
	data, err := in.JSON()
	if err != nil {
		return nil, err
	}
	return yaml.JSONToYAML(data)
}

// SchemaID is the name of the form's JSON Schema.
const SchemaID = "https://spor.invalid/incident.schema.json"

// Schema is the form as a JSON Schema (json-schema.org, draft 2020-12): for editors, and for programs that write forms.
func Schema() ([]byte, error) {
	s := schemaOf(reflect.TypeFor[Incident](), "")
	s["$schema"], s["$id"], s["title"] = "https://json-schema.org/draft/2020-12/schema", SchemaID, "Report of a security incident"
	data, err := json.MarshalIndent(s, "", "  ")
	return append(data, '\n'), err
}

// valueSchemas are the types of which not every text is a value. Reading is more lenient: it knows other spellings.
func valueSchemas() map[reflect.Type]map[string]any {
	return map[reflect.Type]map[string]any{
		reflect.TypeFor[TLP]():      {"type": "string", "enum": Levels},
		reflect.TypeFor[Class]():    {"type": "string", "enum": Classes},
		reflect.TypeFor[Answer]():   {"type": "string", "enum": AnswersAll},
		reflect.TypeFor[State]():    {"type": "string", "enum": States},
		reflect.TypeFor[Zone]():     {"type": "string", "pattern": zoneName.String()},
		reflect.TypeFor[Taxonomy](): {"type": "string", "pattern": `^[a-z0-9-]+/[a-z0-9-]+$`},
		reflect.TypeFor[When]():     {"type": "string", "pattern": `^(about )?\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$`},
	}
}

func schemaOf(t reflect.Type, field string) map[string]any {
	s := map[string]any{}
	if value, ok := valueSchemas()[t]; ok {
		maps.Copy(s, value)
	} else {
		switch t.Kind() {
		case reflect.Struct:
			s["type"], s["additionalProperties"] = "object", false
			properties := map[string]any{}
			for f := range t.Fields() {
				name := fieldName(f)
				properties[name] = schemaOf(f.Type, strings.TrimPrefix(field+"."+name, "."))
			}
			s["properties"] = properties
		case reflect.Slice:
			s["type"], s["items"] = "array", schemaOf(t.Elem(), "")
		case reflect.Int:
			s["type"], s["minimum"] = "integer", 0
		case reflect.Bool:
			s["type"] = "boolean"
		default:
			s["type"] = "string"
		}
	}
	if name := labels("en").get(field); name != "" {
		s["description"] = name
	}
	return s
}
