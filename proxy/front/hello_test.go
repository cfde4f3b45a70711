package front

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

var errDone = errors.New("no more bytes")

// script is a connection that gives what it was told to, and remembers what was
// written to it.
type script struct {
	net.Conn
	in  *bytes.Reader
	out bytes.Buffer
}

func newScript(in []byte) *script { return &script{in: bytes.NewReader(in)} }

func (s *script) Read(p []byte) (int, error) {
	if s.in.Len() == 0 {
		return 0, errDone
	}
	return s.in.Read(p)
}

func (s *script) Write(p []byte) (int, error)      { return s.out.Write(p) }
func (s *script) Close() error                     { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// waits reports whether a server of crypto/tls that has p waits for more, in
// order to know what the client says.
func waits(p []byte) bool {
	heard := false
	c := newScript(p)
	err := tls.Server(c, &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		heard = true
		return nil, errDone
	}}).HandshakeContext(context.Background())
	return errors.Is(err, errDone) && !heard
}

// helloOf returns the first bytes of a client of crypto/tls.
func helloOf(c *tls.Config) []byte {
	s := newScript(nil)
	tls.Client(s, c).HandshakeContext(context.Background()) // nobody answers
	return s.out.Bytes()
}

// records has the content of the records in p in records of another size.
func records(p []byte, size int) (all []byte) {
	var message []byte
	for len(p) > 0 {
		n := recordHeader + int(binary.BigEndian.Uint16(p[3:]))
		message, p = append(message, p[recordHeader:n]...), p[n:]
	}
	for part := range slices.Chunk(message, size) {
		all = append(all, isHandshake, 3, 1, byte(len(part)>>8), byte(len(part)))
		all = append(all, part...)
	}
	return all
}

// record returns one record.
func record(kind byte, version, size int, content string) []byte {
	return append([]byte{kind, byte(version >> 8), byte(version), byte(size >> 8), byte(size)}, content...)
}

func hellos() map[string][]byte {
	usual := helloOf(&tls.Config{ServerName: "app.example.com", NextProtos: []string{"h2", "http/1.1"}})
	names := slices.Repeat([]string{strings.Repeat("x", 255)}, 150)
	large := helloOf(&tls.Config{ServerName: "a.test", NextProtos: names})
	return map[string][]byte{
		"usual":                  usual,
		"of TLS 1.2":             helloOf(&tls.Config{ServerName: "a.test", MaxVersion: tls.VersionTLS12}),
		"without a name":         helloOf(&tls.Config{InsecureSkipVerify: true}),
		"in records of a byte":   records(usual, 1),
		"in records of 3 bytes":  records(usual, 3),
		"in records of 100":      records(usual, 100),
		"of 38 KiB":              large,
		"of 38 KiB, of 1 KiB":    records(large, 1<<10),
		"another message":        record(isHandshake, 0x301, 8, "\x02\x00\x00\x04abcd"),
		"message without bytes":  record(isHandshake, 0x301, 4, "\x01\x00\x00\x00"),
		"two messages, a record": record(isHandshake, 0x301, 9, "\x01\x00\x00\x00\x01\x00\x00\x09a"),
		"message too large":      record(isHandshake, 0x303, 4, "\x01\x01\x00\x01"),
		"record without bytes":   record(isHandshake, 0x303, 0, ""),
		"record too large":       record(isHandshake, 0x303, maxCiphertext+1, ""),
		"plaintext too large":    record(isHandshake, 0x303, maxPlaintext+1, strings.Repeat("a", maxPlaintext+1)),
		"alert that ends":        record(isAlert, 0x303, 2, "\x02\x28"),
		"data":                   record(23, 0x303, 20, ""),
		"change of ciphers":      record(20, 0x303, 1, ""),
		"SSL 2":                  []byte("\x80\x2e\x01\x00\x02"),
		"plain HTTP":             []byte("GET /"),
		"version beyond all":     record(isHandshake, noVersion, 4, ""),
		"data behind a part":     append(record(isHandshake, 0x303, 2, "\x01\x00"), record(23, 0x303, 20, "")...),
	}
}

// TestHelloIsWhole: the last byte is enough, none before, and what follows
// changes nothing. crypto/tls is of the same mind.
func TestHelloIsWhole(t *testing.T) {
	for name, p := range hellos() {
		t.Run(name, func(t *testing.T) {
			var h hello
			for n := range len(p) + 1 {
				if got := h.enough(p[:n]); got != (n == len(p)) {
					t.Fatalf("%d of %d bytes: got %t", n, len(p), got)
				}
			}
			if h := (&hello{}); !h.enough(append(slices.Clip(p), "and more"...)) {
				t.Error("with more behind: got false, want true")
			}
			if waits(p) {
				t.Error("crypto/tls waits for more")
			}
			if !waits(p[:len(p)-1]) {
				t.Error("crypto/tls does not wait for the last byte")
			}
		})
	}
}

// TestHelloIsBounded: more is not waited for than can be of use.
func TestHelloIsBounded(t *testing.T) {
	largest := make([]byte, 0, messageHeader+maxMessage)
	largest = binary.BigEndian.AppendUint32(largest, 1<<24|maxMessage)
	largest = largest[:cap(largest)]
	message := record(isHandshake, 0x303, 0, "")[:0]
	for part := range slices.Chunk(largest, maxPlaintext) {
		message = append(message, record(isHandshake, 0x303, len(part), string(part))...)
	}
	if h := (&hello{}); !h.enough(message) || h.length != len(largest) {
		t.Errorf("largest message: got %d bytes of it, want %d", h.length, len(largest))
	}
	if h := (&hello{}); h.enough(message[:len(message)-1]) {
		t.Error("largest message without its end: got true, want false")
	}
	dust := records(message, 1)
	var h hello
	for n := range maxHello {
		if h.enough(dust[:n]) {
			t.Fatalf("a record a byte, %d bytes: got true, want false", n)
		}
	}
	if !h.enough(dust[:maxHello]) {
		t.Errorf("a record a byte, %d bytes: got false, want true", maxHello)
	}
}

// FuzzHello: crypto/tls waits for more just where hello does, whatever pieces the
// bytes come in.
func FuzzHello(f *testing.F) {
	for _, p := range hellos() {
		if len(p) < 4<<10 {
			f.Add(p, uint8(len(p)))
		}
	}
	f.Add(append(record(isAlert, 0x303, 2, "\x01\x5a"), record(isHandshake, 0x303, 1, "\x01")...), uint8(3))
	f.Fuzz(func(t *testing.T, p []byte, piece uint8) {
		var once, often hello
		want, got := once.enough(p), false
		for n := 0; n < len(p) && !got; {
			n = min(n+int(piece)+1, len(p))
			got = often.enough(p[:n])
		}
		if got != want {
			t.Fatalf("in pieces of %d: got %t, want %t", int(piece)+1, got, want)
		}
		if forgiven := want && (len(p) >= maxHello || p[once.at] == isAlert); waits(p) == want && !forgiven {
			t.Fatalf("got %t, and crypto/tls waits: %t", want, !want)
		}
	})
}
