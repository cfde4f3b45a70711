package proxy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const textPage = "<li>some text of a page, and more of it</li>\n"

// encodingUpstream answers as the path says.
func encodingUpstream(t *testing.T) *backend {
	t.Helper()
	page := strings.Repeat(textPage, 5000)
	return newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html")
		h.Set("Etag", `"a"`)
		h.Set("X-Accepts", r.Header.Get("Accept-Encoding"))
		switch r.URL.Path {
		case "/small":
			io.WriteString(w, "hi")
		case "/broken":
			io.WriteString(w, page)
			panic(http.ErrAbortHandler)
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, page); err != nil {
					return
				}
			}
		default:
			h.Set("Content-Length", fmt.Sprint(len(page)))
			io.WriteString(w, page)
		}
	})
}

func decode(t *testing.T, coding string, r io.Reader) io.Reader {
	t.Helper()
	var d io.Reader
	var err error
	switch coding {
	case "zstd":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1)); err == nil {
			t.Cleanup(z.Close)
			d = z
		}
	case "br":
		d = brotli.NewReader(r)
	case "gzip":
		d, err = gzip.NewReader(r)
	default:
		d = r
	}
	if err != nil {
		t.Fatalf("%s: %v", coding, err)
	}
	return d
}

// getEncoded asks for a page by one version of HTTP.
func getEncoded(t *testing.T, c *http.Client, url, accept string) *http.Response {
	t.Helper()
	r := mustRequest(t, "GET", url, nil)
	r.Header.Set("Accept-Encoding", accept) // so that the client leaves the answer as it is
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// A page comes as its client likes it, by both versions of HTTP; the upstream
// hears what the client has said.
func TestEncode(t *testing.T) {
	up := encodingUpstream(t)
	b, client := newTestStreams(t, fmt.Sprintf("upstreams: {main: %q}\nroutes:\n  - {upstream: main, encode: [zstd, br, gzip]}\n  - {path: /off, upstream: main}\n", up.URL))
	one := &http.Client{Transport: &http.Transport{TLSClientConfig: client.trust.Clone()}}
	t.Cleanup(one.CloseIdleConnections)
	for version, c := range map[string]*http.Client{"HTTP/1.1": one, "HTTP/2.0": newTestH2Client(t, client.trust)} {
		for _, tt := range []struct{ path, accept, want string }{
			{"/", "gzip, deflate, br, zstd", "zstd"}, {"/", "gzip, br", "br"}, {"/", "gzip", "gzip"}, {"/", "br;q=0.1, gzip;q=0.2", "gzip"},
			{"/", "identity", ""}, {"/", "gzip;q=0", ""}, {"/small", "gzip", ""}, {"/off", "gzip", ""},
		} {
			resp := getEncoded(t, c, "https://"+b.address+tt.path, tt.accept)
			got, err := io.ReadAll(decode(t, resp.Header.Get("Content-Encoding"), resp.Body))
			resp.Body.Close()
			h := resp.Header
			if h.Get("Content-Encoding") != tt.want || err != nil || len(got) < 2 || tt.path != "/small" && string(got) != strings.Repeat(textPage, 5000) {
				t.Errorf("%s %s for %q: got %v, %d bytes, %v", version, tt.path, tt.accept, h, len(got), err)
			}
			if resp.Proto != version || h.Get("X-Accepts") != tt.accept || (h.Get("Etag") == `W/"a"`) != (tt.want != "") || (h.Get("Vary") != "") != (tt.path == "/") {
				t.Errorf("%s %s for %q: got %s %v", version, tt.path, tt.accept, resp.Proto, h)
			}
		}
	}
}

// What the upstream has said reaches the client before it says more.
func TestEncodeHoldsNothingBack(t *testing.T) {
	for _, coding := range []string{"zstd", "br", "gzip"} {
		more := make(chan struct{})
		up := newTestBackend(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-ndjson")
			for range 3 {
				io.WriteString(w, "{}\n")
				w.(http.Flusher).Flush()
				<-more
			}
		})
		b := newTestBroker(t, fmt.Sprintf("upstreams: {main: %q}\nroutes: [{upstream: main, encode: %s}]\n", up.URL, coding))
		resp := getEncoded(t, http.DefaultClient, "http://"+b.address, coding)
		br := bufio.NewReader(decode(t, coding, resp.Body))
		for range 3 {
			if line, err := br.ReadString('\n'); line != "{}\n" || err != nil {
				t.Fatalf("%s: got %q, %v", coding, line, err)
			}
			more <- struct{}{}
		}
		if _, err := br.ReadByte(); err != io.EOF || resp.Header.Get("Content-Encoding") != coding {
			t.Errorf("%s: got %v, %v, want the end", coding, err, resp.Header)
		}
		resp.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
}

// An answer that breaks off does so for its client, whose going ends the upstream's;
// and no encoder stays in use, of which there are not so many.
func TestEncodeBreaksOff(t *testing.T) {
	up := encodingUpstream(t)
	b := newTestBroker(t, fmt.Sprintf("upstreams: {main: %q}\nroutes: [{upstream: main, encode: gzip}]\n", up.URL))
	batches(t, 300, func(i int) {
		path := map[bool]string{true: "/broken", false: "/endless"}[i%2 == 0]
		r, _ := http.NewRequest("GET", "http://"+b.address+path, nil)
		r.Header.Set("Accept-Encoding", "gzip")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		if path == "/endless" {
			io.CopyN(io.Discard, resp.Body, 1000)
		} else if n, err := io.Copy(io.Discard, resp.Body); err == nil || n == 0 {
			t.Errorf("broken answer: got %d bytes and %v, want the beginning and no end", n, err)
		}
	})
	http.DefaultClient.CloseIdleConnections()
	wantSoon(t, "connections of the upstream", true, func() bool { return up.open.Load() <= 64 }) // some are kept
	resp := getEncoded(t, http.DefaultClient, "http://"+b.address, "gzip")
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if resp.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("next answer: got %v, want it encoded", resp.Header)
	}
}

// A client of HTTP/1.0 gets the page, and its length.
func TestEncodeNotForOldClients(t *testing.T) {
	up := encodingUpstream(t)
	b := newTestBroker(t, fmt.Sprintf("upstreams: {main: %q}\nroutes: [{upstream: main, encode: gzip}]\n", up.URL))
	got := exchangeOf(t, b.address, "GET / HTTP/1.0\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
	if got.Header.Get("Content-Encoding") != "" || got.ContentLength != int64(len(got.body)) || !bytes.HasPrefix([]byte(got.body), []byte(textPage)) {
		t.Errorf("got %v", got.Header)
	}
}

// What changes of a route's codings counts for the next request of a connection.
func TestEncodeReload(t *testing.T) {
	up := encodingUpstream(t)
	text := "upstreams: {main: '" + up.URL + "'}\nroutes: [{upstream: main%s}]\n"
	b := newTestBroker(t, fmt.Sprintf(text, ""))
	c := dialRaw(t, b.address)
	br := bufio.NewReader(c)
	for _, coding := range []string{"", "gzip", "br", ""} {
		key := ""
		if coding != "" {
			key = ", encode: [" + coding + "]"
		}
		b.reload(t, fmt.Sprintf(text, key))
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br, gzip\r\n\r\n")
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		if got := resp.Header.Get("Content-Encoding"); got != coding {
			t.Errorf("encode %q: got %q", coding, got)
		}
	}
}
