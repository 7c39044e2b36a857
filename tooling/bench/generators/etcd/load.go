// The job `load`: a closed loop of operations for a time. Owns its phases and what is counted: operations that end while
// it measures. Never chooses keys.
package main

import (
	"context"
	"errors"
	"math/rand"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/clientv3"
)

const (
	phaseWarmUp int32 = iota
	phaseMeasure
	phaseOver
)

// Operations under way when a job is over have this long to end.
const drainTimeout = 30 * time.Second

type load struct {
	phase  int32
	errors chan error
	wait   sync.WaitGroup
}

func (g *generator) load(j job) error {
	operation, err := operationOf(j.Workload)
	if err != nil {
		return err
	}
	if j.Connections < 1 || j.InFlight < 1 || j.MeasureMs < 1 {
		return errors.New("a load needs connections, inFlight and measureMs")
	}
	clients, err := g.connect(j.Connections)
	if err != nil {
		return err
	}
	defer closeAll(clients)
	// Without a deadline: gRPC would send it with every request and both sides would keep a timer for each.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := makeKeys(ctx, clients[0], j.Workload, j.Keys); err != nil {
		return err
	}
	if err := settle(ctx, clients[0]); err != nil {
		return err
	}
	leases := make([]clientv3.LeaseID, len(clients))
	if j.Workload == "ephemeral" {
		for i, client := range clients {
			if leases[i], err = leaseFor(ctx, client, loadLeaseSeconds); err != nil {
				return err
			}
			defer revoke(client, leases[i])
		}
	}
	l := &load{errors: make(chan error, 1)}
	parts := make([]*histogram, len(clients))
	for c, client := range clients {
		parts[c] = &histogram{}
		for slot := 0; slot < j.InFlight; slot++ {
			number := c*j.InFlight + slot
			w := &worker{
				client: client, lease: leases[c], ephemeral: ephemeralKey(c, slot), keys: j.Keys,
				// A seed of its own, so that no two draw the same keys; `done` spreads the sets of a mix over the workers.
				random: rand.New(rand.NewSource(int64(number) + 1)), done: number,
			}
			l.wait.Add(1)
			go l.run(ctx, w, operation, parts[c])
		}
	}
	seconds, failure := l.measure(time.Duration(j.WarmUpMs)*time.Millisecond, time.Duration(j.MeasureMs)*time.Millisecond)
	if failure == nil {
		// At once, with up to thousands of operations still under way: the server's CPU time for them is not measured.
		operations, latencies := summary(parts)
		end := endMark(operations, seconds)
		end.Latencies = &latencies
		say(end)
		stuck := time.AfterFunc(drainTimeout, cancel)
		defer stuck.Stop()
	} else {
		cancel()
	}
	l.wait.Wait()
	return failure
}

// run does operations until the phase is over; an operation that began while warming up and ended later counts.
func (l *load) run(ctx context.Context, w *worker, operation func(*worker, context.Context) error, h *histogram) {
	defer l.wait.Done()
	for {
		started := time.Now()
		err := operation(w, ctx)
		latency := time.Since(started)
		if err != nil {
			select {
			case l.errors <- err:
			default:
			}
			return
		}
		switch atomic.LoadInt32(&l.phase) {
		case phaseMeasure:
			h.add(latency)
		case phaseOver:
			return
		}
	}
}

// measure goes through the phases and returns the seconds that were measured.
func (l *load) measure(warmUp, measured time.Duration) (float64, error) {
	defer atomic.StoreInt32(&l.phase, phaseOver)
	if err := l.sleep(warmUp); err != nil {
		return 0, err
	}
	say(mark{Mark: "begin"})
	began := time.Now()
	atomic.StoreInt32(&l.phase, phaseMeasure)
	err := l.sleep(measured)
	return time.Since(began).Seconds(), err
}

func (l *load) sleep(duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case err := <-l.errors:
		return err
	}
}
