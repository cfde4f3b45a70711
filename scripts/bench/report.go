//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// result is one figure of one trial.
type result struct {
	scenario, title string
	how             transport
	metric          metric
	proxy           string
	value           float64
}

// results is everything measured so far.
type results struct{ all []result }

func (r *results) add(x result) { r.all = append(r.all, x) }
func (r *results) len() int     { return len(r.all) }

// row is a line of the table: one metric of one scenario over one transport.
type row struct {
	scenario, title string
	how             transport
	metric          metric
}

// rows lists the lines in the order in which they were first measured.
func (r *results) rows() []row {
	var rows []row
	for _, x := range r.all {
		if w := (row{x.scenario, x.title, x.how, x.metric}); !slices.Contains(rows, w) {
			rows = append(rows, w)
		}
	}
	return rows
}

// of is what proxy has in a row, sorted.
func (r *results) of(w row, proxy string) []float64 {
	var values []float64
	for _, x := range r.all {
		if (row{x.scenario, x.title, x.how, x.metric}) == w && x.proxy == proxy {
			values = append(values, x.value)
		}
	}
	slices.Sort(values)
	return values
}

// middle is the median of sorted values.
func middle(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// cell shows a median with its spread, and its ratio to base (0 for none).
func cell(m metric, sorted []float64, base float64) string {
	if len(sorted) == 0 {
		return "–"
	}
	mid := middle(sorted)
	text := "**" + m.format(mid) + "**"
	if len(sorted) > 1 {
		text += fmt.Sprintf(" (%s–%s)", m.format(sorted[0]), m.format(sorted[len(sorted)-1]))
	}
	if base > 0 {
		text += fmt.Sprintf(" ×%.2f", mid/base)
	}
	return text
}

// writeTable writes the Markdown table; ratios are to the proxy named base.
func writeTable(out io.Writer, r results, proxies []string, base string) {
	fmt.Fprintf(out, "| scenario | | %s |\n", strings.Join(proxies, " | "))
	fmt.Fprintf(out, "|---|---|%s\n", strings.Repeat("---|", len(proxies)))
	for _, w := range r.rows() {
		reference := 0.0
		if values := r.of(w, base); len(values) > 0 {
			reference = middle(values)
		}
		cells := make([]string, len(proxies))
		for i, name := range proxies {
			ratio := reference
			if name == base {
				ratio = 0
			}
			cells[i] = cell(w.metric, r.of(w, name), ratio)
		}
		fmt.Fprintf(out, "| %s, %s | %s | %s |\n", w.title, w.how, w.metric.name, strings.Join(cells, " | "))
	}
}

// reference is the proxy that ratios are to; without it, the first one is.
const reference = "nginx"

// writeReport writes the table and what a reader must know to judge it.
func writeReport(out io.Writer, r results, o *options, proxies []*proxy) {
	var names []string
	for _, x := range proxies {
		names = append(names, x.name)
	}
	base := names[0]
	if slices.Contains(names, reference) {
		base = reference
	}
	writeTable(out, r, names, base)
	fmt.Fprintf(out, "\nMedian (lowest–highest) of %d rounds (idle sockets: %d), interleaved, and the ratio of the medians to %s's; less is better.\n",
		o.rounds, min(o.rounds, o.idleRounds), base)
	fmt.Fprintln(out, "CPU is the proxy's own, user and system, all its processes. Every message is checked on both sides.")
	fmt.Fprintln(out, "A GiB counts payload in both directions: an echoed byte passes the proxy twice and counts as two.")
	fmt.Fprintln(out, "TLS is 1.3 with X25519 and AES-128-GCM, an ECDSA P-256 certificate, no resumption but where it is named; between proxy and upstream there is none.")
	fmt.Fprintf(out, "Memory is what the sockets added to the proxy, %v after their one message (half-open ones: 3 s after their half); nothing in the kernel counts.\n", o.length.idle)
	fmt.Fprintf(out, "\n%s.\n\n", machine())
	for _, x := range proxies {
		fmt.Fprintf(out, "- %s: %s\n", x.name, x.version)
	}
}

// machine is what the figures were taken on.
func machine() string {
	var name unix.Utsname
	_ = unix.Uname(&name)
	return fmt.Sprintf("%d cores (%s), %d GiB, Linux %s, %s", runtime.NumCPU(), procValue("/proc/cpuinfo", "model name"),
		memory()>>30, unix.ByteSliceToString(name.Release[:]), runtime.Version())
}

func memory() uint64 {
	var info unix.Sysinfo_t
	_ = unix.Sysinfo(&info)
	return info.Totalram*uint64(info.Unit) + gib/2 // rounded
}

// procValue is the value of the first line "name : value" of a file.
func procValue(file, name string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}
