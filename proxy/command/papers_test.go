package command_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"usher/proxy/metrics"
)

// paper is the README, a topic of "usher help", or what stands in .github.
type paper struct {
	file  string // from the root of the repository
	text  string
	prose string   // without what stands in code
	spans []string // each line of a block of code, and each piece of code in a line
	yaml  []string // the routes files in it
}

var (
	fence = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")
	span  = regexp.MustCompile("`([^`]+)`")
)

const root = "../.."

// papers reads all of them.
func papers(t *testing.T) []paper {
	t.Helper()
	files, err := filepath.Glob(root + "/proxy/command/help/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d topics, %v", len(files), err)
	}
	var all []paper
	for _, file := range append(files, root+"/README.md", root+"/.github/CHANGELOG.md", root+"/.github/SECURITY.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		p := paper{file: filepath.ToSlash(name), text: string(text)}
		for _, block := range fence.FindAllStringSubmatch(p.text, -1) {
			if block[1] == "yaml" {
				p.yaml = append(p.yaml, block[2])
			} else {
				p.spans = append(p.spans, strings.Split(block[2], "\n")...)
			}
		}
		rest := fence.ReplaceAllString(p.text, "")
		for _, code := range span.FindAllStringSubmatch(rest, -1) {
			p.spans = append(p.spans, strings.Join(strings.Fields(code[1]), " "))
		}
		p.prose = span.ReplaceAllString(rest, "``")
		all = append(all, p)
	}
	return all
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), usher, args...).Output()
	if err != nil {
		t.Fatalf("usher %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

// list returns the first words of the lines that stand below a heading of help.
func list(text, heading string) (words []string) {
	_, after, _ := strings.Cut(text, "\n"+heading)
	_, after, _ = strings.Cut(after, "\n")
	block, _, _ := strings.Cut(after, "\n\n")
	for line := range strings.SplitSeq(block, "\n") {
		if word := strings.Fields(line); len(word) > 0 {
			words = append(words, strings.TrimSuffix(word[0], ","))
		}
	}
	return words
}

var (
	call = regexp.MustCompile(`\busher ((?:--[a-z-]+ \S+ )*)([a-z-]+)((?: .*)?)$`)
	flag = regexp.MustCompile(`(?:^|[\s\[])--([a-z][a-z-]*)`)
)

// TestPapersCalls wants each verb and flag that a paper names to be one.
func TestPapersCalls(t *testing.T) {
	help := mustRun(t, "help")
	verbs, topics := list(help, "COMMANDS"), list(help, "TOPICS")
	if !slices.Contains(verbs, "check") || !slices.Contains(topics, "routes") {
		t.Fatalf("got verbs %v and topics %v", verbs, topics)
	}
	flags, any := map[string][]string{}, []string{"help"}
	for _, verb := range verbs {
		for _, found := range flag.FindAllStringSubmatch(mustRun(t, "help", verb), -1) {
			flags[verb] = append(flags[verb], found[1])
			any = append(any, found[1])
		}
	}
	calls := 0
	for _, p := range papers(t) {
		for _, code := range p.spans {
			code, _, _ = strings.Cut(code, " #")
			code, _, _ = strings.Cut(code, " > ")
			if flag.MatchString(code) && strings.HasPrefix(code, "--") { // a flag without its verb
				wantIn(t, p.file, "flag", flag.FindStringSubmatch(code)[1], any)
				continue
			}
			if !strings.HasPrefix(code, "usher ") && !strings.HasPrefix(code, "./usher ") && !strings.Contains(code, "| usher ") {
				continue
			}
			if words := strings.Fields(code); len(words) == 2 && strings.HasPrefix(words[1], "-") {
				if !strings.Contains(help, words[1]) {
					t.Errorf("%s: there is no %s", p.file, code)
				}
				continue
			}
			parts := call.FindStringSubmatch(code)
			if parts == nil {
				t.Errorf("%s: a call of usher without a verb: %s", p.file, code)
				continue
			}
			calls++
			verb := parts[2]
			wantIn(t, p.file, "verb", verb, append(verbs, "help"))
			if word := strings.TrimSpace(parts[3]); verb == "help" && word != "" && word == strings.ToLower(word) {
				wantIn(t, p.file, "topic", word, append(topics, verbs...))
			}
			for _, found := range flag.FindAllStringSubmatch(parts[3], -1) {
				wantIn(t, p.file, "flag of "+verb, found[1], append(flags[verb], "help"))
			}
		}
	}
	if calls < 30 {
		t.Errorf("got %d calls in all papers, want more: are they found?", calls)
	}
}

func wantIn(t *testing.T, file, what, word string, all []string) {
	t.Helper()
	if !slices.Contains(all, word) {
		t.Errorf("%s: there is no %s %q", file, what, word)
	}
}

// TestPapersExamples has "usher check" take each routes file, in a folder that has
// the files that these name.
func TestPapersExamples(t *testing.T) {
	dir := t.TempDir()
	cert, key, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	file := regexp.MustCompile(`\b[\w./-]+\.(pem|key|htpasswd|html|json|log)\b`)
	contents := map[string][]byte{
		"pem": cert, "key": key, "html": []byte("<p>a"), "json": []byte("{}"),
		"htpasswd": []byte("a:$2y$10$YyWvBxmk9pVVYbIP8wKNTOPhzcT8gxDdA1yZFxvRjpQEhDz5qz3sS\n"),
	}
	variable := regexp.MustCompile(`\$\{(\w+)\}`)
	for _, p := range papers(t) {
		for _, example := range p.yaml {
			env := os.Environ()
			for _, found := range variable.FindAllStringSubmatch(example, -1) {
				env = append(env, found[1]+"=a-value-of-the-environment-of-32-bytes")
			}
			example = file.ReplaceAllStringFunc(example, func(named string) string {
				name := filepath.Join(dir, filepath.Base(named))
				if content, ok := contents[strings.TrimPrefix(filepath.Ext(name), ".")]; ok {
					mustWrite(t, name, content)
				}
				return name
			})
			mustWrite(t, filepath.Join(dir, "routes.yaml"), []byte(example))
			c := exec.CommandContext(t.Context(), usher, "check", filepath.Join(dir, "routes.yaml"))
			c.Env = env
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("%s: usher check: %v\n%s\n%s", p.file, err, out, example)
			}
		}
	}
}

func mustWrite(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestPapersMetrics wants each metric that a paper names to be one.
func TestPapersMetrics(t *testing.T) {
	descs := make(chan *prometheus.Desc)
	go func() {
		metrics.NewCollector(metrics.Source{}).Describe(descs)
		close(descs)
	}()
	name := regexp.MustCompile(`fqName: "([^"]+)"`)
	var all []string
	for d := range descs {
		all = append(all, name.FindStringSubmatch(d.String())[1])
	}
	named := 0
	for _, p := range papers(t) {
		for _, found := range regexp.MustCompile(`\busher_[a-z_]+`).FindAllString(p.text, -1) {
			named++
			wantIn(t, p.file, "metric", found, all)
		}
	}
	if named < 10 {
		t.Errorf("got %d metrics in all papers, want more: are they found?", named)
	}
}

// TestPapersKeys wants each key of the schema in the table of "usher help
// routes".
func TestPapersKeys(t *testing.T) {
	table := mustRun(t, "help", "routes")
	var all []string
	walk(mustJSON(t, mustRun(t, "schema")), func(key string) { all = append(all, key) })
	if len(all) < 150 {
		t.Fatalf("got %d keys in the schema, want more", len(all))
	}
	for _, key := range all {
		if !strings.Contains(table, "\n| `"+key+"` | ") {
			t.Errorf("usher help routes: no row for the key %q", key)
		}
	}
}

// TestPapersLinks wants each link to lead somewhere: to a file of the repository
// and a heading in it, or to another site by https.
func TestPapersLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, p := range papers(t) {
		for _, found := range link.FindAllStringSubmatch(p.text, -1) {
			to, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(to, "://") {
				if !strings.HasPrefix(to, "https://") {
					t.Errorf("%s: %s is no https URL", p.file, found[1])
				}
				continue
			}
			file := filepath.Join(root, filepath.Dir(p.file), to)
			if to == "" {
				file = filepath.Join(root, p.file)
			}
			text, err := os.ReadFile(file)
			if info, dir := os.Stat(file); dir == nil && info.IsDir() {
				err = nil
			}
			if err != nil {
				t.Errorf("%s: %s leads nowhere: %v", p.file, found[1], err)
			}
			if anchor != "" && !slices.Contains(anchors(string(text)), anchor) {
				t.Errorf("%s: %s: no such heading", p.file, found[1])
			}
		}
	}
}

// anchors are the headings of text as links have them.
func anchors(text string) (all []string) {
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		name := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		all = append(all, strings.ReplaceAll(name, " ", "-"))
	}
	return all
}

