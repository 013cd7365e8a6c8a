package up

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/understudy-io/understudy/domain"
)

func TestAFolderThatTakesNoDataSaysWhyAndWhatToDo(t *testing.T) {
	for want, cause := range map[string]error{
		"disk of /data is full": &fs.PathError{Op: "write", Path: "/data/x", Err: syscall.ENOSPC},
		"cannot be written":     &fs.PathError{Op: "open", Path: "/data/x", Err: syscall.EROFS},
		"mend its permissions":  os.ErrPermission,
		"choose another":        syscall.EIO,
	} {
		err := explain("/data", cause)
		if !errors.Is(err, domain.ErrInvalid) || !errors.Is(err, cause) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--dir") {
			t.Errorf("%v: %v", cause, err)
		}
	}
}

func TestADamagedTokenFileIsNamed(t *testing.T) {
	f, err := holdFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.release() }()
	if err := os.WriteFile(f.file(tokenName), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.token("tester"); !errors.Is(err, domain.ErrInvalid) || !strings.Contains(err.Error(), f.file(tokenName)) {
		t.Errorf("got %v, want an invalid file by its name", err)
	}
}
