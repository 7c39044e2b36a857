// The job `fill`: one Put a key, as the other systems get one create a znode. Owns who puts which keys. etcd has no
// parents: there are only the keys themselves.
package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

func (g *generator) fill(j job) error {
	if j.Connections < 1 || j.InFlight < 1 || j.To < j.From || j.From < 0 {
		return errors.New("a fill needs connections, inFlight and from <= to")
	}
	clients, err := g.connect(j.Connections)
	if err != nil {
		return err
	}
	defer closeAll(clients)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := makeKeys(ctx, clients[0], "fill", 0); err != nil {
		return err
	}
	workers := workersOf(j)
	next := int64(j.From)
	say(mark{Mark: "begin"})
	began := time.Now()
	err = inParallel(workers, workers, func(worker int) error {
		client := clients[worker%len(clients)]
		for number := atomic.AddInt64(&next, 1) - 1; number < int64(j.To); number = atomic.AddInt64(&next, 1) - 1 {
			if _, err := client.Put(ctx, keyOf(int(number)), value); err != nil {
				// The others stop too: no key is left to take.
				atomic.StoreInt64(&next, int64(j.To))
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	say(endMark(int64(j.To-j.From), time.Since(began).Seconds()))
	return nil
}

// workersOf: `inFlight` of a fill is of all connections together, and each of these has at least one.
func workersOf(j job) int {
	if j.InFlight < j.Connections {
		return j.Connections
	}
	return j.InFlight
}
