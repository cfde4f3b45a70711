package demux

import (
	"strings"
	"testing"
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
	client 42/admin,1["new question"]
client 43/admin,0["later answer"]
client 461-/admin,0[{"_placeholder":true,"num":0}]
client* x
client 43/admin,1["answer"]
	admin 43/admin,0["answer"]
admin 451-/admin,12["binary question"]
admin* q
	client+ 451-/admin,13["binary question"]
	client* q
client 461-/admin,13["binary answer"]
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
