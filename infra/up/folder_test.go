package up

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
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

// A log whose keys are lost is not given new ones: nothing in it would count.
func TestALogWithoutItsKeysIsRefused(t *testing.T) {
	for name, content := range map[string][]byte{"missing": nil, "empty": {}, "blank": []byte("\n")} {
		for _, data := range []string{"broker", "server-A"} {
			t.Run(name+" beside "+data, func(t *testing.T) {
				f, err := holdFolder(t.TempDir())
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = f.release() }()
				write := func() {
					if content != nil {
						if err := os.WriteFile(f.file(keysName), content, 0o600); err != nil {
							t.Fatal(err)
						}
					}
				}
				if err := os.MkdirAll(f.file("data", data, "lost+found"), 0o755); err != nil { // a disk of its own
					t.Fatal(err)
				}
				write()
				if _, err := f.keys(); err != nil {
					t.Fatalf("a folder without a log gets keys: %v", err)
				}
				if err := errors.Join(os.Remove(f.file(keysName)), os.WriteFile(f.file("data", data, "0.dat"), nil, 0o600)); err != nil {
					t.Fatal(err)
				}
				write()
				if _, err := f.keys(); !errors.Is(err, domain.ErrInvalid) || !strings.Contains(err.Error(), f.file(keysName)) {
					t.Errorf("got %v; wanted that the file is asked for by its name", err)
				}
				if b, _ := os.ReadFile(f.file(keysName)); len(b) > len(content) {
					t.Error("there are new keys all the same")
				}
			})
		}
	}
}

// It is refused before it knows its folder, and leaves the one it stands in alone.
func TestAnUpThatIsRefusedWritesNothingWhereItStands(t *testing.T) {
	dir, here := t.TempDir(), t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "data", "broker", "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(here)
	o := Options{
		Dir: dir, PortBase: minPortBase, Servers: 1,
		Logger: slog.New(slog.DiscardHandler), Printf: func(string, ...any) {},
	}
	if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), keysName) {
		t.Errorf("a log without keys: %v", err)
	}
	if left, err := os.ReadDir(here); err != nil || len(left) > 0 {
		t.Errorf("it has left %v (%v)", left, err)
	}
}
