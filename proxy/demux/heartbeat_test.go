package demux

import (
	"testing"
	"time"
)

func TestE16Heartbeat4(t *testing.T) {
	f := play4(t, shop(), "\tready\nclient 40\n\tmain.dial\n")
	f.log = nil
	f.advance(24 * time.Second)
	f.play("")
	f.advance(2 * time.Second)
	f.play("\tclient! 2\nclient! 3\npass 20s")
	f.advance(6 * time.Second)
	f.play("\tclient! 2")
	f.advance(21 * time.Second)
	f.play("\tend silent")
}

func TestE16PongBehindOtherPackets(t *testing.T) {
	f := play4(t, shop(), joined)
	f.advance(26 * time.Second)
	f.play("\tclient! 2\n" + `client 2["large"]` + "\n\t" + `main 2["large"]` + "\nmain! 2\n\tmain! 3\nadmin! 2\n\tadmin! 3")
	f.advance(20 * time.Second)
	f.play("")
	f.advance(20 * time.Second)
	f.play("\tend silent")
}

func TestE16Heartbeat3(t *testing.T) {
	play3(t, shop(), "\tmain.dial\nmain.opens\n\tready sid-main\nclient! 2probe\n\tclient! 3probe\nclient! 3\n\tend heartbeat")
	f := play3(t, shop(), "\tmain.dial\nmain.opens\n\tready sid-main\n")
	f.advance(26 * time.Second)
	f.play("\tmain! 2\nmain! 3\nclient! 2\n\tclient! 3")
	f.advance(26 * time.Second)
	f.play("\tmain! 2\nclient! 2\n\tclient! 3")
	f.advance(21 * time.Second)
	f.play("\tmain.close\n\tmain.dial\nmain.opens")
	f.input("client! 2")
	f.log = nil
	f.advance(46 * time.Second)
	if len(f.log) == 0 || f.log[len(f.log)-1] != "end silent" {
		t.Errorf("got %q, want the session to end as silent", f.log)
	}
}

func TestE23NoConnect(t *testing.T) {
	f := play4(t, shop(), "\tready")
	f.advance(26 * time.Second)
	f.play("\tclient! 2\nclient! 3")
	f.advance(20 * time.Second)
	f.play("\tend unconnected")
}

func TestE23HeldConnectCounts(t *testing.T) {
	f := play4(t, shop(), "\tready\nclient 40\n\tmain.dial")
	for range 4 {
		f.advance(20 * time.Second)
		f.input("client! 3")
	}
	if f.over {
		t.Errorf("got %q, want a session that goes on", f.log)
	}
}
