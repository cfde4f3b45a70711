package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

func mustCompile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON reads YAML as an editor with a JSON Schema does.
func asJSON(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(named(v))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// named has each key be text, as JSON has it, and editors too.
func named(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = named(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = named(v[key])
		}
	case map[any]any:
		all := make(map[string]any, len(v))
		for key, one := range v {
			all[fmt.Sprint(key)] = named(one)
		}
		return all
	}
	return v
}

func TestSchemaTakesGoodFiles(t *testing.T) {
	s := mustCompile(t)
	for _, file := range append(corpus(t, "good", 8), "../../routes.yaml") {
		_, text, _ := parseFile(t, file)
		if err := s.Validate(asJSON(t, text)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// The schema sees no more than keys, types and forms, but those it must see.
func TestSchemaRefusesBadFiles(t *testing.T) {
	s := mustCompile(t)
	for _, name := range []string{
		"admin_auth", "admin_auth_empty", "admin_auth_none", "auth_from_connect", "balance", "check", "empty_sections", "endpoints", "fleet_redis", "fleet_wrong", "just_text", "missing_sections", "not_a_mapping", "null_values", "origins_empty",
		"relay", "sizes", "socketio_auth_cookie", "socketio_types", "tls_empty", "tracing", "tls_incomplete", "unknown_keys", "unknown_keys_deep", "upstreams_missing", "wrong_types", "wrong_types_in_route",
	} {
		_, text, _ := parseFile(t, filepath.Join("testdata", "bad", name+".yaml"))
		if err := s.Validate(asJSON(t, text)); err == nil {
			t.Errorf("%s: the schema takes it", name)
		}
	}
}

type schemaNode struct {
	Properties map[string]schemaNode
	Defs       map[string]schemaNode `json:"$defs"`
	AnyOf      []schemaNode
	Default    any
	Ref        string `json:"$ref"`
}

func mustReadSchema(t *testing.T) schemaNode {
	t.Helper()
	var n schemaNode
	if err := json.Unmarshal(Schema(), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSchemaKeys compares every table of keys with the schema, both ways.
func TestSchemaKeys(t *testing.T) {
	root := mustReadSchema(t)
	tables := map[string][]string{
		"": fileKeys, "route": routeKeys, "upstream": upstreamKeys, "listener": listenerKeys, "admin": adminKeys, "admin_auth": adminAuthKeys, "tracing": tracingKeys, "log": logKeys, "access_log": accessLogKeys, "tls": tlsKeys,
		"certificate": certificateKeys, "external_account": externalAccountKeys, "on_demand": onDemandKeys, "drain": drainKeys, "check": checkKeys, "affinity": affinityKeys, "affinity_cookie": affinityCookieKeys, "balance": balanceKeys, "hash": hashKeys, "endpoint": endpointKeys, "headers": headersKeys, "respond": respondKeys, "limits": quotaKeys, "response_headers": answerHeadersKeys, "requests_per_address": requestRateKeys, "max_rate": rateKeys,
		"socketio": socketIOKeys, "cookie": cookieKeys, "fleet": fleetKeys, "node": nodeKeys, "redis": redisKeys, "sentinel": sentinelKeys,
		"auth": authKeys, "auth_forward": forwardKeys, "auth_jwt": jwtKeys, "auth_basic": basicKeys, "token_source": without(sourceKeys, "auth"),
		// The loader knows the others too, to say where they belong.
		"namespace_auth": {"jwt"}, "namespace_jwt": without(jwtKeys, "claims", "revoke_on_key_loss"), "namespace_token_source": {"auth"},
	}
	objects := map[string][]string{"": slices.Sorted(maps.Keys(root.Properties))}
	for name, def := range root.Defs {
		for _, n := range append(def.AnyOf, def) {
			if n.Properties != nil {
				objects[name] = slices.Sorted(maps.Keys(n.Properties))
			}
		}
	}
	for name := range objects {
		if tables[name] == nil {
			t.Errorf("the schema has an object %q that the loader does not know", name)
		}
	}
	for name, keys := range tables {
		want(t, "keys of "+name, objects[name], slices.Sorted(slices.Values(keys)))
	}
}

func without(keys []string, others ...string) []string {
	return slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return slices.Contains(others, k) })
}

// TestSchemaDefaults compares the defaults that editors show with the real ones,
// by writing each out.
func TestSchemaDefaults(t *testing.T) {
	root := mustReadSchema(t)
	var file strings.Builder
	for _, key := range append([]string{"dial_timeout"}, limitKeys...) {
		d := root.Defs[key].Default
		if key == "max_rate" {
			rate := root.Defs[key].Properties
			d = map[string]any{"messages": rate["messages"].Default, "bytes": rate["bytes"].Default}
		}
		text, err := json.Marshal(d)
		if err != nil || d == nil {
			t.Fatalf("%s: got default %v, %v", key, d, err)
		}
		file.WriteString(key + ": " + string(text) + "\n")
	}
	c := mustParse(t, file.String()+"upstreams: {main: http://a}\nroutes: [{upstream: main}]\n")
	d := defaults()
	want(t, "limits", c.Routes[0].Limits, d.limits)
	want(t, "dial_timeout", c.Upstreams[0].DialTimeout, d.dialTimeout)
	want(t, "storage", root.Defs["tls"].Properties["storage"].Default, any(d.storage))
	want(t, "listen", root.Properties["listen"].Default, any(d.listen))
	for _, n := range root.Defs["listener"].AnyOf {
		if mode, ok := n.Properties["mode"]; ok {
			want(t, "mode", mode.Default, any(fmt.Sprintf("%#o", defaultMode)))
		}
	}
	want(t, "balance", root.Defs["upstream"].Properties["balance"].Default, any(string(d.balance)))
	want(t, "affinity", root.Defs["upstream"].Properties["affinity"].Default, any(string(d.affinity)))
	resolve := fmt.Sprintf("upstreams: {main: {endpoints: http://a, resolve: %v}}\nroutes: [{upstream: main}]\n", root.Defs["upstream"].Properties["resolve"].Default)
	want(t, "resolve", mustParse(t, resolve).Upstreams[0].Resolve, d.resolve)
	check := root.Defs["check"].Properties
	checked := fmt.Sprintf("upstreams: {main: {endpoints: http://a, check: {tcp: true, every: %v, timeout: %v, healthy: %v, unhealthy: %v}}}\nroutes: [{upstream: main}]\n",
		check["every"].Default, check["timeout"].Default, check["healthy"].Default, check["unhealthy"].Default)
	d.check.Kind = CheckTCP
	want(t, "check", mustParse(t, checked).Upstreams[0].Check, d.check)
	tracing := root.Defs["tracing"].Properties
	traced := fmt.Sprintf("tracing: {endpoint: http://a/v1/x, sample: %v, service_name: %v}\nupstreams: {main: http://a}\nroutes: [{upstream: main}]\n",
		tracing["sample"].Default, tracing["service_name"].Default)
	d.tracing.Endpoint = "http://a/v1/x"
	want(t, "tracing", mustParse(t, traced).Tracing, d.tracing)
	want(t, "fleet", root.Defs["fleet"].Properties["name"].Default, any(d.fleet.Name))
	drain := root.Defs["drain"].Properties
	text := fmt.Sprintf("drain: {over: %v, deadline: %v, code: %v, grace: %v}\n", drain["over"].Default, drain["deadline"].Default, drain["code"].Default, drain["grace"].Default)
	want(t, "drain", mustParse(t, text+"upstreams: {main: http://a}\nroutes: [{upstream: main}]\n").Drain, d.drain)
}

// TestSchemaSocketIODefaults writes out every default of socketio.
func TestSchemaSocketIODefaults(t *testing.T) {
	properties := mustReadSchema(t).Defs["socketio"].Properties
	var file strings.Builder
	file.WriteString("upstreams: {main: http://a}\nroutes:\n  - path: /socket.io\n    namespaces: {/: main}\n    socketio:\n")
	written := 0
	for _, key := range socketIOKeys {
		if d := properties[key].Default; d != nil {
			fmt.Fprintf(&file, "      %s: %v\n", key, d)
			written++
		}
	}
	if written < 14 {
		t.Fatalf("got %d defaults in the schema, want more", written)
	}
	r := mustParse(t, file.String()).Routes[0]
	d := defaults().socketIO
	d.Bundle, d.OnLoss = r.Upstream, map[*Upstream]OnLoss{r.Upstream: Transport}
	want(t, "socketio", *r.SocketIO, d)
}
