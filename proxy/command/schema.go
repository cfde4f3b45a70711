package command

import (
	"io"

	"usher/proxy/config"
)

// Schema writes the JSON Schema of the routes file.
func Schema(w io.Writer) error {
	_, err := w.Write(config.Schema())
	return err
}
