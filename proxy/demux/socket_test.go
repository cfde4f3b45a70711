package demux

import (
	"slices"
	"strings"
	"testing"

	"usher/proxy/engineio"
)

// joined is a script in which a client of EIO4 joins "/" and "/admin".
const joined = `
	ready
client 40{"token":"a"}
	main.dial
main.opens m1
	main 40{"token":"a"}
main 40{"sid":"s1"}
	client 40{"sid":"s1"}
client 40/admin,
	admin.dial
admin.opens a1
	admin 40/admin,
admin 40/admin,{"sid":"s2"}
	client 40/admin,{"sid":"s2"}
`

// The content of a message has no type of Engine.IO, but scripts read better
// with what stands on the wire: "40" for a CONNECT. wire takes the 4 off.
func wire(script string) string {
	var out []string
	for line := range strings.SplitSeq(script, "\n") {
		who, rest, ok := strings.Cut(line, " ")
		name := strings.TrimLeft(who, "\t")
		if ok && strings.HasPrefix(rest, "4") && !strings.ContainsAny(name, "*!.") && name != "pass" && name != "refuse" && name != "ready" {
			line = who + " " + rest[1:]
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

func play4(t *testing.T, c Config, script string) *fake {
	t.Helper()
	return play(t, c, engineio.V4, wire(script))
}

func TestS01OneConnectionFourUpstreams(t *testing.T) {
	f := play4(t, shop(), joined+`
client 40/seller,
	seller.dial
client 40/room-17,
	rooms.dial
client 40/tenant/a,
seller.opens
	seller 40/seller,
rooms.opens
	rooms 40/room-17,
	rooms 40/tenant/a,
rooms 40/tenant/a,{"sid":"t"}
	client 40/tenant/a,{"sid":"t"}
rooms 42/tenant/a,["x"]
	client 42/tenant/a,["x"]
client 42/tenant/a,["y"]
	rooms 42/tenant/a,["y"]
`)
	got := f.s.Namespaces(nil)
	want := []string{"/", "/admin", "/seller", "/room-17", "/tenant/a"}
	if !slices.Equal(got, want) {
		t.Errorf("got namespaces %q, want %q", got, want)
	}
}

func TestS03S04Acks(t *testing.T) {
	play4(t, shop(), joined+`
client 42/admin,7["ask",null,"ü"]
	admin 42/admin,7["ask",null,"ü"]
client 427["ask"]
	main 427["ask"]
main 437["m"]
	client 437["m"]
admin 43/admin,7["a"]
	client 43/admin,7["a"]
admin 42/admin,0["q"]
	client 42/admin,0["q"]
client 43/admin,0["answer"]
	admin 43/admin,0["answer"]
`)
}

func TestS05BinaryBothWays(t *testing.T) {
	play4(t, shop(), joined+`
client 452-/admin,3["b",{"_placeholder":true,"num":0}]
client* one
client* two
	admin+ 452-/admin,3["b",{"_placeholder":true,"num":0}]
	admin*+ one
	admin* two
admin 461-/admin,3[{"_placeholder":true,"num":0}]
admin* three
	client+ 461-/admin,3[{"_placeholder":true,"num":0}]
	client* three
admin 450-/admin,["none"]
	client 450-/admin,["none"]
`)
}

func TestS06GroupsStayWhole(t *testing.T) {
	play4(t, shop(), joined+`
main 452-["m"]
admin 451-/admin,["a"]
main* m1
admin! 2
	admin! 3
admin* a1
	client+ 451-/admin,["a"]
	client* a1
admin 42/admin,["text"]
	client 42/admin,["text"]
main* m2
	client+ 452-["m"]
	client*+ m1
	client* m2
`)
}

func TestS07ClientGroupsAlternate(t *testing.T) {
	play4(t, shop(), joined+`
client 451-["m"]
client! 3
client* m1
	main+ 451-["m"]
	main* m1
client 451-/admin,["a"]
client* a1
	admin+ 451-/admin,["a"]
	admin* a1
`)
}

func TestS10MiddlewareError(t *testing.T) {
	play4(t, shop(), joined+`
client 40/seller,{"token":"bad"}
	seller.dial
seller.opens
	seller 40/seller,{"token":"bad"}
seller 44/seller,{"message":"no","data":{"a":1}}
	client 44/seller,{"message":"no","data":{"a":1}}
	seller.close
client 42/admin,["x"]
	admin 42/admin,["x"]
`)
}

func TestS11UnknownNamespace(t *testing.T) {
	play4(t, shop(), joined+`
client 40/nope,
	client 44/nope,{"message":"Invalid namespace"}
client 40/tenant/,
	client 44/tenant/,{"message":"Invalid namespace"}
client 40/admin?a=b,{}
	client 44/admin?a=b,{"message":"Invalid namespace"}
client 40/ADMIN,
	client 44/ADMIN,{"message":"Invalid namespace"}
`)
}

func TestS13LeaveAndJoinAgain(t *testing.T) {
	f := play4(t, shop(), joined+`
client 41/admin,
	admin 41/admin,
	admin.close
client 42/admin,["late"]
client 40/admin,
	admin.dial
admin.opens
	admin 40/admin,
admin 40/admin,{"sid":"s3"}
	client 40/admin,{"sid":"s3"}
client 42["still"]
	main 42["still"]
`)
	f.wantDropped(DropTombstone, 1)
}

func TestS14TwoNamespacesOneLeg(t *testing.T) {
	play4(t, shop(), joined+`
client 40/staff,
	admin 40/staff,
admin 40/staff,{"sid":"s4"}
	client 40/staff,{"sid":"s4"}
client 41/staff
	admin 41/staff
client 42/admin,["on"]
	admin 42/admin,["on"]
client 41/admin,
	admin 41/admin,
	admin.close
`)
}

func TestS15Kicked(t *testing.T) {
	f := play4(t, shop(), joined+`
admin 41/admin,
	client 41/admin,
	admin.close
client 42/admin,["in flight"]
client 451-/admin,["in flight"]
client* x
client 42["y"]
	main 42["y"]
`)
	f.wantDropped(DropTombstone, 2)
}

func TestS16HardClose(t *testing.T) {
	c := shop()
	play4(t, c, joined+`
client 40/staff,
	admin 40/staff,
admin 40/staff,{"sid":"s"}
	client 40/staff,{"sid":"s"}
admin 41/admin,
	client 41/admin,
admin 41/staff,
	client 41/staff,
	admin.close
`)
	c.PropagateHardClose = true
	play4(t, c, joined+`
admin 41/admin,
	client 41/admin,
admin.goes
	client 41
	end leg_closed
`)
	play4(t, c, joined+`
admin 41/admin,
	client 41/admin,
pass 490ms
pass 10ms
	admin.close
`)
	play4(t, c, joined+`
admin 41/admin,
	client 41/admin,
client 40/admin,
	admin 40/admin,
pass 1s
`)
}

func TestS17Violations(t *testing.T) {
	strict := shop()
	strict.StrictNamespaces = true
	for _, tt := range []struct {
		name   string
		config Config
		script string
	}{
		{"second CONNECT", shop(), joined + "client 40/admin,\n\tend violation"},
		{"event before any CONNECT", shop(), "\tready\nclient 42[\"x\"]\n\tend violation"},
		{"event of another namespace before any answer", shop(), "\tready\nclient 40/admin,\n\tadmin.dial\nclient 42[\"x\"]\n\tend violation"},
		{"event of a namespace that was never joined", shop(), joined + "client 42/seller,[\"x\"]\n"},
		{"the same, strictly", strict, joined + "client 42/seller,[\"x\"]\n\tend violation"},
		{"event behind a DISCONNECT, strictly", strict, joined + "admin 41/admin,\n\tclient 41/admin,\n\tadmin.close\nclient 42/admin,[\"x\"]\n\tend violation"},
		{"text inside a group", shop(), joined + "client 451-[\"x\"]\nclient 42[\"y\"]\n\tend malformed"},
		{"binary without a header", shop(), joined + "client* x\n\tend malformed"},
		{"1001 attachments", shop(), joined + "client 451001-[\"x\"]\n\tend too_big"},
		{"CONNECT_ERROR from the client", shop(), joined + "client 44/admin,{}\n\tend violation"},
		{"unknown type", shop(), joined + "client 47\n\tend malformed"},
		{"no packet", shop(), joined + "client \n\tend malformed"},
		{"no number of attachments", shop(), joined + "client 45-[]\n\tend malformed"},
		{"CONNECT with a string", shop(), joined + "client 40/seller,\"x\"\n\tend malformed"},
		{"CONNECT with half an object", shop(), joined + "client 40/seller,{\"a\":1\n\tend malformed"},
		{"CONNECT with half a long object", shop(), joined + "client 40/seller,{\"a\":\"" + strings.Repeat("x", 2*MinHead) + "\"\n\tend malformed"},
		{"CONNECT with a boolean", shop(), joined + "client 40/seller,true\n\tend malformed"},
		{"CONNECT with an array", shop(), joined + "client 40/seller,[{}]\n\tseller.dial"},
		{"CONNECT with more than an object", shop(), joined + "client 40/seller,{}{}\n\tend malformed"},
		{"CONNECT of no namespace", shop(), "\tready\nclient 40x\n\tend malformed"},
		{"CONNECT of the root with a comma", shop(), "\tready\nclient 40,\n\tend malformed"},
		{"second CONNECT with a string", shop(), joined + "client 40/seller,\n\tseller.dial\nclient 40/seller,\"x\"\n\tend malformed"},
		{"CONNECT with an id", shop(), joined + "client 40/seller,1{}\n\tseller.dial\nseller.opens\n\tseller 40/seller,1{}"},
		{"CONNECT with spaces", shop(), joined + "client 40/seller, {\"a\": 1} \n\tseller.dial\nseller.opens\n\tseller 40/seller, {\"a\": 1} "},
		{"malformed CONNECT to what is nobody's", shop(), joined + "client 40/nope,x\n\tclient 44/nope,{\"message\":\"Invalid namespace\"}"},
		{"ping from the client", shop(), joined + "client! 2\n\tend heartbeat"},
		{"close from the client", shop(), joined + "client! 1\n\tend client_closed"},
		{"CONNECT without a comma", shop(), joined + "client 40/seller\n\tseller.dial\nseller.opens\n\tseller 40/seller"},
		{"DISCONNECT of a namespace that was never joined", shop(), joined + "client 41/seller,\n"},
		{"eleven attachments", shop(), joined + "client 4511-[\"x\"]\n"},
		{"leave all and join again", shop(), joined + `
client 41/admin,
	admin 41/admin,
	admin.close
client 41
	main 41
	main.close
client 40
	main.dial
`},
	} {
		t.Run(tt.name, func(t *testing.T) { play4(t, tt.config, tt.script) })
	}
}

func TestS18ConnectTwiceDuringMiddleware(t *testing.T) {
	play4(t, shop(), joined+`
client 40/seller,{"n":1}
	seller.dial
client 40/seller,{"n":2}
seller.opens
	seller 40/seller,{"n":1}
	seller 40/seller,{"n":2}
client 40/seller,{"n":3}
	seller 40/seller,{"n":3}
seller 40/seller,{"sid":"1"}
	client 40/seller,{"sid":"1"}
seller 40/seller,{"sid":"2"}
	client 40/seller,{"sid":"2"}
seller 40/seller,{"sid":"3"}
	client 40/seller,{"sid":"3"}
client 40/seller,{"n":4}
	end violation
`)
}

func TestS18DisconnectWhileConnecting(t *testing.T) {
	play4(t, shop(), joined+`
client 40/seller,
	seller.dial
client 41/seller,
	seller.close
client 40/staff,
	admin 40/staff,
client 41/staff,
	admin 41/staff,
admin 40/staff,{"sid":"ghost"}
	admin 41/staff,
`)
}

func TestS19EventsBeforeTheAnswer(t *testing.T) {
	play4(t, shop(), joined+`
client 40/seller,{"pid":"p","offset":"o"}
	seller.dial
seller.opens
	seller 40/seller,{"pid":"p","offset":"o"}
seller 42/seller,["missed",1,"o1"]
	client 42/seller,["missed",1,"o1"]
seller 451-/seller,9["missed"]
seller* x
	client+ 451-/seller,9["missed"]
	client* x
client 43/seller,9["early"]
client 451-/seller,["early"]
client* y
seller 40/seller,{"sid":"s","pid":"p"}
	client 40/seller,{"sid":"s","pid":"p"}
	seller 43/seller,9["early"]
	seller+ 451-/seller,["early"]
	seller* y
client 42/seller,["now"]
	seller 42/seller,["now"]
`)
}
