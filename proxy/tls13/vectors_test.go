package tls13

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
)

// unhex reads bytes as RFC 8448 prints them.
func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The traffic secrets of the simple handshake, RFC 8448, 3.
const (
	clientSecret = "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"
	serverSecret = "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"
)

func TestTrafficKeys(t *testing.T) {
	for _, tc := range []struct{ secret, key, iv string }{
		{serverSecret, "9f02283b6c9c07efc26bb9f2ac92e356", "cf782b88dd83549aadf1e984"},
		{clientSecret, "17422dda596ed5d9acd890e3c63f5051", "5b78923dee08579033e523d9"},
	} {
		var h half
		h.begin(suiteOf(0x1301), unhex(t, tc.secret))
		if !bytes.Equal(h.key[:16], unhex(t, tc.key)) || !bytes.Equal(h.iv[:], unhex(t, tc.iv)) {
			t.Errorf("got key %x and iv %x, want %s and %s", h.key[:16], h.iv, tc.key, tc.iv)
		}
	}
}

// The records behind the handshake of RFC 8448, 3: a ticket, data both ways and
// close_notify, as the client and as the server have them.
const (
	ticketRecord = `17 03 03 00 de 3a 6b 8f 90 41 4a 97 d6 95 9c 34 87 68 0d e5 13 4a 2b 24 0e 6c ff ac 11 6e 95 d4 1d 6a f8 f6
		b5 80 dc f3 d1 1d 63 c7 58 db 28 9a 01 59 40 25 2f 55 71 3e 06 1d c1 3e 07 88 91 a3 8e fb cf 57 53 ad 8e f1 70
		ad 3c 73 53 d1 6d 9d a7 73 b9 ca 7f 2b 9f a1 b6 c0 d4 a3 d0 3f 75 e0 9c 30 ba 1e 62 97 2a c4 6f 75 f7 b9 81 be
		63 43 9b 29 99 ce 13 06 46 15 13 98 91 d5 e4 c5 b4 06 f1 6e 3f c1 81 a7 7c a4 75 84 00 25 db 2f 0a 77 f8 1b 5a
		b0 5b 94 c0 13 46 75 5f 69 23 2c 86 51 9d 86 cb ee ac 87 aa c3 47 d1 43 f9 60 5d 64 f6 50 db 4d 02 3e 70 e9 52
		ca 49 fe 51 37 12 1c 74 bc 26 97 68 7e 24 87 46 d6 df 35 30 05 f3 bc e1 86 96 12 9c 81 53 55 6b 3b 6c 67 79 b3
		7b f1 59 85 68 4f`
	clientData = `17 03 03 00 43 a2 3f 70 54 b6 2c 94 d0 af fa fe 82 28 ba 55 cb ef ac ea 42 f9 14 aa 66 bc ab 3f 2b 98 19 a8
		a5 b4 6b 39 5b d5 4a 9a 20 44 1e 2b 62 97 4e 1f 5a 62 92 a2 97 70 14 bd 1e 3d ea e6 3a ee bb 21 69 49 15 e4`
	serverData = `17 03 03 00 43 2e 93 7e 11 ef 4a c7 40 e5 38 ad 36 00 5f c4 a4 69 32 fc 32 25 d0 5f 82 aa 1b 36 e3 0e fa f9
		7d 90 e6 df fc 60 2d cb 50 1a 59 a8 fc c4 9c 4b f2 e5 f0 a2 1c 00 47 c2 ab f3 32 54 0d d0 32 e1 67 c2 95 5d`
	clientEnd = `17 03 03 00 13 c9 87 27 60 65 56 66 b7 4d 7f f1 15 3e fd 6d b6 d0 b0 e3`
	serverEnd = `17 03 03 00 13 b5 8f d6 71 66 eb f5 99 d2 47 20 cf be 7e fa 7a 88 64 a9`
)

func TestRFC8448(t *testing.T) {
	client, server := pairOf(t, 0x1301, unhex(t, clientSecret), unhex(t, serverSecret))
	data := make([]byte, 50)
	for i := range data {
		data[i] = byte(i)
	}
	ticket := unhex(t, ticketRecord)
	if p, err := opened(client, ticket); err != nil || len(p) > 0 {
		t.Errorf("the ticket: got %x, %v, want nothing", p, err)
	}
	server.out.number++ // the ticket, which crypto/tls seals
	for _, tc := range []struct {
		from, to  *Session
		data, end string
	}{{client, server, clientData, clientEnd}, {server, client, serverData, serverEnd}} {
		if p, err := tc.from.Seal(nil, data); err != nil || !bytes.Equal(p, unhex(t, tc.data)) {
			t.Errorf("data: got %x, %v, want %s", p, err, tc.data)
		}
		if p, err := opened(tc.to, unhex(t, tc.data)); err != nil || !bytes.Equal(p, data) {
			t.Errorf("data: got %x, %v, want %x", p, err, data)
		}
		if p, err := tc.from.End(nil); err != nil || !bytes.Equal(p, unhex(t, tc.end)) {
			t.Errorf("end: got %x, %v, want %s", p, err, tc.end)
		}
		if _, err := opened(tc.to, unhex(t, tc.end)); !errors.Is(err, io.EOF) {
			t.Errorf("end: got %v, want %v", err, io.EOF)
		}
	}
}

// pairOf returns both sides of a connection.
func pairOf(t *testing.T, suite uint16, fromClient, fromServer []byte) (client, server *Session) {
	t.Helper()
	direction := func(secret []byte) Direction { return Direction{Secret: Secret{&secret}} }
	client, err := Restore(State{Suite: suite, Client: true, In: direction(fromServer), Out: direction(fromClient)})
	if err != nil {
		t.Fatal(err)
	}
	server, err = Restore(State{Suite: suite, In: direction(fromClient), Out: direction(fromServer)})
	if err != nil {
		t.Fatal(err)
	}
	return client, server
}

// opened opens a record that comes whole.
func opened(s *Session, record []byte) ([]byte, error) {
	s.Feed(bytes.Clone(record))
	return s.Open(nil)
}

// newPair is pairOf with secrets of no meaning.
func newPair(t *testing.T, suite uint16) (client, server *Session) {
	t.Helper()
	secret := func(b byte) []byte { return bytes.Repeat([]byte{b}, suiteOf(suite).secret) }
	return pairOf(t, suite, secret(1), secret(2))
}

// eachSuite runs f for all suites.
func eachSuite(t *testing.T, f func(t *testing.T, suite uint16)) {
	t.Helper()
	for name, suite := range map[string]uint16{"AES-128": 0x1301, "AES-256": 0x1302, "ChaCha20": 0x1303} {
		t.Run(name, func(t *testing.T) { f(t, suite) })
	}
}