// tableRow is one whose first cells say what its figures are of.
var tableRow = regexp.MustCompile(`(?m)^\|.*$`)

// TestPapersSayThingsOnce wants no sentence twice, and a README that one reads.
func TestPapersSayThingsOnce(t *testing.T) {
	const least = 6 // words; shorter ones are set phrases
	where := map[string]string{}
	for _, p := range papers(t) {
		text := regexp.MustCompile(`\n\s*\n|\n- |[.:;?!]\s`).Split(tableRow.ReplaceAllString(p.prose, ""), -1)
		for _, sentence := range text {
			plain := strings.Join(strings.Fields(sentence), " ")
			if words := strings.Fields(strings.NewReplacer("`", "", ",", "").Replace(sentence)); len(words) < least {
				continue
			}
			if before, twice := where[plain]; twice {
				t.Errorf("%s: %q stands in %s, too", p.file, plain, before)
			}
			where[plain] = p.file
		}
		if lines := strings.Count(p.text, "\n"); p.file == "README.md" && lines > 200 {
			t.Errorf("README.md: got %d lines, want 200 at most", lines)
		}
	}
}

func mustJSON(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// walk calls visit with each name that the schema v has for a key.
func walk(v any, visit func(key string)) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			walk(one, visit)
		}
	case map[string]any:
		for name, one := range v {
			walk(one, visit)
			if keys, ok := one.(map[string]any); ok && name == "properties" {
				for key := range keys {
					visit(key)
				}
			}
		}
	}
}
