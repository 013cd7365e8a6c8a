package bench

import (
	"math"
	"slices"
	"time"
)

// pairs are figures of alternating blocks: one of what is measured, one of its
// limit.
type pairs struct{ value, limit []float64 }

func (p *pairs) add(value, limit float64) {
	p.value, p.limit = append(p.value, value), append(p.limit, limit)
}

// ratio is the median of the pairs' ratios with its 95 % interval by order
// statistics; the interval is zero where there are too few pairs for one.
func (p *pairs) ratio() (ratio, low, high float64, ok bool) {
	var all []float64
	for i, v := range p.value {
		if p.limit[i] > 0 {
			all = append(all, v/p.limit[i])
		}
	}
	if len(all) == 0 {
		return 0, 0, 0, false
	}
	slices.Sort(all)
	if k := medianRank(len(all)); k > 0 {
		low, high = all[k-1], all[len(all)-k]
	}
	return median(all), low, high, true
}

// medianRank is the rank k for which the k-th lowest and k-th highest of n values
// hold the true median between them in 95 % of all cases; 0 if n is too small.
func medianRank(n int) int {
	k, below := 0, 0.0
	for i := range n {
		lg := func(x int) float64 { v, _ := math.Lgamma(float64(x + 1)); return v }
		below += math.Exp(lg(n) - lg(i) - lg(n-i) - float64(n)*math.Ln2)
		if below > 0.025 {
			break
		}
		k = i + 1
	}
	return k
}

// median of some numbers; 0 of none.
func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	if n := len(list); n%2 == 0 {
		return (list[n/2-1] + list[n/2]) / 2
	}
	return list[len(list)/2]
}

// quantile is the nearest rank, in milliseconds; 0 of none.
func quantile(list []time.Duration, q float64) float64 {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	return milliseconds(list[max(0, int(math.Ceil(q*float64(len(list))))-1)])
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// perSecond is a rate; 0 in no time.
func perSecond(n int, took time.Duration) float64 {
	if took <= 0 {
		return 0
	}
	return float64(n) / took.Seconds()
}
