package messages

import (
	"bytes"
	"fmt"
	"log" //nolint:depguard // it is where the library writes
	"os"
	"sync"
	"testing"

	"usher/proxy/leaktest"
)

// libraryLog takes what the library logs: it has no other place for it.
type libraryLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *libraryLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// TestMain wants that no session leaves a goroutine, and that the library logs
// nothing: its lines have addresses in them and are in nobody's format.
func TestMain(m *testing.M) {
	var logged libraryLog
	log.SetOutput(&logged)
	code := leaktest.Main(m)
	if logged.text.Len() > 0 {
		fmt.Printf("got %q logged by the library, want nothing\n", logged.text.String())
		code = 1
	}
	os.Exit(code)
}
