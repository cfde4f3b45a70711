package namespaces

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"runtime"
	"strconv"
	"strings"
)

// worthZipping is the size from which the answers to GETs are compressed, as
// the reference server's.
const worthZipping = 1 << 10

// zippers compress for a Server: no more at a time than there are processors,
// as each takes much memory. It holds nil for those that were not needed yet.
type zippers chan *gzip.Writer

func newZippers() zippers {
	z := make(zippers, runtime.GOMAXPROCS(0))
	for range cap(z) {
		z <- nil
	}
	return z
}

// zip returns body, compressed.
func (z zippers) zip(body []byte) []byte {
	var b bytes.Buffer
	w := <-z
	if w == nil {
		w, _ = gzip.NewWriterLevel(&b, gzip.BestSpeed) // the level is a legal one
	} else {
		w.Reset(&b)
	}
	w.Write(body) //nolint:errcheck // to memory
	w.Close()
	w.Reset(nil) // b is not to be kept
	z <- w
	return b.Bytes()
}

// zip compresses the body of an answer to a GET, if that is worth it and the
// client takes it.
func (q *request) zip(body []byte) []byte {
	if !q.zips || len(body) < worthZipping {
		return body
	}
	small := q.server.zippers.zip(body)
	if len(small) >= len(body) {
		return body
	}
	h := q.w.Header()
	h["Content-Encoding"] = []string{"gzip"}
	h["Vary"] = append(h["Vary"], "Accept-Encoding")
	return small
}

// acceptsGzip reports whether a client takes an answer in gzip
// (RFC 9110, 12.5.3).
func acceptsGzip(h http.Header) bool {
	named, any := -1.0, -1.0
	for _, line := range h["Accept-Encoding"] {
		for coding := range strings.SplitSeq(line, ",") {
			name, weight, _ := strings.Cut(coding, ";")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "gzip", "x-gzip":
				named = max(named, quality(weight))
			case "*":
				any = quality(weight)
			}
		}
	}
	if named >= 0 {
		return named > 0
	}
	return any > 0
}

// quality reads a weight, 1 if there is none; what is malformed is no consent.
func quality(s string) float64 {
	if s = strings.TrimSpace(s); s == "" {
		return 1
	}
	key, value, _ := strings.Cut(s, "=")
	if !strings.EqualFold(strings.TrimSpace(key), "q") {
		return 0
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}
