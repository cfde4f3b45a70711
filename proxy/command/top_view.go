package command

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// topView is what top shows: two samples, and what was pressed. Its zero table
// and order are routes by messages.
type topView struct {
	before, now topSample
	fault       string // why there is no newer sample; "" for none
	table       topTable
	order       topOrder
	scroll      int // rows that are above the first one shown
}

// topHelp is the last line.
const topHelp = "r routes s sessions u upstreams | sort: m msg b bytes o open a age | jk q quit"

const (
	topHeads = 4            // the line of the table's heads, behind the header and a blank one
	topFrame = topHeads + 2 // lines that are no rows: those, the heads, the help
)

// plain returns all lines for an output that is no terminal.
func (v *topView) plain() []string {
	heads, rows := topRowsOf(v.table, v.before, v.now)
	sortRows(rows, v.order)
	lines := append(v.header(), "")
	lines = append(lines, layout(heads, rows, 1<<10)...)
	for i := range lines {
		lines[i] = strings.Map(printable, lines[i])
	}
	return lines
}

// render returns the lines of a screen, each of width columns at most, and
// height of them at most. It keeps the scroll within what there is.
func (v *topView) render(width, height int) []string {
	if height <= 0 {
		return nil
	}
	lines := v.header()
	heads, rows := topRowsOf(v.table, v.before, v.now)
	sortRows(rows, v.order)
	room := max(0, height-topFrame)
	v.scroll = max(0, min(v.scroll, len(rows)-room))
	shown := rows[v.scroll:min(len(rows), v.scroll+room)]
	lines = append(lines, "")
	lines = append(lines, layout(heads, shown, width)...)
	for len(lines) < height-1 {
		lines = append(lines, "")
	}
	lines = append(lines[:min(len(lines), height-1)], v.footer(len(rows), room, width))
	for i := range lines {
		lines[i] = fit(strings.Map(printable, lines[i]), width)
	}
	return lines
}

// printable keeps what others have written from steering the terminal, and each
// character to one column.
func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return '?'
	}
	return r
}

// header says how usher as a whole is doing.
func (v *topView) header() []string {
	s := v.now.status
	p := newPace(v.before.status.Sessions, s.Sessions, v.now.at.Sub(v.before.at).Seconds())
	refused := uint64(0)
	for _, n := range s.Handshakes.Refusals {
		refused += n
	}
	state := string(s.Phase)
	if !s.Ready {
		state += ", not ready"
	}
	first := fmt.Sprintf("%s  %s  up %s  %s", oneLine(s.Version), state, ago(s.Uptime), v.now.at.Format("15:04:05"))
	if v.fault != "" {
		first = "NO ANSWER: " + oneLine(v.fault)
	}
	return []string{
		first,
		fmt.Sprintf("sessions  %d open  %s/s opened  handshake %s  %d refused (%s/s)",
			s.Sessions.Open, decimal(p.opened), milliseconds(p.handshake), refused, decimal(v.refusedPace(refused))),
		fmt.Sprintf("messages  %s/s in  %s/s out   bytes  %s/s in  %s/s out",
			thousands(float64(p.in.Messages)), thousands(float64(p.out.Messages)), size(p.in.Bytes), size(p.out.Bytes)),
	}
}

func (v *topView) refusedPace(now uint64) float64 {
	before := uint64(0)
	for _, n := range v.before.status.Handshakes.Refusals {
		before += n
	}
	seconds := v.now.at.Sub(v.before.at).Seconds()
	if seconds <= 0 || now < before {
		return 0
	}
	return float64(now-before) / seconds
}

// footer names the keys, or says what part of the table is shown.
func (v *topView) footer(rows, room, width int) string {
	place := ""
	if total := v.now.sessions.Total; v.table == topUsers && total > rows {
		place = fmt.Sprintf("the newest %d of %d  ", rows, total)
	}
	if rows > room {
		place += fmt.Sprintf("%d-%d of %d", v.scroll+1, min(rows, v.scroll+room), rows)
	}
	if place == "" || width < utf8.RuneCountInString(place)+3 {
		return topHelp
	}
	return fit(topHelp, width-utf8.RuneCountInString(place)-2) + "  " + place
}

// minName is the least that the first column of a table gets.
const minName = 12

// layout writes a table in width columns: the first column takes what is left,
// numbers stand at the right of theirs. Where that is too little, the last ones
// are left out.
func layout(heads []string, rows []topRow, width int) []string {
	cells := [][]string{heads}
	for _, r := range rows {
		cells = append(cells, r.cells)
	}
	widths := make([]int, len(heads))
	for _, row := range cells {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for i := range widths[1:] {
		widths[i+1] = min(widths[i+1], 24)
	}
	columns, left := len(widths), 0
	for ; columns > 1; columns-- {
		left = width
		for _, w := range widths[1:columns] {
			left -= w + gap
		}
		if left >= min(widths[0], minName) {
			break
		}
	}
	if columns == 1 {
		left = width
	}
	widths[0] = min(widths[0], left)
	lines := make([]string, 0, len(cells))
	for _, row := range cells {
		var line strings.Builder
		for i, c := range row[:columns] {
			if i > 0 {
				line.WriteString(strings.Repeat(" ", gap))
			}
			line.WriteString(pad(fit(c, widths[i]), widths[i], i > 0 && isNumber(heads[i])))
		}
		lines = append(lines, strings.TrimRight(line.String(), " "))
	}
	return lines
}

// isNumber tells whether a column of that head holds numbers.
func isNumber(head string) bool {
	switch head {
	case "UPSTREAM", "STATE", "ROUTE", "CLIENT":
		return false
	}
	return true
}

func pad(s string, width int, right bool) string {
	room := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
	if right {
		return room + s
	}
	return s + room
}

// fit cuts s at width characters.
func fit(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	if width <= 0 {
		return ""
	}
	return string([]rune(s)[:width-1]) + "~"
}

// press acts on a key, and tells whether it was that of the end. page is how
// many rows a page has.
func (v *topView) press(k topKey, page int) (quit bool) {
	switch k {
	case 'q', 'Q', keyInterrupt, keyEnd:
		return true
	case 'r', 's', 'u':
		if v.table != topTable(k) {
			v.table, v.scroll = topTable(k), 0
		}
	case 'm', 'b', 'o', 'a':
		v.order = topOrder(k)
	case 'j', keyDown:
		v.scroll++
	case 'k', keyUp:
		v.scroll--
	case ' ', keyPageDown:
		v.scroll += page
	case keyPageUp:
		v.scroll -= page
	case 'g', keyHome:
		v.scroll = 0
	}
	return false
}
