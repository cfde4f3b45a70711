package config

import "testing"

func TestTracing(t *testing.T) {
	const rest = "\nupstreams: {main: http://a}\nroutes: [{upstream: main}]\n"
	for text, want := range map[string]Tracing{
		"":                                     {},
		"tracing: {endpoint: 'http://a:4318'}": {Endpoint: "http://a:4318/v1/traces", Sample: 1, Service: "usher"},
		"tracing: {endpoint: 'https://a/'}":    {Endpoint: "https://a/v1/traces", Sample: 1, Service: "usher"},
		"tracing: {endpoint: 'https://a/otlp/x/'}":   {Endpoint: "https://a/otlp/x/", Sample: 1, Service: "usher"},
		"tracing: {endpoint: http://a/x, sample: 0}": {Endpoint: "http://a/x", Service: "usher"},
	} {
		c := mustParse(t, text+rest)
		if got := c.Tracing; got.Endpoint != want.Endpoint || got.Sample != want.Sample || got.Service != want.Service || got.Headers != nil {
			t.Errorf("%s: got %+v, want %+v", text, got, want)
		}
	}
}

// A header that proves who asks is a secret of the file, as a route's is.
func TestTracingWarnsOfSecrets(t *testing.T) {
	const rest = "upstreams: {main: http://a}\nroutes: [{upstream: main}]\n"
	c := mustParse(t, "tracing: {endpoint: http://a, headers: {Authorization: Bearer abc}}\n"+rest)
	if len(c.Warnings) != 1 || c.Warnings[0].Line != 1 {
		t.Errorf("warnings: got %v, want one about the header", c.Warnings)
	}
}
