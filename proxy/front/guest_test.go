package front

import (
	"net/http"
	"testing"
)

// TestAbortForNobody: what ends an answer midway ends nothing else where nobody
// listens.
func TestAbortForNobody(t *testing.T) {
	following(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }).forNobody()
}
