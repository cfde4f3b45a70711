package certs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// checkPrivate returns an error if everybody on this machine may read a private
// key, or write one. A group may, as it does where several servers share it.
func checkPrivate(key string) error {
	info, err := os.Stat(key)
	if err != nil {
		return err
	}
	if perm := info.Mode().Perm(); perm&0o006 != 0 {
		return fmt.Errorf("private key %q is open to every user of this machine (mode %#o): chmod 600 it, and consider it known", key, perm)
	}
	return nil
}

// checkStorage does so for every key in the folder for what is issued, which
// need not be there yet.
func checkStorage(dir string) error {
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !strings.HasSuffix(name, ".key") {
			return err
		}
		return checkPrivate(name)
	})
	if os.IsNotExist(err) {
		return nil
	}
	return err
}
