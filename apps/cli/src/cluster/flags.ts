/** Flags of the commands for clusters and groups. */
import type { Flag } from "../flags.ts";

export const CLUSTER_FLAGS: Readonly<Record<string, Flag>> = {
  cluster: {
    type: "string",
    value: "NAME",
    help: "which cluster; CORRAL_CLUSTER. Not needed where there is only one",
  },
  root: { type: "string", value: "PATH", help: "where clusters stand. Default /clusters" },
};

export const GROUP_FLAGS: Readonly<Record<string, Flag>> = {
  root: { type: "string", value: "PATH", help: "where groups stand. Default /groups" },
};

export const WATCH_FLAG: Flag = {
  type: "boolean",
  short: "w",
  help: "go on until Ctrl-C: drawn anew in a terminal with each change, else the rows\nthat changed; what changes twice at once may be shown once",
};

export const DRY_RUN_FLAG: Flag = { type: "boolean", help: "only say what would be done" };
