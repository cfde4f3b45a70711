package handshake

import "time"

// A server of Socket.IO 3 and later that does not speak a client's version of
// Engine.IO says so behind its own 101: an HTTP answer, where the first frame
// should be. It takes the 101 back.

// HintEIO3 is for the log, where a server has done so.
const HintEIO3 = "a Socket.IO server of 3.x or 4.x takes clients of 1.x and 2.x only with allowEIO3: true"

// openPause is how long a server may take from its 101 to its first packet, if
// the client's 101 is to wait for it. A client of the old version is worth that:
// its server speaks first.
const openPause = 100 * time.Millisecond

// recants tells whether what is behind a 101 is an HTTP answer: no frame begins
// with its first byte.
func recants(behind []byte) bool { return len(behind) > 0 && behind[0] == 'H' }
