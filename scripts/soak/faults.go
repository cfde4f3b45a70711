//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func nothing(ctx context.Context, _ *stage) error { return pause(ctx, time.Second) }

func killEndpoint(ctx context.Context, s *stage) error {
	s.tied[0].kill()
	return errors.Join(s.emptied(ctx, 1), s.tied[0].start())
}

// emptied waits until at least n sockets of the exposed group have ended: those
// of the endpoint that is gone.
func (s *stage) emptied(ctx context.Context, n int) error {
	err := within(patience, func() error {
		ended := 0
		for _, g := range s.groups {
			for _, c := range g.clients {
				if g.exposed && c.ending() != nil {
					ended++
				}
			}
		}
		if ended < n {
			return fmt.Errorf("%d sockets have ended, want %d or more", ended, n)
		}
		return nil
	})
	return errors.Join(err, pause(ctx, 2*time.Second)) // for the others of them
}

func stopEndpoint(ctx context.Context, s *stage) error {
	return errors.Join(
		s.tied[1].signal(syscall.SIGSTOP),
		pause(ctx, 3*time.Second),
		s.tied[1].signal(syscall.SIGCONT),
	)
}

func slowEndpoint(ctx context.Context, s *stage) error {
	for range 30 {
		err := errors.Join(
			s.tied[0].signal(syscall.SIGSTOP), pause(ctx, 90*time.Millisecond),
			s.tied[0].signal(syscall.SIGCONT), pause(ctx, 10*time.Millisecond),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func restartStopped(ctx context.Context, s *stage) error {
	if err := errors.Join(s.tied[1].signal(syscall.SIGSTOP), pause(ctx, time.Second)); err != nil {
		return err
	}
	s.tied[1].kill()
	return errors.Join(s.emptied(ctx, 1), s.tied[1].start())
}

func reloadOther(_ context.Context, s *stage) error {
	for i := range 50 {
		if err := errors.Join(s.usher.writeRoutes(s, fmt.Sprint(i)), s.usher.reload("reloaded")); err != nil {
			return err
		}
	}
	return nil
}

func reloadBad(_ context.Context, s *stage) error {
	for _, text := range []string{
		"", "routes", "routes: []", "upstreams: {a: 1}", "\x00", "a: &a [*a]", "listen: 127.0.0.1:1\n---\n", "tls: {", "listen: [", "routes:\n  - upstream: nobody\n",
	} {
		if err := os.WriteFile(s.usher.routes, []byte(text), 0o600); err != nil {
			return err
		}
		if err := s.usher.reload("reload refused"); err != nil {
			return err
		}
	}
	return errors.Join(s.usher.writeRoutes(s, ""), s.usher.reload("reloaded"))
}

// removeEndpoint takes one of the two endpoints out of the file.
func removeEndpoint(ctx context.Context, s *stage) error {
	addresses := [2]string{s.tied[0].address, s.tied[1].address}
	s.tied[1].address = freeAddress()
	err := errors.Join(s.usher.writeRoutes(s, ""), s.usher.reload("reloaded"), s.emptied(ctx, 1))
	s.tied[1].address = addresses[1]
	return errors.Join(err, s.usher.writeRoutes(s, ""), s.usher.reload("reloaded"))
}

// changeCertificates waits each time until new clients see the new one.
func changeCertificates(_ context.Context, s *stage) error {
	for range 10 {
		if err := s.usher.newCertificate(); err != nil {
			return err
		}
		if err := s.usher.reload("reloaded"); err != nil {
			return err
		}
		if err := within(20*time.Second, s.shows); err != nil {
			return err
		}
	}
	return nil
}

// shows tells whether a new client gets the certificate that was issued last.
func (s *stage) shows() error {
	c, err := dial("wss://"+s.usher.secure+"/steady", s.usher.trust())
	if err != nil {
		return err
	}
	defer c.conn.Close()
	serial, err := serialOf(c.conn.UnderlyingConn())
	if err == nil && serial != s.usher.issuer.issued {
		err = fmt.Errorf("clients get certificate %d, want %d", serial, s.usher.issuer.issued)
	}
	return err
}

// fillDisk has a certificate cut short by a full disk, and then an authority
// that cannot be stored.
func fillDisk(ctx context.Context, s *stage) error {
	filler := filepath.Join(s.usher.disk, "filler")
	if err := errors.Join(s.usher.emptyCertificate(), fill(filler)); err != nil {
		return err
	}
	shown := s.usher.issuer.issued
	if err := s.usher.newCertificate(); !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("write to the full disk: got %w, want %w", err, syscall.ENOSPC)
	}
	err := errors.Join(
		pause(ctx, 3*time.Second), // usher looks at the files in between
		s.usher.writeRoutes(s, "", "  internal: true", "  storage: disk/store"),
		s.usher.reload("reload refused"),
	)
	last := s.usher.issuer.issued
	s.usher.issuer.issued = shown
	err = errors.Join(err, s.shows())
	s.usher.issuer.issued = last
	return errors.Join(err,
		os.Remove(filler), s.usher.newCertificate(),
		s.usher.writeRoutes(s, ""), s.usher.reload("reloaded"),
		within(20*time.Second, s.shows))
}

// fill writes a file until the disk takes no more.
func fill(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	for block := make([]byte, 4096); ; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// takeDescriptors lets usher open a few more and asks for many. It must serve
// those it has, not spin, and serve new ones when it may again.
func takeDescriptors(ctx context.Context, s *stage) error {
	pid := s.usher.process.Pid
	open, err := s.usher.descriptors()
	if err != nil {
		return err
	}
	var before unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &before); err != nil {
		return fmt.Errorf("limit descriptors: %w", err)
	}
	few := unix.Rlimit{Cur: uint64(open) + 10, Max: before.Max}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &few, nil); err != nil {
		return fmt.Errorf("limit descriptors: %w", err)
	}
	knocking := s.knock(100)
	begin, err := s.usher.cpu()
	err = errors.Join(err, pause(ctx, 3*time.Second))
	end, cpuErr := s.usher.cpu()
	for _, c := range knocking {
		c.Close()
	}
	err = errors.Join(err, cpuErr, unix.Prlimit(pid, unix.RLIMIT_NOFILE, &before, nil))
	if used := end - begin; used > 2500*time.Millisecond { // of 6 s on two processors, with its traffic
		err = errors.Join(err, fmt.Errorf("usher computed for %v of 3 s while it could not accept", used))
	}
	return errors.Join(err, within(20*time.Second, func() error {
		c, err := dial(s.groups[0].url, nil)
		if err == nil {
			c.conn.Close()
		}
		return err
	}))
}

// knock connects n times and asks for an upgrade each time.
func (s *stage) knock(n int) (all []net.Conn) {
	for range n {
		conn, err := net.DialTimeout("tcp", s.usher.plain, time.Second)
		if err != nil {
			continue
		}
		io.WriteString(conn, "GET /steady HTTP/1.1\r\nHost: soak.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n") //nolint:errcheck // it may be refused
		all = append(all, conn)
	}
	return all
}

// upgrade has another process take usher's place, and that of the one that has,
// with all sockets but those of "relay: messages".
func upgrade(ctx context.Context, s *stage) error {
	for range 5 {
		if err := s.usher.upgrade(); err != nil {
			return err
		}
		if err := pause(ctx, 300*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// terminate ends usher, and counts its lines about sessions.
func terminate(_ context.Context, s *stage) error {
	if err := s.usher.signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := s.usher.wait(); err != nil {
		return err
	}
	for _, g := range s.groups {
		for _, c := range g.clients {
			c.over.Wait()
		}
	}
	lines, err := s.usher.logged(0)
	for _, l := range lines {
		if l.Msg == "session ended" && l.Cause == "" {
			err = errors.Join(err, errors.New("a session ended without a cause"))
		}
	}
	return err
}
