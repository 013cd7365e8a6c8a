// Package server is what one server of a landscape decides, as step machines: each
// of the packages below it is one. A loop in infra, or a simulator, feeds them with
// inputs and the time, and carries out their effects.
//
// Records come in by a reader; control elects, core folds and acts, device drives,
// journal, clerk and copier append. What each takes and gives is written down in
// docs/architecture.md.
package server
