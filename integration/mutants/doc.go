// Command mutants plants faults into the product, one at a time, and reports which
// check caught each and with what words:
//
//	go run ./integration/mutants                  # all, as a table
//	go run ./integration/mutants -only election   # those whose name or file has that
//	go run ./integration/mutants -sim             # what the simulator alone finds of them
//
// A fault is a small change of one text of one file, made with go test -overlay, so
// that no source is touched. Its checks are tried in the order that it declares,
// quickest first, until one fails; what survives them all fails the run, as does a
// fault that does not compile, or whose text is not in its file exactly once. All
// checks are first run without any fault, and have to pass.
package main
