package demux

import (
	"strings"
	"testing"
	"time"
)

func TestF01TransportPolicy(t *testing.T) {
	play4(t, shop(), joined+`
admin.goes
	end leg_lost
`)
}

func TestF01NothingJoined(t *testing.T) {
	c := shop()
	c.Services[1].Eager = true
	play4(t, c, `
	admin.dial
admin.opens
	ready
admin.goes
client 40/admin,
	admin.dial
`)
}

func TestF02DisconnectPolicy(t *testing.T) {
	play4(t, shop().onLoss(Disconnect), joined+`
client 40/staff,
	admin 40/staff,
client 451-/admin,["half"]
admin 451-/admin,["half"]
admin.goes
	client 41/admin,
	admin.dial avoid=a1
client* x
client 42/admin,["late"]
client 42["on"]
	main 42["on"]
admin.opens a2
	admin 40/staff,
`)
	play4(t, shop().onLoss(Disconnect), joined+`
admin.goes
	client 41/admin,
client 40/admin,
	admin.dial
`)
}

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
	admin.dial avoid=a1
admin.opens a2
	admin 40/admin,{"token":"a","pid":"p0","offset":"o0","pid":"p1","offset":"o3"}
admin 40/admin,{"sid":"s2","pid":"p2"}
	client 40/admin,{"sid":"s2","pid":"p2"}
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
	client 41/admin,
	admin.close
`)
	play4(t, shop().onLoss(Reconnect), joined+`
admin.goes
	admin.dial avoid=a1
admin.refuses 401 no
	client 41/admin,
client 42["on"]
	main 42["on"]
`)
}

func TestF05StaleAcks(t *testing.T) {
	f := play4(t, shop().onLoss(Reconnect), joined+`
admin 42/admin,0["old question"]
	client 42/admin,0["old question"]
admin.goes
	admin.dial avoid=a1
client 43/admin,0["late answer"]
admin.opens
	admin 40/admin,
admin 40/admin,{"sid":"new"}
	client 40/admin,{"sid":"new"}
admin 42/admin,0["new question"]
	client 42/admin,1099511627776["new question"]
client 43/admin,0["later answer"]
client 461-/admin,0[{"_placeholder":true,"num":0}]
client* x
client 43/admin,1099511627776["answer"]
	admin 43/admin,0["answer"]
admin 451-/admin,12["binary question"]
admin* q
	client+ 451-/admin,1099511627788["binary question"]
	client* q
client 461-/admin,1099511627788["binary answer"]
client* a
	admin+ 461-/admin,12["binary answer"]
	admin* a
client 42/admin,0["the client's own ids are its own"]
	admin 42/admin,0["the client's own ids are its own"]
admin 43/admin,0["answer"]
	client 43/admin,0["answer"]
`)
	f.wantDropped(DropStaleAck, 3)
}

func TestF06UpstreamDownAtConnect(t *testing.T) {
	f := play4(t, shop(), joined+`
client 40/seller,{"a":1}
	seller.dial
client 42/seller,["early"]
seller.fails
pass 60ms
	seller.dial
seller.refuses 503 down
pass 110ms
	seller.dial
seller.up
seller.goes
pass 210ms
	seller.dial
seller.opens
	seller 40/seller,{"a":1}
seller.goes
pass 410ms
	seller.dial
seller.opens
	seller 40/seller,{"a":1}
seller 40/seller,{"sid":"s"}
	client 40/seller,{"sid":"s"}
	seller 42/seller,["early"]
`)
	if got := f.stats.Long.Load(); got != 0 {
		t.Errorf("got %d long holds, want none", got)
	}
}

func TestF06Endpoints(t *testing.T) {
	c := shop()
	c.Services[2].Endpoints = 3
	play4(t, c, `
	ready
client 40/seller,
	seller.dial
seller.fails
	seller.dial
seller.fails
	seller.dial
seller.fails
pass 60ms
	seller.dial
`)
}

func TestF06HoldEnds(t *testing.T) {
	c := shop()
	c.Services[2].ConnectHold = 20 * time.Second
	f := play4(t, c, joined+`
client 40/seller,
	seller.dial
`)
	f.advance(19 * time.Second)
	f.play("")
	f.advance(2 * time.Second)
	f.play(wire(`
	client 44/seller,{"message":"upstream unavailable","data":{"code":"UPSTREAM_UNAVAILABLE","retry":true}}
	seller.close
client 42["on"]
	main 42["on"]
`))
	if got := f.stats.Long.Load(); got != 1 {
		t.Errorf("got %d long holds, want 1", got)
	}
}

func TestF07Refused(t *testing.T) {
	play4(t, shop(), joined+`
client 40/staff,
	admin 40/staff,
client 40/seller,
	seller.dial
seller.refuses 403 not "you"
	client 44/seller,{"message":"not \"you\""}
client 40/seller,
	seller.dial
`)
	c := shop()
	c.Services[0].Eager = true
	play4(t, c, "\tmain.dial\nmain.refuses 403 Forbidden\n\trefuse 403 Forbidden")
	play4(t, c, "\tmain.dial\nmain.fails\n\trefuse 503 upstream unavailable")
	c.Services[0].Endpoints = 2
	c.Services[1].Eager = true
	play4(t, c, `
	main.dial
	admin.dial
