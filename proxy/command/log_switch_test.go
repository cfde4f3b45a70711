package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher/proxy/config"
)

// The routes file says how the log looks, also for loggers that are there already.
func TestLogSwitch(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	log, how := newLog(f)
	log = log.With("a", 1).WithGroup("g")
	for _, l := range []config.Log{{}, {Level: config.Warn, Format: config.Text}, {Level: config.Debug, Format: config.JSON}, {Format: config.Auto}} {
		how.set(l)
		log.Debug("debug", "b", 2)
		log.Info("info", "b", 2)
		log.Warn("warn", "b", 2)
	}
	text, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(text)) {
		_, line, _ = strings.Cut(line, "level")
		got = append(got, "level"+line)
	}
	json := func(level, msg string) string {
		return `level":"` + level + `","msg":"` + msg + `","a":1,"g":{"b":2}}` + "\n"
	}
	want := []string{json("INFO", "info"), json("WARN", "warn"), "level=WARN msg=warn a=1 g.b=2\n",
		json("DEBUG", "debug"), json("INFO", "info"), json("WARN", "warn"), json("INFO", "info"), json("WARN", "warn")}
	if strings.Join(got, "") != strings.Join(want, "") {
		t.Errorf("got %q\nwant %q", got, want)
	}
}
