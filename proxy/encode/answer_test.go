package encode

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"usher/proxy/config"
)

// newTestAnswer returns one of n bytes; -1 is one that does not say how long it is.
// Lines are "Name: value".
func newTestAnswer(status int, n int64, lines ...string) *http.Response {
	body := strings.NewReader(strings.Repeat("a", max(int(n), 2000)))
	return &http.Response{StatusCode: status, Header: newHeader(lines), Body: io.NopCloser(body), ContentLength: n}
}

func newHeader(lines []string) http.Header {
	h := make(http.Header)
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		h.Add(name, value)
	}
	return h
}

func newTestRequest(lines ...string) *http.Request {
	return &http.Request{Method: "GET", ProtoMajor: 1, ProtoMinor: 1, Header: newHeader(append([]string{"Accept-Encoding: gzip"}, lines...))}
}

var gzipOnly = []config.Coding{config.Gzip}

func TestWhichAnswers(t *testing.T) {
	const html = "Content-Type: text/html; charset=utf-8"
	for name, tt := range map[string]struct {
		res  *http.Response
		want bool
	}{
		"page":             {newTestAnswer(200, 5000, html), true},
		"just enough":      {newTestAnswer(200, 1025, html), true},
		"not enough":       {newTestAnswer(200, 1024, html), false},
		"of unknown size":  {newTestAnswer(200, -1, html), true},
		"not found":        {newTestAnswer(404, 5000, html), true},
		"upper case":       {newTestAnswer(200, 5000, "Content-Type: Text/HTML"), true},
		"json":             {newTestAnswer(200, 5000, "Content-Type: application/json"), true},
		"problem":          {newTestAnswer(500, 5000, "Content-Type: application/problem+json"), true},
		"svg":              {newTestAnswer(200, 5000, "Content-Type: image/svg+xml"), true},
		"wasm":             {newTestAnswer(200, 5000, "Content-Type: application/wasm"), true},
		"image":            {newTestAnswer(200, 5000, "Content-Type: image/png"), false},
		"bytes":            {newTestAnswer(200, 5000, "Content-Type: application/octet-stream"), false},
		"of no type":       {newTestAnswer(200, 5000), false},
		"grpc":             {newTestAnswer(200, -1, "Content-Type: application/grpc+json"), false},
		"events":           {newTestAnswer(200, -1, "Content-Type: text/event-stream"), false},
		"events, detailed": {newTestAnswer(200, -1, "Content-Type: Text/Event-Stream ; charset=utf-8"), false},
		"encoded":          {newTestAnswer(200, 5000, html, "Content-Encoding: br"), false},
		"no-transform":     {newTestAnswer(200, 5000, html, "Cache-Control: public, No-Transform"), false},
		"other control":    {newTestAnswer(200, 5000, html, "Cache-Control: no-store"), true},
		"part":             {newTestAnswer(206, 5000, html), false},
		"range":            {newTestAnswer(200, 5000, html, "Content-Range: bytes 0-4999/5000"), false},
		"digest":           {newTestAnswer(200, 5000, html, "Content-Digest: sha-256=:a=:"), false},
		"no content":       {newTestAnswer(204, -1, html), false},
		"not modified":     {newTestAnswer(304, -1, html), false},
	} {
		before := maps.Clone(tt.res.Header)
		new(Encoders).Answer(tt.res, newTestRequest(), gzipOnly)
		if got := tt.res.Header.Get("Content-Encoding") == "gzip"; got != tt.want {
			t.Errorf("%s: encoded %t, want %t", name, got, tt.want)
		}
		if !tt.want && !maps.EqualFunc(before, tt.res.Header, slices.Equal) {
			t.Errorf("%s: got headers %v, want none changed of %v", name, tt.res.Header, before)
		}
	}
}

// What keeps an answer plain that might be encoded for others.
func TestWhichRequests(t *testing.T) {
	head := newTestRequest()
	head.Method = "HEAD"
	old := newTestRequest()
	old.ProtoMinor = 0
	deaf := newTestRequest()
	delete(deaf.Header, "Accept-Encoding")
	for name, r := range map[string]*http.Request{"HEAD": head, "HTTP/1.0": old, "nothing accepted": deaf, "no-transform": newTestRequest("Cache-Control: no-transform")} {
		res := newTestAnswer(200, 5000, "Content-Type: text/css", "Content-Length: 5000", `Etag: "a"`)
		new(Encoders).Answer(res, r, gzipOnly)
		if h := res.Header; h["Content-Encoding"] != nil || h.Get("Content-Length") != "5000" || h.Get("Etag") != `"a"` || h.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: got %v, want it as it is, and Vary", name, h)
		}
	}
}

func TestHeaders(t *testing.T) {
	for _, tt := range []struct{ etag, vary, wantEtag, wantVary string }{
		{`"a"`, "", `W/"a"`, "Accept-Encoding"},
		{`W/"a"`, "Origin", `W/"a"`, "Origin, Accept-Encoding"},
		{"", "Origin|Cookie", "", "Origin, Cookie, Accept-Encoding"},
		{"", "accept-encoding, Origin", "", "accept-encoding, Origin"},
		{"", "*", "", "*"},
	} {
		res := newTestAnswer(200, 5000, "Content-Type: text/css", "Content-Length: 5000", "Accept-Ranges: bytes")
		if tt.etag != "" {
			res.Header["Etag"] = []string{tt.etag}
		}
		if tt.vary != "" {
			res.Header["Vary"] = strings.Split(tt.vary, "|")
		}
		new(Encoders).Answer(res, newTestRequest(), gzipOnly)
		h := res.Header
		if h.Get("Etag") != tt.wantEtag || !slices.Equal(h["Vary"], []string{tt.wantVary}) || h["Content-Length"] != nil || h["Accept-Ranges"] != nil || res.ContentLength != -1 {
			t.Errorf("%+v: got %v", tt, h)
		}
	}
}

// A client that has an encoded copy is told of that one that nothing has changed.
func TestNotModified(t *testing.T) {
	for asked, want := range map[string]string{`W/"a"`: `W/"a"`, `"b", W/"a"`: `W/"a"`, `"a"`: `"a"`, `W/"b"`: `"a"`, "*": `"a"`} {
		res := newTestAnswer(304, 0, `Etag: "a"`)
		new(Encoders).Answer(res, newTestRequest("If-None-Match: "+asked), gzipOnly)
		if got := res.Header.Get("Etag"); got != want || (res.Header.Get("Vary") != "") != (want == `W/"a"`) {
			t.Errorf("If-None-Match %s: got %v, want %s", asked, res.Header, want)
		}
	}
}
