package demux

import (
	"strings"
	"testing"

	"usher/proxy/engineio"
)

func TestS20Attachments(t *testing.T) {
	play4(t, shop(), joined+`
client 453-["b"]
client* 
client* x
client* 
	main+ 453-["b"]
	main*+ 
	main*+ x
	main* 
`)
	c := shop()
	c.MaxAttachments = 2000
	f := play4(t, c, joined)
	f.input(`client 51000-["b"]`)
	for range 1000 {
		f.input("client* x")
	}
	if got, want := len(f.log), 1001; got != want {
		t.Errorf("got %d messages, want %d", got, want)
	}
}

func TestS21Names(t *testing.T) {
	c := shop()
	c.Rules = append(c.Rules, Rule{Pattern: "/a.b%20ü", Service: 2}, Rule{Pattern: "/" + strings.Repeat("n", 255), Service: 2},
		Rule{Pattern: "/" + strings.Repeat("n", 256), Service: 2})
	play4(t, c, joined+`
client 40/a.b%20ü,
	seller.dial
client 40/`+strings.Repeat("n", 255)+`,{}
client 40/`+strings.Repeat("n", 256)+`,{}
	client 44/`+strings.Repeat("n", 256)+`,{"message":"Invalid namespace"}
client 40/a`+"\x1e"+`,
	end malformed
`)
}

func TestS22ForeignParser(t *testing.T) {
	play4(t, shop(), "\tready\nclient* \x83\n\tend foreign_parser")
	play4(t, shop(), "\tready\nclient {}\n\tend foreign_parser")
	c := shop()
	c.Fallback = 3
	f := play4(t, c, `
	ready
client* one
	rooms.dial
client two
rooms.opens
	rooms* one
	rooms two
client* three
	rooms* three
rooms* four
	client* four
rooms 42["five"]
	client 42["five"]
pass 2s
client 40/admin,
	rooms 40/admin,
rooms.goes
	end leg_lost
`)
	if got := f.stats.Opaque.Load(); got != 1 {
		t.Errorf("got %d opaque sessions, want 1", got)
	}
	play4(t, c, "\tready\nclient* one\n\trooms.dial\nrooms.fails\n\tend leg_lost")
	play4(t, c, "\tready\nclient* one\n\trooms.dial\nrooms.refuses 403 no\n\tend leg_refused")
}

func TestS22OpaqueRoute(t *testing.T) {
	c := shop()
	c.Fallback, c.Opaque = 0, true
	play4(t, c, `
	main.dial
main.opens
	ready
client 40/nope,
	main 40/nope,
main* x
	client* x
`)
	play(t, c, engineio.V3, wire(`
	main.dial
main.opens
	ready sid-main
main* x
	client* x
`))
}
