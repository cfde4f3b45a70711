package namespaces

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestAcceptsGzip(t *testing.T) {
	for _, tt := range []struct {
		lines string
		want  bool
	}{
		{"", false},
		{"gzip", true},
		{"GZip", true},
		{"gzip, deflate, br, zstd", true},
		{"deflate", false},
		{"deflate|x-gzip", true},
		{"br;q=1.0, gzip ; q=0.2", true},
		{"gzip;q=0", false},
		{"gzip;q=0.000, *", false},
		{"gzip;q=nan", false},
		{"gzip;level=9", false},
		{"*", true},
		{"*;q=0", false},
		{"identity", false},
		{"gzipped", false},
	} {
		h := http.Header{}
		for line := range strings.SplitSeq(tt.lines, "|") {
			h.Add("Accept-Encoding", line)
		}
		if got := acceptsGzip(h); got != tt.want {
			t.Errorf("%q: got %t, want %t", tt.lines, got, tt.want)
		}
	}
}

func TestZippers(t *testing.T) {
	z := newZippers()
	var all sync.WaitGroup
	for i := range 4 * cap(z) {
		all.Go(func() {
			want := strings.Repeat(string(rune('a'+i%26)), 10_000+i)
			r, err := gzip.NewReader(bytes.NewReader(z.zip([]byte(want))))
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := io.ReadAll(r); err != nil || string(got) != want {
				t.Errorf("got %d bytes, %v, want %d", len(got), err, len(want))
			}
		})
	}
	all.Wait()
	if len(z) != runtime.GOMAXPROCS(0) {
		t.Errorf("got %d zippers back, want %d", len(z), runtime.GOMAXPROCS(0))
	}
}
