package api_test

import (
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"bongsu/gateway"
	"bongsu/gateway/api"
)

var update = flag.Bool("update", false, "write docs/openapi.json anew")

const described = "../../docs/openapi.json"

func TestTheDescriptionIsUpToDate(t *testing.T) {
	got, err := api.Describe()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(described, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(described)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("docs/openapi.json is not what the code describes: run go test ./gateway/api -update")
	}
}

func TestTheDescriptionIsServedWithoutAToken(t *testing.T) {
	w := newWorld(t, func(o *api.Options) { o.Dev = nil })
	got := w.call(t, "GET", "/api/v1/openapi.json", "", "")
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			Security   *[]map[string][]string
			Parameters []struct {
				Name   string
				Schema struct{ Maximum, Default int }
			}
		}
	}
	if err := json.Unmarshal([]byte(got.body), &doc); got.status != 200 || err != nil {
		t.Fatalf("got %d, %v", got.status, err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("version %q", doc.OpenAPI)
	}
	var paths []string
	for path, calls := range doc.Paths {
		for method, call := range calls {
			paths = append(paths, method+" "+path)
			if call.Security != nil {
				t.Errorf("%s %s needs no token", method, path)
			}
		}
	}
	slices.Sort(paths)
	want := "get /cluster, get /me, get /timeline, get /unread, post /events, post /timeline/read"
	if strings.Join(paths, ", ") != want {
		t.Errorf("got %v, want %s", paths, want)
	}
	for _, p := range doc.Paths["/timeline"]["get"].Parameters {
		if p.Name == "limit" && (p.Schema.Maximum != gateway.MaxPage || p.Schema.Default != gateway.DefaultPage) {
			t.Errorf("the limit is described as %+v", p.Schema)
		}
	}
}
