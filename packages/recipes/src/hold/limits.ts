/** Bounds and times of holding, each with the name by which errors and documentation call it. */

/** Disposing of something held waits at most so long for the server; what is not done by then goes on by itself. */
export const DISPOSE_TIMEOUT_MS = 5_000;
/** Before letting go is tried again after the client's queue was full: random between 0 and this, doubled each time … */
export const LET_GO_PAUSE_FIRST_MS = 50;
/** … up to this. */
export const LET_GO_PAUSE_MAX_MS = 5_000;
/** A parent that vanishes between its creation and that of the contender, as an empty container may: so many times. */
export const PARENT_TRIES_MAX = 10;
/** Bytes of an identity, as UTF-8. */
export const IDENTITY_BYTES_MAX = 1024;
