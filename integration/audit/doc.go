// Package audit holds the offline verification (projections/audit) to logs: the
// stored ones of released versions, good ones that were spoiled on purpose, and those
// of simulated histories.
package audit
