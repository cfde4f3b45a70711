//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// watcher is what an operator does to usher while it relays. It begins, goes on
// until ctx is done, and is then waited for.
type watcher func(ctx context.Context, p place) error

// The proxies that are usher with an operator at its admin address.
const (
	watchedUsher = "usher+watched"
	tappedUsher  = "usher+tap"
)

// adminSocket is where an usher that is watched has its operators.
const adminSocket = "admin.sock"

// watched makes x one that has operators. With an admin address and nobody there
// it is usher as it mostly runs.
func watched(x *proxy, name string, w watcher) *proxy {
	x.name, x.watch = name, w
	files := x.files
	x.files = func(p place) map[string]string {
		f := files(p)
		f["routes.yaml"] = "admin: unix:{dir}/" + adminSocket + "\n" + f["routes.yaml"]
		return f
	}
	return x
}

// look asks, once a second, what Prometheus and an open dashboard ask (see
// proxy/admin/page). A browser would take the processors from what is measured.
func look(ctx context.Context, p place) error {
	var d net.Dialer
	c := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.DialContext(ctx, "unix", filepath.Join(p.dir, adminSocket))
	}}}
	defer c.CloseIdleConnections()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		for _, path := range []string{"/metrics", "/v1/status", "/v1/sessions?limit=50"} {
			if err := fetch(ctx, &c, "http://localhost"+path); ctx.Err() != nil {
				return nil // it was to end
			} else if err != nil {
				return fmt.Errorf("watch: %w", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func fetch(ctx context.Context, c *http.Client, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := c.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	return nil
}

// tapWith returns a watcher that has the usher at path show all frames.
func tapWith(path string) watcher {
	return func(ctx context.Context, p place) error {
		nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer nowhere.Close()
		dir := filepath.Join(p.dir, "tap")
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		cmd := exec.Command(path, "--routes", p.dir+"/routes.yaml", "tap", "--json")
		cmd.Stdout = nowhere
		tap, err := start("tap", dir, cmd)
		if err != nil {
			return err
		}
		defer tap.stop()
		select {
		case <-ctx.Done():
			return nil
		case <-tap.done:
			return fmt.Errorf("the tap has ended: %s", tap.lastWords())
		}
	}
}

// watching is a watcher at work.
type watching struct {
	cancel context.CancelFunc
	work   sync.WaitGroup
	err    error // why it ended early; read behind end
}

// watch has w begin; a nil one does nothing.
func watch(ctx context.Context, w watcher, p place) *watching {
	ctx, cancel := context.WithCancel(ctx)
	g := &watching{cancel: cancel}
	if w != nil {
		g.work.Go(func() { g.err = w(ctx, p) })
	}
	return g
}

// end waits for the watcher, and returns what kept it from watching.
func (g *watching) end() error {
	if g == nil {
		return nil
	}
	g.cancel()
	g.work.Wait()
	return g.err
}
