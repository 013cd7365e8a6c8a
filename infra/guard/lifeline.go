package guard

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// EnvLifeline names the file descriptor of an inherited lifeline.
const EnvLifeline = "UNDERSTUDY_LIFELINE"

// firstExtra is the descriptor of the first of exec.Cmd's ExtraFiles.
const firstExtra = 3

// Lifeline is the reading end of a pipe whose writing end is held by the
// process that everything should end with. When that one ends, however it ends,
// the kernel closes the writing end and every reader sees it. A nil Lifeline is
// valid: it is never cut.
type Lifeline struct{ end *os.File }

// NewLifeline makes a lifeline that is cut when hold is closed, or when this
// process ends.
func NewLifeline() (line *Lifeline, hold *os.File, err error) {
	end, hold, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("make a lifeline: %w", err)
	}
	return &Lifeline{end: end}, hold, nil
}

// InheritLifeline returns the lifeline that this process was started with, or
// nil if there is none.
func InheritLifeline() (*Lifeline, error) {
	value := os.Getenv(EnvLifeline)
	if value == "" {
		return nil, nil
	}
	fd, err := strconv.Atoi(value)
	var st syscall.Stat_t
	if err != nil || fd < firstExtra || syscall.Fstat(fd, &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return nil, fmt.Errorf("%s=%q names no pipe; unset it: %w", EnvLifeline, value, domain.ErrInvalid)
	}
	syscall.CloseOnExec(fd)           // only Pass hands it on
	_ = syscall.SetNonblock(fd, true) // so that Watch can end with its context
	return &Lifeline{end: os.NewFile(uintptr(fd), "lifeline")}, nil
}

// Pass gives the lifeline to a command that has not been started.
func (l *Lifeline) Pass(cmd *exec.Cmd) {
	if l == nil {
		return
	}
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, l.end)
	cmd.Env = append(cmd.Env, EnvLifeline+"="+strconv.Itoa(firstExtra+len(cmd.ExtraFiles)-1))
}

// Watch calls cut once, from a goroutine of its own that ends with ctx, when the
// lifeline is cut.
func (l *Lifeline) Watch(ctx context.Context, cut func()) {
	if l == nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = l.end.SetReadDeadline(time.Unix(1, 0)) })
	go func() {
		defer stop()
		// Nobody writes: a read ends with the pipe, or with ctx.
		if _, err := l.end.Read(make([]byte, 1)); err != nil && ctx.Err() == nil {
			cut()
		}
	}()
}

// Close gives the lifeline back without waiting for its end.
func (l *Lifeline) Close() error {
	if l == nil {
		return nil
	}
	return l.end.Close()
}
