package config

import (
	_ "embed"
	"slices"
)

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema of a routes file, for editors. It knows every
// key, type and form; what depends on two places of a file only Parse knows.
func Schema() []byte { return slices.Clone(schema) }
