package config

import (
	"slices"
	"strings"
)

// Coding is one that answers are encoded by, as HTTP calls it.
type Coding string

// The codings.
const (
	Zstd   Coding = "zstd"
	Brotli Coding = "br"
	Gzip   Coding = "gzip"
)

var codings = []Coding{Zstd, Brotli, Gzip}

// otherwise are the names that they have elsewhere.
var otherwise = map[string]string{"zstandard": "zstd", "brotli": "br", "gz": "gzip", "x-gzip": "gzip", "deflate": "gzip"}

// encode reads the codings of a route, the best one first.
func (l *loader) encode(o object, r *Route) {
	v := o.field("encode")
	if !v.given() {
		return
	}
	for _, item := range l.oneOrMore(v, "a coding") {
		w, ok := l.text(item)
		switch c := Coding(w.text); {
		case !ok:
		case !slices.Contains(codings, c):
			l.errorf(w.Position, `a coding is "zstd", "br" or "gzip", not %s%s`, w, didYouMean(otherwise[strings.ToLower(w.text)]))
		case slices.Contains(r.Encode, c):
			l.errorf(w.Position, "coding %s stands here a second time", w)
		default:
			r.Encode = append(r.Encode, c)
		}
	}
	switch {
	case r.Upgrade == OnlyWebSocket:
		l.errorf(v.used, "encode is never used: the route takes WebSocket only")
	case r.Answers.Drops("Vary"):
		l.advise(v.used, "response_headers change Vary, by which caches know encoded answers from plain ones: write add in place of set")
	}
}
