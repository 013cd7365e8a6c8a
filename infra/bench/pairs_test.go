package bench

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

// The ranks are those of the usual tables for the sign test at 5 %.
func TestTheIntervalOfAMedianHasTheRanksOfTheTables(t *testing.T) {
	for n, want := range map[int]int{1: 0, 5: 0, 6: 1, 10: 2, 20: 6, 50: 18} {
		if got := medianRank(n); got != want {
			t.Errorf("of %d values: rank %d, want %d", n, got, want)
		}
	}
}

func TestARatioIsTheMedianOfThePairs(t *testing.T) {
	var p pairs
	for i := range 10 {
		speed := math.Pow(2, float64(i)) // the machine gets slower all the time
		p.add(1.5*speed, speed)
	}
	p.add(1000, 1) // and hiccups once
	ratio, low, high, ok := p.ratio()
	if !ok || ratio != 1.5 || low != 1.5 || high != 1.5 {
		t.Errorf("ratio %g (%g to %g), want 1.5 each", ratio, low, high)
	}
	few := pairs{value: []float64{2}, limit: []float64{1}}
	if ratio, low, _, ok := few.ratio(); !ok || ratio != 2 || low != 0 {
		t.Errorf("of one pair: ratio %g from %g, want 2 without an interval", ratio, low)
	}
	if _, _, _, ok := (&pairs{value: []float64{1}, limit: []float64{0}}).ratio(); ok {
		t.Error("a limit of nothing gives a ratio")
	}
}

func TestQuantilesAreNearestRanks(t *testing.T) {
	var list []time.Duration
	for i := range 100 {
		list = append(list, time.Duration(100-i)*time.Millisecond)
	}
	for q, want := range map[float64]float64{0: 1, 0.5: 50, 0.99: 99, 0.999: 100, 1: 100} {
		if got := quantile(list, q); got != want {
			t.Errorf("quantile %g is %g ms, want %g", q, got, want)
		}
	}
	if list[0] != 100*time.Millisecond {
		t.Error("the list was changed")
	}
	if quantile(nil, 0.5) != 0 || median(nil) != 0 {
		t.Error("nothing has a quantile")
	}
}

func TestAFigureSaysWhatIsNotThere(t *testing.T) {
	for want, f := range map[string]Figure{
		`{"name":"a","value":2,"unit":"ms","limit":null,"ratio":null,"target":"","met":null}`:                figure("a", 2, "ms"),
		`{"name":"a","value":2,"unit":"ms","limit":1,"ratio":2,"target":"ratio ≤ 1.25","met":false}`:         figure("a", 2, "ms").beside(1).ratioAtMost(1.25),
		`{"name":"a","value":2,"unit":"r/s","limit":null,"ratio":null,"target":"≥ 1000000 r/s","met":false}`: figure("a", 2, "r/s").atLeast(1e6),
		`{"name":"a","value":2,"unit":"ms","limit":null,"ratio":null,"target":"≤ 2 ms","met":true}`:          figure("a", 2, "ms").atMost(2),
		`{"name":"a","value":2,"unit":"ms","limit":0,"ratio":null,"target":"","met":null}`:                   figure("a", 2, "ms").beside(0).ratioAtLeast(1),
	} {
		got, err := json.Marshal(f)
		if err != nil || string(got) != want {
			t.Errorf("%s (%v), want %s", got, err, want)
		}
	}
}
