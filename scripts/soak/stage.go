//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// stage is all that takes part: usher, the processes behind it and the clients.
type stage struct {
	options
	folder   string
	usher    *usher
	steady   *upstream    // no fault touches it
	tied     [2]*upstream // the endpoints that faults are about
	messages atomic.Uint64
	seeds    uint64

	groups []*group
}

// group is the sockets of one kind.
type group struct {
	name    string
	url     string
	size    int
	exposed bool // its endpoints are those that faults are about
	clients []*client
}

func newStage(o options) (*stage, error) {
	folder, err := os.MkdirTemp("", "soak")
	if err != nil {
		return nil, err
	}
	s := &stage{options: o, folder: folder}
	s.steady = &upstream{address: freeAddress()}
	s.tied = [2]*upstream{{address: freeAddress()}, {address: freeAddress()}}
	s.usher = newUsher(folder)
	return s, nil
}

// begin starts everything and opens the sockets.
func (s *stage) begin(ctx context.Context) error {
	for _, u := range []*upstream{s.steady, s.tied[0], s.tied[1]} {
		if err := u.start(); err != nil {
			return fmt.Errorf("start an upstream: %w", err)
		}
	}
	if err := s.usher.build(ctx, s.options.usher); err != nil {
		return err
	}
	if err := s.usher.newCertificate(); err != nil {
		return err
	}
	if err := s.usher.writeRoutes(s, ""); err != nil {
		return err
	}
	if err := s.usher.start(); err != nil {
		return err
	}
	part := s.sockets / 4
	s.groups = []*group{
		{name: "plain", url: "ws://" + s.usher.plain + "/steady", size: part},
		{name: "tls", url: "wss://" + s.usher.secure + "/steady", size: part},
		{name: "messages", url: "ws://" + s.usher.plain + "/messages", size: part},
		{name: "tied", url: "ws://" + s.usher.plain + "/tied", size: s.sockets - 3*part, exposed: true},
	}
	return s.refill()
}

// refill opens the sockets that are missing.
func (s *stage) refill() error {
	for _, g := range s.groups {
		for len(g.clients) < g.size {
			c, err := dial(g.url, s.usher.trust())
			if err != nil {
				return fmt.Errorf("open a socket of group %s: %w", g.name, err)
			}
			g.clients = append(g.clients, c)
			s.seeds++
			seed := s.seeds
			c.over.Go(func() { c.run(seed, &s.messages) })
		}
	}
	return nil
}

// gone takes the sockets that have ended off their groups.
func (s *stage) gone() map[*group][]*ending {
	ended := make(map[*group][]*ending)
	for _, g := range s.groups {
		open := g.clients[:0]
		for _, c := range g.clients {
			if e := c.ending(); e != nil {
				ended[g] = append(ended[g], e)
			} else {
				open = append(open, c)
			}
		}
		clear(g.clients[len(open):])
		g.clients = open
	}
	return ended
}

// try does f and prints what came of it.
func (s *stage) try(ctx context.Context, f fault) bool {
	begin := time.Now()
	before := s.messages.Load()
	err := f.do(ctx, s)
	ended := s.gone()
	err = errors.Join(err, f.judge(ended))
	if !f.last {
		err = errors.Join(err, s.refill(), s.settled())
	}
	verdict := "ok"
	if err != nil {
		verdict = "FAILED\n  " + strings.ReplaceAll(err.Error(), "\n", "\n  ")
	}
	fmt.Printf("%-44s %6s  %5d ended  %6d messages  %s\n", f.name, time.Since(begin).Round(100*time.Millisecond), count(ended), s.messages.Load()-before, verdict)
	return err == nil
}

func count(ended map[*group][]*ending) (n int) {
	for _, list := range ended {
		n += len(list)
	}
	return n
}

// settled waits until every socket has a message through, and usher holds what
// it needs and nothing more.
func (s *stage) settled() error {
	want := s.messages.Load() + uint64(s.sockets)
	err := within(patience, func() error {
		if got := s.messages.Load(); got < want {
			return fmt.Errorf("traffic goes on too slowly: %d messages, want %d", got, want)
		}
		return nil
	})
	return errors.Join(err, within(20*time.Second, s.descriptors))
}

// descriptors compares what usher has open with what its sockets need: two for
// each, and what it had at the start. Kept connections to upstreams come and go.
func (s *stage) descriptors() error {
	got, err := s.usher.descriptors()
	if err != nil {
		return err
	}
	if most := s.usher.idle + 2*s.sockets + spare; got > most {
		return fmt.Errorf("usher holds %d descriptors, want at most %d: %d at rest, %d for %d sockets, %d to spare",
			got, most, s.usher.idle, 2*s.sockets, s.sockets, spare)
	}
	return nil
}

const spare = 40

// close ends everything that is left, and removes the folder if all is well.
func (s *stage) close(well bool) {
	s.usher.kill()
	for _, u := range []*upstream{s.steady, s.tied[0], s.tied[1]} {
		u.kill()
	}
	for _, g := range s.groups {
		for _, c := range g.clients {
			c.conn.Close()
			c.over.Wait()
		}
	}
	if well {
		os.RemoveAll(s.folder)
	}
}

// freeAddress returns an address on which nobody listens.
func freeAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "127.0.0.1:0"
	}
	defer l.Close()
	return l.Addr().String()
}

func connects(address string) error {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err == nil {
		conn.Close()
	}
	return err
}

// trust is how clients of the stage verify usher.
func (u *usher) trust() *tls.Config { return &tls.Config{RootCAs: u.roots, ServerName: serverName} }
