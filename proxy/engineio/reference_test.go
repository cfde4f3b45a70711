package engineio

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"testing"
)

// TestReference compares payloads with those of the npm package
// engine.io-parser, 2.2 for revision 3 and 5.2 for revision 4, which
// scripts/interop/parser.test.js has written down.
func TestReference(t *testing.T) {
	data, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name    string
		Version Version
		B64     bool
		Packets []struct {
			Type   string
			Binary bool
			Hex    string
		}
		Octets bool
		Body   string
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	types := []string{"open", "close", "ping", "pong", "message", "upgrade", "noop"}
	for _, c := range cases {
		var packets []Packet
		for _, p := range c.Packets {
			packets = append(packets, Packet{
				Type:   Open + PacketType(slices.Index(types, p.Type)),
				Binary: p.Binary,
				Data:   unhex(t, p.Hex),
			})
		}
		body := string(unhex(t, c.Body))
		if got, octets := AppendPayload(nil, c.Version, packets, c.B64); string(got) != body || octets != c.Octets {
			t.Errorf("%s, revision %d, b64 %v: got %q, octets %v, want %q, %v", c.Name, c.Version, c.B64, got, octets, body, c.Octets)
		}
		if got, err := decoded(c.Version, body, c.Octets); err != nil || !equal(got, packets) {
			t.Errorf("%s, revision %d, b64 %v: decoded %v, error %v, want %v", c.Name, c.Version, c.B64, got, err, packets)
		}
	}
	if len(cases) == 0 {
		t.Error("got no cases")
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
