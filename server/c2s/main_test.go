package c2s_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestMain checks that no test has left a goroutine of a server behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leftover(); code == 0 && left != "" {
		fmt.Println("goroutines are left behind:\n" + left)
		code = 1
	}
	os.Exit(code)
}

// leftover returns the stacks of goroutines that run code of ours, once those that
// are about to end have had time to.
func leftover() string {
	var left []byte
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); runtime.Gosched() {
		buf := make([]byte, 4<<20)
		buf = buf[:runtime.Stack(buf, true)]
		left = nil
		for _, g := range bytes.Split(buf, []byte("\n\n")) {
			if bytes.Contains(g, []byte("natter/")) && !bytes.Contains(g, []byte("TestMain")) {
				left = append(append(left, g...), "\n\n"...)
			}
		}
		if left == nil {
			return ""
		}
	}
	return string(left)
}
