package proxyproto_test

import (
	"bufio"
	"bytes"
	"reflect"
	"strings"
	"testing"

	pires "github.com/pires/go-proxyproto"

	"usher/proxy/proxyproto"
)

// TestParseWants: a header that has not come whole is not waited for by more
// than it has: who reads so much reads nothing that stands behind it.
func TestParseWants(t *testing.T) {
	const line = "PROXY TCP4 192.0.2.1 192.0.2.2 80 81\r\n"
	for name, tt := range map[string]struct {
		come string
		want int
	}{
		"nothing":               {"", 15},
		"half a word":           {"PRO", 15},
		"v1":                    {line[:20], 21},
		"v1 but its last byte":  {line[:len(line)-1], len(line)},
		"v1, whole":             {line, len(line)},
		"v1 and more":           {line + "GET", len(line)},
		"v1, longest":           {"PROXY UNKNOWN" + strings.Repeat(" ", 92) + "\r", 107},
		"v2 without its length": {v2("")[:15], 16},
		"v2":                    {v2("")[:16], 28},
		"v2, whole":             {v2(""), 28},
		"v2 and more":           {v2("") + "GET", 28},
		"v2 with details":       {v2("\x04\x00\x03abc")[:30], 34},
	} {
		if _, n, err := proxyproto.Parse([]byte(tt.come)); n != tt.want || err != nil {
			t.Errorf("%s: got %d, %v, want %d", name, n, err, tt.want)
		}
	}
}

// FuzzParse: the bytes may come in any pieces, what stands behind a header does
// not count, and what is taken is what the library reads.
func FuzzParse(f *testing.F) {
	for _, p := range []string{
		"PROXY TCP4 192.0.2.1 192.0.2.2 80 81\r\nGET", "PROXY TCP6 2001:db8::1 ::2 80 81\r\n", "PROXY UNKNOWN x\r\n", "PROXY \n" + strings.Repeat("x", 120),
		v2("") + "GET", v2("\x04\x00\x03abc"), v2("\x04\x00\x09abc"), head2 + "\x20\x41\x00\x05abcdefg", head2 + "\x21\x12\x00\x0c" + v4,
		head2 + "\x21\x31\x00\xd8" + strings.Repeat("a", 216), head2 + "\x21\x21\x00\x24" + mapped + mapped + "\x00\x50\x00\x51", head2 + "\x21\x11\xff\xff", "GET / HTTP/1.1\r\n\r\n",
	} {
		f.Add([]byte(p), uint8(len(p)))
	}
	f.Fuzz(func(t *testing.T, p []byte, piece uint8) {
		want, n, wantErr := proxyproto.Parse(p)
		got, gotN, gotErr := inPieces(t, p, int(piece)+1)
		if !reflect.DeepEqual(got, want) || gotN != n || (gotErr == nil) != (wantErr == nil) {
			t.Fatalf("in pieces of %d: got %v, %d, %v, want %v, %d, %v", int(piece)+1, got, gotN, gotErr, want, n, wantErr)
		}
		read, size, err := library(p)
		switch local := bytes.HasPrefix(p, []byte(head2+"\x20")); {
		case wantErr == nil && n <= len(p) && !local:
			if !reflect.DeepEqual(read, want) || size != n || err != nil {
				t.Fatalf("got %v, %d, the library %v, %d, %v", want, n, read, size, err)
			}
		case err == nil && !local:
			t.Fatalf("got %d of %d bytes, %v, the library %v", n, len(p), wantErr, read)
		}
	})
}

// inPieces parses p as it comes, until that is enough.
func inPieces(t *testing.T, p []byte, piece int) (of proxyproto.Addresses, n int, err error) {
	t.Helper()
	for come := 0; ; {
		least := n
		if of, n, err = proxyproto.Parse(p[:come]); err != nil || n <= come || come == len(p) {
			return of, n, err
		}
		if n < least || of != (proxyproto.Addresses{}) {
			t.Fatalf("%d bytes: got %v, %d, want nothing and %d at least", come, of, n, least)
		}
		come = min(come+piece, len(p))
	}
}

// library is what the library makes of p.
func library(p []byte) (of proxyproto.Addresses, n int, err error) {
	r := bytes.NewReader(p)
	buffered := bufio.NewReaderSize(r, len(p)+16)
	h, err := pires.Read(buffered)
	if err != nil {
		return of, 0, err
	}
	if _, err := h.TLVs(); err != nil {
		return of, 0, err
	}
	if from, to, ok := h.TCPAddrs(); ok && !h.Command.IsLocal() {
		of = proxyproto.Addresses{Source: from, Destination: to}
	}
	return of, len(p) - r.Len() - buffered.Buffered(), nil
}
