// Package explore visits every history of a small landscape: the election's own
// code, two or three servers, a bounded number of faults and steps of time, and
// all orders in which things can happen.
//
// A history begins with a settled landscape. Between two ticks of true time any
// server may read its next record or heed its timer, and any record that was sent
// may land, in every order. A server and a record are prompt: time does not go on
// while something is due. A fault ends that: from then on a server may be as late
// as it likes, or a record land at any time, twice or never. Other faults kill,
// start a twin, cut off, contest, release, remove. [Explore] visits all histories
// with at most so many faults; states that are equal are visited once.
//
// At each state no two servers may act, and more (check.go). A history that breaks
// this is shortened and told as a play.
package explore
