package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// scrapeInterval is a short one, so that rates are known soon.
const scrapeInterval = time.Second

// prometheus is one of Debian's package that observes a single target.
type prometheus struct {
	address string
	process *exec.Cmd
}

// prometheusTools returns the folder that prometheus and promtool are in. The
// package is unpacked, not installed: it would start a service of its own.
func prometheusTools(ctx context.Context) (string, error) {
	if path, err := exec.LookPath("prometheus"); err == nil {
		return filepath.Dir(path), nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "usher-suite", "prometheus")
	bin := filepath.Join(dir, "usr/bin")
	if _, err := os.Stat(filepath.Join(bin, "promtool")); err == nil {
		return bin, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for _, script := range []string{"apt-get update -qq", "apt-get download -qq prometheus", "dpkg-deb -x prometheus_*.deb .", "rm prometheus_*.deb"} {
		c := command(ctx, "sh", "-c", script)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", script, err, out)
		}
	}
	return bin, nil
}

// startPrometheus has one with the rules of a file scrape target, and, as
// another job, itself and something that is down.
func startPrometheus(ctx context.Context, bin, dir, target, rules string) (*prometheus, error) {
	rules, err := filepath.Abs(rules)
	if err != nil {
		return nil, err
	}
	p := &prometheus{address: freeAddress()}
	text := fmt.Sprintf("global: {scrape_interval: %[1]s, scrape_timeout: %[1]s, evaluation_interval: %[1]s}\n"+
		"rule_files: [%[2]q]\nscrape_configs:\n"+
		"- {job_name: usher, static_configs: [{targets: [%[3]q]}]}\n- {job_name: another, static_configs: [{targets: [%[4]q, %[5]q]}]}\n",
		scrapeInterval, rules, target, p.address, freeAddress())
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	p.process = command(ctx, filepath.Join(bin, "prometheus"), "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "tsdb"),
		"--web.listen-address="+p.address, "--log.level=error")
	return p, p.process.Start()
}

// sample is one series at one time.
type sample struct {
	Metric map[string]string
	Value  [2]any // when, and a number as a string
}

func (s sample) number() float64 {
	text, _ := s.Value[1].(string)
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic("Prometheus has answered " + text)
	}
	return n
}

// ask has an expression evaluated.
func (p *prometheus) ask(expr string) ([]sample, error) {
	var answer struct {
		Error string
		Data  struct{ Result []sample }
	}
	if err := p.get("query?query="+url.QueryEscape(expr), &answer); err != nil {
		return nil, err
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("%s: %s", expr, answer.Error)
	}
	return answer.Data.Result, nil
}

func (p *prometheus) get(path string, answer any) error {
	resp, err := http.Get("http://" + p.address + "/api/v1/" + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("%s: %w", strings.TrimSpace(string(text)), err)
	}
	return nil
}

// labels are the values that samples have for a label, in order.
func labels(samples []sample, name string) string {
	var all []string
	for _, s := range samples {
		all = append(all, s.Metric[name])
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// eventually repeats what is seen late.
func eventually(try func() error) error {
	for end := time.Now().Add(observePatience); ; time.Sleep(200 * time.Millisecond) {
		if err := try(); err == nil || time.Now().After(end) {
			return err
		}
	}
}

// eventually counts what is seen late, all of it within the same time.
func (t *tally) eventually(wants map[string]func() error) {
	end := time.Now().Add(observePatience)
	for name, want := range wants {
		err := want()
		for ; err != nil && time.Now().Before(end); err = want() {
			time.Sleep(200 * time.Millisecond)
		}
		t.assert(name, err)
	}
}

func wantReady(admin string) error {
	resp, err := http.Get("http://" + admin + "/readyz")
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

// freeAddress is one of the loopback interface that nobody listens at.
func freeAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	return l.Addr().String()
}
