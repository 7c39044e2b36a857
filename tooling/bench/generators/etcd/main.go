// Load generator for etcd, on etcd's own Go client: jobs as JSON lines on stdin, marks as JSON lines on stdout (the words
// are those of src/generator/job.ts). Owns the loop over jobs; one job at a time, and a job that fails leaves the
// generator ready for the next one. Never measures anything itself, and never starts a server.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"go.etcd.io/etcd/clientv3"
	"go.etcd.io/etcd/version"
	"google.golang.org/grpc"
)

const (
	// The generator shares its processors with the server: it spends memory instead of time on collecting garbage, up to
	// the limit, from where on it collects as often as it must.
	gcPercent        = 400
	memoryLimitBytes = 4 << 30
	jobLineBytesMax  = 64 << 10
)

func main() {
	arguments := os.Args[1:]
	if len(arguments) == 2 && arguments[0] == "serializable" {
		readOptions = []clientv3.OpOption{clientv3.WithSerializable()}
		arguments = arguments[1:]
	}
	if len(arguments) != 1 {
		fmt.Fprintln(os.Stderr, "usage: generator [serializable] HOST:PORT")
		os.Exit(2)
	}
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(memoryLimitBytes)
	g := &generator{address: arguments[0], jobs: bufio.NewScanner(os.Stdin)}
	g.jobs.Buffer(make([]byte, jobLineBytesMax), jobLineBytesMax)
	say(mark{Mark: "ready", Client: fmt.Sprintf("etcd clientv3 %s, grpc-go %s, %s", version.Version, grpc.Version, runtime.Version())})
	for {
		j, err := g.nextJob()
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			err = g.do(j)
		}
		if err != nil {
			say(mark{Mark: "failed", Why: err.Error()})
		}
	}
}

type generator struct {
	address string
	jobs    *bufio.Scanner
}

// nextJob waits for the bench without a bound: it is the bench that ends a generator, by closing its stdin.
func (g *generator) nextJob() (job, error) {
	var j job
	if !g.jobs.Scan() {
		if err := g.jobs.Err(); err != nil {
			fmt.Fprintln(os.Stderr, "stdin:", err)
			os.Exit(1)
		}
		return j, io.EOF
	}
	if err := json.Unmarshal(g.jobs.Bytes(), &j); err != nil {
		return j, fmt.Errorf("not a job: %w", err)
	}
	return j, nil
}

func (g *generator) do(j job) error {
	switch j.Job {
	case "load":
		return g.load(j)
	case "fill":
		return g.fill(j)
	case "watch":
		return g.watch(j)
	case "sessions":
		return g.sessions(j)
	case "read":
		return g.read(j)
	default:
		return fmt.Errorf("no such job: %q", j.Job)
	}
}
