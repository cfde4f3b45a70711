package help

import (
	"regexp"
	"strings"
	"testing"

	"usher/proxy/config"
)

func TestTopics(t *testing.T) {
	entries, err := files.ReadDir(".")
	if err != nil || len(entries) != len(names) {
		t.Errorf("got %d files, %v, want one for each of %d topics", len(entries), err, len(names))
	}
	for _, topic := range Topics() {
		if topic.Title == "" || strings.HasPrefix(topic.Title, "#") {
			t.Errorf("%s: got the title %q, want text", topic.Name, topic.Title)
		}
		if strings.ContainsAny(topic.Markdown(), boldOn+boldOff+"\x1b") {
			t.Errorf("%s: it has control characters", topic.Name)
		}
	}
	if _, ok := Find("nothing"); ok {
		t.Error("Find: got a topic for nothing")
	}
}

// TestKeys wants each row of the table to say all that there is to say.
func TestKeys(t *testing.T) {
	table := Keys(config.Schema())
	rows := 0
	for line := range strings.SplitSeq(table, "\n") {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		rows++
		row := strings.Split(strings.ReplaceAll(line, `\|`, ""), " | ")
		if len(row) != 4 || strings.TrimSpace(row[1]) == "" || strings.Trim(row[3], " |") == "" {
			t.Errorf("got the row %q, want a key, its values, its default and what it means", line)
		}
	}
	if rows < 150 {
		t.Errorf("got %d rows, want more", rows)
	}
	titles := map[string]bool{}
	for _, title := range regexp.MustCompile(`(?m)^### .*$`).FindAllString(table, -1) {
		if titles[title] {
			t.Errorf("two tables begin with %q", title)
		}
		titles[title] = true
	}
	for _, found := range regexp.MustCompile("mapping (`[^`]+`)").FindAllStringSubmatch(table, -1) {
		if !regexp.MustCompile(`(?m)^### .*` + regexp.QuoteMeta(found[1])).MatchString(table) {
			t.Errorf("there is no table of the mapping %s", found[1])
		}
	}
}

func TestKeysOfASchema(t *testing.T) {
	const schema = `{
		"properties": {
			"b": {"description": "x | y", "default": ["z"], "$ref": "#/$defs/text"},
			"a": {"$ref": "#/$defs/a"},
			"both": {"$ref": "#/$defs/count"}
		},
		"required": ["a"],
		"$defs": {
			"text": {}, "count": {"description": "How many.", "default": 3},
			"a": {"description": "One.", "anyOf": [{"$ref": "#/$defs/inner"}, {"type": "array", "items": {"$ref": "#/$defs/inner"}}]},
			"inner": {"properties": {"c": {"description": "C.", "enum": ["k", 1]}}},
			"route": {"properties": {"both": {"$ref": "#/$defs/count"}, "d": {"description": "D.", "additionalProperties": {"$ref": "#/$defs/inner"}}}}
		}
	}`
	head := "\n\n| key | value | default | meaning |\n|---|---|---|---|\n"
	want := "### " + heads[0] + head + "| `b` | text | `[\"z\"]` | x \\| y |\n| `a` | mapping `a`, or a list | required | One. |\n" +
		"\n### " + heads[1] + head + "| `both` | number | `3` | How many. |\n" +
		"\n### " + heads[2] + head + "| `d` | names, each with mapping `a` |  | D. |\n" +
		"\n### `a`, `a[]`, `routes.d.NAME`" + head + "| `c` | `k`, `1` |  | C. |\n"
	if got := Keys([]byte(schema)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTerminal(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"heading", "# A `b`\n\ntext", "<A> <`b`>\n\ntext\n"},
		{"paragraph", "one two three four five\nsix seven eight nine **ten eleven**\n\nnext", "one two three four five six seven eight\nnine <ten> <eleven>\n\nnext\n"},
		{"list", "- one two three four five six seven eight\n  nine\n- b\ntext", "- one two three four five six seven\n  eight nine\n- b\n\ntext\n"},
		{"code", "```yaml\na:  1\n\n  # b **c**\n```\ntext", "    a:  1\n\n      # b **c**\n\ntext\n"},
		{"open code", "```\na", "    a\n"},
		{"topic", "see [how](tls.md#x) it", "see how (usher help tls) it\n"},
		{"README's topic", "see [how](proxy/command/help/tls.md) it", "see how (usher help tls) it\n"},
		{"file", "see [how](../../x.go) it", "see how it\n"},
		{"site", "see [how](https://a.test/b)", "see how <https://a.test/b>\n"},
		{"comment", "a\n<!-- b -->\nc", "a\n\nc\n"},
		{"table", "| k | v |\n|---|---|\n| `a` | b \\| c |\n| long | |\n| short |", "<k>      <v>\n`a`    b | c\nlong\nshort\n"},
		{
			"wide table", "| k | v |\n|---|---|\n| a | one two three four five six seven eight nine ten |",
			"<k>  <v>\na  one two three four five six seven\n   eight nine ten\n",
		},
		{"long word", "x " + strings.Repeat("y", 50), "x\n" + strings.Repeat("y", 40) + "\n" + strings.Repeat("y", 10) + "\n"},
	} {
		got := strings.NewReplacer("\x1b[1m", "<", "\x1b[0m", ">").Replace(Terminal(c.text, 40, true))
		if got != c.want {
			t.Errorf("%s: got\n%q\nwant\n%q", c.name, got, c.want)
		}
		if plain := Terminal(c.text, 40, false); strings.Contains(plain, "\x1b") {
			t.Errorf("%s: got %q, want no escapes", c.name, plain)
		}
	}
}

// TestTerminalWidth has all topics fit, but for blocks of code, which are never
// broken.
func TestTerminalWidth(t *testing.T) {
	for _, topic := range Topics() {
		for _, width := range []int{40, 80, 100} {
			for line := range strings.SplitSeq(Terminal(topic.Markdown(), width, false), "\n") {
				if columnsOf(line) > width && !strings.HasPrefix(line, "    ") {
					t.Errorf("%s: got a line of %d columns, want %d at most: %s", topic.Name, columnsOf(line), width, line)
				}
			}
		}
	}
}
