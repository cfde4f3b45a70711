package handover

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// watchdogPID is the variable that says which process systemd watches.
const watchdogPID = "WATCHDOG_PID"

// Supervisor is the service manager, as far as it asked to be told how this
// process stands. The methods of a nil one tell nobody.
type Supervisor struct {
	log   *slog.Logger
	quiet atomic.Bool // another process speaks for the service
}

// NewSupervisor returns the one that NOTIFY_SOCKET names, if any.
func NewSupervisor(log *slog.Logger) *Supervisor { return &Supervisor{log: log} }

// Ready says that usher serves.
func (s *Supervisor) Ready() { s.notify(daemon.SdNotifyReady) }

// Reloading says that usher reads its file again, until Ready.
func (s *Supervisor) Reloading() {
	s.notify(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
}

// Stopping says that usher ends.
func (s *Supervisor) Stopping() { s.notify(daemon.SdNotifyStopping) }

// Leave says that another process is the service from now on, and is the last
// that this one says.
func (s *Supervisor) Leave(to int) {
	s.notify(fmt.Sprintf("MAINPID=%d", to))
	if s != nil {
		s.quiet.Store(true)
	}
}

// Watch lets a watchdog know that usher lives, if there is one, until ctx is
// done.
func (s *Supervisor) Watch(ctx context.Context) {
	every, err := daemon.SdWatchdogEnabled(false)
	if s == nil || err != nil || every <= 0 { // what is malformed asks for nothing
		return
	}
	tick := time.NewTicker(every / 2)
	defer tick.Stop()
	for {
		s.notify(daemon.SdNotifyWatchdog)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Supervisor) notify(state string) {
	if s == nil || s.quiet.Load() {
		return
	}
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.log.Warn("service manager", "error", err)
	}
}
