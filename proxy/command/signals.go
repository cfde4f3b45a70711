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

// caught are signals of one kind that wait to be heeded. One that comes while
// another waits is the same.
type caught chan os.Signal

// catch keeps such signals from ending the process, from now on. None is kept if
// which is nil.
func catch(which os.Signal) caught {
	c := make(caught, 1)
	signal.Notify(c, which)
	return c
}

// heed calls do for each signal, one after the other, until stop is called.
func (c caught) heed(do func()) (stop func()) {
	var doing sync.WaitGroup
	doing.Go(func() {
		for range c {
			do()
		}
	})
	return func() {
		signal.Stop(c)
		close(c)
		doing.Wait()
	}
}
