package faultpoint

import "sync/atomic"

// Point is the place.
type Point struct{ armed atomic.Bool }

// New is a point that stops nobody.
func New() *Point { return &Point{} }

// Arm has the next Reach stop the process.
func (p *Point) Arm() { p.armed.Store(true) }

// Reach stops the process if the point is armed.
func (p *Point) Reach() {
	if p.armed.Load() && p.armed.CompareAndSwap(true, false) {
		stop()
	}
}
