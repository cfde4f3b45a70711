//go:build !linux || portable

package relay

// pipe and pipes are splice(2)'s: where there is none, all goes through the
// loop's buffer.
type (
	pipe  struct{}
	pipes struct{}
)

func (*pipes) discard(*pipe) {}
func (*pipes) close()        {}

func (*loop) spliceable(*leg) int64 { return 0 }
func (*loop) splice(*leg, int64)    {}
func (*loop) flushPipe(*line) error { return nil }
func (*loop) emptyPipe(*line) error { return nil }
