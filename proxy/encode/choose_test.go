package encode

import (
	"slices"
	"testing"

	"usher/proxy/config"
	"usher/proxy/http1"
)

// RFC 9110, 12.5.3; and what browsers and programs send.
func TestChoose(t *testing.T) {
	all := []config.Coding{config.Zstd, config.Brotli, config.Gzip}
	gzip := []config.Coding{config.Gzip}
	for _, tt := range []struct {
		accept []string
		by     []config.Coding
		want   config.Coding
	}{
		{nil, all, ""},
		{[]string{""}, all, ""},
		{[]string{"gzip, deflate, br, zstd"}, all, config.Zstd},
		{[]string{"gzip, deflate, br, zstd"}, gzip, config.Gzip},
		{[]string{"gzip, deflate"}, all, config.Gzip},
		{[]string{"deflate"}, all, ""},
		{[]string{"gzip", "br"}, all, config.Brotli},
		{[]string{"GZIP ;q=1"}, all, config.Gzip},
		{[]string{"x-gzip"}, all, config.Gzip},
		{[]string{"*"}, all, config.Zstd},
		{[]string{"*, zstd;q=0"}, all, config.Brotli},
		{[]string{"*;q=0"}, all, ""},
		{[]string{"*;q=0, gzip"}, all, config.Gzip},
		{[]string{"zstd;q=0.1, br;q=0.5, gzip;q=0.9"}, all, config.Gzip},
		{[]string{"gzip;q=0.5, *;q=0.8"}, gzip, config.Gzip},
		{[]string{"gzip; q=0.5 , br;\tQ=0.500"}, all, config.Brotli},
		{[]string{"gzip;q=0"}, all, ""},
		{[]string{"gzip;q=0.000"}, all, ""},
		{[]string{"identity"}, all, ""},
		{[]string{"identity, gzip"}, all, config.Gzip},
		{[]string{"identity;q=1, gzip;q=0.5"}, all, ""},
		{[]string{"identity;q=0.5, gzip;q=1.0"}, all, config.Gzip},
		{[]string{"identity;q=0"}, all, ""},
		{[]string{"identity;q=0, *"}, all, config.Zstd},
		{[]string{"identity;q=0, gzip;q=0.1"}, all, config.Gzip},
		{[]string{"gzip;q=2, br;q=-1, zstd;q=NaN"}, all, ""},
		{[]string{"gzip;q=x, br;level=9, zstd;q"}, all, ""},
		{[]string{"gzip;q=0, gzip"}, all, ""},
		{[]string{",;,;q=1, gzip"}, all, config.Gzip},
		{[]string{"gzipped, bro"}, all, ""},
	} {
		if got := Choose(tt.accept, tt.by); got != tt.want {
			t.Errorf("%q of %v: got %q, want %q", tt.accept, tt.by, got, tt.want)
		}
	}
}

// FuzzChoose: nobody gets what was not named.
func FuzzChoose(f *testing.F) {
	f.Add("gzip;q=0.5, br, *;q=0")
	f.Fuzz(func(t *testing.T, accept string) {
		all := []config.Coding{config.Zstd, config.Brotli, config.Gzip}
		got := Choose([]string{accept}, all)
		if got != "" && (!slices.Contains(all, got) || !http1.HasToken([]string{accept}, "*") && weigh([]string{accept})[string(got)] <= 0 && weigh([]string{accept})["*"] <= 0) {
			t.Errorf("%q: got %q", accept, got)
		}
		if got := Choose([]string{accept}, nil); got != "" {
			t.Errorf("%q of nothing: got %q", accept, got)
		}
	})
}
