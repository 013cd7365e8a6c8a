package auditpage

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/understudy-io/understudy/projections/audit"
)

// Sizes of the pictures, in their own units.
const (
	width     = 1000
	laneLeft  = 120
	laneHigh  = 26
	maxTerms  = 2000 // that are drawn; the table names as many
	barBottom = 180
)

// lanes are the timeline of primacy: a lane for each server, a block for each term.
type lanes struct {
	Width, Height int
	Names         []label
	Terms         []block
	Ticks         []label
	Left          int // terms that were not drawn
}

type label struct {
	X, Y int
	Text string
}

type block struct {
	X, Y, Wide, High int
	Text, Title      string
}

func lanesOf(r *audit.Report) lanes {
	terms := slices.DeleteFunc(slices.Clone(r.Terms), func(t audit.Term) bool { return t.Opened == 0 })
	l := lanes{Width: width, Left: max(0, len(terms)-maxTerms)}
	terms = terms[l.Left:]
	if len(terms) == 0 {
		return l
	}
	var last audit.Moment
	for _, t := range r.Topics {
		last = max(last, t.Last)
	}
	first := terms[0].Opened
	span := max(1, last-first)
	x := func(m audit.Moment) int {
		return laneLeft + int(float64(min(max(m, first), last)-first)/float64(span)*(width-laneLeft-10))
	}
	lane := make(map[string]int)
	for _, t := range terms {
		if _, ok := lane[t.Server]; !ok {
			lane[t.Server] = 0
		}
	}
	names := make([]string, 0, len(lane))
	for n := range lane {
		names = append(names, n)
	}
	slices.SortFunc(names, cmp.Compare)
	for i, n := range names {
		lane[n] = 10 + i*(laneHigh+8)
		l.Names = append(l.Names, label{4, lane[n] + laneHigh - 8, n})
	}
	for i, t := range terms {
		ends := last
		if i+1 < len(terms) {
			ends = terms[i+1].Opened
		}
		if t.Ended > 0 {
			ends = min(ends, t.Ended)
		}
		b := block{X: x(t.Opened), Y: lane[t.Server], High: laneHigh}
		b.Wide = max(2, x(ends)-b.X)
		b.Title = fmt.Sprintf("epoch %d, %s, %s; from %s to %s; %s", t.Epoch, t.Server, t.Cause, instant(t.Opened), instant(ends), cmp.Or(t.End, "goes on"))
		if b.Wide > 30 {
			b.Text = fmt.Sprint(t.Epoch)
		}
		l.Terms = append(l.Terms, b)
	}
	l.Height = 10 + len(names)*(laneHigh+8) + 20
	const ticks = 5
	for i := range ticks {
		m := first + span*audit.Moment(i)/(ticks-1)
		l.Ticks = append(l.Ticks, label{min(x(m), width-90), l.Height - 4, m.Time().Format("01-02 15:04:05")})
	}
	return l
}

// bars are the latency histogram.
type bars struct {
	Width, Height int
	Bars          []block
	Labels        []label
	P50, P99, Max string
}

func barsOf(h *audit.Histogram) bars {
	b := bars{Width: width, Height: barBottom + 30}
	if h.Count == 0 {
		return b
	}
	b.P50, b.P99, b.Max = took(h.Quantile(0.5)), took(h.Quantile(0.99)), took(h.Max)
	var most int64
	for _, x := range h.Bins {
		most = max(most, x.N)
	}
	each := min(80, (width-20)/len(h.Bins))
	var from time.Duration
	for i, x := range h.Bins {
		high := int(float64(x.N) / float64(most) * (barBottom - 30))
		if x.N > 0 {
			high = max(high, 2)
		}
		b.Bars = append(b.Bars, block{
			X: 10 + i*each, Y: barBottom - high, Wide: each - 4, High: high, Text: fmt.Sprint(x.N),
			Title: fmt.Sprintf("%d from %v to %v", x.N, from, x.Below),
		})
		if i%2 == 0 {
			b.Labels = append(b.Labels, label{10 + i*each, barBottom + 18, "<" + took(x.Below)})
		}
		from = x.Below
	}
	return b
}
