package demux

import (
	"slices"
	"testing"

	"usher/proxy/engineio"
)

// Who is not to come back leaves what it has joined, and what it waits for, but not
// what it has left before.
func TestExpel(t *testing.T) {
	play4(t, shop(), joined+`
client 40/staff,
	admin 40/staff,
client 41/admin,
	admin 41/admin,
client 40/seller,{}
	seller.dial
expel too many
	client 41
	client 44/staff,{"message":"too many"}
	client 41/staff,
	client 44/seller,{"message":"too many"}
	client 41/seller,
close
`)
	play3(t, shop(), joined3+`
client 40/seller
	seller.dial
expel too many
	client 41
	client 41/admin,
	client 44/seller,"too many"
	client 41/seller,
close
`)
}

// A namespace that is joined again behind usher's back is joined for the client.
func TestExpelWhileLegsAreLost(t *testing.T) {
	play4(t, shop().onLoss(Reconnect), joined+`
admin.goes
	admin.dial avoid=a1
expel too many
	client 41
	client 41/admin,
`)
}

// Nobody knows what a client understands that has a parser of its own.
func TestExpelOfOpaque(t *testing.T) {
	c := shop()
	c.Fallback = 0
	play4(t, c, `
	ready
client* connect
	main.dial
expel too many
`)
}

// Who is being judged is refused, whatever the verdict will be.
func TestExpelWhileJudged(t *testing.T) {
	for v, want := range map[engineio.Version]string{
		engineio.V4: `client 4/admin,{"message":"too many"}`,
		engineio.V3: `client 4/admin,"too many"`,
	} {
		a := newAsker(t, v)
		a.input("client 0/admin,")
		a.input("client 0/seller,")
		a.input("client 1/seller,")
		a.log = nil
		a.input("expel too many")
		if got := a.log; !slices.Equal(got, []string{want, "client 1/admin,", "client 1"}) {
			t.Errorf("revision %d: got %q, want /admin refused and / left", v, got)
		}
	}
}
