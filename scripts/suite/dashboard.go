package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// dashboard is what of a Grafana dashboard asks Prometheus, or is asked of it.
type dashboard struct {
	SchemaVersion int
	Panels        []panel
	Annotations   struct{ List []target }
	Templating    struct{ List []variable }
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Targets                  []target
	Datasource               datasource
	GridPos                  struct{ X, Y, W, H int }
	FieldConfig              struct{ Defaults struct{ Unit string } }
}

type target struct {
	Expr, LegendFormat string
	Datasource         datasource
}

type variable struct {
	Name, Label, Type, Definition, AllValue string
	Refresh                                 int
	Multi                                   bool
	Datasource                              datasource
}

type datasource struct{ UID string }

func readDashboard(file string) (*dashboard, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	d := &dashboard{}
	return d, json.Unmarshal(text, d)
}

// expressions are all that is asked to draw the dashboard.
func (d *dashboard) expressions() []string {
	var all []string
	for _, p := range d.Panels {
		for _, t := range p.Targets {
			all = append(all, t.Expr)
		}
	}
	for _, a := range d.Annotations.List {
		all = append(all, a.Expr)
	}
	return all
}

var labelValues = regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)

// fill asks for the values of the variables, and returns what replaces them
// and Grafana's own, with all values chosen.
func (d *dashboard) fill(p *prometheus) (func(string) string, error) {
	var pairs []string
	for name, value := range map[string]string{"$__rate_interval": "4s", "$__interval": "1s", "$__range": "1m"} {
		pairs = append(pairs, name, value)
	}
	replace := func(expr string) string { return strings.NewReplacer(pairs...).Replace(expr) }
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		m := labelValues.FindStringSubmatch(v.Definition)
		if m == nil {
			return nil, fmt.Errorf("variable %s: %s is no label_values", v.Name, v.Definition)
		}
		samples, err := p.ask(fmt.Sprintf("group by (%s) (%s)", m[2], replace(m[1])))
		if err != nil || len(samples) == 0 {
			return nil, fmt.Errorf("variable %s has no values (%w)", v.Name, err)
		}
		var values []string
		for _, s := range samples {
			values = append(values, strings.ReplaceAll(regexp.QuoteMeta(s.Metric[m[2]]), `\`, `\\`))
		}
		pairs = append(pairs, "$"+v.Name, "("+strings.Join(values, "|")+")")
	}
	return replace, nil
}

var (
	selector = regexp.MustCompile(`\b(?:usher|process)_\w+(\{[^}]*\})?|\bup(\{[^}]*\})`)
	ranges   = regexp.MustCompile(`\[([^]]*)\]`)
	units    = []string{"short", "ops", "s", "bytes", "Bps", "percentunit"}
)

// lint holds a dashboard to what Grafana's own dashboards are held to, which is
// what of grafana/dashboard-linter concerns one for Prometheus.
func (d *dashboard) lint() error {
	var all error
	fault := func(format string, args ...any) { all = errors.Join(all, fmt.Errorf(format, args...)) }
	if d.SchemaVersion != 39 {
		fault("schemaVersion: got %d, want 39, which Grafana 10.4 to 12 load", d.SchemaVersion)
	}
	for _, v := range d.Templating.List {
		switch {
		case v.Type == "datasource":
			if v.Name != "datasource" || v.Label != "Data source" {
				fault("the variable of the data source has the name %q, label %q", v.Name, v.Label)
			}
		case v.Type != "query" || v.Refresh != 2 || !v.Multi || v.Datasource.UID != "${datasource}":
			fault("variable %s: want a query of ${datasource} with several values, refreshed with the range", v.Name)
		case (v.AllValue == "") != (v.Name == "job") || (v.Name != "job" && v.AllValue != ".+"):
			fault("variable %s: all of it is %q: want the jobs of ushers, and .+ within them", v.Name, v.AllValue)
		}
	}
	ids := make(map[int]bool)
	for _, p := range d.Panels {
		if ids[p.ID] {
			fault("panel %q: id %d is taken", p.Title, p.ID)
		}
		ids[p.ID] = true
		all = errors.Join(all, p.lint(d.Panels))
	}
	return all
}

func (p panel) lint(others []panel) error {
	var all error
	fault := func(format string, args ...any) {
		all = errors.Join(all, fmt.Errorf("panel %q: "+format, append([]any{p.Title}, args...)...))
	}
	a := p.GridPos
	for _, o := range others {
		if b := o.GridPos; o.ID != p.ID && a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
			fault("is over %q", o.Title)
		}
	}
	if p.Title == "" || a.X+a.W > 24 {
		fault("has no title, or is too wide")
	}
	if p.Type == "row" {
		return all
	}
	if p.Description == "" || !slices.Contains(units, p.FieldConfig.Defaults.Unit) || len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" {
		fault("has no description, unit, query or data source: %q, %q", p.Description, p.FieldConfig.Defaults.Unit)
	}
	for _, t := range p.Targets {
		for _, m := range selector.FindAllString(t.Expr, -1) {
			if !strings.Contains(m, `{job=~"$job", instance=~"$instance"`) {
				fault("%s: no job and instance at %s", t.Expr, m)
			}
		}
		for _, r := range ranges.FindAllStringSubmatch(t.Expr, -1) {
			if r[1] != "$__rate_interval" {
				fault("%s: a range of %s", t.Expr, r[1])
			}
		}
		if t.Datasource.UID != "${datasource}" {
			fault("%s: data source %s", t.Expr, t.Datasource.UID)
		}
	}
	return all
}
