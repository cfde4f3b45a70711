package help

import (
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Terminal returns text, the Markdown of a topic, as people read it in a
// terminal of width columns: wrapped, with tables in columns, and with bold
// headings if bold says so.
func Terminal(text string, width int, bold bool) string {
	s := screen{width: max(width, minWidth)}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); {
		i += s.block(lines[i:])
	}
	out := strings.TrimRight(s.out.String(), "\n") + "\n"
	if bold {
		return strings.NewReplacer(boldOn, "\x1b[1m", boldOff, "\x1b[0m").Replace(out)
	}
	return strings.NewReplacer(boldOn, "", boldOff, "").Replace(out)
}

// minWidth is the least that text is wrapped to.
const minWidth = 40

// What begins and ends bold text while lines are laid out. No topic has them.
const (
	boldOn  = "\x01"
	boldOff = "\x02"
)

// screen is a page while it is written.
type screen struct {
	width int
	out   strings.Builder
}

// block writes what the first of lines begins, and returns how many lines it has.
func (s *screen) block(lines []string) int {
	first := lines[0]
	switch {
	case first == "" || strings.HasPrefix(first, "<!--"):
		return 1
	case strings.HasPrefix(first, "#"):
		s.paragraph("", []string{emphasize(inline(strings.TrimLeft(first, "# ")))})
		s.out.WriteString("\n")
		return 1
	case strings.HasPrefix(first, "```"):
		return s.code(lines)
	case strings.HasPrefix(first, "|"):
		n := count(lines, func(line string) bool { return strings.HasPrefix(line, "|") })
		s.table(lines[:n])
		return n
	case strings.HasPrefix(first, "- "):
		n := 1 + count(lines[1:], func(line string) bool { return strings.HasPrefix(line, "  ") })
		s.paragraph("- ", lines[:n])
		if n == len(lines) || !strings.HasPrefix(lines[n], "- ") {
			s.out.WriteString("\n")
		}
		return n
	}
	n := count(lines, isText)
	s.paragraph("", lines[:n])
	s.out.WriteString("\n")
	return n
}

// count returns how many lines in a row, from the first on, are what is says.
func count(lines []string, is func(string) bool) (n int) {
	for n < len(lines) && is(lines[n]) {
		n++
	}
	return n
}

// isText tells whether a line goes on with a paragraph.
func isText(line string) bool {
	for _, other := range []string{"#", "```", "|", "- ", "<!--"} {
		if strings.HasPrefix(line, other) {
			return false
		}
	}
	return line != ""
}

// code writes a block between fences, indented.
func (s *screen) code(lines []string) int {
	n := 1 + count(lines[1:], func(line string) bool { return line != "```" })
	for _, line := range lines[1:n] {
		s.out.WriteString(strings.TrimRight("    "+line, " ") + "\n")
	}
	s.out.WriteString("\n")
	return min(n+1, len(lines))
}

// paragraph writes lines as one text behind mark, which further lines stand
// below.
func (s *screen) paragraph(mark string, lines []string) {
	text := inline(strings.TrimPrefix(strings.Join(lines, " "), mark))
	for i, line := range wrap(text, s.width-len(mark)) {
		if i > 0 {
			mark = strings.Repeat(" ", len(mark))
		}
		s.out.WriteString(mark + line + "\n")
	}
}

// columnGap stands between two columns.
const columnGap = 2

// table writes rows in columns, each cell wrapped to its column.
func (s *screen) table(lines []string) {
	var rows [][]string
	for i, line := range lines {
		if i != 1 { // |---|
			rows = append(rows, cells(line))
		}
	}
	for i, row := range rows { // each has as many as the first
		rows[i] = append(row, make([]string, len(rows[0]))...)[:len(rows[0])]
	}
	for i, head := range rows[0] {
		rows[0][i] = emphasize(head)
	}
	widths := s.columns(rows)
	for _, row := range rows {
		s.row(row, widths)
	}
	s.out.WriteString("\n")
}

// cells returns what stands between the bars of a line, but for those that are
// escaped.
func cells(line string) []string {
	line = strings.ReplaceAll(strings.Trim(strings.TrimSpace(line), "|"), `\|`, boldOn+boldOff)
	list := strings.Split(line, "|")
	for i, cell := range list {
		list[i] = inline(strings.ReplaceAll(strings.TrimSpace(cell), boldOn+boldOff, "|"))
	}
	return list
}

// columns returns how wide each column is: as its widest cell, if there is room,
// or else the widest columns give way.
func (s *screen) columns(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	total := columnGap * (len(widths) - 1)
	for i := range widths {
		for _, row := range rows {
			widths[i] = max(widths[i], columnsOf(row[i]))
		}
		total += widths[i]
	}
	for ; total > s.width; total-- {
		widest := 0
		for i := range widths {
			if widths[i] > widths[widest] {
				widest = i
			}
		}
		if widths[widest] == 1 {
			break
		}
		widths[widest]--
	}
	return widths
}

func (s *screen) row(row []string, widths []int) {
	parts := make([][]string, len(widths))
	height := 0
	for i, cell := range row {
		parts[i] = wrap(cell, widths[i])
		height = max(height, len(parts[i]))
	}
	for y := range height {
		var line strings.Builder
		for i, part := range parts {
			text := ""
			if y < len(part) {
				text = part[y]
			}
			line.WriteString(text + strings.Repeat(" ", widths[i]-columnsOf(text)+columnGap))
		}
		s.out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

var (
	link   = regexp.MustCompile(`\[([^\]]+)\]\(([^)\s]+)\)`)
	strong = regexp.MustCompile(`\*\*([^*]+)\*\*`)
)

// inline writes links as what a reader in a terminal can follow, and has bold
// words.
func inline(text string) string {
	text = link.ReplaceAllStringFunc(text, func(found string) string {
		parts := link.FindStringSubmatch(found)
		return parts[1] + target(parts[2])
	})
	return strong.ReplaceAllStringFunc(text, func(found string) string { return emphasize(strings.Trim(found, "*")) })
}

// target says where a link leads to.
func target(to string) string {
	file, _, _ := strings.Cut(to, "#")
	topic, isTopic := strings.CutSuffix(path.Base(file), ".md")
	switch _, known := Find(topic); {
	case strings.Contains(to, "://"):
		return " <" + to + ">"
	case isTopic && known:
		return " (usher help " + topic + ")"
	}
	return ""
}

// emphasize has each word of text be bold, as lines may end behind each.
func emphasize(text string) string {
	words := strings.Fields(text)
	for i, word := range words {
		words[i] = boldOn + strings.NewReplacer(boldOn, "", boldOff, "").Replace(word) + boldOff
	}
	return strings.Join(words, " ")
}

// wrap returns text in lines of width columns at most. A word that is wider is
// broken.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && columnsOf(line)+1+columnsOf(word) <= width {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for columnsOf(word) > width {
			cut := cutAt(word, width)
			lines = append(lines, word[:cut])
			word = word[cut:]
		}
		line = word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// cutAt returns where word has n columns, n being less than it has.
func cutAt(word string, n int) int {
	for i, r := range word {
		switch {
		case string(r) == boldOn || string(r) == boldOff:
		case n == 0:
			return i
		default:
			n--
		}
	}
	return len(word)
}

// columnsOf returns how many columns text takes.
func columnsOf(text string) int {
	return utf8.RuneCountInString(text) - strings.Count(text, boldOn) - strings.Count(text, boldOff)
}
