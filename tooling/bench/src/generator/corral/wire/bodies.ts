/** The requests of the tree and of each workload, as the protocol has them. Sends nothing. */
import { Consistency, CreateMode, Op, type RequestBody } from "@corral/protocol";
import type { Workload } from "../../job.ts";
import { VALUE, type Keys, ephemeralPath } from "../tree.ts";

const ANY_VERSION = -1;
/** In a mix, one of so many operations is a set. */
const MIX_SET_EVERY = 10;

export function createBody(path: string, data: Uint8Array | null, mode: number = CreateMode.persistent): RequestBody {
  return { op: Op.create, path, data, mode, acl: null, ttlMs: 0, flags: 0 };
}

export const getBody = (path: string, watch = false): RequestBody => ({
  op: Op.get,
  path,
  watch,
  consistency: Consistency.session,
});

export const setBody = (path: string): { op: typeof Op.set; path: string; data: Uint8Array; version: number } => ({
  op: Op.set,
  path,
  data: VALUE,
  version: ANY_VERSION,
});

/** What one operation of a workload asks: `step` counts its requests, `place` is the operation's among those under way. */
export interface Operation {
  readonly steps: number;
  readonly body: (place: number, step: number) => RequestBody;
}

export function operationOf(workload: Workload, keys: Keys): Operation {
  switch (workload) {
    case "get":
      return { steps: 1, body: () => getBody(keys.draw()) };
    case "set":
      return { steps: 1, body: () => setBody(keys.draw()) };
    case "mix": {
      let n = 0;
      return { steps: 1, body: () => (++n % MIX_SET_EVERY === 0 ? setBody(keys.draw()) : getBody(keys.draw())) };
    }
    case "ephemeral":
      return {
        steps: 2,
        body: (place, step) =>
          step === 0
            ? createBody(ephemeralPath(place), VALUE, CreateMode.ephemeral)
            : { op: Op.delete, path: ephemeralPath(place), version: ANY_VERSION },
      };
    case "multi":
      return { steps: 1, body: () => ({ op: Op.multi, ops: keys.drawForMulti().map(setBody) }) };
  }
}