main.fails
	main.dial
main.opens
admin.opens
	ready
client 40
	main 40
`)
}

func TestF08Close(t *testing.T) {
	play4(t, shop(), joined+"admin! 1\n\tadmin.close\n\tend leg_lost")
}

func TestF10AffinityOfPIDs(t *testing.T) {
	c := shop()
	c.Services[0].AffinityPID = true
	play4(t, c, `
	ready
client 40{"pid":"p1~t1","offset":"o"}
	main.dial prefer=t1
main.opens t1
	main 40{"pid":"p1","offset":"o"}
main 40{"sid":"s","pid":"p2"}
	client 40{"sid":"s","pid":"p2~t1"}
client 40/admin,{"pid":"p1~t1"}
	admin.dial
admin.opens t9
	admin 40/admin,{"pid":"p1~t1"}
admin 40/admin,{"sid":"s","pid":"p3"}
	client 40/admin,{"sid":"s","pid":"p3"}
`)
}

func TestF12F16Limits(t *testing.T) {
	long := strings.Repeat("x", 1_000_000)
	play4(t, shop(), joined+`client 42["`+long+`"]
	end too_big
`)
	play4(t, shop(), joined+`client 452-["x"]
client* `+long+`
client* `+long+`x
	main+ 452-["x"]
	main*+ `+long+`
	end too_big
`)
	c := shop()
	c.MaxClientGroup, c.MaxLegGroup = 100, 100
	play4(t, c, joined+"client 452-[]\nclient* "+long[:60]+"\nclient* "+long[:60]+"\n\tend too_big")
	play4(t, c, joined+"main 452-[]\nmain* "+long[:60]+"\nmain* "+long[:60]+"\n\tmain.close\n\tend leg_lost")
	c.MaxHeld = 100
	play4(t, c, joined+"client 40/seller,\n\tseller.dial\nclient 42/seller,[\""+long[:100]+"\"]\n\tend overflow")
	c = shop().onLoss(Reconnect)
	c.MaxHeld = 60
	play4(t, c, "\tready\nclient 40/admin,{\"token\":\""+long[:40]+"\"}\n\tend overflow")
	play4(t, c, joined+"admin.goes\n\tadmin.dial avoid=a1")
	c.MaxHeld = 30 // has no room for both CONNECTs, answered or not
	play4(t, c, `
	ready
client 40{"a":"0123456789"}
	main.dial
main.opens
	main 40{"a":"0123456789"}
main 40
	client 40
main.goes
	main.dial
main.opens
	main 40{"a":"0123456789"}
main 40
	client 40
client 40/admin,
	end overflow
`)
	c = shop()
	c.MaxHeldPackets = 2
	play4(t, c, joined+"client 40/seller,\n\tseller.dial\nclient 42/seller,\nclient 42/seller,\n\tend overflow")
}

func TestF15SilentUpstream(t *testing.T) {
	f := play4(t, shop().onLoss(Disconnect), joined)
	for range 3 { // the client and "/" are alive
		f.advance(20 * time.Second)
		f.input("client! 3")
		f.input("main! 2")
		f.log = nil
		if f.over {
			break
		}
	}
	if _, there := f.legs[1]; there || f.over {
		t.Errorf("got leg %v and over %v, want the leg closed after 45 s and the session alive", there, f.over)
	}
}

func TestF15SilentUpstreamAtOpen(t *testing.T) {
	f := play4(t, shop(), "\tready\nclient 40/seller,\n\tseller.dial\nseller.up\n")
	f.advance(5 * time.Second)
	f.play("\tseller.close")
	f.advance(60 * time.Millisecond)
	f.play("\tseller.dial")
}

func TestF17HalfGroups(t *testing.T) {
	play4(t, shop().onLoss(Reconnect), joined+`
admin 452-/admin,["half"]
admin* 1
admin.goes
	admin.dial avoid=a1
admin.opens
	admin 40/admin,
admin 40/admin,{"sid":"s"}
	client 40/admin,{"sid":"s"}
admin 451-/admin,["whole"]
admin* 2
	client+ 451-/admin,["whole"]
	client* 2
client 452-/admin,["half"]
client* 3
close
`)
}

func TestBrokenUpstream(t *testing.T) {
	for _, script := range []string{
		"admin* x", "admin 49", "admin ", "admin 451-/admin,[]\nadmin 42/admin,[]", "admin 451001-/admin,[]",
		"admin 42/" + strings.Repeat("n", 600),
	} {
		play4(t, shop(), joined+script+"\n\tadmin.close\n\tend leg_lost")
	}
	for _, packet := range []string{`! 0{}`, `! 0`, ` 40`, `* x`} {
		play4(t, shop(), "\tready\nclient 40/seller,\n\tseller.dial\nseller.up\nseller"+packet+"\n\tseller.close\npass 60ms\n\tseller.dial")
	}
}

func TestForeignNamespaceOfALeg(t *testing.T) {
	f := play4(t, shop(), joined+`
admin 42/other,["x"]
admin 42["x"]
admin 451-["x"]
admin* y
admin 41
admin 44{}
`)
	f.wantDropped(DropUnknown, 5)
}
