// Package treefile keeps the Merkle trees of a landscape's topics in a file, so that a
// server that starts again need not hash the whole log. It is a cache: what is missing,
// cut or of another landscape is made anew.
//
// A file is replaced in one step: after a crash it is the old one or the new one.
package treefile
