package ws

import "testing"

func TestCheckerPassesMessage(t *testing.T) {
	r := &Rules{FromClient: true}
	stream := AppendFrame(nil, Text, []byte("Grüße"), &[4]byte{1, 2, 3, 4})
	data := len(stream)
	stream = AppendFrame(stream, Ping, []byte("?"), &[4]byte{5, 6, 7, 8})
	var c Checker
	n, k, err := c.Next(r, stream)
	if n != data || k != Control || err != nil || c.Messages() != 1 {
		t.Fatalf("got n %d, kind %d, %d messages, error %v, want %d, Control, 1, none", n, k, c.Messages(), err, data)
	}
	var scratch [MaxControlPayload]byte
	got := c.Control(stream[n:], &scratch)
	if got.Header.Opcode != Ping || got.Size != len(stream)-data || string(got.Payload) != "?" {
		t.Fatalf("got %s of %d bytes, payload %q, want ping", got.Header.Opcode, got.Size, got.Payload)
	}
}
