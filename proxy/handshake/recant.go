package handshake

import (
	"strings"
	"time"
)

// A server of Socket.IO 3 and later that does not speak a client's version of
// Engine.IO says so behind its own 101: an HTTP answer, where the first frame
// should be. It takes the 101 back.

// HintEIO3 is for the log, where a server has done so.
const HintEIO3 = "a Socket.IO server of 3.x or 4.x takes clients of 1.x and 2.x only with allowEIO3: true"

// hintOf returns what the log is to say where the server of c has taken its 101
// back. Clients of 1.x and 2.x say EIO=3; a server takes what is neither that nor
// 4 for 3, but there the version is what is wrong.
func (c *Claim) hintOf() string {
	if strings.Contains(c.Query, "EIO=") && !strings.Contains(c.Query, "EIO=3") {
		return ""
	}
	return HintEIO3
}

// openPause is how long a server may take from its 101 to its first packet, if
// the client's 101 is to wait for it. A client of the old version is worth that:
// its server speaks first.
const openPause = 100 * time.Millisecond

// recants tells whether what is behind a 101 is an HTTP answer: no frame begins
// with its first byte.
func recants(behind []byte) bool { return len(behind) > 0 && behind[0] == 'H' }
