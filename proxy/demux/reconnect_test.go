package demux

import (
	"strings"
	"testing"
	"time"
)

func TestF03ReconnectPolicy(t *testing.T) {
	f := play4(t, shop().onLoss(Reconnect), joined+`
client 40/staff,{"token":"b"}
	admin 40/staff,{"token":"b"}
admin 40/staff,{"sid":"s4"}
	client 40/staff,{"sid":"s4"}
admin 451-/admin,["half"]
admin.goes
	admin.dial avoid=a1
client 42/admin,1["one"]
client 42["on"]
	main 42["on"]
admin.fails
pass 110ms
	admin.dial avoid=a1
client 451-/admin,["two"]
client* x
client 42/staff,["three"]
admin.opens a2
	admin 40/admin,
	admin 40/staff,{"token":"b"}
client 42/admin,["four"]
admin 42/admin,["missed"]
	client 42/admin,["missed"]
admin 40/admin,{"sid":"s5"}
	client 40/admin,{"sid":"s5"}
	admin 42/admin,1["one"]
	admin+ 451-/admin,["two"]
	admin* x
	admin 42/admin,["four"]
admin 40/staff,{"sid":"s6"}
	client 40/staff,{"sid":"s6"}
	admin 42/staff,["three"]
admin.goes
pass 60ms
	admin.dial avoid=a2
`)
	if got := f.stats.Redials.Load(); got != 2 {
		t.Errorf("got %d redials, want 2", got)
	}
}

func TestF03StoredRecoveryIsNotRepeated(t *testing.T) {
	play4(t, shop().onLoss(Reconnect), `
	ready
client 40{"pid":"p","offset":"old"}
	main.dial
main.opens
	main 40{"pid":"p","offset":"old"}
main 40{"sid":"s","pid":"p"}
	client 40{"sid":"s","pid":"p"}
main.goes
	main.dial
main.opens
	main 40{"pid":"p","offset":"old","pid":"","offset":""}
`)
}

func TestF09RecoveryBehindTheClientsBack(t *testing.T) {
	long := strings.Repeat("x", 2*MinHead)
	script := `
	ready
client 40/admin,{"token":"a","pid":"p0","offset":"o0"}
	admin.dial
admin.opens a1
	admin 40/admin,{"token":"a","pid":"p0","offset":"o0"}
admin 40/admin,{"sid":"s","pid":"p1"}
	client 40/admin,{"sid":"s","pid":"p1"}
admin 42/admin,["e","o1"]
	client 42/admin,["e","o1"]
admin 42/admin,["` + long + `","o2"]
	client 42/admin,["` + long + `","o2"]
admin 42/admin,7["question","no offset"]
	client 42/admin,7["question","no offset"]
admin 43/admin,7["answer","no offset"]
	client 43/admin,7["answer","no offset"]
admin 451-/admin,["half",{"_placeholder":true,"num":0},"o3"]
admin.goes
	admin.dial avoid=a1
admin.opens a1
	admin 40/admin,{"token":"a","pid":"p0","offset":"o0","pid":"p1","offset":"o2"}
admin 451-/admin,["half",{"_placeholder":true,"num":0},"o3"]
admin* x
	client+ 451-/admin,["half",{"_placeholder":true,"num":0},"o3"]
	client* x
admin 40/admin,{"sid":"s","pid":"p1"}
	client 40/admin,{"sid":"s","pid":"p1"}
admin.goes
pass 60ms
	admin.dial avoid=a1
admin.opens a2
	admin 40/admin,{"token":"a","pid":"p0","offset":"o0","pid":"p1","offset":"o3"}
admin 40/admin,{"sid":"s2","pid":"p2"}
	client 40/admin,{"sid":"s2","pid":"p2"}
pass 10s
admin.goes
	admin.dial avoid=a2
admin.opens a2
	admin 40/admin,{"token":"a","pid":"p0","offset":"o0","pid":"","offset":""}
`
	c := shop().onLoss(Reconnect)
	play4(t, c, script)
}

func TestF10RecoveryAtTheSameEndpoint(t *testing.T) {
	c := shop().onLoss(Reconnect)
	c.Services[1].AffinityPID = true
	play4(t, c, `
	ready
client 40/admin,
	admin.dial
admin.opens a1
	admin 40/admin,
admin 40/admin,{"sid":"s","pid":"p1"}
	client 40/admin,{"sid":"s","pid":"p1~a1"}
admin.goes
	admin.dial avoid=a1
admin.opens a2
	admin 40/admin,
admin 40/admin,{"sid":"s","pid":"p2"}
	client 40/admin,{"sid":"s","pid":"p2~a2"}
admin 42/admin,["e","o1"]
	client 42/admin,["e","o1"]
admin.goes
pass 60ms
	admin.dial prefer=a2
admin.opens a2
	admin 40/admin,{"pid":"p2","offset":"o1"}
`)
}

func TestF03LeaveDuringOutage(t *testing.T) {
	play4(t, shop().onLoss(Reconnect), joined+`
admin.goes
	admin.dial avoid=a1
client 42/admin,["x"]
client 41/admin,
	admin.close
client 40/admin,
	admin.dial
`)
	play4(t, shop().onLoss(Reconnect), joined+`
admin.goes
	admin.dial avoid=a1
admin.opens a2
	admin 40/admin,
client 41/admin,
	admin 41/admin,
	admin.close
`)
}

func TestF03HoldEnds(t *testing.T) {
	c := shop().onLoss(Reconnect)
	c.Services[1].ConnectHold = 5 * time.Second
	f := play4(t, c, joined+`
admin.goes
	admin.dial avoid=a1
`)
	f.advance(4 * time.Second)
	if f.over {
		t.Fatalf("over before the hold has ended")
	}
	f.advance(2 * time.Second)
	f.play("\tend stuck")
}

func TestF04ReconnectRefused(t *testing.T) {
	play4(t, shop().onLoss(Reconnect), joined+`
admin.goes
	admin.dial avoid=a1
admin.opens
	admin 40/admin,
admin 44/admin,{"message":"expired"}
	end leg_lost
`)
	play4(t, shop().onLoss(Reconnect), joined+`
admin.goes
	admin.dial avoid=a1
admin.refuses 401 no
	end leg_lost
`)
	play3(t, shop().onLoss(Reconnect), joined3+`
main.goes
	main.dial avoid=m1
main.opens
main 44"expired"
	end leg_lost
`)
	play3(t, shop().onLoss(Reconnect), joined3+`
admin.goes
	admin.dial avoid=a1
admin.opens
	admin 40/admin?token=a,
admin 44"not even the root"
	end leg_lost
`)
}
