// Short bursts that walk into a known difference between releases and out of it again, so that both servers stand
// alike behind them. Each leaves its session without a watch on the path it used.
import { openAcl } from "./acl.ts";
import type { Draw } from "./draw.ts";
import type { Model } from "./model.ts";
import type { Op } from "./operation.ts";

/** A burst for this session; its path is one that this session has no other watch on, or loses it first. */
export function quirk({ random, session }: Draw, model: Model): Op[] {
  const path = random.pick(
    model
      .paths()
      .filter((one) => one !== "/")
      .concat("/q"),
  );
  const clear: Op = { op: "removeWatches", path, type: "any" };
  const unreadable = model.paths().find((one) => !model.mayRead(session, model.node(one)?.acl ?? openAcl));
  const kinds = ["newTypes", "typeOfMode", "modesMixed", "badRead", "badMode", "statInMulti"] as const;
  if (unreadable !== undefined && random.chance(0.3)) return [{ op: "exists", path: unreadable, watch: false }];
  switch (random.pick(kinds)) {
    case "newTypes": {
      const mode = random.pick(["persistent", "recursive"] as const);
      return [
        clear,
        { op: "addWatch", path, mode },
        { op: "checkWatches", path, type: mode },
        { op: "removeWatches", path, type: mode },
        clear,
      ];
    }
    case "typeOfMode": {
      const type = random.pick(["data", "children"] as const);
      return [
        clear,
        { op: "addWatch", path, mode: "persistent" },
        { op: "checkWatches", path, type },
        { op: "removeWatches", path, type },
        clear,
      ];
    }
    case "modesMixed": {
      const write: Op = { op: "setData", path, data: "mixed", version: -1 };
      return [
        clear,
        { op: "addWatch", path, mode: "persistent" },
        { op: "exists", path, watch: true },
        write,
        write,
        clear,
      ];
    }
    case "badRead":
      return [
        {
          op: random.pick(["exists", "getData", "getChildren", "getChildren2"] as const),
          path: random.pick(["/a//x", "/a/./x", "/b/"]),
          watch: false,
        },
      ];
    case "badMode":
      return [{ op: "addWatch", path, mode: "unknown" }];
    case "statInMulti":
      return [
        {
          op: "multi",
          parts: [
            { op: "create", path: "/q", data: null, acl: openAcl, mode: "persistent", stat: true },
            { op: "delete", path: "/q", version: -1 },
          ],
        },
      ];
  }
}
