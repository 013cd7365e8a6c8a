package audit

import (
	"cmp"
	"slices"
	"time"
)

// Histogram counts durations in bins, each half as wide again as the one before.
type Histogram struct {
	Count int64         `json:"count"`
	Max   time.Duration `json:"max"`
	Bins  []Bin         `json:"bins,omitempty"`
}

// Bin counts the durations below a limit and not below that of the bin before.
type Bin struct {
	Below time.Duration `json:"below"`
	N     int64         `json:"n"`
}

const firstBin = 100 * time.Microsecond

func (h *Histogram) add(d time.Duration) { h.count(d, 1) }

func (h *Histogram) count(d time.Duration, n int64) {
	h.Count += n
	h.Max = max(h.Max, d)
	for len(h.Bins) == 0 || d >= h.Bins[len(h.Bins)-1].Below {
		below := firstBin
		if len(h.Bins) > 0 {
			below = h.Bins[len(h.Bins)-1].Below * 3 / 2
		}
		h.Bins = append(h.Bins, Bin{Below: below})
	}
	i, found := slices.BinarySearchFunc(h.Bins, d, func(b Bin, d time.Duration) int { return cmp.Compare(b.Below, d) })
	if found {
		i++
	}
	h.Bins[i].N += n
}

// merge adds another one.
func (h *Histogram) merge(o *Histogram) {
	most := max(h.Max, o.Max)
	for _, b := range o.Bins {
		if b.N > 0 {
			h.count(b.Below-1, b.N)
		}
	}
	h.Max = most
}

// Quantile is an upper bound of what a share of the durations does not exceed.
func (h *Histogram) Quantile(q float64) time.Duration {
	var n int64
	for _, b := range h.Bins {
		if n += b.N; float64(n) >= q*float64(h.Count) && n > 0 {
			return min(b.Below, h.Max)
		}
	}
	return h.Max
}
