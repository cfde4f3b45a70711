package encode

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"usher/proxy/config"
	"usher/proxy/leaktest"
)

var codings = []config.Coding{config.Zstd, config.Brotli, config.Gzip}

// decoded returns what a client reads.
func decoded(t testing.TB, c config.Coding, r io.Reader) io.Reader {
	t.Helper()
	switch c {
	case config.Zstd:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20)) // RFC 9659
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(z.Close)
		return z
	case config.Brotli:
		return brotli.NewReader(r)
	case config.Gzip:
	}
	g, err := gzip.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// pieces is a body that comes in pieces, and says when it is read again.
type pieces struct {
	list  []string
	end   error
	again func(read int)
	read  int
}

func (p *pieces) Read(b []byte) (int, error) {
	p.again(p.read)
	if p.read == len(p.list) {
		return 0, p.end
	}
	n := copy(b, p.list[p.read])
	p.read++
	return n, nil
}

func (p *pieces) Close() error { return nil }

// Whatever the size, and however it comes, it is the same in the end; and an
// encoder that was given back at any point serves the next.
func TestBodies(t *testing.T) {
	var e Encoders
	random := make([]byte, 200<<10)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	text := bytes.Repeat([]byte("<li>some text of a page, and more of it</li>\n"), 6000)
	for _, c := range codings {
		for _, whole := range [][]byte{nil, []byte("a"), text[:5000], text, random} {
			for name, way := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader, "with its end": iotest.DataErrReader} {
				b := e.begin(c, io.NopCloser(way(bytes.NewReader(whole))))
				got, err := io.ReadAll(decoded(t, c, b))
				if err != nil || !bytes.Equal(got, whole) {
					t.Errorf("%s of %d bytes, %s: got %d bytes, %v", c, len(whole), name, len(got), err)
				}
				b.Close()
				if err := b.Close(); err != nil {
					t.Errorf("closed again: got %v", err)
				}
				left := e.begin(c, io.NopCloser(bytes.NewReader(text)))
				io.CopyN(io.Discard, left, 100)
				left.Close()
				if _, err := left.Read(make([]byte, 1)); err == nil {
					t.Error("closed body: got something")
				}
			}
		}
	}
	if n := e.busy.Load(); n != 0 {
		t.Errorf("encoders in use: got %d, want none", n)
	}
}

// What has come is read before more is waited for.
func TestNothingIsHeldBack(t *testing.T) {
	for _, c := range codings {
		var wire bytes.Buffer
		list := []string{"one", strings.Repeat("two", 3000), strings.Repeat("f", len(new(work).in)), "three"}
		body := new(Encoders).begin(c, &pieces{list: list, end: io.EOF, again: func(read int) {
			got, _ := io.ReadAll(decodedSoFar(t, c, wire.Bytes()))
			if want := strings.Join(list[:read], ""); string(got) != want {
				t.Errorf("%s: got %.20q after %d pieces, want %.20q", c, got, read, want)
			}
		}})
		p := make([]byte, 1<<20)
		for {
			n, err := body.Read(p)
			wire.Write(p[:n])
			if err != nil {
				break
			}
		}
		body.Close()
	}
}

// decodedSoFar is decoded, also of nothing.
func decodedSoFar(t *testing.T, c config.Coding, wire []byte) io.Reader {
	if len(wire) == 0 {
		return strings.NewReader("")
	}
	return decoded(t, c, bytes.NewReader(wire))
}

// An answer that breaks off is no whole one, and what there was comes.
func TestBrokenBody(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range codings {
		body := new(Encoders).begin(c, &pieces{list: []string{"beginning"}, end: broken, again: func(int) {}})
		wire, err := io.ReadAll(body)
		if !errors.Is(err, broken) {
			t.Errorf("%s: got %v, want %v", c, err, broken)
		}
		if got, err := io.ReadAll(decoded(t, c, bytes.NewReader(wire))); err == nil || string(got) != "beginning" {
			t.Errorf("%s: got %q, %v, want the beginning, and no end", c, got, err)
		}
		body.Close()
	}
}

// What is encoded at a time is bounded, and so is the memory of each.
func TestBounds(t *testing.T) {
	text := make([]byte, 512<<10)
	for i := range text {
		text[i] = "abcdefgh <>/\n"[rand.IntN(13)]
	}
	for _, c := range codings {
		var e Encoders
		const some = 8
		before := leaktest.Heap()
		var bodies []io.ReadCloser
		for range some {
			b := e.begin(c, io.NopCloser(bytes.NewReader(text)))
			io.CopyN(io.Discard, b, 200<<10)
			bodies = append(bodies, b)
		}
		each := int64(leaktest.Heap()-before) / some
		if each > 2<<20 {
			t.Errorf("%s: got %d bytes each, want 2 MiB at most", c, each)
		}
		t.Logf("%s: %d KiB each", c, each>>10)
		e.busy.Add(most - some) // the others
		if e.begin(c, io.NopCloser(bytes.NewReader(text))) != nil {
			t.Errorf("%s: got more than %d", c, most)
		}
		bodies[0].Close()
		if b := e.begin(c, io.NopCloser(bytes.NewReader(text))); b == nil {
			t.Errorf("%s: got none when another has ended", c)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	page := bytes.Repeat([]byte("<li>some text of a page, and more of it</li>\n"), 500)
	for _, c := range codings {
		b.Run(string(c), func(b *testing.B) {
			var e Encoders
			b.SetBytes(int64(len(page)))
			b.ReportAllocs()
			for b.Loop() {
				body := e.begin(c, io.NopCloser(bytes.NewReader(page)))
				io.Copy(io.Discard, body)
				body.Close()
			}
		})
	}
}
