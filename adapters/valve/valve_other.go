//go:build !linux

package valve

import (
	"errors"
	"net"

	"github.com/understudy-io/understudy/domain"
)

var errSystem = errors.New("only Linux can")

func try() error { return errSystem }

// chamber is what there is none of.
type chamber struct{}

func newChamber(Kind) (*chamber, error) { return nil, errSystem }

func (*chamber) set(domain.Mono)        {}
func (*chamber) put(*net.TCPConn) error { return errSystem }
func (*chamber) empty() bool            { return true }
func (*chamber) close()                 {}
