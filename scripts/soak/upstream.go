//go:build linux

package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

// serveUpstream echoes messages until SIGTERM, which it answers as Node's ws
// does: by Close 1001 to everybody.
func serveUpstream(address string) error {
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	return http.ListenAndServe(address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		for {
			kind, message, err := conn.ReadMessage()
			if err != nil || conn.WriteMessage(kind, message) != nil {
				return
			}
		}
	}))
}

// upstream is one process that serves an endpoint.
type upstream struct {
	address string
	process *exec.Cmd
}

func (u *upstream) start() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	u.process = exec.Command(self, "upstream", u.address)
	u.process.Stderr = os.Stderr
	u.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := u.process.Start(); err != nil {
		return err
	}
	return within(10*time.Second, func() error { return connects(u.address) })
}

func (u *upstream) signal(s os.Signal) error { return u.process.Process.Signal(s) }

// kill ends the process at once; nothing is left of it when kill returns.
func (u *upstream) kill() {
	if u.process == nil {
		return
	}
	u.process.Process.Kill() //nolint:errcheck // it may have ended
	u.process.Wait()         //nolint:errcheck // by a signal, of course
	u.process = nil
}

// within calls f until it returns nil, and returns its last error if it does
// not for the given time.
func within(limit time.Duration, f func() error) error {
	for deadline := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		err := f()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %v: %w", limit, err)
		}
	}
}
