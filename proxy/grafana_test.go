package proxy_test

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

var (
	metricLine  = regexp.MustCompile(`(?m)^([a-z0-9_]+)(?:\{(.*)\})? `)
	labelName   = regexp.MustCompile(`([a-z_]+)="`)
	usedMetric  = regexp.MustCompile(`\b((?:usher|process|go)_[a-z0-9_]+)(?:\{([^}]*)\})?`)
	usedLabel   = regexp.MustCompile(`([a-z_]+)=~?"`)
	groupLabels = regexp.MustCompile(`(?:\bby \(|^label_values\(.*, )([^)]*)\)`)
)

// The dashboard for Grafana uses metrics that are there, by labels that they
// have.
func TestGrafanaDashboard(t *testing.T) {
	main, admin := newTestService(t, "main"), newTestService(t, "admin")
	b := newTestBroker(t, "admin: 127.0.0.1:0\n"+split(main, admin, ""))
	c, _ := b.dial(t, "/socket.io/?EIO=4&transport=websocket", nil)
	send(t, c, "40")
	b.joined(t, "", "/admin,")
	c.Close()
	b.wantSessions(t, 1)
	_, text := b.operator(t).do(t, http.MethodGet, "/metrics", nil)
	labels := make(map[string]string) // of each metric
	for _, m := range metricLine.FindAllStringSubmatch(string(text), -1) {
		labels[m[1]] += " job instance"
		for _, l := range labelName.FindAllStringSubmatch(m[2], -1) {
			labels[m[1]] += " " + l[1]
		}
	}
	ended := labels["usher_session_ends_total"]
	if !strings.Contains(ended, "cause") || labels["usher_certificate_left_seconds"] != "" {
		t.Fatalf("got labels %q for ends", ended)
	}
	labels["usher_certificate_left_seconds"] = " job instance name" // there with TLS

	used := 0
	for _, expr := range expressions(t, "../scripts/package/grafana.json") {
		var all strings.Builder
		for _, m := range usedMetric.FindAllStringSubmatch(expr, -1) {
			used++
			have, ok := labels[m[1]]
			all.WriteString(have)
			if !ok {
				t.Errorf("%s: there is no %s", expr, m[1])
			}
			wantLabels(t, expr, have, usedLabel.FindAllStringSubmatch(m[2], -1))
		}
		for _, by := range groupLabels.FindAllStringSubmatch(expr, -1) {
			wantLabels(t, expr, all.String(), regexp.MustCompile(`([a-z_]+)`).FindAllStringSubmatch(by[1], -1))
		}
		if strings.Count(expr, "(") != strings.Count(expr, ")") || strings.Count(expr, "[") != strings.Count(expr, "]") {
			t.Errorf("%s: brackets do not match", expr)
		}
	}
	if used < 40 {
		t.Errorf("got %d metrics used, want what the dashboard shows", used)
	}
}

func wantLabels(t *testing.T, expr, have string, want [][]string) {
	t.Helper()
	for _, l := range want {
		if !strings.Contains(have+" ", " "+l[1]+" ") {
			t.Errorf("%s: there is no label %q among%s", expr, l[1], have)
		}
	}
}

// expressions returns what a dashboard asks Prometheus, by panel, variable and
// annotation.
func expressions(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	type target struct{ Expr string }
	var dashboard struct {
		Panels []struct {
			Type, Title string
			Targets     []target
		}
		Annotations struct{ List []target }
		Templating  struct {
			List []struct{ Type, Definition string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, p := range dashboard.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q asks for nothing", p.Title)
		}
		for _, one := range p.Targets {
			all = append(all, one.Expr)
		}
	}
	for _, one := range dashboard.Annotations.List {
		all = append(all, one.Expr)
	}
	for _, v := range dashboard.Templating.List {
		if v.Type == "query" {
			all = append(all, v.Definition)
		}
	}
	return all
}
