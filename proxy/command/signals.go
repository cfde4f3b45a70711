package command

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// killed is added to a signal's number in the exit status of a process that it
// ended, as shells have it.
const killed = 128

// UntilSignal returns a context that ends at the first SIGINT or SIGTERM. The
// second ends the process at once.
func UntilSignal() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	// A channel, as signal.NotifyContext might swallow a second signal that
	// comes right behind the first.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go awaitSignals(signals, cancel)
	return ctx
}

func awaitSignals(signals <-chan os.Signal, cancel context.CancelFunc) {
	<-signals
	cancel()
	second := <-signals
	number, _ := second.(syscall.Signal)
	os.Exit(killed + int(number))
}

// onSignal calls do at each such signal, one after the other, until stop is
// called. What comes while one is done is one.
func onSignal(which os.Signal, do func()) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, which)
	var doing sync.WaitGroup
	doing.Go(func() {
		for range signals {
			do()
		}
	})
	return func() {
		signal.Stop(signals)
		close(signals)
		doing.Wait()
	}
}
