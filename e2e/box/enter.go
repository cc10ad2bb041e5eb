// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package box

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What one stage tells the next.
const (
	envStage     = "HEAPGATE_E2E_STAGE" // unset, probe, init, tests
	envDir       = "HEAPGATE_E2E_DIR"
	envCgroup    = "HEAPGATE_E2E_CGROUP"
	envArtifacts = "HEAPGATE_E2E_ARTIFACTS"
	envUnable    = "HEAPGATE_E2E_UNABLE"
)

// Main runs the tests inside namespaces of their own and returns the exit code for TestMain. HEAPGATE_E2E=off runs only those
// tests that need no box.
func Main(m *testing.M) int {
	switch os.Getenv(envStage) {
	case "probe":
		return report(probe(os.Getenv(envDir)))
	case "init":
		return report(becomeInit())
	case "tests":
		return runTests(m)
	}
	if os.Getenv("HEAPGATE_E2E") == "off" {
		return without(m, "HEAPGATE_E2E=off")
	}
	if err := equipped(); err != nil {
		return without(m, err.Error())
	}
	r, err := newRun()
	if err != nil {
		return report(err)
	}
	defer r.remove()
	if err := permitted(r.dir); err != nil {
		return without(m, err.Error())
	}
	return r.outside()
}

func report(err error) int {
	if err == nil {
		return 0
	}
	var exit exitCode
	if errors.As(err, &exit) {
		return int(exit)
	}
	fmt.Fprintln(os.Stderr, "e2e:", err)
	return 1
}

type exitCode int

func (e exitCode) Error() string { return "exit code " + strconv.Itoa(int(e)) }

func without(m *testing.M, reason string) int {
	line := strings.Repeat("!", 100)
	fmt.Printf("%s\n!! e2e: NO CLUSTER IS TESTED ON THIS MACHINE: %s\n%s\n", line, reason, line)
	os.Setenv(envUnable, reason)
	code := m.Run()
	fmt.Printf("!! e2e: no cluster was tested: %s\n", reason)
	return code
}

// equipped says what this machine lacks, if it lacks anything.
func equipped() error {
	if os.Geteuid() != 0 {
		return errors.New("a node needs root (got user " + strconv.Itoa(os.Geteuid()) + ")")
	}
	var missing []string
	b := &Box{}
	for _, program := range []string{"containerd", "containerd-shim-runc-v2", "ctr", "runc", "redis-server", "ip", "git", "iptables"} {
		if b.Program(program) == program {
			missing = append(missing, program)
		}
	}
	for _, plugin := range []string{"bridge", "host-local", "loopback"} {
		if _, err := os.Stat("/usr/lib/cni/" + plugin); err != nil {
			missing = append(missing, "/usr/lib/cni/"+plugin)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("not installed: %s (Debian: apt-get install containerd runc containernetworking-plugins redis-server iproute2 iptables git)", strings.Join(missing, ", "))
	}
	if len(cgroupRoots()) == 0 {
		return errors.New("no cgroups are mounted at /sys/fs/cgroup")
	}
	return nil
}

// permitted says what the kernel refuses, if it refuses anything that a node does.
func permitted(dir string) error {
	command := itself("probe", dir)
	text, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("the kernel refuses what a node needs: %s (%w)", strings.TrimSpace(string(text)), err)
	}
	return nil
}

// probe tries, in namespaces that end with it, what a node does.
func probe(dir string) error {
	if err := ownMounts(); err != nil {
		return err
	}
	for _, part := range []string{"lower", "upper", "work", "merged"} {
		if err := os.MkdirAll(filepath.Join(dir, "probe", part), 0o755); err != nil {
			return err
		}
	}
	at := func(part string) string { return filepath.Join(dir, "probe", part) }
	layers := "lowerdir=" + at("lower") + ",upperdir=" + at("upper") + ",workdir=" + at("work")
	if err := unix.Mount("overlay", at("merged"), "overlay", 0, layers); err != nil {
		return fmt.Errorf("mount an overlay in %s: %w", dir, err)
	}
	return ip("link add probe0 type bridge\nlink add probe1 type veth peer name probe2")
}

// itself is this program again, in new namespaces, to go on at another stage.
func itself(stage, dir string) *exec.Cmd {
	command := exec.Command("/proc/self/exe", os.Args[1:]...)
	command.Env = append(os.Environ(), envStage+"="+stage, envDir+"="+dir)
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	return command
}

// ownMounts makes mounts private and shows the new pid namespace in /proc.
func ownMounts() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	return nil
}

// becomeInit is process 1: it starts the tests, passes signals on, reaps what is orphaned, and ends with the tests. The kernel
// then kills every process that is left.
func becomeInit() error {
	if err := ownMounts(); err != nil {
		return err
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	os.Setenv(envStage, "tests")
	tests, err := os.StartProcess("/proc/self/exe", os.Args, &os.ProcAttr{
		Env: os.Environ(), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
	})
	if err != nil {
		return err
	}
	go func() {
		for s := range signals {
			_ = syscall.Kill(tests.Pid, s.(syscall.Signal))
		}
	}()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return fmt.Errorf("wait for the tests: %w", err)
		case pid == tests.Pid && status.Exited():
			return exitCode(status.ExitStatus())
		case pid == tests.Pid:
			return fmt.Errorf("the tests were ended by a signal: %v", status.Signal())
		}
	}
}

// runTests is the stage that has the tests. An interrupt ends it at once: the rest is done outside.
func runTests(m *testing.M) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		fmt.Fprintf(os.Stderr, "\ne2e: %v: everything is taken down\n", <-signals)
		os.Exit(130)
	}()
	code := m.Run()
	if b := theBox.box; b != nil {
		b.summary()
	}
	if os.Getenv("HEAPGATE_E2E_KEEP") != "" && theBox.box != nil {
		theBox.box.keep()
	}
	return code
}

func inherited() (Artifacts, error) {
	var a Artifacts
	return a, json.Unmarshal([]byte(os.Getenv(envArtifacts)), &a)
}

func say(format string, args ...any) {
	fmt.Printf("e2e %s "+format+"\n", append([]any{time.Now().Format("15:04:05")}, args...)...)
}
