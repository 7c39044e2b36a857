// The words between bench and generator, as src/generator/job.ts has them: the fields of all jobs and marks, and the only
// place that writes to stdout. Never judges a job.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// job has the fields of all jobs; the others stay zero. encoding/json finds `inFlight` for InFlight.
type job struct {
	Job string

	Workload    string
	Connections int
	InFlight    int
	WarmUpMs    int
	MeasureMs   int
	Keys        int

	From int
	To   int

	Watchers int
	Znodes   int
	Rounds   int

	Count      int
	TimeoutMs  int
	DeadlineMs int
}

type mark struct {
	Mark       string     `json:"mark"`
	Client     string     `json:"client,omitempty"`
	Why        string     `json:"why,omitempty"`
	Operations *int64     `json:"operations,omitempty"`
	Seconds    *float64   `json:"seconds,omitempty"`
	Latencies  *latencies `json:"latencies,omitempty"`
	Rounds     []float64  `json:"rounds,omitempty"`
}

// Microseconds.
type latencies struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// endMark: operations and seconds are there even if they are 0.
func endMark(operations int64, seconds float64) mark {
	return mark{Mark: "end", Operations: &operations, Seconds: &seconds}
}

// say writes a line at once: the bench reads CPU times when it sees `begin` and `end`.
func say(m mark) {
	line, err := json.Marshal(m)
	if err == nil {
		_, err = os.Stdout.Write(append(line, '\n'))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "stdout:", err)
		os.Exit(1)
	}
}
