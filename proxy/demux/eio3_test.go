package demux

import (
	"strings"
	"testing"

	"usher/proxy/engineio"
)

func play3(t *testing.T, c Config, script string) *fake {
	t.Helper()
	return play(t, c, engineio.V3, wire(script))
}

// joined3 is a script in which a client of EIO3 joins "/admin".
const joined3 = `
	main.dial
main.opens m1
	ready sid-main
main 40
	client 40
client 40/admin?token=a,
	admin.dial
admin.opens a1
	admin 40/admin?token=a,
admin 40
admin 40/admin
	client 40/admin
`

func TestX01ImplicitRoot(t *testing.T) {
	play3(t, shop(), joined3+`
client 40
client 40/?a=b
main 42["welcome"]
	client 42["welcome"]
client 42["x"]
	main 42["x"]
client 42/admin,["y"]
	admin 42/admin,["y"]
client 42/nope,["z"]
client 40/nope
	client 44/nope,"Invalid namespace"
client 41
	main 41
	main.close
client 42["x"]
client 40
`)
}

func TestX01LongQuery(t *testing.T) {
	query := "?token=" + strings.Repeat("x", 2*MinHead)
	play3(t, shop(), joined3+"client 40/seller"+query+"\n\tseller.dial\nseller.opens\n\tseller 40/seller"+query)
	play3(t, shop(), joined3+"client 40/nope"+query+",\n\tclient 44/nope,\"Invalid namespace\"")
	play3(t, shop(), joined3+"client 42"+strings.Repeat("1", 20)+query+"\n\tend malformed")
}

func TestX01EagerLegWaits(t *testing.T) {
	c := shop()
	c.Services[1].Eager = true
	play3(t, c, `
	main.dial
	admin.dial
main.opens
main 40
main 451-["early"]
main* x
admin.opens
	ready sid-main
	client 40
	client+ 451-["early"]
	client* x
admin 40
`)
}

func TestX02ForeignRoot(t *testing.T) {
	f := play3(t, shop(), joined3+`
admin 42["foreign"]
admin 452-["foreign"]
admin* x
admin* y
admin 41
admin 44"late"
admin 42/admin,["z"]
	client 42/admin,["z"]
`)
	f.wantDropped(DropForeignRoot, 5)
}

func TestX03ForeignRootRefuses(t *testing.T) {
	play3(t, shop(), joined3+`
client 40/staff
	admin 40/staff
client 40/seller
	seller.dial
seller.opens
	seller 40/seller
seller 44{"code":1}
	client 44/seller,{"code":1}
	seller.close
admin 44"no"
	client 44/staff,"no"
client 42/admin,["on"]
	admin 42/admin,["on"]
`)
}

func TestX04VirtualRoot(t *testing.T) {
	c := shop()
	c.Rules = c.Rules[1:]
	f := play3(t, c, `
	ready
	client 40
client 42["nobody"]
client 451-["nobody"]
client* x
client 40/admin
	admin.dial
admin.opens
	admin 40/admin
admin 40
admin 40/admin
	client 40/admin
client 42/admin,["x"]
	admin 42/admin,["x"]
client 41
client 42["nobody"]
`)
	f.wantDropped(DropVirtualRoot, 2)
}

func TestX05Errors(t *testing.T) {
	play3(t, shop(), joined3+`
client 40/seller
	seller.dial
seller.refuses 401 who are you
	client 44/seller,"who are you"
admin 44/admin,"at run time"
	client 44/admin,"at run time"
client 42/admin,["still"]
	admin 42/admin,["still"]
client 44/admin,"x"
	end violation
`)
}

func TestF18RootDies(t *testing.T) {
	play3(t, shop(), joined3+"main.goes\n\tend leg_lost")
	play3(t, shop(), "\tmain.dial\nmain.fails\n\trefuse 503 upstream unavailable")
	play3(t, shop(), "\tmain.dial\nmain.opens\n\tready sid-main\nmain.goes\n\tmain.dial")
	play3(t, shop().onLoss(Disconnect), joined3+"main.goes\n\tclient 41\nclient 42[\"x\"]")
	play3(t, shop().onLoss(Reconnect), joined3+`
main.goes
	main.dial avoid=m1
client 42["kept"]
main.opens
main 40
	client 40
	main 42["kept"]
main 423["q"]
	client 423["q"]
admin.goes
	admin.dial avoid=a1
admin.opens
	admin 40/admin?token=a,
admin 40
admin 40/admin
	client 40/admin
`)
}

func TestOpaqueRoot3(t *testing.T) {
	c := shop()
	c.Fallback = 0
	c.Services[1].Eager = true
	play3(t, c, `
	main.dial
	admin.dial
main.opens
main* root
	admin.close
	ready sid-main
	client* root
client* x
	main* x
`)
	play3(t, shop(), "\tmain.dial\nmain.opens\n\tready sid-main\nmain* root\n\tmain.close\n\tmain.dial")
}
