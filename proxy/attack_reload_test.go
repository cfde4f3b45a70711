package proxy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"usher/proxy/config"
)

// Row 56 of the attacks: whatever the routes file is at the moment of a reload,
// the last good one is served, and one line says why.
func TestAttack56Reload(t *testing.T) {
	up := newTestBackend(t, echo)
	dir := t.TempDir()
	file, good, other := filepath.Join(dir, "routes.yaml"), filepath.Join(dir, "good"), filepath.Join(dir, "other")
	text := "listen: 127.0.0.1:0\n" + oneRoute(up.URL)
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(good, text)
	write(other, strings.Replace(text, "routes:", "max_fragments: 5\nroutes:", 1))
	point := func(to string) { // as ln -sfn does
		os.Remove(file + "~")
		if err := os.Symlink(to, file+"~"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+"~", file); err != nil {
			t.Fatal(err)
		}
	}
	point(good)
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	b := runWatchingBroker(t, cfg)
	c, _ := b.dial(t, "/ws", nil)
	refused := 0
	for name, tt := range map[string]struct {
		change func()
		want   string
	}{
		"gone":               {func() { os.Remove(file) }, "no such file"},
		"dangling link":      {func() { point(filepath.Join(dir, "nowhere")) }, "no such file"},
		"link to itself":     {func() { point(file) }, "too many levels of symbolic links"},
		"link to a folder":   {func() { point(dir) }, "is a directory"},
		"link to a device":   {func() { point("/dev/zero") }, "routes.yaml"},
		"empty":              {func() { point(good); write(good, "") }, "the file is empty"},
		"half a line":        {func() { point(good); write(good, text[:len(text)-8]) }, "routes.yaml:"},
		"half of a key":      {func() { point(good); write(good, text[:strings.Index(text, "routes:")+4]) }, "routes.yaml:"},
		"zeros behind a cut": {func() { point(good); write(good, text[:30]+strings.Repeat("\x00", 500)) }, "routes.yaml"},
	} {
		tt.change()
		if err := b.ReloadFile(); err == nil {
			t.Errorf("%s: got no error", name)
		}
		refused++
		lines := b.log.lines(t, "reload refused, nothing has changed")
		if len(lines) != refused || !strings.Contains(fmt.Sprint(lines[len(lines)-1]["errors"]), tt.want) {
			t.Errorf("%s: got %d lines, the last %v; want %d, and %q in that", name, len(lines), lines[len(lines)-1], refused, tt.want)
		}
		wantEcho(t, c, websocket.TextMessage, []byte("still here"))
		write(good, text)
	}
	// A link that goes to and fro all the time: it is one file or the other.
	point(good)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				point([]string{good, other}[n%2])
			}
		}
	}()
	for range 200 {
		if err := b.ReloadFile(); err != nil {
			t.Fatalf("link that is swapped: %v", err)
		}
	}
	close(stop)
	<-stopped
	wantEcho(t, c, websocket.TextMessage, []byte("still here"))
	again, _ := b.dial(t, "/ws", nil)
	wantEcho(t, again, websocket.TextMessage, []byte("and served as before"))
	if s := b.Stats().Reloads; s.Done != 200 || int(s.Refused) != refused {
		t.Errorf("reloads: got %+v, want 200, and %d refused", s, refused)
	}
}
