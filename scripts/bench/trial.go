//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// trial is one proxy, freshly started, under one scenario.
type trial struct {
	ctx      context.Context
	length   lengths
	dialer   *dialer
	upstream *upstreamControl
	process  *process         // the one measured: the proxy, or the upstream of "direct"
	nodes    *nodes           // nil unless the scenario has them
	service  *upstreamControl // that the proxy asks; nil unless it does
	signer   *signer          // of the tokens that the proxy wants; nil for none
	place    place            // of the proxy
	watching *watching
	cost     cost // of the measured part
}

// cost is what the measured part of a trial took, on all sides.
type cost struct {
	proxy    usage
	upstream usage
	load     time.Duration
	wall     time.Duration
}

// trialLimit is how long a trial may take beside the time it is asked to.
const trialLimit = 60 * time.Second

var errTooLong = errors.New("the trial took too long and was stopped")

// newTrial starts an upstream and x, and waits until x relays.
func newTrial(ctx context.Context, s scenario, x *proxy, how transport, id *identity, dir string, all *ports) (*trial, error) {
	t := &trial{ctx: ctx}
	address, err := t.startUpstreams(s, dir)
	if err != nil {
		return nil, err
	}
	if !x.direct {
		if address, err = all.next(); err == nil {
			err = t.startProxy(x, how, id, dir, address)
		}
	}
	if err == nil {
		err = t.prepareDialer(x, how, id, address)
	}
	if err == nil {
		err = t.waitReady(s)
	}
	if err != nil {
		t.stop()
		return nil, err
	}
	t.watching = watch(ctx, x.watch, t.place)
	return t, nil
}

// startUpstreams starts what s needs behind the proxy, and returns where it is.
func (t *trial) startUpstreams(s scenario, dir string) (address string, err error) {
	if t.upstream, err = startUpstream(dir); err != nil {
		return "", err
	}
	t.process = t.upstream.process
	if !s.nodes {
		return t.upstream.address, nil
	}
	tree, err := installNode(t.ctx)
	if err == nil {
		t.nodes, err = startNodes(dir, tree, len(namespaces))
	}
	if err != nil {
		t.stop()
		return "", err
	}
	t.process = t.nodes.processes[0]
	return t.nodes.addresses[0], nil
}

func (t *trial) startProxy(x *proxy, how transport, id *identity, dir, listen string) error {
	if x.asks {
		if err := t.startService(filepath.Join(dir, "service")); err != nil {
			return err
		}
	}
	dir = filepath.Join(dir, "proxy")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	t.place = place{dir: dir, listen: listen, upstream: t.upstream.address, secure: how == overTLS,
		cert: id.cert, key: id.key, both: id.both}
	if t.service != nil {
		t.place.service = t.service.address
	}
	if t.nodes != nil {
		t.place.nodes = t.nodes.addresses
		t.place.upstream = t.place.nodes[0]
	}
	p, err := x.start(t.place)
	if err == nil {
		t.process = p
	}
	return err
}

// startService starts what answers each question with a page. It is no part of
// what is measured.
func (t *trial) startService(dir string) (err error) {
	if err = os.Mkdir(dir, 0o755); err == nil {
		t.service, err = startUpstream(dir)
	}
	return err
}

// prepareDialer makes clients that have what x wants of them.
func (t *trial) prepareDialer(x *proxy, how transport, id *identity, address string) (err error) {
	var config *tls.Config
	if how == overTLS {
		config = id.client()
	}
	t.dialer, err = newDialer(address, config)
	if t.signer = x.signer; err == nil && t.signer != nil {
		t.dialer.head, err = t.signer.head(time.Now().Add(tokenLife))
	}
	return err
}

// waitReady opens and closes one socket through the proxy.
func (t *trial) waitReady(s scenario) error {
	buf := make([]byte, 4096)
	path := pathEcho
	if t.dialer.greets = s.nodes; s.nodes {
		path = pathWebSocket
	}
	for {
		k, err := t.dialer.dial(path, buf)
		if err == nil {
			k.Close()
			return t.upstream.waitOpen(t.ctx, 0)
		}
		if t.process.exited() {
			return fmt.Errorf("ended before it was ready: %s", t.process.lastWords())
		}
		select {
		case <-t.ctx.Done():
			return fmt.Errorf("not ready: %w: %s", err, t.process.lastWords())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// kill ends whatever a call of the trial may hang in.
func (t *trial) kill() {
	t.process.kill()
	t.upstream.kill()
}

// stop may be called more than once.
func (t *trial) stop() {
	_ = t.watching.end() // whoever wants to know has asked before
	if t.process != nil {
		t.process.stop()
	}
	t.upstream.stop()
	t.upstream.release()
	if t.service != nil {
		t.service.stop()
		t.service.release()
	}
	t.nodes.stop()
}

// measured does work and takes what it costs.
func (t *trial) measured(work func() error) error {
	before, err := t.now()
	if err != nil {
		return err
	}
	if err := work(); err != nil {
		return err
	}
	after, err := t.now()
	if err != nil {
		return err
	}
	t.cost = cost{
		proxy:    after.proxy.minus(before.proxy),
		upstream: after.upstream.minus(before.upstream),
		load:     after.load - before.load,
		wall:     after.wall - before.wall,
	}
	if t.cost.wall <= 0 {
		return errors.New("nothing was measured")
	}
	return nil
}

var errNothing = errors.New("no message came while it was measured")

// drive runs l, first to warm up and then measured, and returns how many
// messages and payload bytes came in the measured part.
func (t *trial) drive(l *load) (messages, bytes float64, err error) {
	if _, err := l.run(t.ctx, t.length.warm); err != nil {
		return 0, 0, err
	}
	m, b := l.messages, l.bytes
	err = t.measured(func() error {
		_, err := l.run(t.ctx, t.length.measure)
		return err
	})
	if err == nil && l.bytes == b {
		err = errNothing
	}
	return float64(l.messages - m), float64(l.bytes - b), err
}

// epoch is what readings of wall time are relative to.
var epoch = time.Now()

// now reads all clocks.
func (t *trial) now() (c cost, err error) {
	pids, err := family(t.process.cmd.Process.Pid)
	if err != nil {
		return c, err
	}
	if c.proxy, err = cpu(pids); err != nil {
		return c, err
	}
	if c.upstream, err = cpu([]int{t.upstream.cmd.Process.Pid}); err != nil {
		return c, err
	}
	var self unix.Rusage
	if err = unix.Getrusage(unix.RUSAGE_SELF, &self); err != nil {
		return c, err
	}
	c.load = time.Duration(self.Utime.Nano() + self.Stime.Nano())
	c.wall = time.Since(epoch)
	return c, nil
}

// resident is the proxy's memory.
func (t *trial) resident() (int64, error) {
	pids, err := family(t.process.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	return resident(pids)
}
