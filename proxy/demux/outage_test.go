package demux

import (
	"strings"
	"testing"
	"time"
)

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

// TestF07Status has an answer told at once, unless it speaks of an upstream, or
// of what is in front of it, that cannot serve now.
func TestF07Status(t *testing.T) {
	for answer, data := range map[string]string{
		"400 no": `{"status":400}`, "401 no": `{"status":401}`, "410 no": `{"status":410}`, "429 no": `{"status":429}`,
		"429 no after 30": `{"status":429,"retryAfter":30}`, "503 no after 0": `{"status":503,"retryAfter":0}`,
		"302 no": `{"status":302}`, "200 no": `{"status":200}`,
	} {
		play4(t, shop(), joined+"client 40/seller,\n\tseller.dial\nseller.refuses "+answer+
			"\n\tclient 44/seller,{\"message\":\"no\",\"data\":"+data+"}\npass 5s")
	}
	for _, status := range []string{"404", "500", "502", "503", "504"} {
		play4(t, shop(), joined+"client 40/seller,\n\tseller.dial\nseller.refuses "+status+" no\npass 60ms\n\tseller.dial\nseller.opens\n\tseller 40/seller,")
	}
}

func TestF07Refused(t *testing.T) {
	play4(t, shop(), joined+`
client 40/staff,
	admin 40/staff,
client 40/seller,
	seller.dial
seller.refuses 403 not "you"
	client 44/seller,{"message":"not \"you\"","data":{"status":403}}
client 40/seller,
	seller.dial
`)
	c := shop()
	c.Services[0].Eager = true
	play4(t, c, "\tmain.dial\nmain.refuses 403 Forbidden\n\trefuse 403 Forbidden")
	play4(t, c, "\tmain.dial\nmain.refuses 429 busy after 7\n\trefuse 429 busy 7")
	play4(t, c, "\tmain.dial\nmain.refuses 502 starting\n\trefuse 503 upstream unavailable")
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
