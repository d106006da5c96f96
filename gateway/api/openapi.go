package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"bongsu/internal/hub"
)

// description returns what the description of the API begins with.
func description() huma.Config {
	config := huma.DefaultConfig("Bongsu", "1.0.0")
	config.CreateHooks = nil                         // no "$schema" member in answers
	config.AllowAdditionalPropertiesByDefault = true // both sides may add members
	config.Transformers = []huma.Transformer{explain}
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.Info.Description = "Delivers events to the people they are for, at once and for good. " +
		"A person reads the streams all, admin:<sub>, mall:<m> and partner:<p> that their token names. " +
		"Errors are application/problem+json; one of type " + TypeTokenExpired + " is solved by a new token, " +
		"one of status 503 by trying again after Retry-After."
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT",
			Description: "Claims: sub (the admin number), name, malls, partners, roles, scope; exp is required."},
	}
	config.Security = []map[string][]string{{"bearer": {}}}
	return config
}

// Describe returns the OpenAPI 3.1 description of all calls, those of the
// development mode included, as indented JSON.
func Describe() ([]byte, error) {
	s := newService(Options{Dev: &Dev{
		Token:   func(*hub.Principal) (string, error) { return "", hub.ErrNotFound },
		Publish: func(context.Context, []byte) error { return hub.ErrNotFound },
	}}, http.NewServeMux())
	return indent(s.api.OpenAPI())
}

func indent(api *huma.OpenAPI) ([]byte, error) {
	raw, err := api.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
