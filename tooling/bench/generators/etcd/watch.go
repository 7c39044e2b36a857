// The job `watch`: watchers with a connection each, told of puts on another one. Owns the rounds and their times. A watch
// of etcd stays until it is cancelled: nothing is set again between rounds, and its server has less to do than one whose
// watches tell once.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/clientv3"
)

const roundTimeout = 120 * time.Second

type watch struct {
	// Watchers that were not told yet in this round.
	missing int64
	told    chan time.Time
	errors  chan error
}

func (g *generator) watch(j job) error {
	if j.Watchers < 1 || j.Znodes < 1 || j.Znodes > j.Watchers || j.Rounds < 1 {
		return errors.New("a watch needs rounds and at least one watcher a znode")
	}
	// The setter before the watchers: it is the one connection that has gRPC's own buffers.
	setter, err := g.connect(1)
	if err != nil {
		return err
	}
	defer closeAll(setter)
	watchers, err := g.connect(j.Watchers, small()...)
	if err != nil {
		return err
	}
	defer closeAll(watchers)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w := &watch{told: make(chan time.Time, 1), errors: make(chan error, 1)}
	if err := w.setAll(ctx, setter[0], j.Znodes); err != nil {
		return err
	}
	err = inParallel(len(watchers), dialsAtOnce, func(i int) error {
		return w.begin(ctx, watchers[i], watchedKey(i%j.Znodes))
	})
	if err != nil {
		return err
	}
	say(mark{Mark: "begin"})
	rounds := make([]float64, j.Rounds)
	seconds := 0.0
	for i := range rounds {
		if rounds[i], err = w.round(ctx, setter[0], j); err != nil {
			return err
		}
		seconds += rounds[i]
	}
	end := endMark(int64(j.Watchers)*int64(j.Rounds), seconds)
	end.Rounds = rounds
	say(end)
	return nil
}

// begin returns when the server says that the watch is there.
func (w *watch) begin(ctx context.Context, client *clientv3.Client, key string) error {
	responses := client.Watch(ctx, key, clientv3.WithCreatedNotify())
	select {
	case response, open := <-responses:
		if err := watchError(response, open); err != nil {
			return err
		}
	case <-time.After(dialTimeout):
		return fmt.Errorf("a watch was not there after %s", dialTimeout)
	}
	go w.follow(ctx, responses)
	return nil
}

func watchError(response clientv3.WatchResponse, open bool) error {
	if !open {
		return errors.New("a watch ended")
	}
	return response.Err()
}

// follow ends with the job's context.
func (w *watch) follow(ctx context.Context, responses clientv3.WatchChan) {
	for {
		response, open := <-responses
		if ctx.Err() != nil {
			return
		}
		if err := watchError(response, open); err != nil {
			select {
			case w.errors <- err:
			default:
			}
			return
		}
		// A round puts each key once, so that each watcher counts once in it.
		if told := int64(len(response.Events)); told > 0 && atomic.AddInt64(&w.missing, -told) == 0 {
			w.told <- time.Now()
		}
	}
}

func (w *watch) setAll(ctx context.Context, setter *clientv3.Client, keys int) error {
	return inParallel(keys, keys, func(i int) error {
		_, err := setter.Put(ctx, watchedKey(i), value)
		return err
	})
}

// round returns its seconds, from the first put until the last watcher was told.
func (w *watch) round(ctx context.Context, setter *clientv3.Client, j job) (float64, error) {
	atomic.StoreInt64(&w.missing, int64(j.Watchers))
	began := time.Now()
	if err := w.setAll(ctx, setter, j.Znodes); err != nil {
		return 0, err
	}
	select {
	case at := <-w.told:
		return at.Sub(began).Seconds(), nil
	case err := <-w.errors:
		return 0, err
	case <-time.After(roundTimeout):
		return 0, fmt.Errorf("%d of %d watchers were not told within %s", atomic.LoadInt64(&w.missing), j.Watchers, roundTimeout)
	}
}
