package ws

import "testing"

// The example of RFC 6455, 1.3.
func TestAppendSwitch(t *testing.T) {
	const want = "before HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	if got := string(AppendSwitch([]byte("before "), "dGhlIHNhbXBsZSBub25jZQ==")); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
