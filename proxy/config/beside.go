package config

import "path/filepath"

// Beside returns the path of a file that the routes file names: it is looked for
// from that file's folder.
func (c *Config) Beside(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(c.File), name)
}
