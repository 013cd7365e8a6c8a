// Package lookback tests what looks back on a log with a log that a released
// version wrote: the corpus, as an exported folder.
package lookback
