package bench

import (
	"fmt"
	"strconv"
)

// Figure is one measured value beside its limit.
type Figure struct {
	Name  string   `json:"name"`
	Value float64  `json:"value"`
	Unit  string   `json:"unit"`
	Limit *float64 `json:"limit"` // the same unit; null where nothing stands beside it
	Ratio *float64 `json:"ratio"` // value to limit, the median of the pairs where blocks make pairs
	// Interval of the ratio, 95 %, where there were enough pairs for one.
	Interval *[2]float64 `json:"interval,omitempty"`
	Target   string      `json:"target"` // empty where the figure is only reported
	Met      *bool       `json:"met"`    // null without a target
}

func figure(name string, value float64, unit string) Figure {
	return Figure{Name: name, Value: value, Unit: unit}
}

// beside sets the limit, and the ratio to it.
func (f Figure) beside(limit float64) Figure {
	f.Limit = &limit
	if limit > 0 {
		ratio := f.Value / limit
		f.Ratio = &ratio
	}
	return f
}

// paired takes the ratio of pairs instead of that of the two values.
func (f Figure) paired(p pairs) Figure {
	if ratio, low, high, ok := p.ratio(); ok {
		f.Ratio = &ratio
		if low > 0 {
			f.Interval = &[2]float64{low, high}
		}
	}
	return f
}

func (f Figure) aim(met bool, target string, args ...any) Figure {
	f.Target, f.Met = fmt.Sprintf(target, args...), &met
	return f
}

// ratioAtMost is a target on the ratio; without one it is left out.
func (f Figure) ratioAtMost(most float64) Figure {
	if f.Ratio == nil {
		return f
	}
	return f.aim(*f.Ratio <= most, "ratio ≤ %g", most)
}

func (f Figure) ratioAtLeast(least float64) Figure {
	if f.Ratio == nil {
		return f
	}
	return f.aim(*f.Ratio >= least, "ratio ≥ %g", least)
}

func (f Figure) atMost(most float64) Figure {
	return f.aim(f.Value <= most, "≤ %s %s", digits(most), f.Unit)
}

func (f Figure) atLeast(least float64) Figure {
	return f.aim(f.Value >= least, "≥ %s %s", digits(least), f.Unit)
}

// digits has no exponent.
func digits(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// lowerEndAtMost is a target on the lower end of the ratio's interval: a value
// above it is not noise.
func (f Figure) lowerEndAtMost(most float64) Figure {
	if f.Interval == nil {
		return f.ratioAtMost(most)
	}
	return f.aim(f.Interval[0] <= most, "lower end of the ratio ≤ %g", most)
}
