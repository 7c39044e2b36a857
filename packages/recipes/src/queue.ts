/**
 * A queue of jobs, each of them done by one consumer: taken at least once, acknowledged once. ZooKeeper's recipe for queues; Curator's
 * DistributedQueue, DistributedIdQueue, DistributedPriorityQueue, DistributedDelayQueue and SimpleDistributedQueue; kazoo's Queue and LockingQueue;
 * etcd's queue and priority queue.
 *
 * For some thousands of jobs that must not be lost and of which people want to know where they are. A job costs a write to put, two to
 * take and one to end, each of them made durable, and all of them pass through one line of consumers: for messages take a broker.
 *
 * It never loses a job, never gives one to two holders that could both end it, never lets a client's clock decide when one is due, never
 * wakes more than one consumer for one job, and never drops one: what cannot be done becomes a dead letter.
 */
import type { Client, ReadOptions } from "@corral/client";
import { type DeadLetters, deadLetters } from "./queue/dead-letters.ts";
import type { Job } from "./queue/job.ts";
import { type ListedJob, listJobs } from "./queue/list.ts";
import { look, put, type Put, type PutOptions } from "./queue/put.ts";
import { type QueueOptions, setupOf } from "./queue/setup.ts";
import { take, takeOne, type TakeOptions } from "./queue/take.ts";

export type { DeadLetter, DeadLetters, RedriveOptions } from "./queue/dead-letters.ts";
export type { AckOptions, Job, NackOptions } from "./queue/job.ts";
export type { ListedJob } from "./queue/list.ts";
export type { Put, PutOptions } from "./queue/put.ts";
export type { QueueOptions } from "./queue/setup.ts";
export type { TakeOptions } from "./queue/take.ts";

/** Holds nothing itself: may be used again and again, and by many at once. */
export interface Queue<T> {
  readonly path: string;
  /**
   * Resolves when the job is durable. Within a session it is put exactly once, whatever becomes of the connection; when that is over
   * (`OUTCOME_UNKNOWN`) the same may be done again with the same `id`. Rejects with `LIMIT_EXCEEDED` when the queue is full,
   * `GUARD_FAILED` when a guard does not hold, `CODEC`, `BAD_ARGUMENTS`.
   */
  put(value: T, options?: PutOptions): Promise<Put>;
  /**
   * The next job: of the first priority that has one, the one put first. Waits for as long as it takes unless `timeoutMs` says otherwise.
   * Rejects with `ABORTED`, `TIMEOUT`, `SESSION_EXPIRED` (it may be called again), `GUARD_FAILED` if somebody deleted the consumer from
   * the line. However it ends, the consumer is not left in the line, nor with a job that nobody knows of.
   */
  takeOne(options?: TakeOptions): Promise<Job<T>>;
  /**
   * One job after the other, also in later sessions; jobs already taken are their holder's, and must be ended by him. The signal ends the
   * loop; `timeoutMs` is for each job.
   */
  take(options?: TakeOptions): AsyncIterable<Job<T>>;
  /** Jobs in the queue, with those in work and those not yet due. */
  depth(options?: ReadOptions): Promise<number>;
  /** What is in the queue, in its order, page by page. */
  list(options?: ReadOptions): AsyncIterable<ListedJob<T>>;
  /** What was given up on. */
  readonly dead: DeadLetters<T>;
}

/** A queue on a path; its znodes are made when the first job is put, and stay. Throws `BAD_ARGUMENTS`. */
export function queue<T>(client: Client, path: string, options: QueueOptions<T>): Queue<T> {
  const setup = setupOf(client, path, options);
  return {
    path,
    put: (value, how) => put(setup, value, how),
    takeOne: (how) => takeOne(setup, how),
    take: (how) => take(setup, how),
    depth: async (how = {}) => (await look(setup, how)).jobs,
    list: (how) => listJobs(setup, how),
    dead: deadLetters(setup),
  };
}
