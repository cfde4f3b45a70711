package admin

import (
	"embed"
	"io/fs"
	"net/http"
)

//go:embed page
var pageFiles embed.FS

// Page serves the dashboard: static files, which ask the API for everything
// that they show. Nothing comes from elsewhere.
func Page() http.Handler {
	root, err := fs.Sub(pageFiles, "page")
	if err != nil {
		panic(err) // the name stands a few lines above
	}
	return http.FileServerFS(root)
}
