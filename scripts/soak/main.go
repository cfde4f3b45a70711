//go:build linux

// Command soak does to usher what happens to it in years, in minutes: it keeps
// sockets busy with messages whose content it verifies, and meanwhile kills,
// stops and slows upstreams, reloads the routes file, changes certificates,
// fills the disk and takes all descriptors away.
//
// After each of these nothing may have happened to the sockets that it did not
// concern, every socket that ended must have been told why, and usher must hold
// no more descriptors than it has sockets.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "upstream" {
		fatal(serveUpstream(os.Args[2]))
		return
	}
	o := options{}
	flag.StringVar(&o.usher, "usher", "", "the usher to test; one is built if none is given")
	flag.IntVar(&o.sockets, "sockets", 1000, "how many sockets are kept open")
	flag.DurationVar(&o.length, "for", 0, "begin further rounds of faults for this long; 0 is one round")
	flag.StringVar(&o.only, "only", "", "only faults whose names have this in them, and the end")
	flag.Uint64Var(&o.seed, "seed", 1, "decides sizes of messages and the order of faults")
	upgrades := flag.Int("upgrades", 0, "instead of the faults, so many upgrades with sockets that talk: what they notice")
	flag.DurationVar(&o.every, "every", 100*time.Millisecond, "with -upgrades: how often each socket has something to say")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "soak: unexpected argument %q\n", flag.Arg(0))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *upgrades > 0 {
		fatal(takeover(ctx, o, *upgrades))
		return
	}
	fatal(run(ctx, o))
}

type options struct {
	usher   string
	sockets int
	length  time.Duration
	seed    uint64
	only    string
	every   time.Duration
}

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// run prints a line for each fault, and what is wrong after it.
func run(ctx context.Context, o options) (err error) {
	s, err := newStage(o)
	if err != nil {
		return err
	}
	defer func() { s.close(err == nil) }()
	if err := s.begin(ctx); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(o.seed, 0))
	passed, failed := 0, 0
	begin := time.Now()
	for round := 0; round == 0 || time.Since(begin) < o.length; round++ {
		order := faults()
		if round > 0 { // the first is always the same
			random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		}
		for _, f := range order {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if !strings.Contains(f.name, o.only) {
				continue
			}
			if s.try(ctx, f) {
				passed++
			} else {
				failed++
			}
		}
	}
	if s.try(ctx, theEnd) {
		passed++
	} else {
		failed++
	}
	fmt.Printf("%d messages came back as they were sent\n%d passed, %d failed\n", s.messages.Load(), passed, failed)
	if failed > 0 {
		return fmt.Errorf("%d of %d faults did more than they should; usher's log is %s", failed, passed+failed, s.usher.log)
	}
	return nil
}
