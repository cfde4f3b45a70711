package command

import (
	"fmt"
	"io"
	"runtime/debug"
)

// Version writes which usher this is: its version, the Go it was built with
// and the commit, as far as the build recorded them.
func Version(w io.Writer) error {
	_, err := fmt.Fprintln(w, version())
	return err
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "usher (the build recorded nothing)"
	}
	return versionLine(info)
}

func versionLine(info *debug.BuildInfo) string {
	version := info.Main.Version
	if version == "" {
		version = "(devel)"
	}
	line := fmt.Sprintf("usher %s %s", version, info.GoVersion)
	settings := make(map[string]string, len(info.Settings))
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if commit := settings["vcs.revision"]; commit != "" {
		line += " commit " + commit
		if settings["vcs.modified"] == "true" {
			line += " (modified)"
		}
	}
	return line
}
