package config

import (
	"net/url"
	"strconv"
)

// Tracing says where the spans of handshakes go (OpenTelemetry).
type Tracing struct {
	Endpoint string   // URL that takes OTLP over HTTP, with its path; "" for no tracing
	Sample   float64  // share of the handshakes that are traced, 0 to 1, unless a trusted peer has decided
	Headers  []Header // of each export
	Service  string   // what the spans are of
}

var tracingKeys = []string{"endpoint", "sample", "headers", "service_name"}

// tracePath is where a collector takes traces, if the file does not say.
const tracePath = "/v1/traces"

func (l *loader) tracing(v value, d Tracing) Tracing {
	o, ok := l.object(v, "in tracing", tracingKeys)
	if !ok {
		return Tracing{}
	}
	d.Endpoint = l.traceEndpoint(l.required(o, "endpoint", "in tracing"))
	l.share(o.field("sample"), &d.Sample)
	at := make(map[string]Position)
	d.Headers = l.headerLines(o.field("headers"), at, l.headerName)
	for _, name := range []string{"Content-Encoding", "Content-Type"} {
		if p, ok := at[name]; ok {
			l.errorf(p, "header %q cannot be changed: it belongs to the request's body", name)
		}
	}
	if w, ok := l.text(o.field("service_name")); ok {
		d.Service = w.text
	}
	return d
}

// traceEndpoint reads a URL. It may hold a secret in its path, and is not shown.
func (l *loader) traceEndpoint(v value) string {
	w, ok := l.text(v)
	if !ok {
		return ""
	}
	u, err := url.Parse(w.text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		l.errorf(w.Position, "endpoint must be a http:// or https:// URL, such as \"http://127.0.0.1:4318\"")
		return ""
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		l.errorf(w.Position, "endpoint must be a URL without user, query or fragment: what proves who asks belongs to headers")
		return ""
	case u.Path == "" || u.Path == "/":
		u.Path = tracePath
	}
	return u.String()
}

// share reads a number from 0 to 1 into f.
func (l *loader) share(v value, f *float64) {
	w, ok := l.word(v)
	if !ok {
		return
	}
	got, err := strconv.ParseFloat(w.text, 64)
	switch {
	case err != nil || !(got >= 0 && got <= 1): // NaN is neither
		l.errorf(w.Position, "%s must be a number from 0 to 1, not %s", w.name, w)
	case w.tag == "!!str" && !w.secret:
		l.errorf(w.Position, "%s must be a number without quotes", w.name)
	default:
		*f = got
	}
}
