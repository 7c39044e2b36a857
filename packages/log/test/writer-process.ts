/** A process for process.test.ts: appends to the log in argv[2] as fast as it can, and prints each acknowledged batch. */

import fs from "node:fs";
import { type CommittedBatch, openFileLog } from "../src/index.ts";

const log = openFileLog({
  directory: process.argv[2]!,
  limits: { segmentBytes: 256 << 10, maxRecordBytes: 32 << 10, reserveBytes: 0, softMarkBytes: 0 },
});
let next = 1;
const take = ({ seq }: CommittedBatch): void => {
  next = seq + 1;
};
const propose = (): void => {
  const size = 50 + ((next * 37) % 3000);
  log.propose({ level: 1, timeMs: 1_700_000_000_000 + next, count: 1, body: Buffer.alloc(size, `${next} `) });
  next += 1;
};
await log.recover({ snapshot: async () => {}, batch: take });
await log.open({
  committed: ({ seq }) => {
    // Written with a system call: what was printed was seen, whenever the process dies.
    fs.writeSync(1, `${seq}\n`);
    propose();
  },
  failed: (error) => {
    fs.writeSync(2, `${error.code} ${error.message}\n`);
    process.exit(74);
  },
  space: () => {},
});
for (let index = 0; index < 3; index += 1) propose();
setInterval(() => {}, 1000);
