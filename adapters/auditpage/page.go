package auditpage

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"

	"github.com/understudy-io/understudy/projections/audit"
)

//go:embed page.html
var text string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"at": instant, "place": place, "took": took, "class": class,
}).Parse(text))

// view is what the page shows.
type view struct {
	Landscape string
	Report    *audit.Report
	Records   int64
	From, To  audit.Moment
	Conclude  string
	Lanes     lanes
	Bars      bars
}

// Write writes the page.
func Write(w io.Writer, landscape string, r *audit.Report) error {
	v := view{Landscape: landscape, Report: r, Lanes: lanesOf(r), Bars: barsOf(&r.Latency)}
	for _, t := range r.Topics {
		v.Records += t.Records
		if t.First > 0 && (v.From == 0 || t.First < v.From) {
			v.From = t.First
		}
		v.To = max(v.To, t.Last)
	}
	switch {
	case r.Violated():
		v.Conclude = "Violated: the log does not keep what is promised"
	case r.Undecided():
		v.Conclude = "Nothing was violated; some of it could not be decided"
	default:
		v.Conclude = "Every rule was held"
	}
	if err := page.Execute(w, v); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func instant(m audit.Moment) string {
	if m == 0 {
		return "–"
	}
	return m.Time().Format("2006-01-02 15:04:05.000")
}

func place(p any) string {
	switch p := p.(type) {
	case audit.Place:
		return fmt.Sprintf("%s/%d:%d", p.Topic, p.Partition, p.Offset)
	case *audit.Place:
		if p != nil {
			return place(*p)
		}
	}
	return "–"
}

func took(d time.Duration) string {
	switch {
	case d == 0:
		return "–"
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Second).String()
}

func class(s audit.Status) string {
	switch s {
	case audit.Held:
		return "held"
	case audit.Violated:
		return "violated"
	case audit.Undecided:
	}
	return "undecided"
}
