package leaktest

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestGoroutines(t *testing.T) {
	before := Take()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		<-stop
	}()
	if leak := before.Leak(0); !strings.Contains(leak, "leaktest.TestGoroutines") {
		t.Errorf("one runs on: got %q, want its stack", leak)
	}
	close(stop)
	<-stopped
	if leak := before.Leak(time.Minute); leak != "" {
		t.Errorf("it has ended: got %q, want nothing", leak)
	}
}

func TestDescriptors(t *testing.T) {
	if countDescriptors() == 0 {
		return // the system does not tell
	}
	before := Take()
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if leak := before.Leak(0); !strings.HasPrefix(leak, "leak: got ") {
		t.Errorf("a file is open: got %q, want a leak", leak)
	}
	f.Close()
	if leak := before.Leak(time.Minute); leak != "" {
		t.Errorf("it is closed: got %q, want nothing", leak)
	}
}
