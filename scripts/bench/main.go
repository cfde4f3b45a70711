//go:build linux

// Command bench measures usher beside the proxies its users could take
// instead, on this machine, and prints the result as a Markdown table.
//
//	go run ./scripts/bench                                       everything, about an hour
//	go run ./scripts/bench -proxies usher,nginx -scenarios echo128x64 -rounds 3 -plain
//	go run ./scripts/bench -proxies usher,usher+watched,usher+tap     what watching costs
//	go run ./scripts/bench -usher "old=/tmp/a,new=/tmp/b,gc=GOGC=50 /tmp/b" -proxies usher
//
// Every trial starts one proxy and one upstream afresh, drives the scenario
// through them, and reads the proxy's own CPU time and resident memory from
// the kernel. Trials are interleaved: within a round each proxy has its turn
// before any has a second one. All content is verified.
//
// The load (this process) and the upstream (a second process of the same
// binary) are one epoll loop each with prebuilt frames, so that they cost less
// than what they measure; -v prints what they cost, and the proxy "direct"
// runs the load against the upstream alone.
//
// nginx and HAProxy are installed by apt-get where they are missing; Caddy is
// built by the go command into the user's cache folder.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// The binary starts itself again under these verbs for the parts that must be
// processes of their own.
const (
	verbUpstream       = "serve-upstream"
	verbWebsocketproxy = "serve-websocketproxy"
)

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case verbUpstream:
			exit(serveUpstream())
		case verbWebsocketproxy:
			exit(serveWebsocketproxy(os.Args[2:]))
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(bench(ctx, os.Args[1:]))
}

func exit(err error) {
	switch {
	case err == nil:
		os.Exit(0)
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	}
	fmt.Fprintf(os.Stderr, "bench: %v\n", err)
	os.Exit(1)
}

// options are what the command line asked for.
type options struct {
	proxies    []string
	scenarios  []scenario
	transports []transport
	ushers     []usherBinary
	rounds     int
	idleRounds int
	length     lengths
	verbose    bool
}

// lengths are the times a trial takes.
type lengths struct {
	warm    time.Duration // driven before the clock starts
	measure time.Duration // driven while it runs
	idle    time.Duration // without traffic, before memory is read
}

func parseOptions(args []string) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	proxies := f.String("proxies", strings.Join(defaultProxies, ","), "what to measure: these, "+strings.Join(extraProxies, " or "))
	scenarios := f.String("scenarios", "", "which scenarios: "+scenarioNames()+" (default: all but those marked *)")
	plain := f.Bool("plain", false, "only without TLS")
	secure := f.Bool("tls", false, "only with TLS")
	ushers := f.String("usher", "", "usher binaries: PATH or NAME=[KEY=VALUE ...] PATH, with commas between them (default: built from this tree)")
	f.IntVar(&o.rounds, "rounds", 5, "times each trial is repeated")
	f.IntVar(&o.idleRounds, "idle-rounds", 3, "times the slow idle trials are repeated, at most")
	f.DurationVar(&o.length.measure, "duration", 2*time.Second, "measured part of a trial")
	f.DurationVar(&o.length.warm, "warm", 500*time.Millisecond, "driven part before it")
	f.DurationVar(&o.length.idle, "idle", 30*time.Second, "silence before memory is read")
	f.BoolVar(&o.verbose, "v", false, "print every trial with the cost of the load side")
	if err := f.Parse(args); err != nil {
		return nil, flag.ErrHelp
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if o.rounds < 1 || o.idleRounds < 1 {
		return nil, errors.New("-rounds and -idle-rounds must be 1 or more")
	}
	o.transports = pickTransports(*plain, *secure)
	var err error
	if o.scenarios, err = pickScenarios(*scenarios); err != nil {
		return nil, err
	}
	if o.ushers, err = parseUshers(*ushers); err != nil {
		return nil, err
	}
	o.proxies = strings.Split(*proxies, ",")
	return o, nil
}

// pickTransports is both, unless one alone is asked for.
func pickTransports(plain, secure bool) []transport {
	switch {
	case plain && !secure:
		return []transport{overTCP}
	case secure && !plain:
		return []transport{overTLS}
	}
	return []transport{overTCP, overTLS}
}

func bench(ctx context.Context, args []string) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	r, err := measureAll(ctx, o)
	if r != nil && r.results.len() > 0 {
		writeReport(os.Stdout, r.results, o, r.proxies)
	}
	return err
}

// measureAll leaves nothing behind when it returns: a reader of the report may
// hang up, and that ends the process.
func measureAll(ctx context.Context, o *options) (*runner, error) {
	dir, err := os.MkdirTemp("", "usher-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	identity, err := newIdentity(dir)
	if err != nil {
		return nil, err
	}
	proxies, err := prepareProxies(ctx, o, dir)
	if err != nil {
		return nil, err
	}
	r := &runner{options: o, dir: dir, identity: identity, proxies: proxies}
	return r, r.run(ctx)
}
