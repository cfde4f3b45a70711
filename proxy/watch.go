package proxy

import (
	"context"
	"os"
	"time"
)

// lookInterval is how often the routes file is looked at. A change is read at
// the second look that finds it as it is: an editor may write it in parts.
const lookInterval = 500 * time.Millisecond

// stamp is what a look at a file finds; nil info if there is none.
type stamp struct{ info os.FileInfo }

// lookAt follows links: a folder may be swapped as a whole.
func lookAt(file string) *stamp {
	info, err := os.Stat(file)
	if err != nil {
		info = nil
	}
	return &stamp{info}
}

func (s *stamp) same(t *stamp) bool {
	if s.info == nil || t.info == nil {
		return s.info == t.info
	}
	return os.SameFile(s.info, t.info) && s.info.Size() == t.info.Size() && s.info.ModTime().Equal(t.info.ModTime())
}

// watch reloads the routes file when it changes, while the file says so, until
// ctx is done.
func (s *Server) watch(ctx context.Context) {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	latest := s.seen.Load()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		cfg := s.live.Load().cfg
		if !cfg.Watch {
			continue
		}
		now := lookAt(cfg.File)
		settled := now.same(latest)
		latest = now
		if settled && !now.same(s.seen.Load()) {
			s.ReloadFile() //nolint:errcheck // it has said so
		}
	}
}
