/** The bounds of an agent, each with its name. */

/** Endpoints of one broker. */
export const ENDPOINTS_MAX = 64;
/** Features of one broker, and of a cluster. */
export const FEATURES_MAX = 1_000;
/** Replicas that a broker may say it cannot keep. */
export const FAILED_REPLICAS_MAX = 10_000;
/** Partitions that a host may have on disk. */
export const ON_DISK_MAX = 1_000_000;
/** Numbers drawn for a broker that has none, until one is free. */
export const ID_TRIES_MAX = 100;
/** Where numbers that are drawn begin; those below are for people to give. */
export const DRAWN_IDS_FROM = 1_000;

/** Acknowledgements of one partition that are waited for. */
export const WAITERS_MAX = 10_000;
/** Listeners to the high watermark of one partition. */
export const LISTENERS_MAX = 1_000;
/** Changes of in-sync replicas in one transaction. */
export const ISR_CHANGES_MAX = 500;

/** How long a broker that drains waits, unless told otherwise, milliseconds. */
export const DRAIN_MS = 15_000;
/** Between two reports of what was seen while others drain, milliseconds. */
export const SEEN_PAUSE_MS = 100;
/** For a broker that leaves to take its znode away, milliseconds; then it goes with the session. */
export const UNREGISTER_MS = 5_000;
