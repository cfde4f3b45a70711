package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// The routes files that are looked for where none is named.
const (
	LocalRoutes  = "routes.yaml"
	SystemRoutes = "/etc/usher/routes.yaml"
)

// FindRoutes returns the routes file that is meant where none is named: local, or
// system where only that is there.
func FindRoutes(local, system string) string {
	if _, err := os.Stat(local); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(system); !errors.Is(err, fs.ErrNotExist) {
			return system
		}
	}
	return local
}

// noFile is the error of a routes file that is not there.
func noFile(file string) error {
	if file == LocalRoutes {
		return fmt.Errorf("no routes file: there is neither %s here nor %s", LocalRoutes, SystemRoutes)
	}
	return fmt.Errorf("no routes file %q", file)
}
