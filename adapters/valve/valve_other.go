//go:build !linux

package valve

import (
	"errors"
	"net"

	"github.com/understudy-io/understudy/domain"
)

var errSystem = errors.New("only Linux can")

// kernel and chamber are what there is none of.
type (
	kernel  struct{ packets error }
	chamber struct{}
)

func openKernel() (*kernel, error) { return nil, errSystem }

func (*kernel) try() error                     { return errSystem }
func (*kernel) cover() error                   { return errSystem }
func (*kernel) chamber(Kind) (*chamber, error) { return nil, errSystem }
func (*kernel) close()                         {}

func (*chamber) set(domain.Mono)        {}
func (*chamber) put(*net.TCPConn) error { return errSystem }
func (*chamber) empty() bool            { return true }
func (*chamber) close()                 {}

// HeldBack counts no packets here.
func (*Valve) HeldBack() uint64 { return 0 }
