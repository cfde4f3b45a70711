package leaktest

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestWait(t *testing.T) {
	before := runtime.NumGoroutine()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		<-stop
	}()
	if leak := wait(before, 0); !strings.Contains(leak, "leaktest.TestWait") {
		t.Errorf("one runs on: got %q, want its stack", leak)
	}
	close(stop)
	<-stopped
	if leak := wait(before, time.Minute); leak != "" {
		t.Errorf("it has ended: got %q, want nothing", leak)
	}
}
