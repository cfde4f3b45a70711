package proxy_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// h2specExpected are the cases of h2spec that fail, and why that is right.
var h2specExpected = map[string]string{
	"http2/6.5.3/1":   "net/http closes a connection whose settings have one twice: no client has a use for that, and floods of settings do",
	"http2/8.1.2.2/1": "a request with Connection gets a 400, which a server may send before it ends such a stream (RFC 9113, 8.1.1)",
	"http2/8.1.2.2/2": "a request with another TE than trailers gets a 400 likewise",
}

// h2specReport is what h2spec writes, in the form of JUnit.
type h2specReport struct {
	Suites []struct {
		Package string `xml:"package,attr"`
		Cases   []struct {
			Name    string   `xml:"classname,attr"`
			Failure []string `xml:"failure"`
			Error   []string `xml:"error"`
			Skipped []string `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

// TestH2Spec has h2spec look at a listener that takes WebSocket too.
func TestH2Spec(t *testing.T) {
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "a page that is long enough for two frames")
	})
	b, _ := newTestStreams(t, oneRoute(up.URL))
	host, port, err := net.SplitHostPort(b.address)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.xml")
	c := exec.CommandContext(t.Context(), mustBuildTool(t, "h2spec"), "--host", host, "--port", port, "--tls", "--insecure", "--junit-report", file)
	out, _ := c.CombinedOutput() // it fails if one case does
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("report: %v\n%s", err, out)
	}
	var report h2specReport
	if err := xml.Unmarshal(text, &report); err != nil {
		t.Fatalf("report: %v\n%s", err, text)
	}
	cases := 0
	for _, suite := range report.Suites {
		for i, one := range suite.Cases {
			cases++
			key := fmt.Sprintf("%s/%d", suite.Package, i+1)
			_, expected := h2specExpected[key]
			failed := len(one.Failure)+len(one.Error)+len(one.Skipped) > 0
			if failed != expected {
				t.Errorf("%s (%s): got failed %v, want %v: %q %q", key, one.Name, failed, expected, one.Failure, one.Error)
			}
		}
	}
	if cases < 140 {
		t.Errorf("cases: got %d, want 140 and more", cases)
	}
}

// mustBuildTool returns the binary of a tool that has a mod file of its name in
// scripts.
func mustBuildTool(t *testing.T, name string) string {
	t.Helper()
	c := exec.Command("go", "tool", "-modfile=scripts/"+name+".mod", "-n", name)
	c.Dir = ".."
	path, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %v", c, err)
	}
	return strings.TrimSpace(string(path))
}
