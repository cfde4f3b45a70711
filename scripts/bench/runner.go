//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// runner runs all trials in turn.
type runner struct {
	options  *options
	dir      string
	identity *identity
	proxies  []*proxy
	ports    ports
	results  results
	count    int // trials so far
}

// run interleaves: within a round every proxy has its turn. A trial that fails
// is noted and the rest goes on; what failed is the error at the end.
func (r *runner) run(ctx context.Context) error {
	var failed []string
	for _, s := range r.options.scenarios {
		rounds := r.options.rounds
		if s.slow {
			rounds = min(rounds, r.options.idleRounds)
		}
		for round := 1; round <= rounds; round++ {
			fmt.Fprintf(os.Stderr, "bench: %s, round %d of %d\n", s.name, round, rounds)
			for _, how := range r.options.transports {
				for _, x := range r.proxies {
					if !s.suits(x, how) {
						continue
					}
					err := r.trial(ctx, s, how, x)
					if ctx.Err() != nil {
						return errors.New("interrupted")
					}
					if err != nil {
						failed = append(failed, fmt.Sprintf("%s over %s, %s: %v", s.name, how, x.name, err))
						fmt.Fprintf(os.Stderr, "bench: failed: %s\n", failed[len(failed)-1])
					}
				}
			}
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d trials failed:\n%s", len(failed), strings.Join(failed, "\n"))
	}
	return nil
}

// trial runs s against x once.
func (r *runner) trial(ctx context.Context, s scenario, how transport, x *proxy) error {
	r.count++
	dir := filepath.Join(r.dir, fmt.Sprintf("trial%d", r.count))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	limit := trialLimit + r.options.length.warm + r.options.length.measure
	if s.slow {
		limit += r.options.length.idle
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTooLong)
	defer cancel()
	t, err := newTrial(ctx, s, x, how, r.identity, dir, &r.ports)
	if err != nil {
		return err
	}
	defer t.stop()
	defer context.AfterFunc(ctx, t.kill)()
	t.length = r.options.length
	values, err := s.run(t)
	if watched := t.watching.end(); err == nil {
		err = watched
	}
	if err != nil {
		if t.process.exited() && ctx.Err() == nil {
			err = fmt.Errorf("%w; the proxy has ended: %s", err, t.process.lastWords())
		}
		return err
	}
	r.take(s, how, x, t, values)
	return nil
}

// take keeps what a trial yielded.
func (r *runner) take(s scenario, how transport, x *proxy, t *trial, values []value) {
	for _, v := range values {
		r.results.add(result{scenario: s.name, title: s.title, how: how, metric: v.metric, proxy: x.name, value: v.value})
	}
	if r.options.verbose {
		r.print(s, how, x, t, values)
	}
}

// print shows a trial, with what the load side took of the machine meanwhile.
func (r *runner) print(s scenario, how transport, x *proxy, t *trial, values []value) {
	var text []string
	for _, v := range values {
		text = append(text, fmt.Sprintf("%s %s", v.metric.format(v.value), v.metric.name))
	}
	c := t.cost
	share := func(d time.Duration) float64 { return 100 * d.Seconds() / c.wall.Seconds() }
	fmt.Fprintf(os.Stderr, "  %-14s %-5s %-14s %s; of one core: proxy %.0f%% (user part %.0f%%), load %.0f%%, upstream %.0f%%\n",
		s.name, how, x.name, strings.Join(text, ", "),
		share(c.proxy.total), 100*c.proxy.userShare(), share(c.load), share(c.upstream.total))
}
