/** Recipes: what programs coordinate by. Each is a function that takes a client, in a file of its name. */
export { barrier } from "./barrier.ts";
export type { Barrier, LowerOptions, RaiseOptions } from "./barrier.ts";
export { cache } from "./cache.ts";
export type { Cache, CacheChange, CacheEntry, CacheOptions, ChangesOptions, Freshness } from "./cache.ts";
export { counter } from "./counter.ts";
export type { Counter } from "./counter.ts";
export { discovery } from "./discovery.ts";
export type {
  Consumer,
  ConsumeOptions,
  Described,
  Discovery,
  DiscoveryOptions,
  Instance,
  InstanceLifetime,
  Picked,
  ProvidedInstance,
  Strategy,
} from "./discovery.ts";
export { doubleBarrier } from "./double-barrier.ts";
export type { DoubleBarrier, DoubleBarrierOptions, Entered, EnterOptions } from "./double-barrier.ts";
export { election } from "./election.ts";
export type { Election, ElectionOptions, Lead, Leader, Leadership, RunOptions } from "./election.ts";
export { group } from "./group.ts";
export type {
  ChangesOptions as GroupChangesOptions,
  Group,
  GroupOptions,
  GroupState,
  JoinOptions,
  Member,
} from "./group.ts";
export type { AcquireOptions } from "./hold/acquire.ts";
export type { Layout } from "./hold/contender-name.ts";
export type { Contender } from "./hold/contenders.ts";
export type { Held, HoldOptions, Released, RevokeRequest } from "./hold/held.ts";
export type { OnWait, Waiting } from "./hold/turn.ts";
export { latch } from "./latch.ts";
export type { Latch } from "./latch.ts";
export { lock } from "./lock.ts";
export type { Lock, LockOptions } from "./lock.ts";
export { multiLock } from "./multi-lock.ts";
export type { Lockable, MultiHeld, MultiLock } from "./multi-lock.ts";
export { periodicJob } from "./periodic-job.ts";
export type { LastRun, PeriodicJob, PeriodicJobOptions, Turn } from "./periodic-job.ts";
export { queue } from "./queue.ts";
export type {
  AckOptions,
  DeadLetter,
  DeadLetters,
  Job,
  ListedJob,
  NackOptions,
  Put,
  PutOptions,
  Queue,
  QueueOptions,
  RedriveOptions,
  TakeOptions,
} from "./queue.ts";
export { readWriteLock } from "./read-write-lock.ts";
export type { ReadOrWrite, ReadWriteContender, ReadWriteLock } from "./read-write-lock.ts";
export { register } from "./registration.ts";
export type { RegisterOptions, Registration, RegistrationState, RegistrationStatus } from "./registration.ts";
export { semaphore } from "./semaphore.ts";
export type { Semaphore, SemaphoreOptions } from "./semaphore.ts";
export { sharedValue } from "./shared-value.ts";
export type { SharedChange, SharedSetOptions, SharedValue, SharedValueOptions } from "./shared-value.ts";
export { temporaryDirectory } from "./temporary-directory.ts";
export type { LeafOptions, TemporaryDirectory, TemporaryDirectoryOptions } from "./temporary-directory.ts";
